from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts import institutions, orcid, policies
from accounts.errors import AccountsError, NotAllowedError
from accounts.models import User
from audit.services import record


def update_profile(
    *, user: User, name: str, institution: str, position: str, orcid_id: str, country: str, purpose: str
) -> list[str]:
    """The person corrects the own details; the names of the fields that changed come back and go into the audit trail,
    with the number of signatures that stand under the former name. What was signed keeps the name and institution
    of that day.

    Raises `NotAllowedError` for a closed account, `AccountsError` for an empty name; `ValidationError` for what is no
    ORCID iD."""
    if not policies.is_person(user):
        raise NotAllowedError(_("This account is closed."))
    values = {
        "name": " ".join(name.split()),
        "institution": institutions.plain(institution),
        "position": " ".join(position.split()),
        "orcid": orcid.normalized(orcid_id),
        "country": country,
        "purpose": purpose.strip(),
    }
    if not values["name"]:
        raise AccountsError(_("Give your name."))
    with transaction.atomic():
        locked = User.objects.select_for_update().get(pk=user.pk)
        changed = sorted(field for field, value in values.items() if getattr(locked, field) != value)
        if changed:
            for field in changed:
                setattr(locked, field, values[field])
            if "institution" in changed:
                locked.affiliation = institutions.named(locked.institution, country)
            locked.save(update_fields=[*changed, "affiliation"])
            signed = {"signatures": locked.signatures.count()} if "name" in changed else {}
            record("person.changed", actor=locked, about=locked, fields=changed, **signed)
    user.refresh_from_db()
    return changed
