"""Mails to people. The broker carries the template's name and ids; a worker loads the rows and writes the text."""

from functools import partial

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import Model
from django.template.loader import render_to_string
from django.utils import translation

from accounts.models import Invitation, User
from accounts.tokens import secret_of


def send(template: str, *, to: User | Invitation, **objects: Model) -> None:
    """Has `templates/mail/<template>.txt` sent to a person or to an invited address once the transaction is committed.

    `objects` are the rows that the template names; it gets them, fresh, with `recipient`, `origin` and, for an
    invited address, `secret`."""
    from accounts.tasks import send_mail  # tasks load this module

    references = {name: [row._meta.label_lower, str(row.pk)] for name, row in objects.items()}
    address = [to._meta.label_lower, str(to.pk)]
    # Robust: what was done stays done, and the page says so, even when the broker is away.
    transaction.on_commit(partial(send_mail.delay, template, address, references), robust=True)


def message(template: str, to: User | Invitation, objects: dict[str, Model]) -> EmailMessage:
    """The mail, in the recipient's language: the template's first line is the subject, the rest the text."""
    with translation.override(getattr(to, "language", "") or settings.LANGUAGE_CODE):
        context: dict[str, object] = {"recipient": to, "origin": settings.CXR_ORIGIN, **objects}
        if isinstance(to, Invitation):
            context["secret"] = secret_of(to)
        subject, text = render_to_string(f"mail/{template}.txt", context).strip().split("\n", 1)
        return EmailMessage(
            subject=f"{settings.ACCOUNT_EMAIL_SUBJECT_PREFIX}{subject.strip()}", body=text.strip() + "\n", to=[to.email]
        )
