"""A mail goes in, and to the mail server: what the server says comes out.

The server has a mail from the dot on that ends it.  The caller is told right
before: what it notes then tells, after a crash, that the mail may be out.
"""

import functools
import re
import smtplib
import socket
import ssl
import urllib.parse

from ..core import settings
from ..core.errors import Failure, TryAgain


class Rejected(Exception):
    """The server does not want it, and never will: code, text, and whether that
    is because of the recipient's address."""

    def __init__(self, code, text, is_recipient):
        super().__init__(f"{code} {text}")
        self.is_recipient = is_recipient


class Unknown(Exception):
    """The server hung up after it got the whole mail."""


class Careful:
    """Calls before_end() between the text of a mail and the dot after it."""

    before_end = None

    def data(self, msg):
        code, reply = self.docmd("data")
        if code != 354:
            raise smtplib.SMTPDataError(code, reply)
        text = re.sub(rb"(?m)^\.", b"..", msg)
        self.send(text if text.endswith(b"\r\n") else text + b"\r\n")
        self.before_end()
        try:
            self.send(b".\r\n")
            return self.getreply()
        except OSError as error:
            raise Unknown("The mail server hung up after it got the mail;"
                          " it may have taken it.") from error


class Plain(Careful, smtplib.SMTP):
    pass


class Encrypted(Careful, smtplib.SMTP_SSL):
    pass


@functools.lru_cache
def context(is_known):
    """Of TLS, made once: all certificates of the system are read for it.
    is_known: the server must be who it says."""
    made = ssl.create_default_context()
    if not is_known:
        # better than nothing, where nobody said who the server is
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made


def connect():
    """A connection to SMTP_URL, logged in.  With a password, or smtps, the
    connection is encrypted and the certificate must fit."""
    url = urllib.parse.urlsplit(settings.SMTP_URL)
    if url.scheme not in ("smtp", "smtps") or not url.hostname:
        raise Failure("SMTP_URL is not smtp://HOST or smtps://HOST.")
    if url.scheme == "smtps":
        server = Encrypted(url.hostname, url.port or 465,
                           context=context(True), timeout=settings.SMTP_TIMEOUT)
    else:
        server = Plain(url.hostname, url.port or 25, timeout=settings.SMTP_TIMEOUT)
    try:
        # the end of a mail follows its text at once
        server.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server.ehlo_or_helo_if_needed()
        if url.scheme == "smtp" and server.has_extn("starttls"):
            server.starttls(context=context(bool(url.username)))
            server.ehlo()
        elif url.scheme == "smtp" and url.username:
            raise Failure("The mail server offers no encryption, and wants a password.")
        if url.username:
            server.login(urllib.parse.unquote(url.username),
                         urllib.parse.unquote(url.password or ""))
    except BaseException:
        server.close()
        raise
    return server


def send(mail, sender, before_end):
    """Sends a mail to the one recipient it has.

    TryAgain: the server can't now.  Rejected: it never will.  Unknown: it may
    have it.
    """
    try:
        server = connect()
    except (OSError, smtplib.SMTPException) as error:
        raise TryAgain(f"The mail server is away: {name(error)}.") from error
    server.before_end = before_end
    recipient = mail["To"].addresses[0].addr_spec
    is_ascii = recipient.isascii() and sender.isascii()
    try:
        if not is_ascii and not server.has_extn("smtputf8"):
            raise Rejected(553, "the mail server takes no such addresses", True)
        text = mail.as_bytes(policy=mail.policy.clone(utf8=not is_ascii))
        server.sendmail(sender, [recipient], text,
                        [] if is_ascii else ["SMTPUTF8", "BODY=8BITMIME"])
    except smtplib.SMTPRecipientsRefused as error:
        judge(*error.recipients[recipient], is_recipient=True)
    except smtplib.SMTPResponseException as error:
        judge(error.smtp_code, error.smtp_error, is_recipient=False)
    except (OSError, smtplib.SMTPException) as error:
        raise TryAgain(f"The mail server hung up: {name(error)}.") from error
    finally:
        server.close()


def name(error):
    return getattr(error, "strerror", None) or type(error).__name__


def judge(code, reply, is_recipient):
    """What a refusal means.  RFC 3463: x.1.y is about the address, x.7.y about
    who sends or what."""
    text = reply.decode(errors="replace") if isinstance(reply, bytes) else str(reply)
    text = " ".join(text.split())[:300]
    if not 500 <= code <= 599:
        raise TryAgain(f"The mail server said {code} {text}.")
    enhanced = re.match(r"5\.(\d+)\.\d+", text)
    if enhanced:
        is_recipient = is_recipient and enhanced[1] in ("0", "1", "2")
    raise Rejected(code, text, is_recipient)
