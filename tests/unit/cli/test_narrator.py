from __future__ import annotations

import re
from contextlib import closing

import pytest

from tyger_local.cli.commands import Settings
from tyger_local.cli.console import Console
from tyger_local.cli.narrator import Narrator
from tyger_local.outcome.events import LogLine, Transfers, Warned
from tyger_local.outcome.facts import BufferState, BufferStats
from tyger_local.spec.buffers import Direction

IN = BufferStats("input", Direction.INPUT, BufferState.COMPLETE, bytes=5)
OUT = BufferStats("output", Direction.OUTPUT, BufferState.COMPLETE, bytes=2000)


def _narrator(jobs: int = 1, workers: int = 0, **settings: object) -> Narrator:
    console = Console(Settings(**settings))  # type: ignore[arg-type]
    return Narrator(console, {"job": jobs, "worker": workers}, timestamps=False)


@pytest.mark.parametrize(
    ("jobs", "buffers", "words"),
    [
        (1, [], "no buffers"),
        (1, [IN, OUT], "read 5 B from 'input', wrote 2 kB to 'output'"),
        (3, [IN, IN, IN], "read 15 B from 'input' in 3 replicas"),
    ],
)
def test_a_summary(jobs: int, buffers: list[BufferStats], words: str) -> None:
    with closing(_narrator(jobs)) as narrator:
        assert re.fullmatch(rf"{re.escape(words)} in \d\.\d s", narrator.summary(buffers))


@pytest.mark.parametrize(
    ("jobs", "told"),
    [
        (1, ["buffer=input", "buffer=output"]),
        (2, ["container=job-0 buffer=input", "container=job-1 buffer=input"]),
    ],
)
def test_each_replica_has_buffers_of_its_own(
    capsys: pytest.CaptureFixture[str], jobs: int, told: list[str]
) -> None:
    buffers = (IN, OUT) if jobs == 1 else (IN, IN)
    with closing(_narrator(jobs)) as narrator:
        for _ in range(2):  # each is told once
            narrator.tell(Transfers(buffers))
    found = re.findall("Transfer complete (.*) totalCompletedData", capsys.readouterr().err)
    assert found == told


@pytest.mark.parametrize(
    ("jobs", "workers", "line"),
    [
        (1, 0, "hello\n"),
        (1, 1, "[job] hello\n"),
        (2, 1, "[job-0] hello\n"),
    ],
)
def test_log_lines_say_whose_they_are(
    capsysbinary: pytest.CaptureFixture[bytes], jobs: int, workers: int, line: str
) -> None:
    event = LogLine("job-0", "t", b"hello\n", first=True)
    with closing(_narrator(jobs, workers)) as narrator:
        narrator.tell(event)
    assert capsysbinary.readouterr().err.decode() == line
    with closing(_narrator(jobs, workers, log_format="json")) as narrator:
        narrator.tell(event)
    assert b'"container": "job-0"' in capsysbinary.readouterr().err


def test_a_long_line_that_is_interrupted_goes_on_as_a_line_of_its_own(
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    with closing(_narrator(2, 0)) as narrator:
        for container, data, is_first, stream in [
            ("job-0", b"a", True, "stdout"),
            ("job-0", b"b", False, "stdout"),
            ("job-0", b"error\n", True, "stderr"),
            ("job-0", b"c", False, "stdout"),
            ("job-1", b"other\n", True, "stdout"),
            ("job-0", b"d\n", False, "stdout"),
            ("job-1", b"e", True, "stdout"),
        ]:
            narrator.tell(LogLine(container, "t", data, is_first, stream))
        narrator.tell(Warned("beware"))
    assert capsysbinary.readouterr().err.decode().splitlines() == [
        "[job-0] ab",
        "[job-0] error",
        "[job-0] c",
        "[job-1] other",
        "[job-0] d",
        "[job-1] e",
        "Warning: beware",
    ]
