"""A report on the campaigns of a user goes into a file, HTML or PDF, with charts
of the days, and the user is told where it is."""

import base64
import html
import io
import os
import tempfile

import psycopg.errors

from ..core import database, settings
from ..core.errors import Failure
from . import export, files

# matplotlib keeps what it knows of fonts in a file
os.environ.setdefault("MPLCONFIGDIR", os.path.join(tempfile.gettempdir(), f"leadgen-matplotlib-{os.getuid()}"))

CAMPAIGNS = """
select c.id, c.name, coalesce(sum(d.sent), 0)::bigint as sent, coalesce(sum(d.opened), 0)::bigint as opened,
    coalesce(sum(d.clicked), 0)::bigint as clicked, coalesce(sum(d.bounced), 0)::bigint as bounced
from {} c
left join mail.daily_metrics d on d.campaign_id = c.id and d.day between %s and %s
where c.created_by = %s
group by c.id, c.name order by 3 desc, c.id limit 200
"""

DAYS = """
select g.day::date as day, coalesce(sum(d.sent), 0)::bigint as sent, coalesce(sum(d.opened), 0)::bigint as opened,
    coalesce(sum(d.clicked), 0)::bigint as clicked
from generate_series(%s::date, %s::date, interval '1 day') as g (day)
left join mail.daily_metrics d on d.day = g.day::date and d.campaign_id = any(%s)
group by 1 order by 1
"""

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>body {{ font: 15px/1.5 sans-serif; max-width: 60em; margin: 2em auto; color: #1b2430 }}
table {{ border-collapse: collapse; width: 100% }} td, th {{ padding: .3em .6em; border-bottom: 1px solid #d8dee6;
text-align: right }} td:first-child, th:first-child {{ text-align: left }} img {{ width: 100% }}</style></head>
<body><h1>{title}</h1><p>{period}</p>
<img alt="Mails sent, opened and clicked, by day" src="data:image/png;base64,{chart}">
<table><tr><th>Campaign</th><th>Sent</th><th>Opened</th><th>Clicked</th><th>Bounced</th></tr>
{rows}</table></body></html>
"""


def figure(days):
    """The chart of the days; matplotlib is big, and loaded when it is needed."""
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib.figure import Figure

    made = Figure(figsize=(10, 4), layout="constrained")
    axes = made.subplots()
    for name in ("sent", "opened", "clicked"):
        axes.plot([row["day"] for row in days], [row[name] for row in days], label=name.title())
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(axis="x", rotation=30)
    return made


def as_html(title, period, days, campaigns):
    image = io.BytesIO()
    figure(days).savefig(image, format="png", dpi=110)
    rows = "\n".join(
        "<tr><td>{}</td><td>{sent}</td><td>{opened}</td><td>{clicked}</td><td>{bounced}</td></tr>".format(
            html.escape(row["name"]), **row) for row in campaigns)
    return PAGE.format(title=html.escape(title), period=html.escape(period), rows=rows,
                       chart=base64.b64encode(image.getvalue()).decode()).encode()


def as_pdf(title, period, days, campaigns):
    from matplotlib.backends.backend_pdf import PdfPages
    from matplotlib.figure import Figure

    document = io.BytesIO()
    with PdfPages(document, metadata={"Title": title, "CreationDate": None}) as pages:
        chart = figure(days)
        chart.suptitle(f"{title}\n{period}".replace("$", r"\$"))
        pages.savefig(chart)
        for begin in range(0, len(campaigns), 25):
            page = Figure(figsize=(10, 7))
            axes = page.subplots()
            axes.axis("off")
            axes.table(
                cellText=[[row["name"][:60].replace("$", r"\$"), row["sent"], row["opened"], row["clicked"],
                           row["bounced"]] for row in campaigns[begin:begin + 25]],
                colLabels=["Campaign", "Sent", "Opened", "Clicked", "Bounced"],
                colWidths=[0.5, 0.12, 0.12, 0.12, 0.12], loc="upper center")
            pages.savefig(page)
    return document.getvalue()


FORMATS = {"html": as_html, "pdf": as_pdf}


def generate(request, user_id, format="html", first=None, last=None):
    """Writes it, and mails the user a link.  Returns {"file", "url",
    "campaigns"}.  Failure: there is no such user."""
    begin, end = export.period(first, last)
    if (end - begin).days > 3660:
        raise Failure("A report is about ten years at most.")
    query = psycopg.sql.SQL(CAMPAIGNS).format(psycopg.sql.Identifier(*settings.CAMPAIGNS_TABLE.split(".")))
    campaigns = database.rows(query, begin, end, user_id)
    days = database.rows(DAYS, begin, end, [row["id"] for row in campaigns])
    name = f"{request.id}.{format}"
    period = f"{begin} to {end}"
    with files.writing(name, "wb") as file:
        file.write(FORMATS[format]("Your campaigns", period, days, campaigns))
    return announce(request, user_id, begin, end, format, name, len(campaigns))


def announce(request, user_id, begin, end, format, name, campaigns):
    """The row and the mail, both once for each job."""
    with database.transaction():
        created = database.value(
            "insert into mail.reports (id, user_id, first_day, last_day, format, file) values (%s, %s, %s, %s, %s, %s)"
            " on conflict (id) do nothing returning created_at", request.id, user_id, begin, end, format, name)
        expires = (created or database.value(
            "select created_at from mail.reports where id = %s", request.id)) + files.LIFETIME
        url = files.link("reports", name, expires)
        if created:
            try:
                with database.transaction():
                    database.rows("select job.mail_user(%s, %s, %s)", user_id, "Your report is ready",
                                  f"Your report on {begin} to {end} is here for a week:\n\n{url}\n")
            except psycopg.Error as error:
                if error.sqlstate != "LG404":
                    raise
                raise Failure(f"There is no user {user_id}.") from error
    return {"file": name, "url": url, "campaigns": campaigns}
