"""A data set of some days goes into a file: CSV or JSON Lines, row by row."""

import csv
import datetime
import json

from ..core import database
from ..core.errors import Failure
from . import daily, files

# each with the moment or day that from and to are about
DATASETS = {
    "daily_metrics": "select day, campaign_id, sent, rejected, suppressed, opened, clicked, bounced,"
                     " unsubscribed, machine_opens from mail.daily_metrics"
                     " where day >= %s and day < %s order by day, campaign_id",
    "messages": "select id, campaign_id, lead_id, kind, recipient, subject, status, sent_at, error"
                " from mail.messages where created_at >= %s and created_at < %s order by created_at, id",
    "email_events": "select e.id, e.message_id, m.campaign_id, m.lead_id, e.kind, e.at, e.is_machine,"
                    " e.ip_address, e.user_agent, e.url from mail.email_events e"
                    " join mail.messages m on m.id = e.message_id"
                    " where e.at >= %s and e.at < %s order by e.at, e.id",
    "suppressions": "select address, reason, detail, created_at from mail.suppressions"
                    " where created_at >= %s and created_at < %s order by created_at, address",
}
BATCH = 1000


def plain(value):
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.timezone.utc).isoformat().replace("+00:00", "Z")
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def harmless(value):
    """Spreadsheets run text that looks like a formula."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + value
    return value


def period(first, last, days=30):
    """Two days, with their defaults.  Failure: they are in the wrong order."""
    end = datetime.date.fromisoformat(last) if last else daily.today()
    begin = datetime.date.fromisoformat(first) if first else end - datetime.timedelta(days - 1)
    if begin > end:
        raise Failure(f"from, {begin}, is after to, {end}.")
    return begin, end


def rows(dataset, begin, end):
    """The names of the columns, and then the rows, as they come from the server."""
    with database.transaction(), database.connection().cursor(name="export") as cursor:
        cursor.execute(DATASETS[dataset], [begin, end + datetime.timedelta(1)])
        yield [column.name for column in cursor.description]
        while batch := cursor.fetchmany(BATCH):
            for row in batch:
                yield [plain(value) for value in row.values()]


def export(request, dataset="daily_metrics", format="csv", first=None, last=None):
    """Writes a file; returns {"file", "url", "expires_at", "lines", "bytes"}."""
    if dataset not in DATASETS:
        raise Failure(f"There is no dataset {dataset}: there are {', '.join(sorted(DATASETS))}.")
    if format == "parquet":
        raise Failure("Parquet can't be written: Debian has no library for it. Ask for csv or jsonl.")
    begin, end = period(first, last)
    name, lines = f"{request.id}.{format}", 0

    with files.writing(name) as file:
        found = rows(dataset, begin, end)
        names, writer = next(found), csv.writer(file)
        if format == "csv":
            writer.writerow(names)
        for row in found:
            if format == "csv":
                writer.writerow(map(harmless, row))
            else:
                file.write(json.dumps(dict(zip(names, row)), ensure_ascii=False) + "\n")
            lines += 1

    size = (files.directory() / name).stat().st_size
    expires = database.value(
        "insert into mail.exports (id, dataset, format, file, lines, bytes, expires_at)"
        " values (%s, %s, %s, %s, %s, %s, now() + %s) on conflict (id) do update set lines = excluded.lines,"
        " bytes = excluded.bytes, expires_at = excluded.expires_at returning expires_at",
        request.id, dataset, format, name, lines, size, files.LIFETIME)
    return {"file": name, "url": files.link("exports", name, expires), "expires_at": plain(expires),
            "lines": lines, "bytes": size}
