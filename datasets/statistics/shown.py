"""The statistics of a release in words, tables and charts for people."""

from dataclasses import dataclass

from django.utils.formats import number_format
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, ngettext, pgettext
from django.utils.translation import gettext as _

from datasets.models.collection import Sex, Smoking
from datasets.selectors.statistics import POOLED, UNKNOWN, Described, Statistics, Table
from datasets.statistics.charts import Bar, Group, grouped_bars, histograms
from imaging.statistics import LEAST_KNOWN, Comparison

SIGNIFICANT = 0.05
_LEAST_P = 0.001


@dataclass(frozen=True)
class Shown:
    """A table as the page shows it: the first cell of a row is its heading."""

    name: str  # in the address of its CSV
    title: str
    headings: list[str]
    rows: list[list[str]]
    note: str = ""
    foot: list[str] | None = None


@dataclass(frozen=True)
class Chart:
    name: str  # in its address
    svg: SafeString


@dataclass(frozen=True)
class Presented:
    """What the templates show of `Statistics`; `classes`: label and number of images."""

    classes: list[tuple[str, int]]
    largest_class: int
    total: int
    hospitals: Shown
    sex: Shown
    smoking: Shown
    ages: Shown
    packyears: Shown
    histogram: Shown
    comparison: Shown | None
    verdict: str
    charts: dict[str, Chart]
    least: int


def present(found: Statistics) -> Presented:
    """Codes become words of the reader's language; statistics come from the cache and know none."""
    classes = [(line.label, line.total) for line in found.sex.lines]
    charts = {"sex": _sex_chart(found.sex), "age": _age_chart(found)}
    return Presented(
        classes=classes,
        largest_class=max((count for _label, count in classes), default=0),
        total=sum(count for _label, count in classes),
        hospitals=_hospitals(found),
        sex=_split("sex", _("Sex by class"), found.sex, _words(Sex)),
        smoking=_split("smoking", _("Smoking by class"), found.smoking, _words(Smoking)),
        ages=_described("age", _("Age in years by class"), found.ages),
        packyears=_described("pack-years", _("Pack-years by class"), found.packyears),
        histogram=_histogram(found),
        comparison=_pairs(found.comparison),
        verdict=_verdict(found.comparison),
        charts={name: Chart(name, mark_safe(svg)) for name, svg in charts.items() if svg},  # noqa: S308  # escaped by ElementTree
        least=found.least,
    )


def _words(choices: type[Sex] | type[Smoking]) -> dict[str, str]:
    words = {value: str(label) for value, label in choices.choices}
    return {value: word.capitalize() for value, word in {**words, UNKNOWN: pgettext("a value", "unknown")}.items()}


def _count(value: int) -> str:
    return number_format(value, use_l10n=True, force_grouping=True)


def _decimal(value: float | None, places: int = 1) -> str:
    # number_format cuts decimals off, it does not round.
    return "–" if value is None else number_format(f"{value:.{places}f}", places, use_l10n=True)


def _share(count: int, percent: float) -> str:
    return f"{_count(count)} ({_decimal(percent)} %)"


def _hospitals(found: Statistics) -> Shown:
    table = found.hospitals
    reads_english = (get_language() or "").startswith("en")
    rows = []
    for line in table.lines:
        label = (line.english if reads_english else "") or line.label or "–"
        if line.label == POOLED:
            label = ngettext("%(count)d hospital together", "%(count)d hospitals together", found.pooled)
            label %= {"count": found.pooled}
        cells = [_count(cell.count) for cell in line.cells] or ["–"] * len(table.columns)
        rows.append([label, *cells, _count(line.total)])
    totals = [_count(total) for total in table.totals] or ["–"] * len(table.columns)
    return Shown(
        name="hospitals",
        title=_("Images by hospital and class"),
        headings=[_("Hospital"), *table.columns, _("Together")],
        rows=rows,
        foot=[_("Together"), *totals, _count(table.total)],
    )


def _split(name: str, title: str, table: Table, words: dict[str, str]) -> Shown:
    rows = [
        [
            line.label,
            *([_share(cell.count, cell.percent) for cell in line.cells] or ["–"] * len(table.columns)),
            _count(line.total),
        ]
        for line in table.lines
    ]
    headings = [_("Class"), *(words[column] for column in table.columns), _("Together")]
    return Shown(name, title, headings, rows)


def _described(name: str, title: str, lines: list[Described]) -> Shown:
    headings = [
        _("Class"),
        _("Known"),
        _("Missing"),
        _("Min"),
        _("Lower quartile"),
        _("Median"),
        _("Upper quartile"),
        _("Max"),
        _("Mean ± SD"),
    ]
    rows = []
    for line in lines:
        summary = line.summary
        mean = _decimal(summary.mean)
        if summary.deviation is not None:
            mean = f"{mean} ± {_decimal(summary.deviation)}"
        numbers = (summary.minimum, summary.lower, summary.median, summary.upper, summary.maximum)
        cells = (_decimal(value, 0 if value is None or value == int(value) else 1) for value in numbers)
        known = [_count(summary.known), _count(summary.missing)] if line.counted else ["–", "–"]
        rows.append([line.label, *known, *cells, mean])
    return Shown(name, title, headings, rows)


def _histogram(found: Statistics) -> Shown:
    histogram = found.histogram
    bins = [f"{first}–{last}" for first, last in histogram.bins]
    rows = [[label, *(_count(count) for count in counts)] for label, counts in histogram.counts.items()]
    return Shown("age-distribution", _("Images by age in years"), [_("Class"), *bins], rows)


def _probability(value: float) -> str:
    return f"< {_decimal(_LEAST_P, 3)}" if value < _LEAST_P else f"= {_decimal(value, 3)}"


def _pairs(comparison: Comparison | None) -> Shown | None:
    if comparison is None or not comparison.pairs:
        return None
    return Shown(
        name="age-tests",
        title=_("Classes in pairs (Games-Howell)"),
        headings=[_("Classes"), _("Difference of the means, years"), "p", _("In words")],
        rows=[
            [
                f"{pair.first} – {pair.second}",
                _decimal(pair.difference),
                _probability(pair.p).removeprefix("= "),
                _("the ages differ") if pair.p < SIGNIFICANT else _("no difference found"),
            ]
            for pair in comparison.pairs
        ],
    )


def _verdict(comparison: Comparison | None) -> str:
    """Kruskal-Wallis in a sentence, and who was left out."""
    if comparison is None:
        return _("The ages can't be compared: that needs two classes with %(least)d known ages each.") % {
            "least": LEAST_KNOWN
        }
    words = {
        "h": _decimal(comparison.h, 2),
        "degrees": comparison.degrees,
        "p": _probability(comparison.p),
        "classes": ", ".join(comparison.compared),
    }
    if comparison.p < SIGNIFICANT:
        text = _("The ages differ between the classes %(classes)s (Kruskal-Wallis: H(%(degrees)d) = %(h)s, p %(p)s).")
    else:
        text = _(
            "No difference in age was found between the classes %(classes)s "
            "(Kruskal-Wallis: H(%(degrees)d) = %(h)s, p %(p)s)."
        )
    text %= words
    if comparison.left_out:
        left_out = _("Left out, with too few known ages: %(classes)s.") % {"classes": ", ".join(comparison.left_out)}
        text = f"{text} {left_out}"
    return text


def _sex_chart(table: Table) -> str:
    words = _words(Sex)
    groups = [
        Group(
            line.label,
            [
                Bar(words[code], cell.percent / 100, _share(cell.count, cell.percent))
                for code, cell in zip(table.columns, line.cells, strict=True)
            ],
        )
        for line in table.lines
        if line.cells
    ]
    description = _("One group of bars per class; each bar is a share of the images of the class.")
    return grouped_bars("chart-sex", _("Sex by class"), description, groups) if groups else ""


def _age_chart(found: Statistics) -> str:
    histogram = found.histogram
    shares = {
        label: [count / sum(counts) for count in counts] for label, counts in histogram.counts.items() if sum(counts)
    }
    if not shares:
        return ""
    highest = max(share for of_class in shares.values() for share in of_class)
    bins = [f"{first}–{last}" for first, last in histogram.bins]
    groups = [
        Group(
            label,
            [Bar(name, share / highest, f"{100 * share:.0f} %") for name, share in zip(bins, of_class, strict=True)],
        )
        for label, of_class in shares.items()
    ]
    description = _("One panel per class; each bar is a share of the images of the class whose age is known.")
    return histograms("chart-age", _("Age by class"), description, groups, _("Age in years"))
