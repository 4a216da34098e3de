"""A report as one page that needs nothing but itself: no script, no font, no network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from xml.etree.ElementTree import Element

from tyger_local.errors import sentence
from tyger_local.outcome.words import human_seconds
from tyger_local.report.drawing import COLOURS, drawn
from tyger_local.report.figures import (
    BUFFER_TITLES,
    UNKNOWN,
    buffer_rows,
    command_line,
    figures,
    phase_rows,
    when,
)
from tyger_local.report.markup import element, page_text
from tyger_local.report.model import Report
from tyger_local.report.plots import buffer_plots, cpu_plot, memory_plot, stall_words
from tyger_local.report.style import STYLE

NO_SAMPLES = (
    "There are no samples of this run, so nothing can be shown over time: it was over too soon, was run "
    "without containers, or is older than sampling."
)
NO_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""The page's own rule for browsers: nothing is loaded and nothing is executed, whatever stands in it."""


def html_page(report: Report) -> str:
    """Return the page of `report`."""
    title = f"Run {report.run_id}: {report.verdict or report.status}"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        _meta("Content-Security-Policy", NO_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", STYLE),
    )
    body = element(
        "body",
        _header(report),
        element("main", *_figures(report), *_phases(report), *_over_time(report),
                *_pipes(report), *_suggestion(report)),
    )  # fmt: skip
    return page_text(element("html", head, body, lang="en"))


def _meta(name: str, content: str) -> Element:
    made = element("meta", content=content)
    made.set("http-equiv", name)
    return made


def _header(report: Report) -> Element:
    kind = report.status.lower() if report.status in ("Succeeded", "Failed") else ""
    badge = element("span", report.verdict or report.status, class_=f"badge {kind}")
    code = "" if report.exit_code is None else f"exit code {report.exit_code}"
    facts = {
        "Image": " ".join(word for word in (report.image, report.digest) if word),
        "Command": command_line(report.command),
        "Created": when(report.created_at),
        "Started": when(report.started_at),
        "Finished": when(report.finished_at),
        "Engine": report.engine,
        "Replicas": str(report.measured.replicas) if report.measured.replicas > 1 else "",
        "Measured by": report.method,
    }
    rows = (
        part
        for name, value in facts.items()
        if value
        for part in (element("dt", name), element("dd", element("code", value)))
    )
    ended = sentence(report.reason, report.hint)
    return element(
        "header",
        element("h1", f"Run {report.run_id} ", badge, element("small", code, class_="remark")),
        *([element("p", ended, class_="reason")] if ended else []),
        element("dl", *rows),
    )


def _figures(report: Report) -> Iterator[Element]:
    yield element("h2", "What it cost")
    tiles = (
        element(
            "div",
            element("span", figure.name),
            element("b", figure.value),
            element("span", figure.remark),
            class_="card",
        )
        for figure in figures(report)
    )
    yield element("div", *tiles, class_="tiles")


def _phases(report: Report) -> Iterator[Element]:
    total = sum(phase.seconds for phase in report.phases)
    if not total:
        return
    yield element("h2", "Where the time went")
    parts = (
        element(
            "i",
            class_=f"c{index % COLOURS}",
            style=f"width:{100 * phase.seconds / total:.2f}%",
            title=f"{phase.name}: {human_seconds(phase.seconds)}",
        )
        for index, phase in enumerate(report.phases)
        if phase.seconds > 0
    )
    labels = (
        element("li", element("i", class_=f"swatch box c{index % COLOURS}"), f"{name} {words} ",
                element("small", share))
        for index, (name, words, share) in enumerate(phase_rows(report))
    )  # fmt: skip
    bar, legend = element("div", *parts, class_="bar"), element("ul", *labels, class_="legend")
    yield element("div", bar, legend, class_="card")


def _over_time(report: Report) -> Iterator[Element]:
    yield element("h2", "Over time")
    plots = [plot for plot in (memory_plot(report), cpu_plot(report)) if plot is not None]
    yield from map(drawn, plots)
    if not plots:
        yield element("p", NO_SAMPLES, class_="card note")


def _pipes(report: Report) -> Iterator[Element]:
    if not report.buffers:
        return
    yield element("h2", "Pipes")
    yield element("div", _table(BUFFER_TITLES, buffer_rows(report)), class_="card scroll")
    plots = list(buffer_plots(report))
    if not plots:
        return
    labels = [
        element("li", element("i", class_=f"swatch c{index % COLOURS}"), container.label)
        for index, container in enumerate(report.containers)
        if len(report.containers) > 1
    ]
    if any(line.marks for plot in plots for line in plot.lines):
        labels.append(element("li", element("i", class_="swatch mark"), stall_words(report)))
    yield element("p", "Bytes that had gone through each pipe:", class_="note")
    yield element("ul", *labels, class_="legend")
    yield element("div", *map(drawn, plots), class_="many")


def _table(titles: Iterable[str], rows: Iterable[Iterable[str]]) -> Element:
    head = element("tr", *(element("th", title) for title in titles))
    body = (element("tr", *(element("td", cell) for cell in row)) for row in rows)
    return element("table", element("thead", head), element("tbody", *body))


def _suggestion(report: Report) -> Iterator[Element]:
    yield element("h2", "What to ask for")
    block = report.suggestion.yaml()
    reasons = element("ul", *(element("li", reason) for reason in report.suggestion.reasons))
    words = "This block goes into the codespec; a click selects it." if block else f"{UNKNOWN}:"
    shown = [element("p", words.capitalize(), class_="note")]
    shown += [element("pre", block)] if block else []
    yield element("div", *shown, reasons, class_="card")
