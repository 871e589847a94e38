"""Pseudonyms and UIDs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.deid import key_id, pseudonym, read_keys
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


def test_a_key_file_may_hold_several_keys() -> None:
    assert read_keys(b"0123456789abcdef\n\n  fedcba9876543210  \r\n") == (b"0123456789abcdef", b"fedcba9876543210")
    assert read_keys(b"00" * 32 + b"\n") == (bytes(32),)
    for content in (b"", b"\n", b"0123456789abcdef\nshort\n"):
        with pytest.raises(ValueError, match="16 bytes"):
            read_keys(content)


def test_former_keys_only_recognise() -> None:
    old, new = Keyed(KEY, 1, ""), Keyed(b"x" * 32, 1, "", [KEY])
    assert new.uid(old.uid("1.2.3")) == old.uid("1.2.3")
    assert new.uid("1.2.3") == Keyed(b"x" * 32, 1, "").uid("1.2.3")
    assert not Keyed(b"x" * 32, 1, "").made(old.uid("1.2.3"))


def test_an_editors_mark_is_no_part_of_the_key() -> None:
    assert read_keys(b"\xef\xbb\xbf" + b"ab" * 32 + b"\r\n") == read_keys(b"ab" * 32)
