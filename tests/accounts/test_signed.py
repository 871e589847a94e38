"""Whether a signature counts: for its own text, and for the next version until the grace period ends."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from accounts import selectors
from accounts.models import Agreement, Signature, User
from tests.people import People

NOW = timezone.now()
DAY = timedelta(days=1)


def _version(number: int, replaces: Agreement | None = None, grace_days: int | None = None) -> Agreement:
    return Agreement.objects.create(
        code="dua",
        version=str(number),
        title="Agreement",
        text=f"Text {number}.",
        sha256=str(number) * 64,
        replaces=replaces,
        grace_until=None if grace_days is None else NOW + grace_days * DAY,
    )


def _sign(user: User, agreement: Agreement, at: datetime = NOW) -> Signature:
    return Signature.objects.create(
        user=user, agreement=agreement, text_sha256=agreement.sha256, typed_name=user.name, institution="U", at=at
    )


def _met(user: User, agreement: Agreement, at: datetime | None = None) -> bool:
    """The two forms agree, always."""
    one = selectors.has_signed(user, Agreement.objects.get(pk=agreement.pk), at)
    assert (agreement.pk in selectors.signed_agreements(user, at)) is one
    return one


@pytest.fixture
def user(people: People) -> User:
    return people.researcher()


def test_only_the_own_signature_counts_from_its_time_on(user: User, people: People) -> None:
    first, other = _version(1), _version(2)
    assert not _met(user, first)
    _sign(user, first)
    assert _met(user, first)
    assert not _met(user, other)
    assert not _met(user, first, NOW - DAY)
    assert not _met(people.researcher(), first)


def test_the_old_signature_counts_until_the_grace_period_ends(user: User) -> None:
    first = _version(1)
    second = _version(2, first, 30)
    _sign(user, first)
    assert _met(user, second, NOW + 29 * DAY)
    assert not _met(user, second, NOW + 30 * DAY)
    assert _met(user, first, NOW + 365 * DAY)
    _sign(user, second, NOW + 31 * DAY)
    assert not _met(user, second, NOW + 30 * DAY)
    assert _met(user, second, NOW + 32 * DAY)


def test_the_new_signature_does_not_count_for_the_old_text(user: User) -> None:
    first = _version(1)
    _sign(user, _version(2, first, 30))
    assert not _met(user, first)


def test_a_replacement_without_a_grace_period_counts_at_once(user: User) -> None:
    first = _version(1)
    second = _version(2, first)
    _sign(user, first)
    assert not _met(user, second)


def test_a_chain_of_versions_needs_every_grace_period(user: User) -> None:
    first = _version(1)
    second = _version(2, first, 10)
    third = _version(3, second, 20)
    _sign(user, first)
    assert _met(user, third, NOW + 9 * DAY)
    # The first text's time is over, though the second's is not.
    assert not _met(user, third, NOW + 15 * DAY)
    _sign(user, second)
    assert _met(user, third, NOW + 15 * DAY)
    assert not _met(user, third, NOW + 20 * DAY)


def test_a_signature_of_other_words_counts_nowhere(user: User) -> None:
    first = _version(1)
    second = _version(2, first, 30)
    signature = _sign(user, first)
    Signature.objects.filter(pk=signature.pk).update(text_sha256="f" * 64)
    assert not _met(user, first)
    assert not _met(user, second)
