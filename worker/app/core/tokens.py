"""The signed tokens in mails' links, as the gateway's leadgen_track reads them:
base64url, without padding, of

    16 bytes   the first half of HMAC-SHA256 of the kind and of all that follows
    1 byte     the version, 1
    16 bytes   the message's id
    the rest   the url of a click, in UTF-8

The key is the text of TRACKING_KEY; the kind is o, c or u.
"""

import base64
import hmac

from . import settings


def sign(kind, message, url=""):
    """kind: open, click or unsubscribe; message: a UUID."""
    text = b"\x01" + message.bytes + url.encode()
    mac = hmac.digest(settings.TRACKING_KEY.encode(), kind[:1].encode() + text, "sha256")[:16]
    return base64.urlsafe_b64encode(mac + text).rstrip(b"=").decode()
