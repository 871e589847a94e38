"""The Celery application; what it runs periodically is set here because it names tasks of several apps."""

import os

from celery import Celery
from celery.schedules import crontab
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

app = Celery("cxr-commons")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.conf.beat_schedule = {
    "sweep-uploads": {"task": "intake.tasks.sweep", "schedule": settings.CXR_SWEEP_SECONDS},
    "sweep-archives": {"task": "datasets.tasks.sweep", "schedule": settings.CXR_SWEEP_SECONDS},
    "tidy-archives": {"task": "datasets.tasks.tidy", "schedule": crontab(hour="4", minute="0")},
    "read-delivery-logs": {"task": "datasets.tasks.read_delivery_logs", "schedule": 60},
    "people-and-access": {"task": "accounts.tasks.housekeeping", "schedule": 3600},
    "anchor-audit": {"task": "audit.tasks.anchor", "schedule": 3600},
    "verify-audit": {"task": "audit.tasks.verify", "schedule": crontab(hour="3", minute="30")},
    "purge-quarantine": {"task": "intake.tasks.purge", "schedule": 3600},
}
