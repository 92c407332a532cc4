"""What every task is: its arguments are checked by the table that the gateway
has, too, its life is told to the database, and what may pass is tried again."""

import random
import re
import datetime
import uuid

import celery
import psycopg
from celery.exceptions import Ignore, Reject, SoftTimeLimitExceeded

from . import database, jobs, logs
from .errors import Failure, TryAgain
from .task_table import TASKS

PASSING = (TryAgain, OSError, psycopg.OperationalError, psycopg.InterfaceError)
LONGEST_PAUSE = 600


def pause(retries):
    """Seconds until the next attempt: 2, 4, 8 ... 600, each 50 to 100 %."""
    return min(LONGEST_PAUSE, 2 ** (retries + 1)) * random.uniform(0.5, 1)


class Task(celery.Task):
    acks_late = True
    reject_on_worker_lost = True
    max_retries = 10

    @property
    def short_name(self):
        return self.name.rpartition(".")[2]

    def __call__(self, *args, **kwargs):
        with logs.job(self.request, self.short_name):
            try:
                return self._attempt(args, kwargs)
            except PASSING as error:
                self._try_again(error, pause(self.request.retries))
            except SoftTimeLimitExceeded:
                raise Failure("It took too long, and was ended.") from None

    def _try_again(self, error, seconds):
        try:
            raise self.retry(exc=error, countdown=seconds)
        except Reject:
            # Celery could not put it into Redis, and would forget it
            if not jobs.is_uuid(self.request.id):
                raise
            jobs.returned(self.request, error, seconds)
            raise Ignore() from None

    def _attempt(self, args, kwargs):
        # a message that came twice waits until the first has ended
        with database.lock(f"job {self.request.id}"):
            if not jobs.started(self.request):
                raise Ignore()
            if args:
                raise Failure("Send arguments by name, in kwargs.")
            result = self.run(**checked(self.short_name, kwargs))
            jobs.succeeded(self.request, result)
            return result


# --- arguments

def checked(task, kwargs):
    """The arguments, as they came.  Failure: one is not as the table says."""
    known = TASKS[task]["kwargs"]
    strangers = sorted(kwargs.keys() - known.keys())
    if strangers:
        raise Failure(f"There is no argument {strangers[0]}.")
    kwargs = {name: value for name, value in kwargs.items() if value is not None}
    for name, schema in known.items():
        if name not in kwargs:
            if schema["required"]:
                raise Failure(f"The argument {name} is missing.")
        elif not fits(kwargs[name], schema):
            raise Failure(f"The argument {name} is not a valid {schema['type']}.")
    return kwargs


def is_integer(value, schema):
    return (isinstance(value, int) and not isinstance(value, bool)
            and schema["minimum"] <= value <= schema["maximum"])


def fits(value, schema):
    kind = schema["type"]
    if kind == "integer":
        return is_integer(value, schema)
    if kind == "integers":
        return isinstance(value, list) and all(is_integer(one, schema) for one in value)
    if kind == "objects":
        return (isinstance(value, list) and 1 <= len(value) <= schema["maximum"]
                and all(isinstance(one, dict) for one in value))
    if not isinstance(value, str):
        return False
    if kind == "choice":
        return value in schema["choices"]
    if kind == "date":
        return is_day(value)
    if kind == "uuid":
        return is_made(uuid.UUID, value)
    return 1 <= len(value) <= schema.get("maximum", 2048)


def is_day(value):
    return bool(re.fullmatch(r"\d{4}-\d\d-\d\d", value)) \
        and is_made(datetime.date.fromisoformat, value)


def is_made(make, value):
    try:
        make(value)
    except ValueError:
        return False
    return True
