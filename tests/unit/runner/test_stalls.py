"""Containers whose pipes do not move: on the process engine, with short marks."""

from __future__ import annotations

import itertools
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tyger_local import ExecOptions, Workspace
from tyger_local.outcome.events import Event, Warned
from tyger_local.outcome.record import RunRecord
from tyger_local.runner import stalls
from tyger_local.runner.setup import Options

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="other kernels do not tell where a process waits"
)

Run = Callable[..., tuple[RunRecord, list[str]]]


@pytest.fixture
def run(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return what runs a script with an input and an output; it gives the record and the warnings."""
    monkeypatch.setattr(stalls, "FIRST_LOOK_S", 0.2)
    monkeypatch.setattr(stalls, "FIRST_LINE_S", 1.0)
    monkeypatch.setattr(stalls, "LOOK_AGAIN_S", 0.1)

    def start(script: str, source: Path | None = None, timeout_s: int = 30) -> Any:
        if source is None:
            source = tmp_path / "in"
            source.write_bytes(b"some input")
        codespec = {
            "image": "no-image",
            "command": ["sh", "-c", script],
            "buffers": {"inputs": ["in"], "outputs": ["out"]},
        }
        events: list[Event] = []
        record = Workspace(home, engine="process").runs.exec(
            {"job": {"codespec": codespec}, "timeoutSeconds": timeout_s},
            {"in": str(source), "out": str(tmp_path / "out")},
            ExecOptions(options=Options(stop_grace_s=0.1), emit=events.append),
        )
        return record, [event.text for event in events if isinstance(event, Warned)]

    return start


def test_the_times_between_looks_double() -> None:
    assert list(itertools.islice(stalls.marks(), 6)) == [10, 30, 60, 120, 240, 480]


DEADLOCKS = [
    ('cat "$OUT_PIPE"', "each output once and for writing"),
    ('echo a > "$IN_PIPE"', "each input once and for reading"),
    ('exec 3<>"$IN_PIPE"; cat <&3', 'open it for reading only, 3< "$IN_PIPE"'),
    ("mkfifo own; cat own", "a pipe of your own from both sides"),
]


@pytest.mark.parametrize(("script", "hint"), DEADLOCKS)
def test_what_can_never_end_is_ended(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, hint: str
) -> None:
    # As if nobody outside could hold the other end, which only a container's walls ensure.
    monkeypatch.setattr(stalls, "BELIEVED_S", 1.0)
    real = stalls.StallWatch.__init__
    monkeypatch.setattr(
        stalls.StallWatch, "__init__", lambda *a, is_isolated, **k: real(*a, is_isolated=True, **k)
    )
    record, _ = run(f"cd {tmp_path}; {script}; true")
    assert record.verdict is not None
    assert (record.verdict.kind.value, record.verdict.exit_code) == ("buffer-failed", 74)
    assert "[pipe-deadlock]" in record.verdict.reason
    assert hint in record.verdict.hint


def test_without_walls_it_is_only_told_of(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(stalls, "BELIEVED_S", 1.0)
    outside = tmp_path / "outside"
    os.mkfifo(outside)
    helper = threading.Timer(5, lambda: outside.write_text("help"))
    helper.start()
    record, warned = run(f'cat {outside} > "$OUT_PIPE"')
    helper.join()
    assert record.verdict is not None
    assert record.verdict.kind.value == "succeeded"
    assert (tmp_path / "out").read_text() == "help"
    assert any("[pipe-deadlock]" in text for text in warned)


@pytest.mark.parametrize(
    "script",
    [
        'cat "$IN_PIPE" > /dev/null; sleep 2; echo done > "$OUT_PIPE"',
        'cat "$IN_PIPE" | (sleep 2; cat) > "$OUT_PIPE"',
        'sleep 2 | cat > "$OUT_PIPE"; cat "$IN_PIPE" > /dev/null',
        "python3 -c 'import threading; threading.Event().wait(3)' | cat > \"$OUT_PIPE\"",
    ],
)
def test_one_that_is_busy_is_left_in_peace(run: Run, script: str) -> None:
    record, warned = run(script)
    assert record.verdict is not None
    assert record.verdict.kind.value == "succeeded"
    assert [text for text in warned if "[" in text] == []


def test_one_that_waits_for_us_is_told_of_and_goes_on(run: Run, tmp_path: Path) -> None:
    slow = tmp_path / "slow"
    os.mkfifo(slow)

    def give() -> None:
        with slow.open("wb", buffering=0) as pipe:
            pipe.write(b"first")
            told.wait(20)
            pipe.write(b", second")

    told = threading.Event()
    giver = threading.Thread(target=give)
    giver.start()
    threading.Timer(3, told.set).start()
    record, warned = run('cat "$IN_PIPE" > "$OUT_PIPE"', slow)
    giver.join()
    assert record.verdict is not None
    assert record.verdict.kind.value == "succeeded"
    assert (tmp_path / "out").read_bytes() == b"first, second"
    stalls = [text for text in warned if "[pipe-stalled]" in text]
    assert stalls[0] == (
        f"no byte has moved for 1 s: the input 'in' waits for {slow}, which gives nothing [pipe-stalled]"
    )
    assert len(stalls) <= 2
