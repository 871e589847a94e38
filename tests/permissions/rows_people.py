"""People as data managers see them, institutions, invitations, and the own details."""

from accounts.institutions import named
from tests.permissions.rows import Row
from tests.world import World

# The manager's pages are the manager's alone.
MANAGER = "login 403 403 403 403 403 403"


def _institution(world: World) -> dict[str, object]:
    institution = named("Example University")
    assert institution is not None
    return {"pk": institution.pk}


ROWS = [
    #                            anon  rese gran expi hosp othe cura mana
    Row("accounts:details", "login 200 200 200 200 200 200 200"),
    Row(
        "accounts:details",
        "login 302 302 302 302 302 302 302",
        method="POST",
        data=lambda world: {"name": "Somebody", "institution": "Somewhere", "country": "PL", "purpose": "To learn."},
    ),
    Row("accounts:manage_person", f"{MANAGER} 200", args=lambda world: {"pk": world.researcher.pk}),
    Row("accounts:manage_person", f"{MANAGER} 404", args=lambda world: {"pk": 10**6}),
    Row(
        "accounts:person_role",
        f"{MANAGER} 302",
        method="POST",
        args=lambda world: {"pk": world.researcher.pk},
        data=lambda world: {"role": "curator", "holds": "1"},
    ),
    Row("accounts:person_role", f"{MANAGER} 405", args=lambda world: {"pk": world.researcher.pk}),
    Row(
        "accounts:membership_end",
        f"{MANAGER} 302",
        method="POST",
        args=lambda world: {"pk": world.hospital_user.memberships.get().pk},
    ),
    Row("accounts:invitation_resend", f"{MANAGER} 302", method="POST", args=lambda world: {"pk": world.invitation.pk}),
    Row("accounts:invitation_revoke", f"{MANAGER} 302", method="POST", args=lambda world: {"pk": world.invitation.pk}),
    Row("accounts:manage_institutions", f"{MANAGER} 200"),
    Row("accounts:manage_institution", f"{MANAGER} 200", args=_institution),
    Row(
        "accounts:manage_institution",
        f"{MANAGER} 302",
        method="POST",
        args=_institution,
        data=lambda world: {"name": "Example University", "ror_id": "https://ror.org/0161xgx34", "country": "PL"},
    ),
    # Nothing to merge it into.
    Row("accounts:institution_merge", f"{MANAGER} 200", method="POST", args=_institution),
    Row("accounts:institution_merge", f"{MANAGER} 405", args=_institution),
]
