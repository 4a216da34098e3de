"""The meter on trees of files like those of the kernel, and on real processes."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tyger_local.engine.docker import meter as meter_module
from tyger_local.engine.docker.api import Api
from tyger_local.engine.docker.cgroups import Counters
from tyger_local.engine.docker.meter import Meter
from tyger_local.engine.docker.transport import Answer, Output
from tyger_local.outcome.record import Usage
from tyger_local.outcome.sight import UsageSample

ID = "c0ffee" * 10 + "beef"
DEADLINE_S = 20
OWN_DESCRIPTORS = Path("/proc/self/fd")

V1 = {
    "memory": {
        "memory.max_usage_in_bytes": "200\n",
        "memory.usage_in_bytes": "100\n",
        "memory.stat": "total_rss 60\ntotal_shmem 5\n",
        "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n",
    },
    "cpuacct": {"cpuacct.usage": "1500000000\n", "cgroup.procs": ""},
    "cpu": {"cpu.stat": "throttled_time 250000000\n"},
}
V2 = {
    "": {
        "memory.peak": "200\n",
        "memory.current": "100\n",
        "memory.stat": "anon 60\nshmem 5\n",
        "memory.events": "max 0\noom 0\noom_kill 0\n",
        "cpu.stat": "usage_usec 1500000\nthrottled_usec 250000\n",
        "cgroup.procs": "",
    }
}
COST = (200, 1.5, 0.25)
CACHED = "(file cache included)"


class FakeEngine:
    """Answers as an engine does that is asked about one container."""

    def __init__(self) -> None:
        self.pid = 0
        self.statistics: dict[str, Any] = {}
        self.asked: list[str] = []

    def call(
        self,
        request: str,
        query: Mapping[str, str],
        body: Mapping[str, Any] | None,
        timeout_s: float | None,
    ) -> Answer:
        self.asked.append(request)
        if request.endswith("/stats"):
            return Answer(200, json.dumps(self.statistics).encode())
        return Answer(200, json.dumps({"State": {"Pid": self.pid}}).encode())

    def attach(self, container: str, timeout_s: float) -> Output:
        raise NotImplementedError

    def close(self) -> None:
        pass


class Bench:
    """A meter in its thread, the tree that it reads, and a process that is in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.proc = root.with_name("proc")
        self.engine = FakeEngine()
        self.child: subprocess.Popen[bytes] | None = None
        self.folders: list[Path] = []
        self.meter: Meter | None = None
        self.thread: threading.Thread | None = None

    def measure(self, version: str, driver: str = "cgroupfs") -> Meter:
        info = {"CgroupDriver": driver, "CgroupVersion": version}
        self.meter = Meter(Api(self.engine, 1), ID, info, str(self.root), self.proc)
        self.thread = threading.Thread(target=self.meter.run, daemon=True)
        self.thread.start()
        return self.meter

    def make(
        self, tree: Mapping[str, Mapping[str, str]], inner: str, *, leave_out: tuple[str, ...] = ()
    ) -> None:
        """Make the group: each of its folders comes with all its files, as the kernel does it."""
        for controller, files in tree.items():
            new, folder = self.root / "new", self.root / controller / inner
            new.mkdir(parents=True)
            for name, text in files.items():
                if name not in leave_out:
                    (new / name).write_text(text)
            folder.parent.mkdir(parents=True, exist_ok=True)
            new.rename(folder)
            self.folders.append(folder)

    def enter(self) -> int:
        """Have a process in the group."""
        self.child = subprocess.Popen(("sleep", "60"))
        self.write("cgroup.procs", f"{self.child.pid}\n")
        return self.child.pid

    def tell_group(self, text: str) -> None:
        """Have the kernel say where the process is counted."""
        folder = self.proc / str(self.engine.pid)
        folder.mkdir(parents=True)
        (folder / "cgroup").write_text(text)

    def write(self, name: str, text: str) -> None:
        for folder in self.folders:
            if (folder / name).exists():
                (folder / name).write_text(text)

    def leave(self) -> None:
        """End the process."""
        self.write("cgroup.procs", "")
        if self.child is not None:
            self.child.kill()
            self.child.wait()

    def close(self) -> None:
        self.leave()
        if self.meter is not None and self.thread is not None:
            if not self.meter._is_stopping.is_set():
                self.meter.stop(0)
            self.thread.join(DEADLINE_S)
            assert not self.thread.is_alive()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    before = len([*OWN_DESCRIPTORS.iterdir()])
    made = Bench(tmp_path / "cgroup")
    yield made
    made.close()
    assert len([*OWN_DESCRIPTORS.iterdir()]) == before


def _until(condition: Callable[[], bool]) -> None:
    deadline, pause = time.monotonic() + DEADLINE_S, threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "a condition did not come true"
        pause.wait(0.002)


KINDS = [
    ("1", "cgroupfs", V1, f"docker/{ID}"),
    ("1", "systemd", V1, f"system.slice/docker-{ID}.scope"),
    ("2", "cgroupfs", V2, f"docker/{ID}"),
    ("2", "systemd", V2, f"system.slice/docker-{ID}.scope"),
]


@pytest.mark.parametrize(("version", "driver", "tree", "inner"), KINDS)
def test_it_finds_reads_and_tells(
    bench: Bench, version: str, driver: str, tree: dict[str, dict[str, str]], inner: str
) -> None:
    meter = bench.measure(version, driver)
    assert meter.sample() is None
    bench.make(tree, inner)  # while the engine starts it
    bench.enter()
    meter.engine_has_started()
    _until(lambda: meter.sample() == UsageSample(100, 65, 1.5))
    assert meter.usage() == Usage()  # not before the end
    bench.leave()
    meter.stop(DEADLINE_S)
    usage = meter.usage()
    assert (usage.peak_memory_bytes, usage.cpu_seconds, usage.throttled_seconds) == COST
    name = "memory.max_usage_in_bytes" if version == "1" else "memory.peak"
    assert usage.method == f"cgroup v{version} {name} {CACHED}"
    assert meter.sample() is None


def test_what_is_counted_last_is_what_counts(bench: Bench) -> None:
    meter = bench.measure("2")
    bench.make(V2, f"docker/{ID}")
    bench.enter()
    meter.engine_has_started()
    _until(lambda: meter.sample() is not None)
    bench.write("memory.peak", "900\n")
    bench.write("cpu.stat", "usage_usec 2000000\nthrottled_usec 0\n")
    bench.leave()
    meter.stop(DEADLINE_S)
    usage = meter.usage()
    assert (usage.peak_memory_bytes, usage.cpu_seconds, usage.throttled_seconds) == (900, 2.0, 0.0)


@pytest.mark.parametrize(("version", "driver", "tree", "inner"), KINDS)
def test_a_kill_for_want_of_memory_is_counted(
    bench: Bench, version: str, driver: str, tree: dict[str, dict[str, str]], inner: str
) -> None:
    meter = bench.measure(version, driver)
    assert meter.oom_kills is None
    bench.make(tree, inner)
    bench.enter()
    meter.engine_has_started()
    _until(lambda: meter.oom_kills == 0)
    bench.write("memory.oom_control" if version == "1" else "memory.events", "oom_kill 1\n")
    bench.leave()
    meter.stop(DEADLINE_S)
    assert meter.oom_kills == 1


def test_a_kill_that_was_counted_is_not_forgotten_when_all_else_is_gone(bench: Bench) -> None:
    meter = bench.measure("2")
    bench.make(V2, f"docker/{ID}")
    bench.enter()
    meter.engine_has_started()
    _until(lambda: meter.sample() is not None)
    for name in ("memory.peak", "memory.current", "memory.stat", "cpu.stat"):
        bench.write(name, "")
    bench.write("memory.events", "oom_kill 1\n")
    assert meter.sample() is None  # it was read while it went
    bench.write("memory.events", "")
    bench.leave()
    meter.stop(DEADLINE_S)
    assert meter.oom_kills == 1


def test_where_kills_are_not_counted_nothing_is_known_of_them(bench: Bench) -> None:
    meter = bench.measure("1")
    bench.make(V1, f"docker/{ID}", leave_out=("memory.oom_control",))
    bench.enter()
    meter.engine_has_started()
    _until(lambda: meter.sample() is not None)
    bench.leave()
    meter.stop(DEADLINE_S)
    assert meter.oom_kills is None
    assert meter.usage().peak_memory_bytes == 200


def test_the_first_process_may_be_a_helper(bench: Bench) -> None:
    meter = bench.measure("2")
    bench.make(V2, f"docker/{ID}")
    helper = subprocess.Popen(("sleep", "60"))
    bench.write("cgroup.procs", f"{helper.pid}\n")
    _until(lambda: meter.sample() is not None)
    bench.enter()
    helper.kill()
    helper.wait()
    meter.engine_has_started()
    bench.write("memory.peak", "900\n")
    assert meter.sample() is not None
    bench.leave()
    meter.stop(DEADLINE_S)
    assert meter.usage().peak_memory_bytes == 900


def test_one_that_ends_before_the_engine_says_that_it_has_started(bench: Bench) -> None:
    meter = bench.measure("1")
    bench.make(V1, f"docker/{ID}")
    _until(lambda: meter._last.peak_bytes == 200)  # and nobody is in it
    bench.leave()
    meter.engine_has_started()
    meter.stop(DEADLINE_S)
    assert meter.usage().peak_memory_bytes == 200


def test_a_kernel_without_a_peak_is_looked_at_often(bench: Bench) -> None:
    meter = bench.measure("2")
    bench.make(V2, f"docker/{ID}", leave_out=("memory.peak",))
    bench.enter()
    meter.engine_has_started()
    for size in ("700\n", "400\n"):
        bench.write("memory.current", size)
        _until(lambda size=size: meter._last.memory_bytes == int(size))  # type: ignore[misc]
    bench.leave()
    meter.stop(DEADLINE_S)
    usage = meter.usage()
    assert usage.peak_memory_bytes == 700
    assert usage.method == f"cgroup v2 memory.current, sampled every 0.1 s {CACHED}"


def test_a_kernel_that_counts_no_memory(bench: Bench) -> None:
    meter = bench.measure("1")
    bench.make({**V1, "memory": {}}, f"docker/{ID}")
    bench.enter()
    meter.engine_has_started()
    _until(lambda: meter.sample() is not None)
    bench.leave()
    meter.stop(DEADLINE_S)
    usage = meter.usage()
    assert (usage.peak_memory_bytes, usage.cpu_seconds) == (None, 1.5)
    assert usage.method == "cgroup v1, which counts no memory here"


@pytest.mark.parametrize(
    ("ran_s", "gap_s", "said"),
    [(100.0, 4.0, ", last read 4.00 s before the end"), (10.0, 4.0, None)],
)
def test_an_end_that_was_missed(bench: Bench, ran_s: float, gap_s: float, said: str | None) -> None:
    meter = bench.measure("2")
    bench.make(V2, f"docker/{ID}")
    bench.enter()
    meter.engine_has_started()
    _until(lambda: meter.sample() is not None)
    for name in ("memory.peak", "memory.current", "memory.stat", "cpu.stat"):
        bench.write(name, "")  # as if it were gone
    bench.leave()
    meter.stop(DEADLINE_S)
    assert meter._ended_at is not None
    meter._read_at = meter._ended_at - gap_s
    meter._began = meter._ended_at - ran_s
    usage = meter.usage()
    if said is None:
        assert usage == Usage()
    else:
        assert (usage.peak_memory_bytes, usage.cpu_seconds) == (200, 1.5)
        assert usage.method == f"cgroup v2 memory.peak {CACHED}{said}"


@pytest.mark.parametrize("pid", ["0", "1"])
def test_a_process_whose_end_cannot_be_seen_is_looked_at_now_and_then(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, pid: str
) -> None:
    looks: list[float] = []
    if pid == "1":  # as on an old kernel
        monkeypatch.delattr("os.pidfd_open")
    meter = bench.measure("2")
    bench.make(V2, f"docker/{ID}")
    bench.write(
        "cgroup.procs", f"{pid}\n"
    )  # 0 is what the kernel shows of another process namespace
    meter.engine_has_started()
    _until(lambda: meter.sample() is not None)
    meter._began -= 10_000  # the run is old: it is looked at every five seconds
    monkeypatch.setattr(meter, "_read", lambda: looks.append(time.monotonic()) or Counters())
    threading.Event().wait(0.3)
    assert len(looks) <= 2
    monkeypatch.undo()
    bench.leave()
    began = time.monotonic()
    meter.stop(DEADLINE_S)  # at once, however long the next look is away
    assert time.monotonic() - began < meter_module.LONGEST_S / 2
    assert meter._ended_at is not None


def test_part_of_a_reading_is_none(bench: Bench) -> None:
    meter = bench.measure("2")
    bench.make(V2, f"docker/{ID}")
    bench.enter()
    meter.engine_has_started()
    _until(lambda: meter.sample() is not None)
    bench.write("cpu.stat", "")
    assert meter.sample() is None
    assert meter._last.cpu_s == 1.5


def test_a_group_elsewhere_is_found_by_its_process(bench: Bench) -> None:
    inner = f"user.slice/docker-{ID}.scope"
    bench.make(V2, inner)
    bench.engine.pid = bench.enter()
    bench.tell_group(f"0::/{inner}\n")
    meter = bench.measure("2", "systemd")
    meter.engine_has_started()
    _until(lambda: meter.sample() is not None)
    bench.leave()
    meter.stop(DEADLINE_S)
    assert meter.usage().peak_memory_bytes == 200


def test_a_process_of_the_same_number_is_not_taken_for_it(bench: Bench) -> None:
    bench.engine.pid = bench.enter()
    bench.tell_group("0::/system.slice/something-else.service\n")
    meter = bench.measure("2")
    meter.engine_has_started()
    _until(lambda: bool(bench.engine.asked))
    meter.stop(0)
    assert meter.usage() == Usage()


SAID = {
    "cpu_stats": {"cpu_usage": {"total_usage": 10**9}, "throttling_data": {"throttled_time": 0}},
    "memory_stats": {"usage": 4000, "stats": {"anon": 2000, "shmem": 100}},
}


def test_an_engine_elsewhere_is_asked_now_and_then(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meter_module, "ENGINE_S", 0.01)
    bench.engine.statistics = SAID
    meter = bench.measure("2")
    meter.engine_has_started()
    _until(lambda: meter.sample() is not None)
    assert meter.sample() == UsageSample(4000, 2100, 1.0)
    bench.engine.statistics = {"memory_stats": {}}  # it has ended
    meter.stop(DEADLINE_S)
    usage = meter.usage()
    assert (usage.peak_memory_bytes, usage.cpu_seconds, usage.throttled_seconds) == (4000, 1.0, 0.0)
    assert (usage.method or "").startswith("the engine's statistics, sampled")


def test_an_engine_elsewhere_is_not_asked_about_a_short_run(bench: Bench) -> None:
    meter = bench.measure("2")
    meter.engine_has_started()
    _until(lambda: bool(bench.engine.asked))
    meter.stop(DEADLINE_S)
    assert [request for request in bench.engine.asked if "stats" in request] == []
    assert meter.usage() == Usage()


def test_one_that_never_started_costs_nothing(bench: Bench) -> None:
    meter = bench.measure("2")
    meter.stop(0)
    assert bench.thread is not None
    bench.thread.join(DEADLINE_S)
    assert meter.usage() == Usage()
    assert bench.engine.asked == []
