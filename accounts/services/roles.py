"""Who is a curator or a data manager. Hospital users: `accounts.services.invitations`."""

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts import mail, policies
from accounts.errors import AccountsError, AlreadyDoneError, NotAllowedError
from accounts.models import User
from audit.services import record

ROLES = {"curator": "is_curator", "data_manager": "is_data_manager"}


def set_role(*, manager: User, person: User, role: str, holds: bool) -> None:
    """Gives `person` the role ("curator", "data_manager") or takes it away; the person is told by mail.

    Raises `NotAllowedError` for anybody but a data manager, and where the last data manager would go;
    `AlreadyDoneError` where nothing would change, `AccountsError` for an unknown role or a closed account."""
    if not policies.is_data_manager(manager):
        raise NotAllowedError(_("Only a data manager can change roles."))
    if role not in ROLES:
        raise AccountsError(_("There is no such role."))
    field = ROLES[role]
    with transaction.atomic():
        # All of them, in one order: two managers who dismiss each other at the same moment take turns.
        managers = set(
            User.objects.select_for_update()
            .filter(is_data_manager=True, is_active=True)
            .order_by("pk")
            .values_list("pk", flat=True)
        )
        if manager.pk not in managers:
            raise NotAllowedError(_("Only a data manager can change roles."))
        locked = User.objects.select_for_update().get(pk=person.pk)
        if holds and not locked.is_active:
            raise AccountsError(_("This account is closed."))
        if getattr(locked, field) is holds:
            raise AlreadyDoneError(_("Somebody was faster: nothing was changed."))
        if role == "data_manager" and not holds and managers == {locked.pk}:
            raise NotAllowedError(_("You are the only data manager. Make somebody else one first."))
        setattr(locked, field, holds)
        locked.save(update_fields=[field])
        record("role.given" if holds else "role.taken", actor=manager, about=locked, role=role)
        mail.send(f"role_{role}_{'given' if holds else 'taken'}", to=locked)
    person.refresh_from_db()
