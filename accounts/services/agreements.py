"""Versions of agreements: publishing, telling people, signing."""

from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import mail, policies, selectors
from accounts.errors import AccountsError, AlreadyDoneError, NotAllowedError
from accounts.markdown import MAX_CHARACTERS, is_plain, visible
from accounts.models import Agreement, Notice, Signature, User
from accounts.receipts import text_hash
from audit.services import record

MAX_GRACE_DAYS = 365
# A second letter goes out this long before the grace period ends, unless the first one is hardly older.
_LAST_CALL = timedelta(days=7)
_VERSION_EXISTS = _("This version exists already. Give the new text a new version.")


def publish_agreement(
    *,
    manager: User,
    code: str,
    version: str,
    title: str,
    text: str,
    language: str = "en",
    replaces: Agreement | None = None,
    grace_days: int | None = None,
) -> Agreement:
    """Lays down a version of an agreement. Its text never changes again; a new text is a new version.

    A version that `replaces` the newest one takes over its datasets; signatures of that one count for `grace_days` more
    (default `CXR_AGREEMENT_GRACE_DAYS`), and everybody with a signature and a current grant is told by e-mail.

    Raises `NotAllowedError` for anybody but a data manager, `AlreadyDoneError` where this version exists, where the
    code is in use and nothing is replaced, or where something else replaced that version first, `AccountsError` for a
    text that can't be published."""
    if not policies.is_data_manager(manager):
        raise NotAllowedError(_("Only a data manager can publish an agreement."))
    text, title, version = check_text(text, title), " ".join(title.split()), version.strip()
    if not title or not version:
        raise AccountsError(_("Give the agreement a title and a version."))
    if language not in dict(settings.LANGUAGES):
        raise AccountsError(_("Choose the language of the text."))
    days = settings.CXR_AGREEMENT_GRACE_DAYS if grace_days is None else grace_days
    if not 0 <= days <= MAX_GRACE_DAYS:
        raise AccountsError(_("The old version may count for up to a year."))
    now = timezone.now()
    try:
        with transaction.atomic():
            if replaces is not None:
                code = _check_replaced(replaces, text).code
            check_version(code, version, replaces)
            agreement = Agreement.objects.create(
                code=code,
                version=version,
                title=title,
                language=language,
                text=text,
                sha256=text_hash(text),
                created_at=now,
                replaces=replaces,
                grace_until=None if replaces is None else now + timedelta(days=days),
            )
            moved = [] if replaces is None else _move_datasets(replaces, agreement)
            record(
                "agreement.published",
                actor=manager,
                about=agreement,
                sha256=agreement.sha256,
                **({} if replaces is None else {"replaces": replaces.pk, "grace_days": days, "datasets": moved}),
            )
            if replaces is not None:
                transaction.on_commit(_announce_later, robust=True)
    except IntegrityError as error:  # somebody was faster
        raise AlreadyDoneError(_VERSION_EXISTS) from error
    return agreement


def check_version(code: str, version: str, replaces: Agreement | None) -> None:
    """Raises `AlreadyDoneError` where an agreement of that name cannot be published."""
    if replaces is None and Agreement.objects.filter(code=code).exists():
        raise AlreadyDoneError(_("An agreement with this code exists already. Write a new version of it."))
    if Agreement.objects.filter(code=code, version=version).exists():
        raise AlreadyDoneError(_VERSION_EXISTS)


def check_text(text: str, title: str = "") -> str:
    """The text as it is published: line feeds alone end a line. Raises `AccountsError` where it is empty, too long or
    intricate to be laid out, or where it, or the title, holds what can't be seen."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if not text:
        raise AccountsError(_("Write the text of the agreement."))
    for words in (text, title):
        if visible(words) != words:
            raise AccountsError(
                _("The text holds control characters that nobody sees. Copy it as plain text and try again.")
            )
    if is_plain(text):
        raise AccountsError(
            _("The text is too long, or its lists are nested too deeply: at most %(characters)d characters.")
            % {"characters": MAX_CHARACTERS}
        )
    return text


def _check_replaced(replaces: Agreement, text: str) -> Agreement:
    """The version that is to be replaced, locked: of two managers at once the second one finds the first."""
    locked = Agreement.objects.select_for_update().get(pk=replaces.pk)
    if Agreement.objects.filter(replaces=locked).exists():
        raise AlreadyDoneError(_("Somebody published a newer version in the meantime. Start from that one."))
    if locked.text == text:
        raise AccountsError(_("The text is the same as before, so nobody has to sign anything new."))
    return locked


def _move_datasets(old: Agreement, new: Agreement) -> list[int]:
    moved = sorted(old.datasets.values_list("pk", flat=True))
    old.datasets.update(agreement=new)
    return moved


def _announce_later() -> None:
    from accounts.tasks import announce_agreements  # tasks load this module

    announce_agreements.delay()


def announce_agreements() -> int:
    """Writes to everybody who has a current grant under a version that replaced a signed one and was not signed yet:
    once when it comes, once more before the time of grace ends. Safe to run at any time; returns how many letters."""
    now = timezone.now()
    count = 0
    recent = Q(grace_until__gt=now) | Q(created_at__gt=now - _LAST_CALL)
    for agreement in Agreement.objects.filter(recent, replaces__isnull=False, replaced_by=None):
        kinds = [f"agreement.{agreement.pk}.new"]
        end = agreement.grace_until or agreement.created_at
        if end > now and end - now <= _LAST_CALL < end - agreement.created_at - timedelta(days=1):
            kinds.append(f"agreement.{agreement.pk}.ends")
        for user in selectors.people_to_sign_again(agreement).iterator():
            count += _tell(user, agreement, kinds)
    return count


def _tell(user: User, agreement: Agreement, kinds: list[str]) -> bool:
    """One letter, if any of the notices is new."""
    with transaction.atomic():
        new = [
            Notice.objects.get_or_create(kind=kind, object_type="accounts.user", object_id=str(user.pk))[1]
            for kind in kinds
        ]
        if any(new):
            mail.send("agreement_new", to=user, agreement=agreement)
    return any(new)


def sign(*, user: User, agreement: Agreement, typed_name: str, institution: str) -> Signature:
    """The person signs `agreement` by typing the account's name; case and doubled spaces do not matter.

    The signer gets a receipt by e-mail. Signing twice gives the first signature back. Raises `NotAllowedError` for a
    closed account or an unconfirmed address, `AccountsError` where the name differs, no institution is given, a newer
    version took the place, or the text is not the one that was published."""
    if not policies.is_person(user):
        raise NotAllowedError(_("This account is closed."))
    if not selectors.has_confirmed_email(user):
        raise NotAllowedError(_("Confirm your e-mail address first."))
    typed_name, institution = " ".join(typed_name.split()), " ".join(institution.split())
    if not typed_name or typed_name.casefold() != " ".join(user.name.split()).casefold():
        raise AccountsError(_("Type your name exactly as in your account."))
    if not institution:
        raise AccountsError(_("Name your institution."))
    if Agreement.objects.filter(replaces=agreement).exists():
        raise AccountsError(_("A newer version took the place of this one. Sign that one."))
    if text_hash(agreement.text) != agreement.sha256:
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
            mail.send("agreement_signed", to=user, attach="receipt", signature=signature)
    except IntegrityError:
        return Signature.objects.get(user=user, agreement=agreement)
    return signature
