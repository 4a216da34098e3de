"""R8: twenty runs in the background, ordered from a terminal that is then closed.

Half of them are canceled from other processes at random moments, and one process that carries out a run is
killed. Every record must tell the truth then, every log be whole, and nothing be left.
"""

from __future__ import annotations

import json
import os
import pty
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from soak.tool import in_engine

TOOL = (sys.executable, "-m", "tyger_local")
IMAGE = "tyger-local/busybox"
RUNS = 20
LATEST_CANCEL_S = 3.0
TIMEOUT_S = 120.0
CLEAN_WITHIN_S = 5.0


@dataclass(frozen=True)
class Fate:
    """What shall become of one run.

    Attributes:
        script: What its container does.
        status: What its record must say.
        reason: What its status reason must begin with.
        log: What its log must be; None where that depends on the moment of its end.
    """

    name: str
    script: str
    status: str
    reason: str = ""
    log: str | None = None


LIVES = "trap 'exit 9' TERM; echo begun; while :; do sleep 0.1; done"
CANCELED = Fate("is canceled", LIVES, "Canceled", "Canceled by user")
STUBBORN = Fate("is canceled, and hears nothing", "trap '' TERM; while :; do sleep 0.1; done",
                "Canceled", "Canceled by user")  # fmt: skip
KILLED = Fate("loses its process", LIVES, "Failed", "the process that ran it ended")
SUCCEEDS = Fate("succeeds", "echo one; sleep 4; echo two", "Succeeded", log="one\ntwo\n")
FAILS = Fate("fails", "sleep 4; echo three; exit 3", "Failed", "Main exited with code 3", "three\n")


def fates(count: int) -> list[Fate]:
    """Return what becomes of `count` runs: half are canceled, one loses its process."""
    canceled = [STUBBORN if number % 4 == 0 else CANCELED for number in range(count // 2)]
    others = [FAILS if number % 2 else SUCCEEDS for number in range(count - len(canceled) - 1)]
    return [*canceled, KILLED, *others]


class Crowd:
    """Runs in one store.

    Args:
        folder: An empty one.
        engine: ``docker`` or ``process``.
    """

    def __init__(self, folder: Path, engine: str) -> None:
        self.folder = folder
        self.home = folder / "home"
        self._env = {**os.environ, "TYGER_LOCAL_HOME": str(self.home), "TYGER_LOCAL_ENGINE": engine}

    def tool(self, *argv: str) -> str:
        """Run the tool, and return what it printed on either stream."""
        answer = subprocess.run(
            (*TOOL, *argv),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=self._env,
            timeout=TIMEOUT_S,
            check=False,
        )
        return answer.stdout.decode(errors="replace")

    def order(self, wanted: Sequence[Fate]) -> None:
        """Order a run for each of `wanted` in a shell on a terminal, and close the terminal."""
        for number, fate in enumerate(wanted, 1):
            spec = {"image": IMAGE, "command": ["sh", "-c", fate.script]}
            (self.folder / f"{number}.json").write_text(json.dumps(spec))
        create = f"{' '.join(TOOL)} run create -f"
        script = f"set -e; for number in $(seq {len(wanted)}); do {create} $number.json; done"
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(self.folder)
            os.execve("/bin/sh", ["sh", "-c", script], self._env)
        try:
            while os.read(terminal, 4096):
                pass
        except OSError:  # the shell has ended
            pass
        os.close(terminal)
        os.waitpid(pid, 0)

    def records(self) -> dict[int, dict[str, object]]:
        """Return the records by id."""
        return {record["id"]: record for record in json.loads(self.tool("run", "list"))}

    def owner(self, run_id: int) -> int:
        """Return the process that carries out a run."""
        entry = json.loads((self.home / f"running/{run_id}.json").read_text())
        return int(entry["labels"]["tyger-local.pid"])


def check_crowd(folder: Path, engine: str, seed: int, count: int = RUNS) -> Iterator[str]:
    """Order runs, do to them what shall become of them, and yield what is not as it must be."""
    chance = random.Random(seed)
    wanted = fates(count)
    chance.shuffle(wanted)
    crowd = Crowd(folder, engine)
    crowd.order(wanted)
    if sorted(crowd.records()) != [*range(1, count + 1)]:
        yield f"not all runs were accepted: {sorted(crowd.records())}"
        return
    doomed = wanted.index(KILLED) + 1
    with ThreadPoolExecutor(count) as pool:
        said = {
            number: pool.submit(_cancel, crowd, number, chance.uniform(0, LATEST_CANCEL_S))
            for number, fate in enumerate(wanted, 1)
            if fate.status == "Canceled"
        }
        pool.submit(_kill, crowd, doomed)
    for number, answer in said.items():
        if answer.result() != f"Job {number} has been canceled\n":
            yield f"run {number}, {wanted[number - 1].name}: cancel said {answer.result()!r}"
    yield from _look(crowd, wanted)
    yield from _leftovers(crowd)


def _cancel(crowd: Crowd, number: int, delay_s: float) -> str:
    time.sleep(delay_s)
    return crowd.tool("run", "cancel", str(number))


def _kill(crowd: Crowd, number: int) -> None:
    _wait_for(lambda: crowd.records()[number]["status"] == "Running")
    os.kill(crowd.owner(number), signal.SIGKILL)


def _look(crowd: Crowd, wanted: Sequence[Fate]) -> Iterator[str]:
    for number, fate in enumerate(wanted, 1):
        last = crowd.tool("run", "watch", str(number), "--full-resource").splitlines()[-1]
        record = json.loads(last)
        who = f"run {number}, {fate.name}"
        reason = str(record.get("statusReason", ""))
        if record["status"] != fate.status or not reason.startswith(fate.reason):
            yield f"{who}: {record['status']}, {reason}"
        log = crowd.tool("run", "logs", str(number))
        if fate.log is not None and log != fate.log:
            yield f"{who}: its log is {log!r}"
    counted = json.loads(crowd.tool("run", "counts"))
    for status in {fate.status for fate in wanted}:
        number = sum(fate.status == status for fate in wanted)
        if counted.get(status.lower()) != number:
            yield f"{counted} were counted, and {number} are {status}"


def _leftovers(crowd: Crowd) -> Iterator[str]:
    def entries() -> list[str]:
        return [path.name for path in (crowd.home / "running").iterdir()]

    if not _wait_for(lambda: not entries() and not in_engine(crowd.folder), CLEAN_WITHIN_S):
        yield f"left: {entries()} {in_engine(crowd.folder)}"


def _wait_for(condition: Callable[[], object], timeout_s: float = TIMEOUT_S) -> bool:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def background_rounds(rounds: int) -> list[str]:
    """Do it `rounds` times on each engine; return what was wrong."""
    failures: list[str] = []
    for number in range(1, rounds + 1):
        for engine in ("docker", "process"):
            with tempfile.TemporaryDirectory(prefix="soak-background-") as folder:
                seed = random.randrange(2**32)
                faults = check_crowd(Path(folder), engine, seed)
                failures += [f"round {number}, {engine}, seed {seed}: {fault}" for fault in faults]
    return failures
