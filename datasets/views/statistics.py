"""The statistics of a release in the words and shapes that the template shows."""

from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from datasets.models.collection import Sex, Smoking
from datasets.selectors.statistics import UNKNOWN, AgeSummary, Statistics, Table


@dataclass(frozen=True)
class Bars:
    """One class: its label, (label, count) rows and their sum, as components/bars.html takes them."""

    caption: str
    rows: list[tuple[str, int]]
    total: int


@dataclass(frozen=True)
class Presented:
    hospitals: Table
    classes: Bars
    sex: list[Bars]
    smoking: list[Bars]
    ages: list[AgeSummary]
    largest_class: int


def present(statistics: Statistics) -> Presented:
    """Codes become words of the reader's language; statistics come from the cache and know none."""
    table = statistics.hospitals
    sums = [(label, sum(line.cells[i].count for line in table.lines)) for i, label in enumerate(table.columns)]
    return Presented(
        hospitals=table,
        classes=Bars(_("Images by class"), sums, sum(count for _label, count in sums)),
        sex=_bars(statistics.sex, dict(Sex.choices)),
        smoking=_bars(statistics.smoking, dict(Smoking.choices)),
        ages=statistics.ages,
        largest_class=max((line.total for line in statistics.sex.lines), default=0),
    )


def _bars(table: Table, words: dict[str, object]) -> list[Bars]:
    words = {**words, UNKNOWN: pgettext("a value", "unknown")}
    labels = [str(words[code]).capitalize() for code in table.columns]
    return [
        Bars(line.label, [(label, cell.count) for label, cell in zip(labels, line.cells, strict=True)], line.total)
        for line in table.lines
    ]
