"""The application's campaigns and leads: tables of its own, or views that it
makes for us (settings CAMPAIGNS_TABLE and LEADS_TABLE).

a campaign  id, name, subject, body; html, where there is one
a lead      id, campaign_id, email; and whatever its templates use: first_name,
            company, country, time_zone
"""

from psycopg import errors, sql

from . import database, settings
from .errors import Failure

MISSING = (errors.UndefinedTable, errors.UndefinedColumn, errors.InvalidSchemaName)


def _table(name):
    return sql.Identifier(*name.split("."))


def _rows(query, table, *values):
    try:
        return database.rows(sql.SQL(query).format(_table(table)), *values)
    except MISSING as error:
        raise Failure(f"{table} can't be read: {error.diag.message_primary}.") from error
    except errors.InsufficientPrivilege as error:
        raise Failure(f"The worker's role may not read {table}.") from error


def campaign(number):
    """Failure: there is none."""
    found = _rows("select * from {} where id = %s", settings.CAMPAIGNS_TABLE, number)
    if not found:
        raise Failure(f"There is no campaign {number}.")
    return found[0]


def lead(number):
    """Failure: there is none."""
    found = _rows("select * from {} where id = %s", settings.LEADS_TABLE, number)
    if not found:
        raise Failure(f"There is no lead {number}.")
    return found[0]


def lead_of(campaign_id, number):
    """Failure: there is none, or it is another campaign's."""
    found = lead(number)
    if found["campaign_id"] != campaign_id:
        raise Failure(f"Lead {number} does not belong to campaign {campaign_id}.")
    return found


def leads(campaign_id, after=0, limit=500, only=None):
    """A page of a campaign's leads, by id."""
    return _rows("select * from {} where campaign_id = %s and id > %s"
                 " and (%s::bigint[] is null or id = any(%s)) order by id limit %s",
                 settings.LEADS_TABLE, campaign_id, after, only, only, limit)


def some(numbers):
    """Leads by their ids, those that there are: {id: lead}."""
    return {row["id"]: row for row in _rows(
        "select * from {} where id = any(%s)", settings.LEADS_TABLE, list(numbers))}


def count(campaign_id):
    """How many leads a campaign has."""
    return _rows("select count(*) as n from {} where campaign_id = %s",
                 settings.LEADS_TABLE, campaign_id)[0]["n"]
