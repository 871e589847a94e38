"""Whom the installation asks for a second factor (CXR_MFA_ROLES), and who has none yet."""

from collections.abc import Callable
from typing import Any

from django.conf import settings

from accounts import policies, selectors


def _is_manager(user: Any) -> bool:
    # Whoever gets into the back office can do what a data manager can, and more.
    return bool(policies.is_data_manager(user) or user.is_staff or user.is_superuser)


ROLES: dict[str, Callable[[Any], bool]] = {
    "hospital_user": policies.is_hospital_user,
    "curator": policies.is_curator,
    "data_manager": _is_manager,
}


def required_of(user: Any) -> bool:
    """Whether one of the person's roles needs a second factor here."""
    if not settings.CXR_MFA_ROLES:
        return False
    return policies.is_person(user) and any(ROLES[role](user) for role in settings.CXR_MFA_ROLES)


def missing(user: Any) -> bool:
    """Whether the person has to set up a second factor before anything else."""
    return required_of(user) and not selectors.has_second_factor(user)
