"""A mail that came back goes in, what it says comes out: a delivery report
(RFC 3464, or what Exim and qmail write without it), a complaint (RFC 5965), an
unsubscription or an answer."""

import dataclasses
import email
import email.policy
import re
import uuid

OURS = re.compile(r"\+([0-9a-f]{32})@", re.I)
MESSAGE_ID = re.compile(
    r"^(?:\s*>)?\s*message-id:\s*<([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})@", re.I | re.M)
REFERENCE = re.compile(r"<([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})@", re.I)
STATUS = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
CODE = re.compile(r"(?:^|[\s:<(#])([45]\d\d)(?=[\s\-#])")
# 5.x.x that pass: a full mailbox, a server that is misconfigured or too strict
SOFT = {"2.2", "2.1", "3.2", "4.1", "4.2", "4.4", "4.5", "4.7", "7.1", "7.26", "7.0"}
MOST = 1 << 20


@dataclasses.dataclass
class Verdict:
    """kind: hard, soft, delayed, delivered, complaint, unsubscribe, answer,
    automatic or unparsable; message: the id of the mail it is about, or None."""
    kind: str
    message: object = None
    recipient: str = ""
    status: str = ""
    detail: str = ""


def parse(raw):
    """Never fails: what makes no sense is unparsable."""
    try:
        mail = email.message_from_bytes(raw[:MOST], policy=email.policy.compat32)
        return judge(mail, raw[:MOST].decode("utf-8", "replace"))
    except Exception as error:      # the parser's own faults, too
        return Verdict("unparsable", detail=type(error).__name__)


def judge(mail, text):
    message = whose(mail, text)
    kind = mail.get_content_type()
    report = (mail.get_param("report-type") or "").lower() if kind == "multipart/report" else ""

    if report == "feedback-report":
        return Verdict("complaint", message)
    for part in mail.walk():
        if part.get_content_type() in ("message/delivery-status", "message/global-delivery-status"):
            return of_fields(part, message)
    if mail.get("X-Failed-Recipients") or is_qmail(text):
        return of_text(text, message, str(mail.get("X-Failed-Recipients", "")).strip())
    if is_from_a_server(mail):
        return Verdict("unparsable", message)
    if re.match(r"\s*unsubscribe\b", str(mail.get("Subject", "")), re.I):
        return Verdict("unsubscribe", message)
    if str(mail.get("Auto-Submitted", "no")).lower() != "no" or mail.get("X-Autoreply"):
        return Verdict("automatic", message)
    if message and (mail.get("In-Reply-To") or OURS.search(str(mail.get("To", "")))):
        return Verdict("answer", message)
    return Verdict("unparsable", message)


def whose(mail, text):
    """The id of our mail: in the address that the report came to, or in what
    it returns of the mail.  Both are known to who got the mail only."""
    for name in ("To", "Delivered-To", "X-Original-To", "Envelope-To", "Original-Recipient"):
        for value in mail.get_all(name, []):
            found = OURS.search(str(value))
            if found:
                return uuid.UUID(found[1])
    for name in ("In-Reply-To", "References"):
        found = REFERENCE.search(str(mail.get(name, "")))
        if found:
            return uuid.UUID(found[1])
    # below the report's own header
    body = re.split(r"\r?\n\r?\n", text, maxsplit=1)[-1]
    found = MESSAGE_ID.search(body)
    return uuid.UUID(found[1]) if found else None


def is_from_a_server(mail):
    sender = str(mail.get("From", "")).lower()
    return (mail.get_content_type() == "multipart/report"
            or str(mail.get("Return-Path", "")).strip() == "<>"
            or any(name in sender for name in ("mailer-daemon", "postmaster", "mail delivery")))


def is_qmail(text):
    return "This is the qmail-send program" in text or "I'm afraid I wasn't able to deliver" in text


def of_fields(part, message):
    """The groups of fields of RFC 3464; of several recipients the first that
    failed.  A group is a message of its own to Python's parser."""
    groups = part.get_payload()
    if not isinstance(groups, list):
        groups = [email.message_from_string(block) for block
                  in re.split(r"\n\s*\n", str(groups).replace("\r", ""))]
    verdicts = [of_group(group, message) for group in groups if group.get("Action")]
    order = ("hard", "soft", "delayed", "delivered")
    known = sorted((v for v in verdicts if v), key=lambda v: order.index(v.kind))
    return known[0] if known else Verdict("unparsable", message)


def of_group(group, message):
    action = group["Action"].split(";")[0].split("(")[0].strip().lower()
    found = STATUS.search(str(group.get("Status", "")))
    detail = " ".join(str(group.get("Diagnostic-Code", "")).split())[:300]
    # servers write 5.0.0, and what they mean into the text
    exact = STATUS.search(detail)
    if exact and (not found or found[0] in ("5.0.0", "4.0.0")) and (not found or exact[1] == found[1]):
        found = exact
    status = found[0] if found else ""
    recipient = str(group.get("Final-Recipient", "")).rpartition(";")[2].strip()
    if action == "failed":
        return Verdict(hardness(status, detail), message, recipient, status, detail)
    kind = {"delayed": "delayed", "delivered": "delivered", "relayed": "delivered",
            "expanded": "delivered"}.get(action)
    return Verdict(kind, message, recipient, status, detail) if kind else None


def of_text(text, message, recipient):
    body = re.split(r"\r?\n\r?\n", text, maxsplit=1)[-1]
    head = re.split(r"-{3,}.{0,40}(?:copy|original)|--- Below this line", body, flags=re.I)[0]
    if not recipient:
        found = re.search(r"<([^<>\s]+@[^<>\s]+)>:", head)
        recipient = found[1] if found else ""
    found, code = STATUS.search(head), CODE.search(head)
    status = found[0] if found else (f"{code[1][0]}.0.0" if code else "")
    detail = " ".join(head.split())[:300]
    if re.search(r"will be retried|still (?:being )?tr(?:y|ied)|not (?:yet )?been delivered|delayed", head, re.I) \
            and not re.search(r"permanent|given up|giving up", head, re.I):
        return Verdict("delayed", message, recipient, status, detail)
    if not status and not re.search(r"permanent|unknown|no such|does ?n[o']t exist|not find|unrout", head, re.I):
        return Verdict("unparsable", message, recipient, status, detail)
    return Verdict(hardness(status or "5.0.0", detail), message, recipient, status, detail)


def hardness(status, detail):
    """hard: the address is no good; soft: it was, and may be again."""
    if status.startswith("4") or (not status and CODE.search(" " + detail) is None):
        return "soft"
    if not status and CODE.search(" " + detail)[1].startswith("4"):
        return "soft"
    if status.partition(".")[2] in SOFT:
        return "soft"
    if re.search(r"quota|mailbox (?:is )?full|over ?quota|storage|spam|blocked|blacklist|"
                 r"block ?list|policy|reputation|rate ?limit|too many", detail, re.I):
        return "soft"
    return "hard"
