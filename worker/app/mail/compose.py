"""A campaign, a lead and an id go in, a mail comes out: text and HTML parts,
an open pixel, links by way of the gateway, and how to unsubscribe.

Templates are Jinja2's, in its sandbox, and see the lead and the campaign's name.
"""

import email.headerregistry
import email.message
import email.policy
import email.utils
import html
import re

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from ..core import settings, tokens
from ..core.errors import Failure

ADDRESS = re.compile(r"[^\s@<>()\[\],;:\\\"\x00-\x1f\x7f]{1,64}@"
                     r"[^\s@<>()\[\],;:\\\"\x00-\x1f\x7f]{1,255}")
LINK = re.compile(r"https?://[^\s<>\"'()]+[^\s<>\"'().,;:!?]")
HREF = re.compile(r"(<a\b[^>]*?\bhref\s*=\s*)([\"'])(https?://.+?)\2", re.I | re.S)
MOST_TEMPLATE = 65536
MOST_TEXT = 262144

# of a lead, templates see what is a plain value
PLAIN = (str, int, float, bool)


class Links(email.headerregistry.UnstructuredHeader):
    """A header of links, which ends a line between two of them only: Python would
    write what is longer than a line as an encoded word, and no link."""

    def fold(self, *, policy):
        links = str(self).replace(", ", f",{policy.linesep} ")
        return f"{self.name}: {links}{policy.linesep}"


HEADERS = email.headerregistry.HeaderRegistry()
HEADERS.map_to_type("list-unsubscribe", Links)
POLICY = email.policy.SMTP.clone(header_factory=HEADERS)


def environment(is_html):
    made = ImmutableSandboxedEnvironment(
        undefined=jinja2.StrictUndefined, autoescape=is_html,
        keep_trailing_newline=True)
    # templates put in words; they have no use for these
    made.globals.clear()
    return made


def parse(template, is_html=False):
    """Failure: the template is not one."""
    if len(template) > MOST_TEMPLATE:
        raise Failure(f"A template has more than {MOST_TEMPLATE} characters.")
    try:
        return environment(is_html).from_string(template)
    except (jinja2.TemplateError, RecursionError) as error:
        raise Failure(f"The template can't be used: {error}.") from error


def render(template, values, is_html=False):
    """Failure: the template is not one, or needs what the lead has not."""
    parts, size = [], 0
    try:
        for part in parse(template, is_html).generate(values):
            size += len(part)
            if size > MOST_TEXT:
                raise Failure(f"A mail is longer than {MOST_TEXT} characters.")
            parts.append(part)
    except jinja2.TemplateError as error:
        raise Failure(f"The template can't be used: {error}.") from error
    except (ArithmeticError, TypeError, ValueError, LookupError,
            AttributeError, RecursionError, MemoryError) as error:
        raise Failure("The template can't be used: "
                      f"{type(error).__name__}: {error}.") from error
    return "".join(parts)


def variables(campaign, lead):
    values = {name: "" if value is None else value for name, value in lead.items()
              if value is None or isinstance(value, PLAIN)}
    return {**values, "campaign_name": campaign["name"]}


def is_address(text):
    return bool(ADDRESS.fullmatch(text)) and ".." not in text


def is_tracked():
    return bool(settings.PUBLIC_URL and settings.TRACKING_KEY)


def tracked(message, url):
    """The url by way of the gateway, or itself."""
    own = url.startswith(f"{settings.PUBLIC_URL}/t/")
    if not is_tracked() or own or len(url) > 1024:
        return url
    return f"{settings.PUBLIC_URL}/t/c/{tokens.sign('click', message, url)}"


def as_html(message, text):
    """Plain text as paragraphs."""
    def link(match):
        return f'<a href="{html.escape(match[0])}">{html.escape(match[0])}</a>'

    paragraphs = []
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        parts, end = [], 0
        for match in LINK.finditer(paragraph):
            parts += [html.escape(paragraph[end:match.start()]), link(match)]
            end = match.end()
        parts.append(html.escape(paragraph[end:]))
        paragraphs.append("<p>" + "".join(parts).replace("\n", "<br>\n") + "</p>")
    return "\n".join(paragraphs)


def with_tracking(message, page):
    """HTML with its links rewritten, and a pixel at its end."""
    page = HREF.sub(lambda found: found[1] + found[2] + html.escape(
        tracked(message, html.unescape(found[3]))) + found[2], page)
    if not is_tracked():
        return page
    pixel = f"{settings.PUBLIC_URL}/t/o/{tokens.sign('open', message)}.gif"
    return f'{page}\n<img src="{pixel}" width="1" height="1" alt="">'


def sender(message):
    """The envelope's sender, which tells bounces of one mail from others'."""
    own = settings.MAIL_RETURN_PATH
    if not own:
        return email.utils.parseaddr(settings.MAIL_FROM)[1]
    name, _, domain = own.rpartition("@")
    return f"{name}+{message.hex}@{domain}"


def domain():
    return email.utils.parseaddr(settings.MAIL_FROM)[1].rpartition("@")[2] or "localhost"


def unsubscribe_url(message):
    """The page to unsubscribe on, or nothing."""
    if not is_tracked():
        return ""
    return f"{settings.PUBLIC_URL}/t/u/{tokens.sign('unsubscribe', message)}"


def unsubscribe(message, mail):
    """By one click (RFC 8058), and by a mail to the mailbox that takes bounces,
    which tells whose it is."""
    ways, url = [], unsubscribe_url(message)
    if url:
        ways.append(f"<{url}>")
    if settings.MAIL_RETURN_PATH:
        ways.append(f"<mailto:{sender(message)}?subject=unsubscribe>")
    if ways:
        mail["List-Unsubscribe"] = ", ".join(ways)
    # which is for https alone
    if url.startswith("https://"):
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"


def compose(message, campaign, lead, subject=None, body=None, follows=None):
    """The mail of a message's id (a UUID); subject and body: other templates
    than the campaign's; follows: id of the mail that it reminds of.  Failure: it
    can't be written."""
    values = {**variables(campaign, lead), "unsubscribe_url": unsubscribe_url(message)}
    if not is_address(lead["email"]):
        raise Failure(f"The address of lead {lead['id']} is not an e-mail address.")

    title = " ".join(render(subject or campaign["subject"], values).split())
    text = render(body or campaign["body"], values)
    page = campaign.get("html") if body is None else None
    page = render(page, values, is_html=True) if page else as_html(message, text)
    if not title or not text.strip():
        raise Failure(f"The mail of campaign {campaign['id']} has no subject or no text.")

    mail = email.message.EmailMessage(policy=POLICY)
    try:
        mail["From"] = settings.MAIL_FROM
        mail["To"] = lead["email"]
        mail["Subject"] = title[:250]
    except (ValueError, IndexError) as error:
        raise Failure(f"A header can't be written: {error}.") from error
    mail["Date"] = email.utils.localtime()
    mail["Message-ID"] = f"<{message}@{domain()}>"
    if follows:
        mail["In-Reply-To"] = mail["References"] = f"<{follows}@{domain()}>"
    mail["Feedback-ID"] = f"{campaign['id']}:leadgen"
    unsubscribe(message, mail)
    mail.set_content(LINK.sub(lambda url: tracked(message, url[0]), text))
    mail.add_alternative(with_tracking(message, page), subtype="html")
    return mail
