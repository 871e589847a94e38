import hashlib

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from accounts import policies, selectors
from accounts.errors import AccountsError, AlreadyDoneError, NotAllowedError
from accounts.models import Agreement, Signature, User
from audit.services import record


def publish_agreement(*, manager: User, code: str, version: str, title: str, text: str) -> Agreement:
    """Lays down a version of an agreement. Its text never changes again; a new text is a new version.

    Raises `NotAllowedError` for anybody but a data manager, `AlreadyDoneError` where this version exists."""
    if not policies.is_data_manager(manager):
        raise NotAllowedError(_("Only a data manager can publish an agreement."))
    text = text.replace("\r\n", "\n").strip()
    if not text:
        raise AccountsError(_("Write the text of the agreement."))
    try:
        with transaction.atomic():
            agreement = Agreement.objects.create(
                code=code, version=version, title=title, text=text, sha256=_text_hash(text)
            )
            record("agreement.published", actor=manager, about=agreement, sha256=agreement.sha256)
    except IntegrityError as error:
        raise AlreadyDoneError(_("This version exists already. Give the new text a new version.")) from error
    return agreement


def sign(*, user: User, agreement: Agreement, typed_name: str, institution: str) -> Signature:
    """The person signs `agreement` by typing the account's name; case and doubled spaces do not matter.

    Signing twice gives the first signature back. Raises `NotAllowedError` for a closed account, `AccountsError` where
    the name differs, the institution is missing, or the text is not the one that was published."""
    if not policies.is_person(user):
        raise NotAllowedError(_("This account is closed."))
    if not selectors.has_confirmed_email(user):
        raise NotAllowedError(_("Confirm your e-mail address first."))
    typed_name, institution = " ".join(typed_name.split()), " ".join(institution.split())
    if not typed_name or typed_name.casefold() != " ".join(user.name.split()).casefold():
        raise AccountsError(_("Type your name exactly as in your account."))
    if not institution:
        raise AccountsError(_("Name your institution."))
    if _text_hash(agreement.text) != agreement.sha256:
        raise AccountsError(_("The text of this agreement was changed after publication, so it can't be signed."))
    try:
        with transaction.atomic():
            signature = Signature.objects.create(
                user=user,
                agreement=agreement,
                text_sha256=agreement.sha256,
                typed_name=typed_name,
                institution=institution,
            )
            record(
                "agreement.signed",
                actor=user,
                about=agreement,
                signature=signature.pk,
                text_sha256=signature.text_sha256,
            )
    except IntegrityError:
        return Signature.objects.get(user=user, agreement=agreement)
    return signature


def _text_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
