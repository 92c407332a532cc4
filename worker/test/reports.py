"""Delivery reports in the formats of mail systems, written by hand after what
each of them sends; reports() gives each with what it says.

    python3 reports.py FOLDER    writes them as files
"""

import pathlib
import sys
import uuid

OURS = "sender.example"

# name: (kind, status, what the remote server said)
CAUSES = {
    "unknown": ("hard", "5.1.1", "550 5.1.1 <{to}>: Recipient address rejected: User unknown in virtual mailbox table"),
    "domain": ("hard", "5.1.2", "550 5.1.2 Host or domain name not found"),
    "disabled": ("hard", "5.2.1x", "554 5.7.13 Account of <{to}> was closed by its owner"),
    "plain": ("hard", "5.0.0", "550 No such user here"),
    "full": ("soft", "5.2.2", "552 5.2.2 Mailbox is full: quota exceeded"),
    "spam": ("soft", "5.7.1", "550 5.7.1 Message rejected because of the reputation of its sender"),
    "gone": ("soft", "4.4.1", "451 4.4.1 Connection timed out"),
    "late": ("delayed", "4.4.1", "451 4.4.1 Greylisted, please try again later"),
}


def status(cause):
    return {"disabled": "5.7.13"}.get(cause, CAUSES[cause][1])


def dsn(system, sender, to, message, cause, text, fields, returned="message/rfc822", via="", group_first="Reporting-MTA: dns; {mta}"):
    """multipart/report, as most write it."""
    mark = f"=_{system}_{message.hex[:8]}"
    kind = CAUSES[cause][0]
    subject = "Delayed Mail (still being retried)" if kind == "delayed" else "Undelivered Mail Returned to Sender"
    mail = (f"From: Campaigns <hello@{OURS}>\nTo: {to}\nSubject: Offer\nMessage-ID: <{message}@{OURS}>\n")
    if returned == "message/rfc822":
        mail += "\nHello,\nan offer.\n"
    return (f"Return-Path: <>\nFrom: {sender}\nTo: {via or 'bounces@' + OURS}\nSubject: {subject}\n"
            f"Message-ID: <{uuid.uuid5(message, system + cause)}@mta.example>\nAuto-Submitted: auto-replied\nMIME-Version: 1.0\n"
            f'Content-Type: multipart/report; report-type=delivery-status;\n\tboundary="{mark}"\n\n'
            f"--{mark}\nContent-Type: text/plain; charset=us-ascii\n\n{text}\n\n"
            f"--{mark}\nContent-Type: message/delivery-status\n\n{group_first.format(mta='mta.example')}\n\n{fields}\n\n"
            f"--{mark}\nContent-Type: {returned}\n\n{mail}\n--{mark}--\n")


def group(to, cause, action=None, status_text=None, diagnostic=None, extra=""):
    kind, _, said = CAUSES[cause]
    action = action or ("delayed" if kind == "delayed" else "failed")
    diagnostic = said.format(to=to) if diagnostic is None else diagnostic
    lines = [f"Final-Recipient: rfc822; {to}", f"Original-Recipient: rfc822;{to}", f"Action: {action}",
             f"Status: {status_text or status(cause)}"]
    if diagnostic:
        lines.append(f"Diagnostic-Code: smtp; {diagnostic}")
    return "\n".join(lines) + extra


def postfix(to, message, cause):
    said = CAUSES[cause][2].format(to=to)
    return dsn("postfix", "MAILER-DAEMON@mta.example (Mail Delivery System)", to, message, cause,
               f"This is the mail system at host mta.example.\n\nI'm sorry to have to inform you ...\n\n<{to}>: host mx said: {said}",
               group(to, cause, extra="\nRemote-MTA: dns; mx.lead.example"), "text/rfc822-headers",
               group_first="Reporting-MTA: dns; {mta}\nX-Postfix-Queue-ID: 4F1A\nX-Postfix-Sender: rfc822; bounces@" + OURS)


def sendmail(to, message, cause):
    said = CAUSES[cause][2].format(to=to)
    action = "delayed" if CAUSES[cause][0] == "delayed" else "failed"
    return dsn("sendmail", "Mail Delivery Subsystem <MAILER-DAEMON@mta.example>", to, message, cause,
               f"   ----- The following addresses had errors -----\n<{to}>\n    (reason: {said})",
               group(to, cause, action, diagnostic=said, extra="\nLast-Attempt-Date: Mon, 2 Nov 2026 08:00:00 GMT"),
               "text/rfc822-headers")


def exchange(to, message, cause):
    kind, _, said = CAUSES[cause]
    code = status(cause)
    return dsn("exchange", "Microsoft Outlook <MicrosoftExchange329e71ec88ae4615@lead.example>", to, message, cause,
               f"Delivery has failed to these recipients or groups:\n\n{to}\nRemote Server returned '{said.format(to=to)}'",
               f"Final-recipient: RFC822;{to}\nAction: {'delayed' if kind == 'delayed' else 'failed'}\nStatus: {code}\n"
               f"Diagnostic-Code: smtp;{said.format(to=to)}\nX-Display-Name: Lee, Ann",
               group_first="Reporting-MTA: dns;EX01.lead.example")


def gmail(to, message, cause):
    """Status lines have a phrase after them, and text is folded."""
    said = CAUSES[cause][2].format(to=to)
    folded = said.replace(" ", "\n ", 3)
    return dsn("gmail", "Mail Delivery Subsystem <mailer-daemon@googlemail.example>", to, message, cause,
               f"** Address not found **\n\nYour message wasn't delivered to {to}",
               group(to, cause, status_text=status(cause), diagnostic=folded,
                     extra="\nLast-Attempt-Date: Mon, 02 Nov 2026 00:00:00 -0800 (PST)"),
               group_first="Reporting-MTA: dns; googlemail.example\nArrival-Date: Mon, 02 Nov 2026 00:00:00 -0800 (PST)")


def ses(to, message, cause):
    """5.0.0 in the field, and what it means in the text; the id by its return
    path alone, for what it returns is another mail's."""
    said = CAUSES[cause][2].format(to=to)
    first = status(cause)[0]
    raw = dsn("ses", "MAILER-DAEMON@mail-service.example", to, message, cause,
              f"An error occurred while trying to deliver the mail to the following recipients:\n{to}",
              group(to, cause, status_text=f"{first}.0.0" if cause != "plain" else "5.1.1", diagnostic=said),
              via=f"bounces+{message.hex}@{OURS}")
    return raw.replace(f"Message-ID: <{message}@", "X-Message-ID: <other@")


def exim(to, message, cause):
    """Older ones write plain text, and a header that names who failed."""
    kind, _, said = CAUSES[cause]
    if kind == "delayed":
        subject = "Warning: message 1kXyZ delayed 24 hours"
        text = ("This message was created automatically by mail delivery software.\nA message that you sent has not yet been"
                f" delivered to one or more of its recipients after more than 24 hours.\n\n  {to}\n    {said.format(to=to)}\n")
    else:
        subject = "Mail delivery failed: returning message to sender"
        text = ("This message was created automatically by mail delivery software.\n\nA message that you sent could not be"
                f" delivered to one or more of its\nrecipients. This is a permanent error.\n\n  {to}\n"
                f"    host mx.lead.example [192.0.2.1]\n    SMTP error from remote mail server after RCPT TO:<{to}>:\n    {said.format(to=to)}\n")
    if kind == "soft" and status(cause)[0] == "4":
        text = text.replace("This is a permanent error.", "Retry timeout exceeded.")
    return (f"Return-path: <>\nX-Failed-Recipients: {to}\nAuto-Submitted: auto-replied\n"
            f"From: Mail Delivery System <Mailer-Daemon@mta.example>\nTo: bounces@{OURS}\nSubject: {subject}\n\n{text}\n"
            "------ This is a copy of the message, including all the headers. ------\n\n"
            f"From: hello@{OURS}\nTo: {to}\nSubject: Offer\nMessage-ID: <{message}@{OURS}>\n\nHello\n")


def qmail(to, message, cause):
    kind, _, said = CAUSES[cause]
    return (f"Return-Path: <>\nFrom: MAILER-DAEMON@mta.example\nTo: bounces@{OURS}\nSubject: failure notice\n\n"
            "Hi. This is the qmail-send program at mta.example.\n"
            + ("I'm still trying to deliver your message; it will be retried.\n\n" if kind == "delayed" else
               "I'm afraid I wasn't able to deliver your message to the following addresses.\n"
               "This is a permanent error; I've given up. Sorry it didn't work out.\n\n")
            + f"<{to}>:\n192.0.2.1 does not like recipient.\nRemote host said: {said.format(to=to)}\n\n"
            "--- Below this line is a copy of the message.\n\n"
            f"From: hello@{OURS}\nMessage-ID: <{message}@{OURS}>\n\nHello\n")


SYSTEMS = {"postfix": postfix, "sendmail": sendmail, "exchange": exchange, "gmail": gmail, "ses": ses, "exim": exim,
           "qmail": qmail}

# from servers, and of no use
NONSENSE = {
    "empty": "",
    "headers alone": f"Return-Path: <>\nFrom: MAILER-DAEMON@x\nTo: bounces+{{hex}}@{OURS}\n\n",
    "no fields": f"Return-Path: <>\nFrom: MAILER-DAEMON@x\nTo: bounces+{{hex}}@{OURS}\nMIME-Version: 1.0\n"
                 "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n"
                 "Content-Type: message/delivery-status\n\n\n--b--\n",
    "strange action": f"Return-Path: <>\nFrom: MAILER-DAEMON@x\nTo: bounces+{{hex}}@{OURS}\nMIME-Version: 1.0\n"
                      "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n"
                      "Content-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\nFinal-Recipient: rfc822; a@b\n"
                      "Action: pondered\nStatus: 9.9.9\n\n--b--\n",
    "cut off": f"Return-Path: <>\nFrom: MAILER-DAEMON@x\nTo: bounces+{{hex}}@{OURS}\nMIME-Version: 1.0\n"
               "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\nContent-Ty",
}


def reports():
    """(name, raw, kind, status or None, message, recipient) of each."""
    for system, write in SYSTEMS.items():
        for cause, (kind, _, _) in CAUSES.items():
            message = uuid.uuid5(uuid.NAMESPACE_DNS, f"{system} {cause}")
            to = f"{system}.{cause}@lead.example"
            raw = write(to, message, cause).replace("\n", "\r\n" if system in ("exchange", "ses") else "\n")
            yield f"{system}-{cause}", raw.encode(), kind, message, to
    for name, text in NONSENSE.items():
        message = uuid.uuid5(uuid.NAMESPACE_DNS, name)
        yield f"nonsense-{name}", text.format(hex=message.hex).encode(), "unparsable", message, ""


if __name__ == "__main__":
    for name, raw, *_ in reports():
        (pathlib.Path(sys.argv[1]) / name).write_bytes(raw)
