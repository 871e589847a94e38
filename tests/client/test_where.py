import pytest
from cxr.names import safe_name, safe_path
from cxr.where import WhereError, condition

ROWS = {
    "a": {"sex": "F", "age": "61", "class": "NORMAL", "smoke": "", "hospital": "St. Mary's"},
    "b": {"sex": "M", "age": "9", "class": "COVID-19", "smoke": "former", "hospital": "X"},
    "c": {"sex": "", "age": "", "class": "PNEUMONIA", "smoke": "no", "hospital": "X"},
    "d": {"sex": "F", "age": "60.5", "class": "COVID-19", "smoke": "yes", "hospital": "and"},
}


@pytest.mark.parametrize(
    ("where", "names"),
    [
        ("sex=F and age>60", "ad"),
        ("age > 10", "ad"),  # as numbers: "9" is no more than "10"
        ("age>=60.5", "ad"),
        ("age != 9", "ad"),  # what is unknown is not "other"
        ("sex=f or class = pneumonia", "acd"),
        ("sex=F and age>60 or sex=M", "abd"),
        ("sex=M or sex=F and age>61", "b"),
        ("(sex=M or sex=F) and age<61", "bd"),
        ("not sex=F", "bc"),
        ("not (sex=F and age>60)", "bc"),
        ("class in (NORMAL, 'COVID-19') and SEX == F", "ad"),
        ("smoke is unknown", "a"),
        ("smoke is known and not age is unknown", "bd"),
        ('hospital="St. Mary\'s"', "a"),
        ("hospital = 'and'", "d"),
        ("age<100 and age<100", "abd"),
    ],
)
def test_rows(where: str, names: str) -> None:
    test = condition(where, ROWS["a"])
    assert "".join(name for name, row in ROWS.items() if test(row)) == names


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("", "expected, not the end"),
        ("sex", "expected, not the end"),
        ("sex=F and", "expected, not the end"),
        ("colour=red", "one of the columns sex, age"),
        ("sex=F age>3", "and, or, or the end expected, not 'age' (character 7)"),
        ("(sex=F", "a closing bracket expected"),
        ("sex in F", "an opening bracket expected"),
        ("sex='F", "not understood (character 5)"),
        ("__import__('os').system('true')", "one of the columns"),
        ("sex is F", "known or unknown"),
        ("sex==", "a value expected"),
    ],
)
def test_what_is_no_condition_says_why(where: str, words: str) -> None:
    with pytest.raises(WhereError) as error:
        condition(where, ROWS["a"])
    assert words in str(error.value)


def test_names_are_harmless_everywhere() -> None:
    assert safe_name("polcovid-1.0-NORMAL.zip") == "polcovid-1.0-NORMAL.zip"
    for name in ("../x", "a/b", "C:\\x", "con.txt", "COM1", "x. ", ".cxr", "", "a\0b", "x\n"):
        safe = safe_name(name)
        assert safe
        assert not set('<>:"/\\|?*\0\n') & set(safe), name
        assert not safe.startswith("."), name
        assert safe.split(".")[0].upper() not in ("CON", "COM1"), name
    assert safe_path("masks/Anonymous_1.png") == "masks/Anonymous_1.png"
    for path in ("/etc/passwd", "../x", "a/../../x", "a\\..\\..\\x", "a//b", "."):
        with pytest.raises(ValueError, match="leads out"):
            safe_path(path)
