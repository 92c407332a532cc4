"""No spelling of a path gets past the policy: for each protected route, each
way to write it and each way an application may read it."""

import itertools
import random
import re

import pytest

from conftest import ROOT
from proxy import Http1, Http2, echo, nginx, token, upstream

LINES = [[word.rstrip(";") for word in line.split()[:3]] for line in
         (ROOT / "conf/routes.conf").read_text().splitlines()
         if line.strip() and not line.startswith("#")]
ROUTES = [path for methods, path, grant in LINES
          if "GET" in methods.split("|")
          and grant not in ("public", "authenticated")]
POLICY = "".join(f"{' '.join(line)};\n" for line in LINES)



def escape(byte, upper=False):
    return f"%{byte:02X}".encode() if upper else f"%{byte:02x}".encode()


def spellings(path):
    """Ways to write a path that some reader takes for it."""
    yield path
    cuts = [i for i, byte in enumerate(path) if byte == 0x2f]

    # between two segments, for each slash
    between = (
        b"//", b"///", b"/./", b"/.//", b"/%2e/", b"/%2E/", b"/x/../",
        b"/x/%2e%2e/", b"/x/.%2e/", b"/x/%2e./", b"/x//..//", b"%2f", b"%2F",
        b"%2f%2f", b"%252f", b"\\", b"%5c", b"%255c", b"/x\\..\\",
        b"/x%5c..%5c", b"/x%2f..%2f", b"/x/..%2f", b"/.;/", b"/;/", b"/;x=1/",
        b"/x/..;/", b"/x/..;y/", b"/x/%2e%2e;/", b"/x/%252e%252e/",
        b"/%c0%ae/", b"/x/%c0%ae%c0%ae/", b"%c0%af", b"/x/%e0%80%ae./",
        b"/%20/", b"/%09/", b"%00/", b"%0a/", b"%0d%0a/", b"/\xff/", b"/%ff/",
        b"/%u002e/", b"/%ef%bc%8f/", b"/%20../x/../",
    )
    for cut, text in itertools.product(cuts, between):
        yield path[:cut] + text + path[cut + 1:]

    # in front
    for text in (b"/api/public/..", b"/api/public/..;", b"/api/public/%2e%2e",
                 b"/api/public/..%2f..", b"/api/public;/..", b"/api;x",
                 b"/api/public#/..", b"/api/public\\..", b"/api/public%5c..",
                 b"/api/public/%252e%252e", b"http://other", b"http://x//",
                 b"/.", b"/..", b"/x/.."):
        yield text + path
        yield text + path.removeprefix(b"/api")

    # behind
    for text in (b"/", b"//", b"/.", b"/..", b"/x/..", b"/%2e", b"%2f", b".",
                 b"..", b"%20", b"%09", b"%0a", b"%0d%0aX:y", b"%00", b";",
                 b";x", b";/../../public/x", b"#", b"#x", b"%23", b"%23/../x",
                 b"%3f", b"%3fx", b"?", b"?x", b"/;x", b"\\", b"%5c", b"%2500",
                 b"%7f", b".png", b"/.png", b";.png", b"%2e", b"\xc0\xaf"):
        yield path + text

    # letters
    letters = [i for i, byte in enumerate(path) if chr(byte).isalpha()]
    for i in letters[::5] + letters[-1:]:
        before, byte, after = path[:i], path[i], path[i + 1:]
        yield before + escape(byte) + after
        yield before + escape(byte, True) + after
        yield before + b"%25" + escape(byte)[1:] + after
        yield before + b"%2525" + escape(byte)[1:] + after
        yield before + bytes((byte,)).upper() + after
        yield before + b"%u00" + escape(byte)[1:] + after
    yield path.upper()
    yield path.title()
    yield b"".join(escape(byte) if byte != 0x2f else b"/" for byte in path)
    yield b"/" + b"".join(escape(byte) for byte in path[1:])


def random_spellings(path, count, seed):
    """Several changes at once."""
    rng = random.Random(seed)
    for _ in range(count):
        text = path
        for _ in range(rng.randint(2, 4)):
            choices = list(spellings(text))
            text = rng.choice(choices)
        yield text


def decode(path):
    return re.sub(rb"%([0-9a-fA-F]{2})",
                  lambda match: bytes((int(match[1], 16),)), path)


def resolve(path):
    out = []
    for segment in path.split(b"/")[1:]:
        if segment == b"..":
            out = out[:-1]
        elif segment != b".":
            out.append(segment)
    return b"/" + b"/".join(out)


READERS = {
    "raw": lambda path: path,
    "decode": decode,
    "decode twice": lambda path: decode(decode(path)),
    "strip ;": lambda path: re.sub(rb";[^/]*", b"", path),
    "cut at #": lambda path: path.split(b"#")[0],
    "backslash": lambda path: path.replace(b"\\", b"/"),
    "fold": bytes.lower,
    "merge": lambda path: re.sub(rb"/+", b"/", path),
    "trim dots": lambda path: re.sub(rb"[. \t]+(?=/|$)", b"", path),
}
STEPS = list(READERS.values())


def readings(target):
    """What applications may take a target for: each reader alone, each two of
    them in turn, all of them; as it is and with its dots resolved."""
    path = target.split(b"?")[0]
    for first, second in itertools.product(STEPS, STEPS):
        read = second(first(path))
        yield read
        yield resolve(read) if read.startswith(b"/") else read
    for order in (STEPS, STEPS[::-1]):
        read = path
        for step in order:
            read = step(read)
        yield read
        yield resolve(read) if read.startswith(b"/") else read


def pattern(path):
    return re.compile(b"/".join(
        b"[^/]+" if segment.startswith(b":") else re.escape(segment)
        for segment in path.split(b"/")) + b"/?$")


HTTP = """
    leadgen_zone leadgen:1m;
    leadgen_jwt_key file:KEY;
    server {
        listen 127.0.0.1:PORT %s;
        merge_slashes %s;
        keepalive_requests 100000;
        location / {
            leadgen_policy {
                %s
                # so much else is open that a slip would be seen
                GET /:a authenticated;
                GET /:a/:b authenticated;
                GET /api/public/x/** authenticated;
                GET /x/** authenticated;
                GET /** role=manager;
            }
            proxy_pass http://127.0.0.1:%d%s;
        }
    }
"""


@pytest.mark.parametrize("protocol,merge,uri", [
    ("", "on", ""), ("http2", "on", ""), ("", "off", "/"), ("http2", "off", "/")
])
def test_no_spelling_passes(protocol, merge, uri):
    protected = [pattern(path.encode()) for path in ROUTES]
    nobody = token("stranger").encode()
    sent = passed = 0

    with upstream(echo) as port, nginx(
            HTTP % (protocol, merge, POLICY, port, uri)) as (front, _):
        client = (Http2 if protocol else Http1)(front)
        for path in ROUTES:
            path = re.sub(rb":\w+", b"7", path.encode())
            # a raw space or line end would end a request line
            for target in itertools.chain(spellings(path), random_spellings(
                    path, 100, path)):
                sent += 1
                status, body = client.get(target, nobody)
                if status != 200:
                    assert status in (0, 400, 403, 404, 405), (target, status)
                    continue
                passed += 1
                got = body.split(b" ")[1]
                for read in readings(got):
                    for route in protected:
                        assert not route.match(read), (target, got, read)
        client.close()

    # the test is no good if nothing was sent, or nothing passes at all
    assert sent > 3000 and passed > 5, (sent, passed)


def test_off_means_the_same_to_both():
    """With leadgen_path_strict off a path may be written in many ways, but it is
    judged as an application reads it that decodes once."""
    protected = [pattern(path.encode()) for path in ROUTES]
    nobody = token("stranger").encode()
    passed = 0

    with upstream(echo) as port:
        http = HTTP % ("", "on", POLICY, port, "")
        with nginx("leadgen_path_strict off;" + http) as (front, _):
            client = Http1(front)
            for path in (b"/api/leads/export", b"/api/teams/7/members"):
                for target in spellings(path):
                    status, body = client.get(target, nobody)
                    if status != 200:
                        continue
                    passed += 1
                    read = decode(body.split(b" ")[1].split(b"?")[0])
                    assert read == resolve(read), (target, read)
                    for route in protected:
                        assert not route.match(read), (target, read)
            client.close()

    assert passed > 5
