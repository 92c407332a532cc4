"""The dashboard's cookies, and what other sites make a browser send."""

import re

import pytest


def post(gateway, path, headers=(), body=None, method="POST"):
    return gateway.request(method, path, body=body, headers=headers)


def log_in(gateway, *headers):
    return post(gateway, "/api/auth/login", headers,
                {**gateway.credentials["admin"], "cookie": True})


@pytest.fixture(scope="module")
def origin(gateway):
    return ("Origin", f"http://127.0.0.1:{gateway.port}")


@pytest.fixture(scope="module")
def cookies(gateway, origin):
    answer = log_in(gateway, origin)
    assert answer.status == 200, answer.body
    assert set(answer.json) == {"token_type", "expires_in", "user"}
    found = {}
    for line in answer.headers.get_all("Set-Cookie"):
        name, value, flags = re.fullmatch(r"([^=]+)=([^;]+); (.*)",
                                          line).groups()
        assert {"Path=/", "Secure", "HttpOnly",
                "SameSite=Strict"} <= set(flags.split("; "))
        found[name] = value
    assert set(found) == {"__Host-leadgen", "__Host-leadgen-refresh"}
    return found


def cookie(cookies, *names):
    return ("Cookie", "; ".join(f"{name}={cookies[name]}" for name in names))


def test_reading(gateway, cookies):
    answer = post(gateway, "/api/auth/me", [cookie(cookies, "__Host-leadgen")],
                  method="GET")
    assert answer.json["role"] == "admin"


@pytest.mark.parametrize("headers, status", [
    ([], 403),
    ([("Sec-Fetch-Site", "cross-site")], 403),
    ([("Sec-Fetch-Site", "same-site")], 403),
    ([("Sec-Fetch-Site", "none")], 403),
    ([("Sec-Fetch-Site", "same-origin")], 422),
    ([("Origin", "null")], 403),
    ([("Origin", "http://evil.example")], 403),
    ([("Origin", "evil://HOST")], 403),
    ([("Origin", "https://HOST")], 403),
    ([("Origin", "HTTP://HOST")], 403),
    ([("Origin", "://HOST")], 403),
    ([("Origin", "http://127.0.0.1")], 403),
    ([("Origin", "http://127.0.0.1:1@evil.example")], 403),
    ([("Sec-Fetch-Site", "same-origin"), ("Origin", "http://evil.example")],
     403),
])
def test_changing(gateway, cookies, headers, status):
    host = f"127.0.0.1:{gateway.port}"
    headers = [(name, value.replace("HOST", host)) for name, value in headers]
    answer = post(gateway, "/api/admin/users",
                  [cookie(cookies, "__Host-leadgen"), *headers], {})
    assert answer.status == status, answer.body
    if status == 403:
        assert answer.json["type"].endswith("#problem-cross-site")


def test_our_own_origin(gateway, cookies, origin):
    answer = post(gateway, "/api/admin/users",
                  [cookie(cookies, "__Host-leadgen"), origin], {})
    assert answer.status == 422


@pytest.mark.parametrize("extra", [
    "; __Host-leadgen=x", "; a=b; __Host-leadgen=",
])
def test_one_cookie_only(gateway, cookies, extra):
    name, value = cookie(cookies, "__Host-leadgen")
    answer = post(gateway, "/api/auth/me", [(name, value + extra)],
                  method="GET")
    assert answer.status == 401
    assert answer.json["type"].endswith("#problem-token-ambiguous")


def test_cookie_and_header(gateway, cookies):
    answer = post(gateway, "/api/auth/me",
                  [cookie(cookies, "__Host-leadgen"),
                   ("Authorization", f"Bearer {cookies['__Host-leadgen']}")],
                  method="GET")
    assert answer.status == 401


@pytest.mark.parametrize("value", [
    "a=1, __Host-leadgen={}", 'x="; __Host-leadgen-x={}"', "leadgen={}",
    "__host-leadgen={}", "__Host-leadgen2={}",
])
def test_what_is_no_cookie_of_ours(gateway, cookies, value):
    answer = post(gateway, "/api/auth/me",
                  [("Cookie", value.format(cookies["__Host-leadgen"]))],
                  method="GET")
    assert answer.status == 401


def test_login_from_another_site(gateway):
    assert log_in(gateway).status == 403
    assert log_in(gateway, ("Origin", "http://evil.example")).status == 403


def test_refresh_and_logout(gateway, origin):
    def jar(answer):
        return dict(line.split(";")[0].split("=", 1)
                    for line in answer.headers.get_all("Set-Cookie"))

    first = jar(log_in(gateway, origin))
    refused = post(gateway, "/api/auth/refresh",
                   [cookie(first, "__Host-leadgen-refresh")])
    assert refused.status == 403
    answer = post(gateway, "/api/auth/refresh",
                  [cookie(first, "__Host-leadgen-refresh"), origin])
    assert answer.status == 200, answer.body
    second = jar(answer)
    assert second["__Host-leadgen-refresh"] != first["__Host-leadgen-refresh"]

    answer = post(gateway, "/api/auth/logout",
                  [cookie(second, "__Host-leadgen"), origin])
    assert answer.status == 204
    assert set(jar(answer).values()) == {""}
    gone = post(gateway, "/api/auth/refresh",
                [cookie(second, "__Host-leadgen-refresh"), origin])
    assert gone.status == 401
