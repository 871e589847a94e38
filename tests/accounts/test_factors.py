"""The second factor: who has one, and what stays closed without."""

import pytest
from allauth.mfa.models import Authenticator

from accounts import selectors
from tests.people import People


@pytest.mark.parametrize(("kind", "counts"), [("totp", True), ("webauthn", True), ("recovery_codes", False)])
def test_an_app_or_a_passkey_is_a_second_factor(people: People, kind: str, counts: bool) -> None:
    user = people.researcher()
    assert not selectors.has_second_factor(user)
    Authenticator.objects.create(user=user, type=kind, data={})
    assert selectors.has_second_factor(user) is counts
    assert not selectors.has_second_factor(people.researcher())
