import pytest

from datasets import versions


@pytest.mark.parametrize(("text", "numbers"), [("1.0", (1, 0)), ("10.12", (10, 12)), ("0.1", (0, 1))])
def test_two_numbers(text: str, numbers: tuple[int, int]) -> None:
    assert versions.parse(text) == numbers


@pytest.mark.parametrize("text", ["", "1", "1.0.0", "v1.0", "1.0\n", " 1.0", "01.0", "1.00", "1,0", "-1.0", "١.٠"])
def test_anything_else_is_no_version(text: str) -> None:
    assert versions.parse(text) is None


def test_additions_raise_the_second_number_and_changes_the_first() -> None:
    assert versions.suggest(None, only_additions=True) == "1.0"
    assert versions.suggest("1.9", only_additions=True) == "1.10"
    assert versions.suggest("1.9", only_additions=False) == "2.0"
