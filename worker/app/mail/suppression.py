"""Addresses that get no more mail: they bounced, complained or unsubscribed."""

from ..core import database


def canonical(address):
    """Servers may tell upper from lower case; none does."""
    return address.strip().lower()


def reason(address):
    """Why an address is suppressed, or None."""
    return database.value("select reason from mail.suppressions where address = %s",
                          canonical(address))


def add(address, why, message=None, detail=None):
    """why: bounced, unsubscribed or complained; the first one stays."""
    database.rows(
        "insert into mail.suppressions (address, reason, message_id, detail)"
        " values (%s, %s, %s, %s) on conflict (address) do nothing",
        canonical(address), why, message, detail and detail[:500])
