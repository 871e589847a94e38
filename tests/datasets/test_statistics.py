"""The statistics of a release.

Of POLCOVID the totals are those that Suwalska et al. published (Scientific Data 2023, doi 10.1038/s41597-023-02229-5):
2426 normal, 1147 pneumonia, 1236 COVID-19; 1243 women, 1415 men; 15 hospitals; ages from 0 to 99. The cells of their
Tables 1, 3 and 4 were not at hand: how the totals spread over hospitals and classes below is invented.
"""

import csv
import io
from collections import Counter
from xml.etree import ElementTree

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import translation
from scipy import stats

from datasets import selectors
from datasets.models import Dataset, Release, ReleaseItem
from datasets.selectors.statistics import POOLED
from datasets.statistics import present
from imaging.statistics import compare, summarise
from tests.datasets.library import Library
from tests.datasets.test_pages import page

PUBLISHED = {"NORMAL": 2426, "PNEUMONIA": 1147, "COVID-19": 1236}
WOMEN, MEN = 1243, 1415


def test_counts_are_of_what_was_frozen(library: Library) -> None:
    second = library.people.hospital(number=8, name="Drugi", name_eng="Second")
    for age in (20, 30, 40, 50, None):
        library.add(1, demographics={"sex": "F", "age": age, "smoke": "no"})
    library.add(3, hospital=second, demographics={"sex": "M", "age": 70, "smoke": "yes", "smoke_packyears": 12.5})
    library.add(3, demographics={})
    found = selectors.statistics(library.publish())
    table = found.hospitals
    assert table.columns == ["NORMAL", "COVID-19"]
    assert [(line.label, [cell.count for cell in line.cells], line.total) for line in table.lines] == [
        (library.hospital.name, [5, 1], 6),
        ("Drugi", [0, 1], 1),
    ]
    assert (table.totals, table.total) == ([5, 2], 7)
    for language, name in (("en", "Second"), ("pl", "Drugi")):
        with translation.override(language):
            assert present(found).hospitals.rows[1][0] == name
    assert [(line.label, [cell.count for cell in line.cells]) for line in found.sex.lines] == [
        ("NORMAL", [5, 0, 0]),
        ("COVID-19", [0, 1, 1]),
    ]
    assert found.sex.lines[1].cells[1].percent == 50
    assert [[cell.count for cell in line.cells] for line in found.smoking.lines] == [[0, 0, 5, 0], [1, 0, 0, 1]]
    normal, covid = (line.summary for line in found.ages)
    assert (normal.known, normal.missing, normal.minimum, normal.maximum) == (4, 1, 20, 50)
    assert (normal.lower, normal.median, normal.upper, normal.mean) == (27.5, 35, 42.5, 35)
    assert normal.deviation == pytest.approx(12.909944)
    assert (covid.known, covid.missing, covid.median, covid.deviation) == (1, 1, 70, None)
    years = found.packyears[1].summary
    assert (years.known, years.missing, years.median) == (1, 1, 12.5)


def test_a_class_without_ages(client: Client, library: Library) -> None:
    library.add(1, demographics={"sex": "F"})
    (line,) = selectors.statistics(library.publish()).ages
    assert (line.summary.known, line.summary.missing, line.summary.median) == (0, 1, None)
    assert "The ages can&#x27;t be compared" in page(client, "datasets:statistics", "polcovid", "1.0")


def test_an_age_of_zero_is_an_age(library: Library) -> None:
    library.add(1, demographics={"age": 0})
    found = selectors.statistics(library.publish())
    summary = found.ages[0].summary
    assert (summary.known, summary.missing, summary.minimum) == (1, 0, 0)
    assert found.histogram.counts == {"NORMAL": [1]}


def spread(counts: dict[float, int]) -> list[float]:
    return [value for value, count in counts.items() for _one in range(count)]


def test_a_summary_of_counts_is_that_of_the_values() -> None:
    counts = {3.0: 4, 90.0: 1, 17.5: 6}
    found = summarise(counts, missing=2)
    assert (found.known, found.missing) == (11, 2)
    assert found.mean == pytest.approx(sum(spread(counts)) / 11)
    assert found.deviation == pytest.approx(stats.tstd(spread(counts)))


def test_games_howell_as_worked_out_by_hand() -> None:
    """Two groups: then Games-Howell is Welch's t-test, and the studentized range is the square root of two times t."""
    first, second = {1.0: 3, 4.0: 5, 9.0: 2}, {3.0: 4, 8.0: 7, 20.0: 1}
    found = compare({"A": first, "B": second})
    assert found is not None
    (pair,) = found.pairs
    welch = stats.ttest_ind(spread(first), spread(second), equal_var=False)
    assert pair.p == pytest.approx(welch.pvalue, abs=1e-6)
    assert pair.difference == pytest.approx(41 / 10 - 88 / 12)
    ranks = stats.kruskal(spread(first), spread(second))
    assert (found.h, found.p, found.degrees) == (pytest.approx(ranks.statistic), pytest.approx(ranks.pvalue), 1)


@pytest.mark.parametrize("few", [{50.0: 4}, {50.0: 40}, {}])
def test_groups_with_too_few_ages_or_one_are_left_out(few: dict[float, int]) -> None:
    enough = {20.0: 3, 30.0: 3}
    assert compare({"A": enough, "B": few}) is None
    found = compare({"A": enough, "B": few, "C": {60.0: 3, 70.0: 2}})
    assert found is not None
    assert (found.compared, found.left_out) == (["A", "C"], ["B"])


@pytest.fixture
def polcovid(library: Library) -> Release:
    """A release with as many rows as POLCOVID has, laid directly into the table of frozen rows."""
    radiograph = library.add(1)
    release = library.publish()
    release.items.all().delete()
    sexes = iter(["F"] * WOMEN + ["M"] * MEN + [None] * (sum(PUBLISHED.values()) - WOMEN - MEN))
    number, items = 0, []
    for class_id, (label, count) in enumerate(PUBLISHED.items(), 1):
        for _image in range(count):
            hospital = number % 15 + 1
            row = {
                "class": label,
                "class_id": class_id,
                "hospital": f"Hospital {hospital}",
                "hospital_id": hospital,
                "sex": next(sexes),
                "age": number * class_id // 2 % 100 if number % 2 else None,
            }
            items.append(
                ReleaseItem(
                    release=release,
                    radiograph=radiograph,
                    group=library.group(class_id),
                    filename=f"{number}.png",
                    metadata=row,
                    files={},
                )
            )
            number += 1
    ReleaseItem.objects.bulk_create(items, batch_size=1000)
    cache.clear()
    return release


def test_the_published_totals_of_polcovid_come_out(client: Client, polcovid: Release) -> None:
    found = selectors.statistics(polcovid)
    assert len(found.hospitals.lines) == 15
    assert [line.number for line in found.hospitals.lines] == list(range(1, 16))
    assert dict(zip(found.hospitals.columns, found.hospitals.totals, strict=True)) == PUBLISHED
    assert found.hospitals.total == 4809
    assert found.sex.totals[:2] == [WOMEN, MEN]
    ages = [line.summary for line in found.ages]
    assert (min(one.minimum or 0 for one in ages), max(one.maximum or 0 for one in ages)) == (0, 99)
    assert sum(one.known + one.missing for one in ages) == 4809
    text = page(client, "datasets:statistics", "polcovid", "1.0")
    for words in ("4,809", "2,426", "1,147", "1,236", "Kruskal-Wallis: H(2) ="):
        assert words in text


def lines(client: Client, name: str) -> list[dict[str, str]]:
    response = client.get(reverse("datasets:statistics_table", args=["polcovid", "1.0", name]))
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(response.content.decode())))


def test_every_table_is_a_csv_file(client: Client, library: Library) -> None:
    small(library, 0)
    hospitals: Counter[str] = Counter()
    for row in lines(client, "hospitals"):
        hospitals[row["class"]] += int(row["images"])
    assert hospitals == {"NORMAL": 17, "COVID-19": 6}
    assert sum(int(row["images"]) for row in lines(client, "sex") if row["sex"] == "F") == 22
    assert {row["smoke"] for row in lines(client, "smoking")} == {"yes", "former", "no", ""}
    known = {row["class"]: int(row["known"]) for row in lines(client, "age")}
    bars: Counter[str] = Counter()
    for row in lines(client, "age-distribution"):
        bars[row["class"]] += int(row["images"])
    assert bars == known == {"NORMAL": 17, "COVID-19": 6}
    assert [row["test"].split()[0].rstrip(",") for row in lines(client, "age-tests")] == [
        "Kruskal-Wallis",
        "Games-Howell",
    ]
    assert [row["known"] for row in lines(client, "pack-years")] == ["0", "0"]
    missing = client.get(reverse("datasets:statistics_table", args=["polcovid", "1.0", "secrets"]))
    assert missing.status_code == 404


def test_shares_are_rounded_not_cut(client: Client, library: Library) -> None:
    for sex in "FMM":
        library.add(1, demographics={"sex": sex})
    library.publish()
    text = page(client, "datasets:statistics", "polcovid", "1.0")
    assert "1 (33.3 %)" in text
    assert "2 (66.7 %)" in text


def odd(library: Library, **metadata: object) -> None:
    """A release with an odd row."""
    library.add(1)
    release = library.publish()
    release.items.update(metadata={"class": "A", "class_id": 1, "hospital": "H", "hospital_id": 1, **metadata})
    cache.clear()


def test_a_name_that_a_spreadsheet_takes_for_a_formula_stays_text(client: Client, library: Library) -> None:
    odd(library, hospital="=1+1")
    assert lines(client, "hospitals")[0]["hospital"] == "'=1+1"


@pytest.mark.parametrize("name", ["sex", "age"])
def test_charts_are_svg_with_words_for_screen_readers(client: Client, library: Library, name: str) -> None:
    odd(library, sex="F", age=40, **{"class": "<b>&"})
    response = client.get(reverse("datasets:statistics_chart", args=["polcovid", "1.0", name]))
    assert response["Content-Type"] == "image/svg+xml"
    root = ElementTree.fromstring(response.content)
    svg = "{http://www.w3.org/2000/svg}"
    described = [root.find(f"{svg}{tag}") for tag in ("title", "desc")]
    assert root.get("role") == "img"
    assert [one.get("id") for one in described if one is not None and one.text] == (
        root.get("aria-labelledby") or ""
    ).split()
    assert "<b>&" in [text.text for text in root.iter(f"{svg}text")]
    assert "<b>&" not in page(client, "datasets:statistics", "polcovid", "1.0")


def small(library: Library, least: int) -> selectors.Statistics:
    """Hospital 7 has 6 and 5 images, hospital 8 only 2, hospital 9 has 9."""
    for number, class_id, count in ((7, 1, 6), (7, 3, 5), (8, 1, 2), (9, 1, 9)):
        hospital = library.hospital if number == 7 else library.people.hospital(number=number)
        for one in range(count):
            library.add(class_id, hospital=hospital, demographics={"sex": "F", "age": 20 + 10 * one})
    library.add(3, demographics={"sex": "M", "age": 1})
    release = library.publish()
    Dataset.objects.update(least_cell=least)
    release.dataset.refresh_from_db()
    return selectors.statistics(release)


def test_small_counts_are_told_less_finely_where_the_dataset_asks_for_it(client: Client, library: Library) -> None:
    found = small(library, 4)
    # Hospital 8 shares its line with the next smallest, so that no sum gives its count away.
    assert [(line.label == POOLED, [cell.count for cell in line.cells]) for line in found.hospitals.lines] == [
        (False, [6, 6]),
        (True, [11, 0]),
    ]
    assert found.pooled == 2
    assert found.hospitals.totals == [17, 6]
    assert [len(line.cells) for line in found.sex.lines] == [3, 0]  # one man with COVID-19 beside five women
    normal, covid = (line.summary for line in found.ages)
    assert (normal.minimum, normal.maximum, normal.median is None) == (None, None, False)
    assert covid.median is None  # a quarter of six is fewer than four
    shown = {count for counts in found.histogram.counts.values() for count in counts}
    assert shown
    assert all(count == 0 or count >= 4 for count in shown)
    hidden = [row for row in lines(client, "hospitals") if row["hospital"] == "2 hospitals"]
    assert [row["images"] for row in hidden] == ["11", "0"]
    assert "counts below 4 are not told" in page(client, "datasets:statistics", "polcovid", "1.0")


def test_how_many_are_known_is_not_told_where_few_are_or_few_are_not(client: Client, library: Library) -> None:
    for age in (20, 30, 40, 50, 60, 70, None):
        library.add(1, demographics={"sex": "F", "age": age})
    library.publish()
    Dataset.objects.update(least_cell=5)
    (row,) = lines(client, "age")
    assert (row["known"], row["missing"], row["median"]) == ("", "", "")
    assert {cell["images"] for cell in lines(client, "sex")} == {"7", "0"}
    assert lines(client, "age-distribution") == []  # its sum would tell


def test_every_count_is_told_where_the_dataset_asks_for_nothing(library: Library) -> None:
    found = small(library, 0)
    assert [[cell.count for cell in line.cells] for line in found.hospitals.lines] == [[6, 6], [2, 0], [9, 0]]
    assert found.sex.lines[1].cells[1].count == 1
    assert found.ages[1].summary.minimum == 1


def test_statistics_are_for_whoever_may_see_the_dataset(client: Client, library: Library) -> None:
    library.add(1)
    library.publish()
    Dataset.objects.update(is_public=False)
    for name, args in (("statistics", []), ("statistics_table", ["sex"]), ("statistics_chart", ["sex"])):
        assert client.get(reverse(f"datasets:{name}", args=["polcovid", "1.0", *args])).status_code == 404


def test_a_release_of_labels_alone_tells_nothing_of_people(client: Client, library: Library) -> None:
    library.add(1)
    release = library.publish()
    release.about = {**release.about, "labels_only": True}
    release.save()
    for name, args in (("statistics", []), ("statistics_table", ["age"]), ("statistics_chart", ["sex"])):
        assert client.get(reverse(f"datasets:{name}", args=["polcovid", "1.0", *args])).status_code == 404
    assert "/statistics/" not in page(client, "datasets:release", "polcovid", "1.0")


def test_queries_do_not_grow_with_the_images(client: Client, library: Library) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def count(version: str) -> int:
        cache.clear()
        with CaptureQueriesContext(connection) as queries:
            page(client, "datasets:statistics", "polcovid", version)
        return len(queries)

    library.add(1)
    library.publish("1.0")
    few = count("1.0")
    for class_id in (1, 2, 3) * 3:
        library.add(class_id, hospital=library.people.hospital())
    library.publish("1.1")
    assert count("1.1") == few
    assert few <= 12
