import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.ranges import ByteRange, Unsatisfiable, parse


@pytest.mark.parametrize(
    ("header", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-99", 0, 99),
        ("bytes=10-", 10, 99),
        ("bytes=90-1000", 90, 99),
        ("bytes=-1", 99, 99),
        ("bytes=-1000", 0, 99),
        ("Bytes= 5 - 6 ", 5, 6),
    ],
)
def test_a_range_of_100_bytes(header: str, first: int, last: int) -> None:
    assert parse(header, 100) == ByteRange(first, last)


@pytest.mark.parametrize("header", ["", "bytes=", "bytes=-", "bytes=5-4", "bytes=0-1,5-6", "items=0-1", "bytes=a-b"])
def test_what_is_no_single_range_gives_the_whole(header: str) -> None:
    assert parse(header, 100) is None


@pytest.mark.parametrize(("header", "size"), [("bytes=100-", 100), ("bytes=-0", 100), ("bytes=0-", 0), ("bytes=-5", 0)])
def test_a_range_behind_the_end_is_unsatisfiable(header: str, size: int) -> None:
    with pytest.raises(Unsatisfiable):
        parse(header, size)


@given(st.integers(0, 200), st.integers(0, 200) | st.none(), st.integers(1, 150))
def test_a_range_lies_within_the_file(first: int, last: int | None, size: int) -> None:
    try:
        span = parse(f"bytes={first}-{'' if last is None else last}", size)
    except Unsatisfiable:
        assert first >= size
        return
    if span is None:
        assert last is not None
        assert last < first
    else:
        assert (span.first, 0 <= span.first <= span.last < size) == (first, True)
