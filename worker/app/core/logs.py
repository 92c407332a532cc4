"""Log records go in, lines of JSON come out, each with the job it is about."""

import contextlib
import contextvars
import datetime
import json
import logging
import sys

from celery import signals

_job = contextvars.ContextVar("job", default={})


@contextlib.contextmanager
def job(request, task):
    """Lines of what runs within tell of this job."""
    token = _job.set({"job": request.id, "task": task, "retries": request.retries})
    try:
        yield
    finally:
        _job.reset(token)


class Formatter(logging.Formatter):
    def format(self, record):
        moment = datetime.datetime.fromtimestamp(record.created, datetime.timezone.utc)
        line = {"time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                "level": record.levelname.lower(), "logger": record.name,
                "message": record.getMessage(), **_job.get(),
                **getattr(record, "fields", {})}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


@signals.setup_logging.connect
def set_up(loglevel=None, logfile=None, **_):
    handler = logging.FileHandler(logfile) if isinstance(logfile, str) \
        else logging.StreamHandler(sys.stderr)
    handler.setFormatter(Formatter())
    logging.basicConfig(level=loglevel or logging.INFO, handlers=[handler], force=True)
    # who runs 'celery worker -l debug' wants Celery's, not each font's
    for name in ("matplotlib", "PIL", "fontTools"):
        logging.getLogger(name).setLevel(logging.WARNING)
