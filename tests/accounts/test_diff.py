"""What changed between two texts."""

from accounts.diff import ADDED, REMOVED, SAME, Line, Part, differences


def _text(lines: list[Line], kind: str) -> str:
    return " ".join(part.text for line in lines for part in line.parts if part.kind == kind)


def test_the_same_text_has_no_differences() -> None:
    assert differences("One.\n\nTwo.", "One.\nTwo.\n") == []


def test_words_are_compared_within_a_line() -> None:
    (line,) = differences("You may look at it.", "You must look at it twice.")
    assert line.parts == [
        Part(SAME, "You "),
        Part(REMOVED, "may"),
        Part(ADDED, "must"),
        Part(SAME, " look at it"),
        Part(ADDED, " twice"),
        Part(SAME, "."),
    ]


def test_lines_come_and_go() -> None:
    lines = differences("A\n\nB\n\nC", "A\n\nC\n\nD")
    assert (_text(lines, REMOVED), _text(lines, ADDED)) == ("B", "D")


def test_long_runs_of_unchanged_lines_are_left_out_and_counted() -> None:
    old = [f"Line {number}." for number in range(100)]
    lines = differences("\n".join(old), "\n".join([*old[:50], "New.", *old[50:]]))
    assert [line.skipped for line in lines] == [49, 0, 0, 0, 49]
    assert _text(lines, SAME) == "Line 49. Line 50."


def test_every_word_of_both_texts_is_there() -> None:
    old, new = "a b c d\ne f\ng", "a x c d\nf e\nh i"
    lines = differences(old, new)
    for text, kind in ((old, REMOVED), (new, ADDED)):
        words = "".join(part.text + " " for line in lines for part in line.parts if part.kind in (SAME, kind)).split()
        assert words == text.split()


def test_very_long_lines_are_compared_as_a_whole() -> None:
    (line,) = differences("a " * 5_000 + "x", "b " * 5_000 + "x")
    assert [part.kind for part in line.parts] == [REMOVED, ADDED]
