from django.db import IntegrityError, transaction
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from accounts import institutions, policies
from accounts.errors import AccountsError, AlreadyDoneError, NotAllowedError
from accounts.models import Hospital, User
from audit.services import record


def create_hospital(*, manager: User, number: int, name: str, name_eng: str, city: str) -> Hospital:
    """Raises `NotAllowedError` for anybody but a data manager, `AlreadyDoneError` where the number is taken."""
    if not policies.is_data_manager(manager):
        raise NotAllowedError(_("Only a data manager can add a hospital."))
    if number < 1 or not (name.strip() and name_eng.strip() and city.strip()):
        raise AccountsError(_("Give a number from 1, both names and the city."))
    try:
        with transaction.atomic():
            hospital = Hospital.objects.create(
                number=number, name=name.strip(), name_eng=name_eng.strip(), city=city.strip()
            )
            record("hospital.created", actor=manager, about=hospital, number=number)
    except IntegrityError as error:
        raise AlreadyDoneError(_("Another hospital has this number.")) from error
    return hospital


def note_registration(*, user: User) -> None:
    """Called when allauth has made the account; the registration form filled in the details."""
    with transaction.atomic():
        user.affiliation = institutions.named(user.institution, user.country)
        user.save(update_fields=["affiliation"])
        record("person.registered", actor=user, about=user)


def note_login(*, user: User) -> None:
    """Records the log-in, and the language that the person reads the portal in, for the mails."""
    language = translation.get_language() or ""
    with transaction.atomic():
        if user.language != language:
            User.objects.filter(pk=user.pk).update(language=language)
            user.language = language
        record("person.logged_in", actor=user, about=user)
