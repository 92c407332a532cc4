"""Files that tasks write and the gateway serves: whole, or not there."""

import base64
import contextlib
import datetime
import hashlib
import os
import pathlib

from ..core import settings
from ..core.errors import Failure

LIFETIME = datetime.timedelta(days=7)


def directory():
    if not settings.EXPORT_DIRECTORY:
        raise Failure("EXPORT_DIRECTORY is not set: there is no place for files.")
    path = pathlib.Path(settings.EXPORT_DIRECTORY)
    if not path.is_dir():
        raise Failure(f"EXPORT_DIRECTORY: {path} is not a folder.")
    return path


@contextlib.contextmanager
def writing(name, mode="w"):
    """A file for writing that gets its name once it is whole."""
    place = directory() / name
    new = place.with_suffix(f".{os.getpid()}.new")
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": ""}
    try:
        with open(new, mode, **text) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(new, 0o640)
        new.rename(place)
    finally:
        new.unlink(missing_ok=True)


def remove(name):
    with contextlib.suppress(FileNotFoundError):
        (directory() / name).unlink()


def link(kind, name, expires):
    """Where the gateway serves a file until then (nginx's secure_link); only the
    path without a key.  kind: exports or reports"""
    path = f"/api/{kind}/{name}"
    if not settings.EXPORT_KEY:
        return settings.PUBLIC_URL + path
    stamp = int(expires.timestamp())
    digest = hashlib.md5(f"{stamp}{path} {settings.EXPORT_KEY}".encode()).digest()
    signature = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return f"{settings.PUBLIC_URL}{path}?signature={signature}&expires={stamp}"
