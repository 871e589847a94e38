"""Which words are markers."""

import pytest

from imaging.deid.text.markers import marker


@pytest.mark.parametrize(
    ("read", "kept"),
    [("R", "R"), ("Ｒ", "R"), ("A-P", "AP"), ("ap erect", "AP ERECT"), ("R.", "R"), ("(L)", "L"), ("Stojące", "")],
)
def test_markers_are_named_in_capitals(read: str, kept: str) -> None:
    assert marker(read) == kept


@pytest.mark.parametrize(
    "read", ["", "R JK", "RJK", "R D", "L KOWALSKA", "SMITH", "AP 1956", "12", "ERECT ERECT ERECT"]
)
def test_anything_else_is_text(read: str) -> None:
    assert marker(read) == ""
