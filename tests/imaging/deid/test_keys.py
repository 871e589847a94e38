"""Pseudonyms and UIDs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.deid import key_id, pseudonym
from imaging.deid.keys import Keyed

from .corpus import KEY


def test_pseudonyms_compare_as_people_do() -> None:
    assert pseudonym(KEY, " Abc  DEF ", "x") == pseudonym(KEY, "abc def", "X") == pseudonym(KEY, "ａｂｃ def", "x")


def test_parts_do_not_run_together() -> None:
    assert len({pseudonym(KEY, *parts) for parts in (("ab", "c"), ("a", "bc"), ("abc",), ("abc", ""))}) == 4


def test_without_the_key_nothing_matches() -> None:
    assert pseudonym(KEY, "a") != pseudonym(b"x" * 32, "a")
    assert key_id(KEY) != key_id(b"x" * 32)
    with pytest.raises(ValueError, match="16 bytes"):
        pseudonym(b"short", "a")


@given(st.text(max_size=70))
def test_uids_are_legal_and_known_again(source: str) -> None:
    keyed = Keyed(KEY, 3, "patient")
    uid = keyed.uid(source)
    number = uid.removeprefix("2.25.")
    assert number != uid
    assert str(int(number)) == number
    assert int(number) < 1 << 128
    assert keyed.made(uid)
    assert keyed.uid(uid) == uid
    assert not Keyed(KEY, 4, "patient").made(uid)
    assert not keyed.made(source)


@given(st.integers(0, 50), st.text(max_size=20))
def test_shift_is_at_least_a_day_back(hospital: int, patient: str) -> None:
    shift = Keyed(KEY, hospital, patient).shift
    assert shift.total_seconds() <= -86_400
    assert shift == Keyed(KEY, hospital, patient).shift
