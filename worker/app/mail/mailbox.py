"""Where bounces arrive, a Maildir or a folder of an IMAP server: mails that are
new come out, and get a mark once they were dealt with."""

import contextlib
import imaplib
import os
import pathlib
import ssl
import urllib.parse

from ..core import settings
from ..core.errors import Failure, TryAgain

MOST = 1 << 20      # bytes of a mail that are read


class Maildir:
    """new/ has what is new; what was read is in cur/, flagged when it was not
    understood."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        if not (self.path / "new").is_dir():
            raise Failure(f"BOUNCE_MAILBOX: {path} is not a Maildir.")

    def unread(self, limit):
        for name in sorted(os.listdir(self.path / "new"))[:limit]:
            with contextlib.suppress(FileNotFoundError), \
                    open(self.path / "new" / name, "rb") as file:
                yield name, file.read(MOST)

    def done(self, name, is_flagged):
        flags = ":2,FS" if is_flagged else ":2,S"
        with contextlib.suppress(FileNotFoundError):
            (self.path / "new" / name).rename(self.path / "cur" / (name.split(":")[0] + flags))

    def close(self):
        pass


class Imap:
    """What is not seen is new."""

    def __init__(self, url):
        folder = urllib.parse.unquote(url.path.lstrip("/")) or "INBOX"
        try:
            if url.scheme == "imaps":
                self.server = imaplib.IMAP4_SSL(url.hostname, url.port or 993, timeout=30,
                                                ssl_context=ssl.create_default_context())
            else:
                self.server = imaplib.IMAP4(url.hostname, url.port or 143, timeout=30)
                if "STARTTLS" in self.server.capabilities:
                    self.server.starttls(ssl.create_default_context())
            self.server.login(urllib.parse.unquote(url.username or ""),
                              urllib.parse.unquote(url.password or ""))
            kind, _ = self.server.select(imaplib.IMAP4._quote(self.server, folder))
        except (OSError, imaplib.IMAP4.error) as error:
            raise TryAgain(f"The mailbox can't be opened: {type(error).__name__}.") from error
        if kind != "OK":
            raise Failure("BOUNCE_MAILBOX: there is no such folder.")

    def unread(self, limit):
        _, (numbers,) = self.server.uid("search", None, "UNSEEN")
        for number in numbers.split()[:limit]:
            _, data = self.server.uid("fetch", number, f"(BODY.PEEK[]<0.{MOST}>)")
            if data and isinstance(data[0], tuple):
                yield number, data[0][1]

    def done(self, number, is_flagged):
        self.server.uid("store", number, "+FLAGS",
                        r"(\Seen \Flagged)" if is_flagged else r"(\Seen)")

    def close(self):
        with contextlib.suppress(OSError, imaplib.IMAP4.error):
            self.server.logout()


def mailbox():
    """That of BOUNCE_MAILBOX.  Failure: there is none."""
    if not settings.BOUNCE_MAILBOX:
        raise Failure("BOUNCE_MAILBOX names no mailbox.")
    url = urllib.parse.urlsplit(settings.BOUNCE_MAILBOX)
    if url.scheme == "maildir":
        return Maildir(url.path)
    if url.scheme in ("imap", "imaps") and url.hostname:
        return Imap(url)
    raise Failure("BOUNCE_MAILBOX is neither maildir:PATH nor imap://HOST nor imaps://HOST.")
