"""A plot as elements of a page: lines in SVG, every word beside them in HTML.

Why no library: pygal is the only one without numpy behind it that is well kept. It was tried. Its labels
shrink with the picture until nobody can read them at 400 pixels, its colours cannot follow the reader's
choice of light or dark, and it writes its own web address and the date into every file. What is needed is a
few lines over a grid. So the SVG is stretched to whatever room there is, its strokes keep their width
(``non-scaling-stroke``), and the labels are ordinary text, placed in per cent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from tyger_local.report.axes import Axis
from tyger_local.report.markup import element
from tyger_local.report.samples import Points

SIZE = 1000
"""Units of the drawing, each way."""

COLOURS = 8


@dataclass(frozen=True, slots=True)
class Line:
    """One series.

    Attributes:
        points: One at least.
        colour: Its number; the page's style knows `COLOURS` of them, and begins again after them.
        is_secondary: Drawn dashed and thinner, below the others.
        marks: Times, from and until, that are to be seen.
        mark_words: What a mark means, for who points at it.
    """

    label: str
    points: Points
    colour: int = 0
    is_secondary: bool = False
    marks: tuple[tuple[float, float], ...] = ()
    mark_words: str = ""


@dataclass(frozen=True, slots=True)
class Plot:
    """Lines over time.

    Attributes:
        title: What is shown.
        remark: Beside the title; may be empty.
        limit: A value to draw across, and what is written at it.
        is_small: One of many: lower, and without a legend.
    """

    title: str
    lines: tuple[Line, ...]
    values: Axis
    time: Axis
    remark: str = ""
    limit: tuple[float, str] | None = None
    is_small: bool = False


def drawn(plot: Plot) -> Element:
    """Return `plot` as a ``figure``."""
    title = element("figcaption", element("strong", plot.title), " ")
    if plot.remark:
        title.append(element("span", plot.remark, class_="remark"))
    parts = [title] if plot.is_small else [title, _legend(plot)]
    return element("figure", *parts, _frame(plot), class_="small" if plot.is_small else "large")


def _legend(plot: Plot) -> Element:
    labels = (
        element("li", element("i", class_=_classes(line, "swatch")), line.label)
        for line in plot.lines
    )
    return element("ul", *labels, class_="legend")


def _frame(plot: Plot) -> Element:
    heights = (
        element("span", label, style=f"bottom:{_percent(value, plot.values)}")
        for value, label in plot.values.ticks
    )
    times = (
        element("span", label, style=f"left:{_percent(value, plot.time)}")
        for value, label in plot.time.ticks
        if value <= plot.time.top * 0.97  # one at the very end would hang over it
    )
    area = element("div", _svg(plot), class_="area")
    if plot.limit is not None:
        value, words = plot.limit
        area.append(
            element("span", words, class_="tag", style=f"bottom:{_percent(value, plot.values)}")
        )
    return element(
        "div",
        element("div", *heights, class_="heights"),
        area,
        element("div", *times, class_="times"),
        class_="frame",
    )


def _percent(value: float, axis: Axis) -> str:
    return f"{100 * value / axis.top:.2f}%"


def _svg(plot: Plot) -> Element:
    return element(
        "svg",
        *_grid(plot),
        *(each for line in reversed(plot.lines) for each in _line(plot, line)),
        *_limit(plot),
        viewBox=f"0 0 {SIZE} {SIZE}",
        preserveAspectRatio="none",
        role="img",
        aria_label=_described(plot),
    )


def _grid(plot: Plot) -> Iterator[Element]:
    for value, _ in plot.values.ticks:
        y = _y(plot, value)
        yield element("path", d=f"M0 {y}H{SIZE}", class_="grid" if value else "grid base")
    for value, _ in plot.time.ticks:
        yield element("path", d=f"M{_x(plot, value)} 0V{SIZE}", class_="grid")


def _limit(plot: Plot) -> Iterator[Element]:
    if plot.limit is not None:
        yield element("path", d=f"M0 {_y(plot, plot.limit[0])}H{SIZE}", class_="limit")


def _line(plot: Plot, line: Line) -> Iterator[Element]:
    if len(line.points) == 1:
        second, value = line.points[0]
        dot = f"M{_x(plot, second)} {_y(plot, value)}h0.01"
        yield element("path", element("title", line.label), d=dot, class_=_classes(line, "dot"))
    else:
        path = " ".join(f"{_x(plot, second)},{_y(plot, value)}" for second, value in line.points)
        yield element(
            "polyline", element("title", line.label), points=path, class_=_classes(line, "line")
        )
    for begin, end in line.marks:
        height = next((value for second, value in line.points if second >= begin), 0.0)
        y = _y(plot, height)
        words = f"{line.label}: {line.mark_words} from {begin:.4g} s to {end:.4g} s"
        path = f"M{_x(plot, begin)} {y}H{_x(plot, end)}"
        yield element("path", element("title", words), d=path, class_="mark")


def _classes(line: Line, kind: str) -> str:
    second = " secondary" if line.is_secondary else ""
    return f"{kind} c{line.colour % COLOURS}{second}"


def _described(plot: Plot) -> str:
    """Return the plot in words, for who cannot see it."""
    highest = [
        f"{line.label}: at most {max(value for _, value in line.points):.4g}" for line in plot.lines
    ]
    return f"{plot.title} over {plot.time.top:.4g} s. {'; '.join(highest)}"


def _x(plot: Plot, second: float) -> str:
    return f"{SIZE * second / plot.time.top:.5g}"


def _y(plot: Plot, value: float) -> str:
    return f"{SIZE * (1 - value / plot.values.top):.5g}"
