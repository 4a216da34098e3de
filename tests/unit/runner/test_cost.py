"""What a run on the process engine costs, and when."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tyger_local import Workspace
from tyger_local.outcome.events import Event, StatusChanged, Warned
from tyger_local.outcome.facts import CancelReason
from tyger_local.outcome.record import RunRecord, Usage
from tyger_local.runner.cancel import Cancellation
from tyger_local.runner.stopwatch import Phase, Stopwatch
from tyger_local.store.runs import RunStore
from tyger_local.workspace.execution import ExecOptions

BURN = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"


def _exec(
    home: Path, script: str, buffers: Mapping[str, Path] | None = None, **options: Any
) -> RunRecord:
    outputs = [*(buffers or {})]
    codespec = {
        "image": "x",
        "command": ["sh", "-c", script],
        "buffers": {"outputs": outputs},
    }
    replicas, timeout_s = options.pop("replicas", 1), options.pop("timeout_s", 60)
    document = {
        "job": {"codespec": codespec, "replicas": replicas},
        "timeoutSeconds": timeout_s,
    }
    given = {name: str(path) for name, path in (buffers or {}).items()}
    workspace = Workspace(home, engine="process")
    return workspace.runs.exec(document, given, ExecOptions(**options))


def _samples(home: Path, record: RunRecord) -> Any:
    return Workspace(home).runs.samples(record.id)


def test_each_phase_of_a_run_is_timed(home: Path) -> None:
    record = _exec(home, "sleep 0.3")
    phases = record.phases
    assert phases is not None
    times = (phases.pull_s, phases.create_s, phases.start_s, phases.run_s, phases.drain_s)
    assert all(time is not None and 0 <= time < 10 for time in times)
    assert phases.run_s is not None
    assert phases.run_s >= 0.25


def test_a_phase_that_was_not_reached_has_no_time(home: Path) -> None:
    workspace = Workspace(home, engine="process")
    failed = workspace.runs.exec({"image": "x", "command": ["/no/such/command"]})
    phases = failed.phases
    assert phases is not None
    assert phases.start_s is not None
    assert (phases.run_s, phases.drain_s) == (None, None)
    assert failed.usage == Usage()
    assert workspace.runs.samples(failed.id) is None


def test_a_stopwatch() -> None:
    watch = Stopwatch()
    watch.end()
    assert watch.phase is None
    watch.enter(Phase.PULL)
    watch.enter(Phase.CREATE)
    assert watch.phase is Phase.CREATE
    assert watch.phases.pull_s is not None
    assert watch.phases.create_s is None
    watch.end()
    assert watch.phases.create_s is not None
    assert watch.phases.start_s is None


def test_what_it_used_over_time(home: Path, tmp_path: Path) -> None:
    script = (
        f'exec 3> "$OUT_PIPE"; printf 12345 >&3; sleep 0.25; {BURN}; sleep 0.2; printf 67890 >&3'
    )
    record = _exec(home, script, {"out": tmp_path / "out"})
    document = _samples(home, record)
    assert document["intervalSeconds"] == 0.1
    seen = document["containers"]["job-0"]
    count = len(seen["seconds"])
    assert count >= 4
    assert seen["seconds"] == sorted(seen["seconds"])
    assert {len(seen[name]) for name in ("memoryBytes", "ownMemoryBytes", "cpuSeconds")} == {count}
    assert seen["buffers"]["out"] == sorted(seen["buffers"]["out"])
    assert set(seen["buffers"]["out"]) <= {5, 10}
    first = seen["memoryBytes"][0]
    assert first is not None
    assert first >= seen["ownMemoryBytes"][0] > 0
    known = [used for used in seen["cpuSeconds"] if used is not None]
    assert known == sorted(known)
    assert record.usage is not None
    assert record.usage.cpu_seconds == pytest.approx(known[-1], abs=0.1)


def test_a_short_run_leaves_no_samples(home: Path) -> None:
    record = _exec(home, "true")
    assert _samples(home, record) is None
    assert not list((home / "runs").glob("*/samples.json"))


def test_a_run_that_fails_or_is_canceled_has_its_costs(home: Path) -> None:
    cancellation = Cancellation()

    def cancel(event: Event) -> None:
        if isinstance(event, StatusChanged) and event.running:
            cancellation.request(CancelReason.USER)

    failed = _exec(home, f"{BURN}; sleep 0.3; exit 3")
    timed_out = _exec(home, f"{BURN}; sleep 60", timeout_s=1)
    canceled = _exec(
        home, f"trap '{BURN}; exit 1' TERM; while :; do sleep 0.01; done", emit=cancel,
        cancellation=cancellation,
    )  # fmt: skip
    for record in (failed, timed_out, canceled):
        assert record.usage is not None
        assert (record.usage.cpu_seconds or 0) > 0.02
        assert record.phases is not None
        assert None not in (record.phases.run_s, record.phases.drain_s)
        assert _samples(home, record)["containers"]["job-0"]["seconds"]


def test_replicas_cost_together(home: Path) -> None:
    one, two = _exec(home, BURN), _exec(home, BURN, replicas=2)
    assert one.usage is not None
    assert two.usage is not None
    assert (two.usage.cpu_seconds or 0) > 1.3 * (one.usage.cpu_seconds or 0)


def test_samples_that_cannot_be_written_are_a_warning(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = RunStore._samples
    monkeypatch.setattr(RunStore, "_samples", lambda self, run: place(self, run) / "not" / "there")
    events: list[Event] = []
    record = _exec(home, "sleep 0.3", emit=events.append)
    assert record.verdict is not None
    assert record.verdict.exit_code == 0
    texts = [event.text for event in events if isinstance(event, Warned)]
    assert any("what the run used over time is not written down" in text for text in texts)
