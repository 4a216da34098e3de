from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue

import pytest

from tyger_local import LogQuery, Workspace
from tyger_local.errors import NotFoundError
from tyger_local.store.home import Home
from tyger_local.store.logs import ContainerLog
from tyger_local.store.running import RunningStore
from tyger_local.workspace.owner import this_process

DEADLINE_S = 20
Append = Callable[[str, bytes], None]


class Bench:
    """A run whose containers print what a test lets them, each time a second later."""

    def __init__(self, home: Path) -> None:
        self._home = Home(home)
        self.folder = home / "runs" / "1"
        self.folder.mkdir(parents=True)
        self._second = 0
        self._logs: dict[str, ContainerLog] = {}

    def record(self, jobs: int = 1, workers: int | None = None, status: str = "Succeeded") -> None:
        RunningStore(self._home).write(1, {"labels": this_process().labels()})
        record: dict[str, object] = {"id": 1, "status": status, "job": {"replicas": jobs}}
        if workers is not None:
            record["worker"] = {"replicas": workers}
        if status == "Succeeded":
            record.update(finishedAt="t", verdict="succeeded")
        draft = self.folder / "draft"
        draft.write_text(json.dumps(record))
        draft.replace(self.folder / "run.json")  # at once: somebody may be reading it

    def _now(self) -> str:
        self._second += 1
        return f"2026-01-01T00:00:{self._second:02}.000000Z"

    def print(self, label: str, data: bytes) -> None:
        if label not in self._logs:
            self._logs[label] = ContainerLog(self.folder / f"{label}.log", self._now)
        self._logs[label].append("stdout", data)

    def close(self) -> None:
        for log in self._logs.values():
            log.close()

    def shown(self, query: LogQuery | None = None) -> list[str]:
        return b"".join(Workspace().runs.logs(1, query)).decode().splitlines()


@pytest.fixture
def bench(home: Path) -> Bench:
    return Bench(home)


def _print_some(bench: Bench) -> None:
    for label, data in (
        ("worker-1", b"up\n"),
        ("job-0", b"be"),
        ("worker-0", b"up\n"),
        ("job-0", b"gin\n"),
        ("worker-1", b"busy\n"),
    ):
        bench.print(label, data)
    bench.close()


def test_all_containers_in_order_of_time_with_tygers_prefixes(bench: Bench) -> None:
    bench.record(workers=2)
    _print_some(bench)
    assert bench.shown() == [
        "[worker-1] up",
        "[job] begin",
        "[worker-0] up",
        "[worker-1] busy",
    ]
    assert bench.shown(LogQuery(tail=2)) == ["[worker-0] up", "[worker-1] busy"]
    (last,) = bench.shown(LogQuery(tail=1, timestamps=True))
    assert last == "2026-01-01T00:00:05.000000Z [worker-1] busy"


@pytest.mark.parametrize(
    ("container", "lines"),
    [
        ("job-0", ["begin"]),
        ("job", ["begin"]),
        ("worker-1", ["up", "busy"]),
        ("worker", ["[worker-1] up", "[worker-0] up", "[worker-1] busy"]),
    ],
)
def test_one_container_or_one_role(bench: Bench, container: str, lines: list[str]) -> None:
    bench.record(workers=2)
    _print_some(bench)
    assert bench.shown(LogQuery(container=container)) == lines


@pytest.mark.parametrize("container", ["job-1", "worker-2", "main", "../run", ""])
def test_a_container_that_is_not_there(bench: Bench, container: str) -> None:
    bench.record(workers=2)
    with pytest.raises(NotFoundError) as caught:
        bench.shown(LogQuery(container=container))
    assert str(caught.value) == (
        f"the run '1' has no container '{container}'. It has job-0, worker-0 to worker-1."
    )


def test_who_is_quiet_for_long_holds_nobody_up(bench: Bench) -> None:
    bench.record(jobs=1, workers=1, status="Running")
    bench.print("worker-0", b"listening\n")
    bench.print("job-0", b"half a line")
    pieces: SimpleQueue[bytes] = SimpleQueue()
    is_over = threading.Event()

    def follow() -> None:
        for data in Workspace().runs.logs(1, LogQuery(follow=True)):
            for line in data.splitlines(keepends=True):
                pieces.put(line)
        is_over.set()

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    assert pieces.get(timeout=DEADLINE_S) == b"[worker] listening\n"
    for number in range(3):  # while the job says nothing more
        bench.print("worker-0", b"served %d\n" % number)
        assert pieces.get(timeout=DEADLINE_S) == b"[worker] served %d\n" % number
    bench.print("job-0", b", and its end\n")
    assert pieces.get(timeout=DEADLINE_S) == b"[job] half a line, and its end\n"
    bench.close()
    bench.record(jobs=1, workers=1)
    assert is_over.wait(DEADLINE_S)
    assert pieces.empty()
