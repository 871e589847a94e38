"""What data managers do about institutions: name them well, give them their ROR id, merge what is the same."""

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from accounts import institutions, policies
from accounts.errors import AccountsError, AlreadyDoneError, NotAllowedError
from accounts.models import Institution, User
from audit.services import record


def edit_institution(*, manager: User, institution: Institution, name: str, ror_id: str, country: str) -> None:
    """People keep their own words (`User.institution`); what they belong to is called `name` from now on.

    Raises `NotAllowedError` for anybody but a data manager, `AlreadyDoneError` where another institution has the name
    or the ROR id, `AccountsError` for an empty name or what is no ROR id."""
    if not policies.is_data_manager(manager):
        raise NotAllowedError(_("Only a data manager can change institutions."))
    name = institutions.plain(name)
    if not name:
        raise AccountsError(_("Give the institution a name."))
    try:
        ror_id = institutions.ror(ror_id)
    except ValidationError as error:
        raise AccountsError(error.messages[0]) from error
    values = {"name": name, "key": institutions.key_of(name), "ror_id": ror_id or None, "country": country}
    try:
        with transaction.atomic():
            locked = Institution.objects.select_for_update().get(pk=institution.pk)
            if locked.merged_into_id is not None:
                raise AlreadyDoneError(_("This institution was merged into another one in the meantime."))
            changed = sorted(field for field, value in values.items() if getattr(locked, field) != value)
            for field in changed:
                setattr(locked, field, values[field])
            if changed:
                locked.save(update_fields=changed)
                record("institution.changed", actor=manager, about=locked, fields=changed)
    except IntegrityError as error:
        raise AlreadyDoneError(_("Another institution has this name or ROR id. Merge the two instead.")) from error
    institution.refresh_from_db()


def merge_institutions(*, manager: User, institution: Institution, into: Institution) -> int:
    """The people of `institution` belong to `into`, and so will whoever types its name; returns how many moved.

    Raises `NotAllowedError` for anybody but a data manager, `AlreadyDoneError` where one of the two was merged in the
    meantime, `AccountsError` for merging something into itself."""
    if not policies.is_data_manager(manager):
        raise NotAllowedError(_("Only a data manager can merge institutions."))
    if institution.pk == into.pk:
        raise AccountsError(_("Choose another institution to merge this one into."))
    with transaction.atomic():
        # In one order, whichever way round two managers merge.
        rows = Institution.objects.select_for_update().filter(pk__in=[institution.pk, into.pk]).order_by("pk")
        locked = {row.pk: row for row in rows}
        gone, stays = locked[institution.pk], locked[into.pk]
        if gone.merged_into_id is not None or stays.merged_into_id is not None:
            raise AlreadyDoneError(_("This institution was merged into another one in the meantime."))
        moved = User.objects.filter(affiliation=gone).update(affiliation=stays)
        # The way to what counts stays one step long.
        Institution.objects.filter(merged_into=gone).update(merged_into=stays)
        ror_id, gone.ror_id, gone.merged_into = gone.ror_id, None, stays
        gone.save(update_fields=["ror_id", "merged_into"])
        if ror_id and not stays.ror_id:
            stays.ror_id = ror_id
            stays.save(update_fields=["ror_id"])
        record("institution.merged", actor=manager, about=gone, into=stays.pk, people=moved)
    institution.refresh_from_db()
    into.refresh_from_db()
    return moved
