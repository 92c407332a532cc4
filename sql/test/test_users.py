"""Users: one per e-mail address, in whatever form it is written."""

import psycopg2
import pytest
from conftest import refusal
from psycopg2.errors import CheckViolation


@pytest.mark.parametrize("same", [
    "ann@example.com", "ANN@Example.COM", "  ann@example.com ", "ａｎｎ@example.com", "ann@example.com\u00a0"])
def test_same_address(database, same):
    database.create_user("Ann@example.com")
    with pytest.raises(psycopg2.Error) as raised:
        database.create_user(same)
    assert refusal(raised)[0] == "LG409"


def test_letters_that_are_not_ascii(database):
    database.create_user("JÜRGEN@example.com")
    assert len(database.rows("select * from api.login_begin('jürgen@example.com')", on=database.gateway)) == 1


def test_the_table_itself_refuses_the_second(database):
    insert = "insert into public.users (email, name, hashed_password) values (%s, 'A', 'h')"
    database.rows(insert, "ann@example.com")
    with pytest.raises(psycopg2.errors.UniqueViolation):
        database.rows(insert, "ANN@example.com")


@pytest.mark.parametrize("column, value", [
    ("email", ""), ("email", "a"), ("email", "ann"), ("email", "@b"), ("email", "a@"), ("email", "a@b@c"),
    ("email", "a b@c"), ("email", "a\n@b"), ("email", "a" * 250 + "@b.de"), ("email", "\ufdfa" * 250 + "@b"),
    ("name", ""), ("name", "n" * 201), ("hashed_password", ""), ("hashed_password", "h" * 256),
    ("role", ""), ("role", "Admin"), ("role", "1st"), ("role", "a b"), ("role", "r" * 64)])
def test_values_out_of_bounds(database, column, value):
    row = {"email": "ann@example.com", "name": "Ann", "hashed_password": "h", "role": "user", column: value}
    with pytest.raises(CheckViolation):
        database.rows("insert into public.users (email, name, hashed_password, role) values (%s, %s, %s, %s)",
                      row["email"], row["name"], row["hashed_password"], row["role"])


def test_ensure_user(database):
    ensure = "select private.ensure_user(%s, %s, %s, %s)"
    first = database.value(ensure, "ann@example.com", "Ann", "h1", "user")
    database.login(first, "h1")
    database.rows("update public.users set is_active = false")
    assert database.epochs(user=first) == []
    assert database.value(ensure, "ANN@example.com", "Anne", "h2", "admin") == first
    assert len(database.epochs(user=first)) == 1
    assert database.value("select count(*) from public.sessions where revoked_at is null") == 0
    assert database.rows("select email, name, hashed_password, role, is_active from public.users") == [
        ("ann@example.com", "Anne", "h2", "admin", True)]
