"""Mails to people. The broker carries the template's name and ids; a worker loads the rows and writes the text."""

import base64
import json
from collections.abc import Callable
from functools import partial

import structlog
from cryptography.fernet import Fernet
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import Model
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.crypto import salted_hmac
from kombu.exceptions import OperationalError

from accounts import receipts
from accounts.models import Invitation, Signature, User
from accounts.tokens import secret_of

log = structlog.get_logger(__name__)


def send(template: str, *, to: User | Invitation, attach: str = "", **objects: Model) -> None:
    """Has `templates/mail/<template>.txt` sent to a person or to an invited address once the transaction is committed.

    `objects` are the rows that the template names; it gets them, fresh, with `recipient`, `origin` and, for an
    invited address, `secret`. `attach` names what the worker makes of them and attaches: "receipt" of `signature`."""
    from accounts.tasks import send_mail  # tasks load this module

    references = {name: [row._meta.label_lower, str(row.pk)] for name, row in objects.items()}
    address = [to._meta.label_lower, str(to.pk)]
    # Robust: what was done stays done, and the page says so, even when the broker is away.
    more = {"attach": attach} if attach else {}
    transaction.on_commit(partial(send_mail.delay, template, address, references, **more), robust=True)


def send_to_former(template: str, *, email: str, name: str, language: str) -> None:
    """Has a mail sent to an address that no row keeps any more; the broker carries it encrypted."""
    from accounts.tasks import send_mail_to_former  # tasks load this module

    sealed = seal({"email": email, "name": name, "language": language})
    transaction.on_commit(partial(send_mail_to_former.delay, template, sealed), robust=True)


def send_now(message: EmailMessage) -> None:
    """Sends a mail of django-allauth (links, codes, notifications) at once, because a code is waited for; where the
    mail server is away, a worker tries again later, and the broker gets the mail encrypted. Never raises: the page must
    say the same whether there was somebody to write to or not."""
    from accounts.tasks import send_sealed_mail  # tasks load this module

    try:
        message.send()
    except OSError as error:  # smtplib's errors are OSErrors too
        log.warning("mail_delayed", error=type(error).__name__)
        text = {"subject": str(message.subject), "body": str(message.body), "to": message.to[0]}
        try:
            send_sealed_mail.delay(seal(text))
        except (OperationalError, OSError) as lost:
            log.error("mail_lost", error=type(lost).__name__)


def message(template: str, to: User | Invitation, objects: dict[str, Model], attach: str = "") -> EmailMessage:
    """The mail, in the recipient's language: the template's first line is the subject, the rest the text."""
    with translation.override(getattr(to, "language", "") or settings.LANGUAGE_CODE):
        context: dict[str, object] = {"recipient": to, "origin": settings.CXR_ORIGIN, **objects}
        if isinstance(to, Invitation):
            context["secret"] = secret_of(to)
        subject, text = render_to_string(f"mail/{template}.txt", context).strip().split("\n", 1)
        mail = EmailMessage(
            subject=f"{settings.ACCOUNT_EMAIL_SUBJECT_PREFIX}{subject.strip()}", body=text.strip() + "\n", to=[to.email]
        )
    for name, content in [_ATTACHMENTS[attach](**objects)] if attach else []:
        mail.attach(name, content, "application/pdf")
    return mail


def _receipt(signature: Signature, **_rest: Model) -> tuple[str, bytes]:
    return receipts.receipt_file_name(signature), receipts.receipt_pdf(signature)


_ATTACHMENTS: dict[str, Callable[..., tuple[str, bytes]]] = {"receipt": _receipt}


def seal(content: dict[str, str]) -> str:
    """`content`, readable for the portal's workers alone."""
    return _vault().encrypt(json.dumps(content).encode()).decode()


def unseal(sealed: str) -> dict[str, str]:
    """What was sealed. Raises `cryptography.fernet.InvalidToken` for anything else."""
    content: dict[str, str] = json.loads(_vault().decrypt(sealed.encode()))
    return content


def _vault() -> Fernet:
    key = salted_hmac("accounts.mail.former", "address", algorithm="sha256").digest()
    return Fernet(base64.urlsafe_b64encode(key))
