"""Failures for Sentry, where its SDK is installed and there is a DSN: Debian's
python3-sentry-sdk.  Neither arguments nor local variables leave the process."""

import logging

from . import settings


def start():
    if not settings.SENTRY_DSN:
        return False
    try:
        import sentry_sdk
        from sentry_sdk.integrations.celery import CeleryIntegration
    except ImportError:
        logging.getLogger(__name__).warning(
            "SENTRY_DSN is set, and python3-sentry-sdk is not installed")
        return False
    sentry_sdk.init(
        settings.SENTRY_DSN, environment=settings.ENVIRONMENT,
        release=settings.APP_VERSION or None, send_default_pii=False,
        with_locals=False, integrations=[CeleryIntegration()],
        before_send=without_arguments)
    return True


def without_arguments(event, _):
    event.get("extra", {}).pop("celery-job", None)
    return event
