"""The signed tokens in mails' links, as the gateway reads them.

A token is base64url, without padding, of

    16 bytes   the message's id
    16 bytes   the first of HMAC-SHA256(key, kind, id, url)
    the rest   the url of a click, in UTF-8

The key is HKDF-SHA256(TRACKING_KEY, no salt, info "leadgen tracking"), 32
bytes.  The kind is one byte: o, c or u.
"""

import base64
import hashlib
import hmac

from . import settings

INFO = b"leadgen tracking"


def key():
    """HKDF of RFC 5869, its first block."""
    drawn = hmac.digest(bytes(32), settings.TRACKING_KEY.encode(), hashlib.sha256)
    return hmac.digest(drawn, INFO + b"\x01", hashlib.sha256)


def sign(kind, message, url=""):
    """kind: open, click or unsubscribe; message: a UUID."""
    head = message.bytes
    tail = url.encode()
    mac = hmac.digest(key(), kind[0].encode() + head + tail, hashlib.sha256)[:16]
    return base64.urlsafe_b64encode(head + mac + tail).rstrip(b"=").decode()
