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


def test_a_patch_counts_the_third_number() -> None:
    assert [versions.patch(version) for version in ("1.0", "1.0.1", "2.10.9")] == ["1.0.1", "1.0.2", "2.10.10"]
    assert sorted(["1.10", "1.0.10", "2.0", "1.0", "1.0.2", "1.2"], key=versions.order) == [
        *("1.0", "1.0.2", "1.0.10", "1.2", "1.10", "2.0"),
    ]


def test_the_version_after_a_patch_has_two_numbers() -> None:
    assert versions.suggest("1.9.2", only_additions=True) == "1.10"
    assert versions.suggest("1.9.2", only_additions=False) == "2.0"
