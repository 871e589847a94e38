"""The corpus goes through the engine: nothing planted comes out, and what must be written is."""

import pytest

from imaging.deid import deidentify, pseudonym
from imaging.formats import Refused

from .corpus import KEY, Case, Plant, all_cases, found, summary
from .corpus.headers import header_cases

PATIENT = pseudonym(KEY, "1", "QPAT-770131", "SZPITAL-QX")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Case, str, list[Plant]]]:
    """Every case with the code of its refusal (empty: written) and the plants that came out, in file or report."""
    folder, results = tmp_path_factory.mktemp("corpus"), []
    for case in all_cases():
        source, target = folder / f"in.{case.extension}", folder / "out"
        source.write_bytes(case.data)
        try:
            report = deidentify(source, target, key=KEY, key_id="test", hospital=1, patient=PATIENT)
        except Refused as refused:
            results.append((case, refused.code, found(str(refused).encode(), case.plants)))
            continue
        results.append((case, "", found(target.read_bytes() + repr(report.as_dict()).encode(), case.plants)))
    return results


def test_nothing_planted_comes_out(results: list[tuple[Case, str, list[Plant]]]) -> None:
    assert {case.name: [plant.kind for plant in leaks] for case, _, leaks in results if leaks} == {}


def test_a_file_is_refused_only_where_it_may_be(results: list[tuple[Case, str, list[Plant]]]) -> None:
    assert {case.name: code for case, code, _ in results if code and case.written} == {}
    assert {case.name for case, code, _ in results if not code and case.written is False} == set()


def test_the_corpus_is_as_large_as_is_said(results: list[tuple[Case, str, list[Plant]]]) -> None:
    counts = summary((plant, plant in leaks) for case, _, leaks in results for plant in case.plants)
    planted = {kind: number for kind, (number, _) in counts.items()}
    assert planted["= in the scope of E.1-1"] > 15_000
    assert planted["= beyond it"] > 25_000
    assert sum(kind.startswith("VR ") for kind in planted) == 34


def test_the_search_finds_what_is_planted() -> None:
    """In the sources of every tenth case (it takes as long as all the rest) everything is found."""
    for case in all_cases()[::10]:
        assert {plant.kind for plant in set(case.plants) - set(found(case.data, case.plants))} == set() or (
            case.written is False
        ), case.name


def test_a_case_is_reproducible() -> None:
    assert next(header_cases()).data == all_cases()[0].data
