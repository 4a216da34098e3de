from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest

from tyger_local.report.making import make_report
from tyger_local.report.page import NO_SAMPLES, html_page
from tyger_local.report.plots import buffer_plots, cpu_plot, memory_plot

Document = dict[str, object]
Make = Callable[..., Document]
VOID = {"meta"}
HOSTILE = (
    "</title></style><script>alert('x')</script><img src=x onerror=alert(1)>\"'&\x1b[31m\u202e"
)


class _Page(HTMLParser):
    """Reads a page and fails when an element is not closed where it should be."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.names: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def _check(text: str) -> _Page:
    """A page is well-formed and needs nothing from outside, and nothing in it is executed."""
    page = _Page(text)
    assert set(page.names) <= {
        "html", "head", "meta", "title", "style", "body", "header", "main", "h1", "h2", "p", "dl", "dt", "dd",
        "code", "pre", "div", "span", "b", "i", "small", "strong", "ul", "li", "table", "thead", "tbody",
        "tr", "th", "td", "figure", "figcaption", "svg", "path", "polyline",
    }  # fmt: skip
    assert not {name for name, _ in page.attributes} & {"src", "href", "srcset", "action"}
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    style = "".join(re.findall("<style>(.*?)</style>", text, re.DOTALL))
    assert not re.search(r"https?:|@import|url\(|//", style)
    return page


def test_a_page(record: Make, samples: Make) -> None:
    text = html_page(make_report(record(), samples()))
    page = _check(text)
    words = " ".join(page.words)
    for expected in (
        "Run 7", "succeeded", "exit code 0", "mri:1.2 sha256:1", "recon --input '$(INPUT_PIPE)'",
        "2025-03-14 06:43:14 UTC", "docker 28.0", "400 MiB", "limit 512Mi", "its opening 0.50 s",
        "no byte moved for at least 0.50 s", "resources:\n  requests:\n", "It comes from one run",
    ):  # fmt: skip
        assert expected in words
    assert text.startswith('<!doctype html>\n<html lang="en">')
    assert page.names.count("svg") == 4
    assert "http" not in text.replace("http-equiv", "")


def test_nothing_that_comes_from_a_run_becomes_markup(record: Make, samples: Make) -> None:
    stats = {HOSTILE: {"direction": HOSTILE, "state": HOSTILE, "bytes": 3}}
    codespec = {"image": HOSTILE, "command": [HOSTILE], "args": [HOSTILE]}
    hostile = record(
        status=HOSTILE, statusReason=HOSTILE, verdict=HOSTILE, createdAt=HOSTILE, startedAt=HOSTILE,
        finishedAt=HOSTILE, engine={"name": HOSTILE}, image={"digest": HOSTILE}, bufferStats=stats,
        job={"codespec": codespec}, usage={"method": HOSTILE},
    )  # fmt: skip
    given = samples(20, (HOSTILE,))
    given["containers"][HOSTILE]["buffers"][HOSTILE] = [0] * 10 + [5] * 10  # type: ignore[index]
    text = html_page(make_report(hostile, given))
    page = _check(text)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert page.words.count(HOSTILE.replace("\x1b", "\\x1b").replace("\u202e", "\\x202e")) >= 3


@pytest.mark.parametrize("count", [0, 1, 2, 500])
@pytest.mark.parametrize("replicas", [1, 10])
def test_few_and_many_samples(record: Make, samples: Make, count: int, replicas: int) -> None:
    labels = tuple(f"job-{index}" for index in range(replicas))
    page = _check(html_page(make_report(record(), samples(count, labels))))
    assert ("svg" in page.names) == (count > 0)
    assert (NO_SAMPLES in page.words) == (count == 0)


def test_a_run_of_which_nothing_is_known() -> None:
    page = _check(html_page(make_report({"id": 3, "status": "Failed"})))
    words = " ".join(page.words)
    assert "Run 3: Failed" in words
    assert "Not known:" in words
    assert "pre" not in page.names
    assert "table" not in page.names


def test_lone_surrogates_can_be_written(record: Make) -> None:
    html_page(make_report(record(statusReason="\udcff"))).encode()


def test_a_limit_far_above_is_told_and_not_drawn(record: Make, samples: Make) -> None:
    codespec = {"image": "x", "resources": {"limits": {"cpu": "64", "memory": "64Gi"}}}
    report = make_report(record(job={"codespec": codespec}), samples())
    memory, cpu = memory_plot(report, "job", report.job), cpu_plot(report, "job", report.job)
    assert memory is not None
    assert cpu is not None
    assert (memory.limit, memory.remark) == (None, "limit 64Gi is far above what is shown")
    assert (cpu.limit, cpu.remark) == (None, "limit 64 is far above what is shown")
    free = make_report(record(job={}), samples())
    unlimited = memory_plot(free, "job", free.job)
    assert unlimited is not None
    assert (unlimited.limit, unlimited.remark) == (None, "no limit")


def test_a_limit_that_is_near_is_within_the_plot(record: Make, samples: Make) -> None:
    report = make_report(record(), samples())
    memory, cpu = memory_plot(report, "job", report.job), cpu_plot(report, "job", report.job)
    assert memory is not None
    assert cpu is not None
    assert memory.limit == (512 * 2**20, "limit 512Mi")
    assert cpu.limit == (2.0, "limit 2")
    for plot in (memory, cpu):
        assert plot.limit is not None
        assert plot.limit[0] <= plot.values.top


def test_stalls_are_marked(record: Make, samples: Make) -> None:
    plots = list(buffer_plots(make_report(record(), samples())))
    assert [plot.title for plot in plots] == ["input", "output"]
    assert plots[0].lines[0].marks == ((4.0, 8.0),)
    assert plots[1].lines[0].marks == ()
    assert plots[0].remark == "→ 120 MB, 12 MB/s"


def test_the_time_that_is_shown_is_that_of_the_run(record: Make, samples: Make) -> None:
    report = make_report(record(), samples(3))
    plot = memory_plot(report, "job", report.job)
    assert plot is not None
    assert plot.time.top == 12.0


def test_a_page_of_a_distributed_run(distributed: Make, samples: Make) -> None:
    labels = ("job-0", *(f"worker-{index}" for index in range(5)))
    report = make_report(distributed(({},) * 5), samples(labels=labels))
    page = _check(html_page(report))
    words = " ".join(page.words)
    for expected in (
        "What the job cost", "What the workers cost", "Containers", "worker-4", "gridder:2 sha256:2",
        "serve --port 80", "Memory: job", "Memory: workers", "Cores in use: workers",
        "What to ask for: job", "What to ask for: workers",
    ):  # fmt: skip
        assert expected in words
    assert page.names.count("svg") == 6  # memory and cores of both, two buffers
    workers = memory_plot(report, "workers", report.targets[1][1])
    assert workers is not None
    assert [line.label for line in workers.lines] == list(labels[1:])
    assert workers.remark == "limit 1Gi is far above what is shown"  # theirs, not the job's


def test_what_several_replicas_moved_is_in_the_table_and_not_beside_the_plot(
    distributed: Make, samples: Make
) -> None:
    report = make_report(distributed(jobs=2), samples(labels=("job-0", "job-1")))
    assert [(plot.remark, len(plot.lines)) for plot in buffer_plots(report)] == [("", 2), ("", 2)]
