from typing import Any

from celery import shared_task
from django.apps import apps
from django.core.mail import EmailMessage
from django.db.models import Model

from accounts import mail, services
from accounts.models import User


def _load(reference: list[str]) -> Model | None:
    model, pk = reference
    row: Model | None = apps.get_model(model)._base_manager.filter(pk=pk).first()
    return row


@shared_task(
    autoretry_for=(OSError,),  # smtplib's errors and refused connections
    retry_backoff=30,
    retry_backoff_max=3600,
    retry_jitter=True,
    max_retries=10,
)
def send_mail(template: str, to: list[str], objects: dict[str, list[str]], attach: str = "") -> None:
    """Writes and sends one mail; see `accounts.mail.send`. What is gone meanwhile needs no mail."""
    recipient: Any = _load(to)
    rows = {name: _load(reference) for name, reference in objects.items()}
    if recipient is None or any(row is None for row in rows.values()) or getattr(recipient, "closed_at", None):
        return
    mail.message(template, recipient, {name: row for name, row in rows.items() if row is not None}, attach).send()


@shared_task(autoretry_for=(OSError,), retry_backoff=30, retry_backoff_max=3600, retry_jitter=True, max_retries=10)
def send_mail_to_former(template: str, sealed: str) -> None:
    """Writes to an address that left the database; see `accounts.mail.send_to_former`."""
    mail.message(template, User(**mail.unseal(sealed)), {}).send()


@shared_task(autoretry_for=(OSError,), retry_backoff=30, retry_backoff_max=3600, retry_jitter=True, max_retries=10)
def send_sealed_mail(sealed: str) -> None:
    """Sends a mail that could not be sent at once; see `accounts.mail.send_now`."""
    text = mail.unseal(sealed)
    EmailMessage(text["subject"], text["body"], to=[text["to"]]).send()


@shared_task
def announce_agreements() -> None:
    """Tells whoever has to sign a new version; whoever was told already is left in peace."""
    services.announce_agreements()


@shared_task
def housekeeping() -> None:
    """Hourly; see `accounts.services.reminders`."""
    services.housekeeping()
