"""The environment goes in, settings come out: read once, when a worker starts.

Secrets are in here; nothing of it is ever logged.
"""

import os
import re
import socket

from .errors import Failure


def text(name, default=""):
    return os.environ.get(name, "").strip() or default


def number(name, default, minimum, maximum):
    value = text(name, str(default))
    if not re.fullmatch(r"\d{1,9}", value) or not minimum <= int(value) <= maximum:
        raise Failure(f"{name} must be a number from {minimum} to {maximum}.")
    return int(value)


def table(name, default):
    """The name of a table or view, with or without its schema."""
    value = text(name, default)
    if not re.fullmatch(r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?", value):
        raise Failure(f"{name}={value} is not the name of a table or view.")
    return value


def hours(name, default):
    """(from, to) of "20-8", in hours of the recipient's day; None when off."""
    value = text(name, default)
    if value == "off":
        return None
    match = re.fullmatch(r"(\d{1,2})-(\d{1,2})", value)
    if not match or int(match[1]) > 23 or int(match[2]) > 23 or match[1] == match[2]:
        raise Failure(f"{name} must be two different hours such as 20-8, or off.")
    return int(match[1]), int(match[2])


DATABASE_URL = text("WORKER_DATABASE_URL", text("DATABASE_URL"))
REDIS_URL = text("REDIS_URL", "redis://127.0.0.1:6379/0")
SMTP_URL = text("SMTP_URL", "smtp://127.0.0.1:25")

# what links in mails begin with, and what signs them; without either there are
# no pixels and no rewritten links
PUBLIC_URL = text("LEADGEN_PUBLIC_URL").rstrip("/")
TRACKING_KEY = text("TRACKING_KEY")

MAIL_FROM = text("MAIL_FROM", f"leadgen@{socket.getfqdn()}")
# where bounces go, as name@domain: each mail has name+ID@domain
MAIL_RETURN_PATH = text("MAIL_RETURN_PATH")
SMTP_TIMEOUT = number("SMTP_TIMEOUT", 30, 1, 300)
# mails to one domain in a minute
MAIL_DOMAIN_RATE = number("MAIL_DOMAIN_RATE", 600, 1, 1000000)
# in which no planned mail is sent, in the recipient's time zone
MAIL_QUIET_HOURS = hours("MAIL_QUIET_HOURS", "20-8")
MAIL_TIME_ZONE = text("MAIL_TIME_ZONE", "UTC")
# maildir:PATH, imap://USER:PASSWORD@HOST[:PORT][/FOLDER] or imaps://...
BOUNCE_MAILBOX = text("BOUNCE_MAILBOX")

# the application's tables, or views of the same columns
CAMPAIGNS_TABLE = table("CAMPAIGNS_TABLE", "app.campaigns")
LEADS_TABLE = table("LEADS_TABLE", "app.leads")

# where exports and reports are written; the gateway serves it
EXPORT_DIRECTORY = text("EXPORT_DIRECTORY")
# what signs links to them, as in the gateway's secure_link_md5
EXPORT_KEY = text("EXPORT_KEY")
ANALYTICS_DAYS = number("ANALYTICS_DAYS", 730, 1, 36500)

# seconds; a message that is not acknowledged for so long goes to somebody else,
# so no task may run as long
VISIBILITY_TIMEOUT = number("VISIBILITY_TIMEOUT", 3600, 2, 86400)
TASK_TIME_LIMIT = number("TASK_TIME_LIMIT", 900, 1, 43200)

# for tests: each entry of the schedule so many seconds after the one before
BEAT_EVERY = number("BEAT_EVERY", 0, 0, 3600)

SENTRY_DSN = text("SENTRY_DSN")
ENVIRONMENT = text("ENVIRONMENT", "development")
APP_VERSION = text("APP_VERSION")
