"""Logging: one JSON line per event, ids only; names, keys and file names of patients never get into a log."""

import re
from typing import Any

import structlog

# What stands in these addresses opens something for whoever reads it.
_SECRET = re.compile(r"/(links|invitations|confirm-email|password/reset/key)/[^/\s]+")


def without_secret_addresses(_logger: Any, _name: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    """Takes the secret out of addresses of signed links, invitations, and links to confirm or to reset."""
    return {key: _SECRET.sub(r"/\1/-", value) if isinstance(value, str) else value for key, value in event.items()}


LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                without_secret_addresses,
                structlog.processors.JSONRenderer(),
            ],
            "foreign_pre_chain": [
                structlog.contextvars.merge_contextvars,
                structlog.stdlib.add_logger_name,
                structlog.stdlib.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
            ],
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        # These quote attribute values in their warnings.
        "pydicom": {"level": "CRITICAL", "propagate": False},
        "pynetdicom": {"level": "CRITICAL", "propagate": False},
        "django_structlog": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
    },
}

structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.filter_by_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
