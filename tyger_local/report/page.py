"""A report as one page that needs nothing but itself: no script, no font, no network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from xml.etree.ElementTree import Element

from tyger_local.errors import sentence
from tyger_local.outcome.suggestion import Suggestion
from tyger_local.outcome.words import human_seconds
from tyger_local.report.drawing import COLOURS, drawn
from tyger_local.report.figures import (
    BUFFER_TITLES,
    CONTAINER_TITLES,
    UNKNOWN,
    Figure,
    buffer_rows,
    command_line,
    container_rows,
    figures,
    phase_rows,
    target_figures,
    when,
)
from tyger_local.report.markup import element, page_text
from tyger_local.report.model import Report, Target
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
        element("main", *_figures(report), *_containers(report), *_phases(report),
                *_over_time(report), *_buffers(report), *_suggestions(report)),
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
    job, worker = report.job, report.worker
    facts = {
        "Image": _image(job),
        "Command": command_line(job.command),
        "Workers' image": "" if worker is None else _image(worker),
        "Workers' command": "" if worker is None else command_line(worker.command),
        "Created": when(report.created_at),
        "Started": when(report.started_at),
        "Finished": when(report.finished_at),
        "Engine": report.engine,
        "Replicas": str(job.measured.replicas) if job.measured.replicas > 1 else "",
        "Workers": "" if worker is None else str(worker.measured.replicas),
        "Measured by": job.method,
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


def _image(target: Target) -> str:
    return " ".join(word for word in (target.image, target.digest) if word)


def _figures(report: Report) -> Iterator[Element]:
    if report.worker is None:
        yield from _tiles("What it cost", figures(report))
    else:
        yield from _tiles("What the job cost", figures(report))
        yield from _tiles("What the workers cost", target_figures(report.worker))


def _tiles(title: str, shown: Iterable[Figure]) -> Iterator[Element]:
    yield element("h2", title)
    tiles = (
        element(
            "div",
            element("span", figure.name),
            element("b", figure.value),
            element("span", figure.remark),
            class_="card",
        )
        for figure in shown
    )
    yield element("div", *tiles, class_="tiles")


def _containers(report: Report) -> Iterator[Element]:
    if report.containers:
        yield element("h2", "Containers")
        table = _table(CONTAINER_TITLES, container_rows(report))
        yield element("div", table, class_="card scroll")


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
    made = (
        plot(report, name, target)
        for name, target in report.targets
        for plot in (memory_plot, cpu_plot)
    )
    plots = [plot for plot in made if plot is not None]
    yield from map(drawn, plots)
    if not plots:
        yield element("p", NO_SAMPLES, class_="card note")


def _buffers(report: Report) -> Iterator[Element]:
    rows = list(buffer_rows(report))
    if not rows:
        return
    yield element("h2", "Buffers")
    yield element("div", _table(BUFFER_TITLES, rows), class_="card scroll buffers")
    plots = list(buffer_plots(report))
    if not plots:
        return
    labels = [
        element("li", element("i", class_=f"swatch c{index % COLOURS}"), container.label)
        for index, container in enumerate(report.job.samples)
        if len(report.job.samples) > 1
    ]
    if any(line.marks for plot in plots for line in plot.lines):
        labels.append(element("li", element("i", class_="swatch mark"), stall_words(report)))
    yield element("p", "Bytes that had gone through each buffer:", class_="note")
    yield element("ul", *labels, class_="legend")
    yield element("div", *map(drawn, plots), class_="many")


def _table(titles: Iterable[str], rows: Iterable[Iterable[str]]) -> Element:
    head = element("tr", *(element("th", title) for title in titles))
    body = (element("tr", *(element("td", cell) for cell in row)) for row in rows)
    return element("table", element("thead", head), element("tbody", *body))


def _suggestions(report: Report) -> Iterator[Element]:
    for name, target in report.targets:
        whose = "" if report.worker is None else f": {name}"
        yield element("h2", f"What to ask for{whose}")
        yield _suggestion(target.suggestion)


def _suggestion(suggestion: Suggestion) -> Element:
    block = suggestion.yaml()
    reasons = element("ul", *(element("li", reason) for reason in suggestion.reasons))
    words = "This block goes into the codespec; a click selects it." if block else f"{UNKNOWN}:"
    shown = [element("p", words.capitalize(), class_="note")]
    shown += [element("pre", block)] if block else []
    return element("div", *shown, reasons, class_="card")
