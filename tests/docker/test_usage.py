"""What runs cost, by programs of which that is known: within 10 %."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tyger_local import Workspace
from tyger_local.engine.docker.api import Api
from tyger_local.engine.docker.meter import Meter
from tyger_local.engine.docker.unix import UnixTransport, local_socket
from tyger_local.outcome.events import Event, StatusChanged
from tyger_local.outcome.facts import CancelReason
from tyger_local.outcome.record import RunRecord, Usage
from tyger_local.outcome.sight import UsageSample
from tyger_local.plan.model import Overrides
from tyger_local.runner.cancel import Cancellation
from tyger_local.workspace.execution import ExecOptions

pytestmark = pytest.mark.docker

IMAGE = "tyger-local/base"
DEADLINE_S = 60
TRIES = 3
SIZE = 200_000_000
HOLD = "perl -e '$x = \"\"; vec($x, {size} - 1, 8) = 1; sleep {hold_s}'"
"""Touches as many bytes as that, and keeps them for so long."""

BURN = "perl -e 'while ((times)[0] + (times)[1] < {cpu_s}) {{ }}'"
"""Computes until it has used as many seconds as that, by its own account."""

CLOSE = 0.1

CPU_S = 2.0
"""So much that what the engine uses to start a container, some 30 ms of it, is little beside it."""


def _hold(size: int = SIZE, hold_s: float = 0) -> str:
    return HOLD.format(size=size, hold_s=hold_s)


def _burn(cpu_s: float) -> str:
    return BURN.format(cpu_s=cpu_s)


class Bench:
    """Runs scripts in containers."""

    def __init__(self, home: Path) -> None:
        self.workspace = Workspace(home, engine="docker")

    def exec(
        self,
        *command: str,
        replicas: int = 1,
        timeout_s: int = DEADLINE_S,
        codespec: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> RunRecord:
        document = {
            "job": {
                "codespec": {"image": IMAGE, "command": [*command], **(codespec or {})},
                "replicas": replicas,
            },
            "timeoutSeconds": timeout_s,
        }
        execution = ExecOptions(overrides=Overrides(network="none"), **options)
        return self.workspace.runs.exec(document, None, execution)

    def usage(self, script: str, **options: Any) -> Usage:
        """Return what a script cost, once that is known.

        On a machine that is very busy the end of a container may be missed. Then nothing is told, and never
        something wrong.
        """
        usage = Usage()
        for _ in range(TRIES):
            record = self.exec("sh", "-c", script, **options)
            assert record.verdict is not None
            assert record.verdict.exit_code == 0, record.verdict
            usage = record.usage or Usage()
            if usage != Usage():
                break
        return usage

    def samples(self, record: RunRecord, label: str = "job-0") -> Any:
        document: Any = self.workspace.runs.samples(record.id)
        return document["containers"][label]


@pytest.fixture
def bench(home: Path) -> Bench:
    return Bench(home)


# Memory


@pytest.mark.parametrize("hold_s", [0, 0.3])
def test_the_peak_of_its_memory(bench: Bench, hold_s: float) -> None:
    usage = bench.usage(f"exec {_hold(hold_s=hold_s)}")
    assert usage.peak_memory_bytes == pytest.approx(SIZE, rel=CLOSE)
    assert usage.method is not None
    assert usage.method.startswith("cgroup v")
    assert "(file cache included)" in usage.method


@pytest.mark.parametrize(
    "script",
    [f"{_hold()}; true", f"{_hold(SIZE // 2, 1)} & {_hold(SIZE // 2, 1)} & wait"],
    ids=["a child", "two at a time"],
)
def test_the_memory_of_children_counts(bench: Bench, script: str) -> None:
    assert bench.usage(script).peak_memory_bytes == pytest.approx(SIZE, rel=CLOSE)


def test_files_in_memory_count(bench: Bench) -> None:
    usage = bench.usage("head -c 50000000 /dev/zero > /dev/shm/file")
    assert usage.peak_memory_bytes is not None
    assert 50_000_000 <= usage.peak_memory_bytes < 60_000_000


def test_a_program_of_no_length_is_nearly_always_caught(bench: Bench) -> None:
    usages = [bench.exec("true").usage for _ in range(10)]
    caught = [usage for usage in usages if usage is not None and usage.peak_memory_bytes]
    assert len(caught) >= 8
    assert all((usage.peak_memory_bytes or 0) < 50_000_000 for usage in caught)
    assert all(usage.cpu_seconds for usage in caught)


# CPU


@pytest.mark.parametrize(
    "script",
    [
        f"exec {_burn(CPU_S)}",
        f"{_burn(CPU_S)}; true",
        f"{_burn(CPU_S / 2)} & {_burn(CPU_S / 2)} & wait",
    ],
    ids=["itself", "a child", "two at a time"],
)
def test_the_cpu_that_it_used(bench: Bench, script: str) -> None:
    usage = bench.usage(script)
    assert usage.cpu_seconds == pytest.approx(CPU_S, rel=CLOSE)
    assert usage.throttled_seconds == 0


def test_the_time_in_which_it_was_kept_from_running(bench: Bench) -> None:
    codespec = {"resources": {"limits": {"cpu": "500m"}}}
    record = bench.exec("sh", "-c", _burn(CPU_S), codespec=codespec)
    usage, phases = record.usage, record.phases
    assert usage is not None
    assert usage.cpu_seconds == pytest.approx(CPU_S, rel=CLOSE)
    assert usage.throttled_seconds is not None
    assert 0.1 < usage.throttled_seconds < 5  # less where others leave it no more than that anyway
    assert phases is not None
    assert phases.run_s is not None
    assert phases.run_s > 3


# Several containers, and other ends


def test_of_replicas_the_largest_counts_and_cpu_is_added(bench: Bench) -> None:
    script = f"case $(hostname) in *-0) {_hold(SIZE // 2)};; *) {_hold()};; esac; {_burn(0.5)}"
    usage = bench.usage(script, replicas=2)
    assert usage.peak_memory_bytes == pytest.approx(SIZE, rel=CLOSE)
    assert usage.cpu_seconds is not None
    assert 1.0 < usage.cpu_seconds < 1.8


def test_a_run_that_fails_has_its_costs(bench: Bench) -> None:
    record = bench.exec("sh", "-c", f"{_hold(hold_s=0.2)}; {_burn(0.5)}; exit 3")
    assert record.verdict is not None
    assert record.verdict.exit_code == 3
    _check_costs(bench, record)


def test_a_run_that_times_out_has_its_costs(bench: Bench) -> None:
    script = f"{_hold(hold_s=0.2)}; {_burn(0.5)}; exec sleep 60"
    _check_costs(bench, bench.exec("sh", "-c", script, timeout_s=3))


def test_a_run_that_is_canceled_has_its_costs(bench: Bench) -> None:
    cancellation = Cancellation()
    canceling = threading.Timer(3, cancellation.request, (CancelReason.USER,))

    def begin(event: Event) -> None:
        if isinstance(event, StatusChanged) and event.running:
            canceling.start()

    script = f"{_hold(hold_s=0.2)}; {_burn(0.5)}; exec sleep 60"
    record = bench.exec("sh", "-c", script, emit=begin, cancellation=cancellation)
    canceling.join()
    assert record.verdict is not None
    assert record.verdict.exit_code == 130
    _check_costs(bench, record)


def _check_costs(bench: Bench, record: RunRecord) -> None:
    usage, phases = record.usage, record.phases
    assert usage is not None
    assert usage.peak_memory_bytes == pytest.approx(SIZE, rel=CLOSE)
    assert usage.cpu_seconds is not None
    assert 0.5 < usage.cpu_seconds < 1.0
    assert phases is not None
    times = (phases.pull_s, phases.create_s, phases.start_s, phases.run_s, phases.drain_s)
    assert all(time_s is not None and 0 <= time_s < DEADLINE_S for time_s in times)
    assert len(bench.samples(record)["seconds"]) >= 3


def test_a_run_that_does_not_start_has_no_costs(bench: Bench) -> None:
    record = bench.exec("/no/such/command")
    assert record.usage == Usage()
    assert record.phases is not None
    assert record.phases.start_s is not None
    assert (record.phases.run_s, record.phases.drain_s) == (None, None)
    assert bench.workspace.runs.samples(record.id) is None


# Over time


def test_what_it_uses_over_time(bench: Bench) -> None:
    write = "head -c 60000000 /dev/zero > /tmp/file"  # kept in memory, and not its own
    record = bench.exec("sh", "-c", f"{write}; {_hold(hold_s=1)}")
    seen = bench.samples(record)
    memory = [size for size in seen["memoryBytes"] if size is not None]
    own = [size for size in seen["ownMemoryBytes"] if size is not None]
    assert max(own) == pytest.approx(SIZE, rel=CLOSE)
    assert max(memory) >= max(own)
    cpu = [used for used in seen["cpuSeconds"] if used is not None]
    assert cpu == sorted(cpu)
    assert seen["seconds"] == sorted(seen["seconds"])
    assert record.usage is not None
    assert max(memory) <= (record.usage.peak_memory_bytes or 0)
    assert cpu[-1] <= (record.usage.cpu_seconds or 0)


# An engine whose cgroups we do not see


def _until(condition: Callable[[], bool]) -> None:
    deadline, pause = time.monotonic() + DEADLINE_S, threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "a condition did not come true"
        pause.wait(0.05)


@pytest.fixture
def api() -> Iterator[Api]:
    path = local_socket(os.environ)
    if path is None:
        pytest.skip("the engine is not behind a socket of this machine")
    with closing(Api(UnixTransport(path, DEADLINE_S), DEADLINE_S)) as made:
        yield made


@contextmanager
def _measuring(
    api: Api, script: str, info: Mapping[str, object], root: Path
) -> Iterator[tuple[str, Meter]]:
    """Start a container and a meter of it; give its id and the meter."""
    body = {"Image": IMAGE, "Cmd": ["sh", "-c", script], "HostConfig": {"NetworkMode": "none"}}
    container = api.create(f"tyger-local-test-{os.urandom(4).hex()}", None, body)
    meter = Meter(api, container, info, str(root))
    thread = threading.Thread(target=meter.run)
    thread.start()
    try:
        api.start(container)
        meter.engine_has_started()
        yield container, meter
    finally:
        meter.stop(1)
        thread.join(DEADLINE_S)
        api.remove(container)


def test_the_engine_is_asked_where_there_is_no_cgroup(api: Api, tmp_path: Path) -> None:
    script = f"{_burn(0.5)}; exec {_hold(hold_s=60)}"
    with _measuring(api, script, api.info(), tmp_path) as (container, meter):
        samples: list[UsageSample] = []

        def is_held() -> bool:
            samples.extend(filter(None, [meter.sample()]))
            return bool(samples) and (samples[-1].memory_bytes or 0) > 0.9 * SIZE

        _until(is_held)
        api.kill(container, 9)
    assert samples[-1].own_memory_bytes == pytest.approx(SIZE, rel=CLOSE)
    usage = meter.usage()
    assert usage.peak_memory_bytes == pytest.approx(SIZE, rel=CLOSE)
    assert usage.cpu_seconds is not None
    assert 0.5 < usage.cpu_seconds < 1.0
    assert usage.method is not None
    assert usage.method.startswith("the engine's statistics, sampled")


VERSION_2 = [
    root
    for root in (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified"))
    if (root / "cgroup.controllers").exists()
]
"""Where the kernel shows cgroups of version 2; beside version 1 they count CPU and no memory."""


@pytest.mark.parametrize("root", VERSION_2, ids=str)
def test_version_2_of_cgroups(api: Api, root: Path) -> None:
    info = {**api.info(), "CgroupVersion": "2"}
    with _measuring(api, f"exec {_burn(CPU_S)}", info, root) as (container, meter):
        assert api.wait(container) == 0
    usage = meter.usage()
    assert usage.cpu_seconds == pytest.approx(CPU_S, rel=CLOSE)
    assert usage.method is not None
    assert usage.method.startswith("cgroup v2")
    if root.name == "unified":
        assert usage.peak_memory_bytes is None
        assert usage.method.startswith("cgroup v2, which counts no memory here")
