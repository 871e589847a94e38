"""Charts as SVG, made on the server: with a title and a description for screen readers, labels instead of a legend, and
colours that the page's style may replace (a downloaded file keeps its own)."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

_SVG = "http://www.w3.org/2000/svg"
ElementTree.register_namespace("", _SVG)
_COLOURS = ("#0f7280", "#c07a1a", "#6a5a9e", "#4d7d4a")  # as --cxr-series-1 to 4 of the pages
_INK, _LINE = "#17262d", "#8a979d"
_WIDTH = 640  # of the drawing, in its own units; it is shown at any size
_SIZE = 14  # of the text


@dataclass(frozen=True)
class Bar:
    """A bar: what it is called, how long it is (0..1 of the longest), and what is written at its end."""

    label: str
    share: float
    value: str


@dataclass(frozen=True)
class Group:
    label: str
    bars: Sequence[Bar]


def grouped_bars(name: str, title: str, description: str, groups: Sequence[Group]) -> str:
    """Horizontal bars by group, one colour per place in the group. `name` makes the ids of the elements unique."""
    step, gap, left = 24, 34, 150
    room = _WIDTH - left - 110
    height = sum(gap + step * len(group.bars) for group in groups) + 10
    root = _root(name, title, description, height)
    top = 0
    for group in groups:
        _text(root, 0, top + 24, group.label, bold=True)
        top += gap
        for place, bar in enumerate(group.bars):
            _text(root, 0, top + 16, bar.label)
            _rect(root, left, top + 3, max(room * bar.share, 1), step - 7, place)
            _text(root, left + room * bar.share + 8, top + 16, bar.value)
            top += step
    return _finished(root)


def histograms(name: str, title: str, description: str, groups: Sequence[Group], axis: str) -> str:
    """Upright bars by group, one panel below the other with the same scale. Values stand above the bars."""
    panel, left, foot = 170, 10, 46
    root = _root(name, title, description, panel * len(groups) + foot)
    for place, group in enumerate(groups):
        top = panel * place
        _text(root, 0, top + 20, group.label, bold=True)
        ground = top + panel - 8
        step = (_WIDTH - left) / max(len(group.bars), 1)
        for number, bar in enumerate(group.bars):
            high = bar.share * (panel - 62)
            x = left + number * step
            _rect(root, x, ground - high, step - 6, high, place)
            _text(root, x + (step - 6) / 2, ground - high - 5, bar.value, middle=True)
        _line(root, left, ground, _WIDTH)
    if groups:
        step = (_WIDTH - left) / max(len(groups[0].bars), 1)
        for number, bar in enumerate(groups[0].bars):
            middle = left + number * step + (step - 6) / 2
            _text(root, middle, panel * len(groups) + 10, bar.label, middle=True)
        _text(root, _WIDTH / 2, panel * len(groups) + 34, axis, middle=True)
    return _finished(root)


def _root(name: str, title: str, description: str, height: float) -> ElementTree.Element:
    root = ElementTree.Element(
        f"{{{_SVG}}}svg",
        {
            "viewBox": f"0 0 {_WIDTH} {height:g}",
            "class": "chart",
            "role": "img",
            "aria-labelledby": f"{name}-title {name}-desc",
            "font-family": "Inter, Helvetica, Arial, sans-serif",
            "font-size": str(_SIZE),
        },
    )
    _add(root, "title", {"id": f"{name}-title"}).text = title
    _add(root, "desc", {"id": f"{name}-desc"}).text = description
    return root


def _add(parent: ElementTree.Element, tag: str, attributes: dict[str, str]) -> ElementTree.Element:
    return ElementTree.SubElement(parent, f"{{{_SVG}}}{tag}", attributes)


def _text(
    parent: ElementTree.Element, x: float, y: float, text: str, *, bold: bool = False, middle: bool = False
) -> None:
    attributes = {"x": f"{x:.1f}", "y": f"{y:.1f}", "fill": _INK, "class": "chart-text"}
    attributes |= {"font-weight": "600"} if bold else {}
    attributes |= {"text-anchor": "middle"} if middle else {}
    _add(parent, "text", attributes).text = text


def _rect(parent: ElementTree.Element, x: float, y: float, width: float, height: float, place: int) -> None:
    series = place % len(_COLOURS)
    box = {"x": x, "y": y, "width": width, "height": height}
    attributes = {name: f"{value:.1f}" for name, value in box.items()}
    _add(parent, "rect", {**attributes, "fill": _COLOURS[series], "class": f"series-{series + 1}", "rx": "2"})


def _line(parent: ElementTree.Element, x: float, y: float, end: float) -> None:
    place = {"x1": f"{x:.1f}", "x2": f"{end:.1f}", "y1": f"{y:.1f}", "y2": f"{y:.1f}"}
    _add(parent, "line", {**place, "stroke": _LINE, "class": "chart-line"})


def _finished(root: ElementTree.Element) -> str:
    return ElementTree.tostring(root, encoding="unicode")


def standalone(svg: str) -> str:
    """The chart as a file: with a declaration and on white ground, for programs without a ground of their own."""
    head, body = svg.split("</desc>", 1)
    ground = '<rect width="100%" height="100%" fill="#ffffff" />'
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{head}</desc>{ground}{body}\n'
