"""R1: kills the tool at random moments, again and again, and looks for what is left.

Each round starts a run on Docker, perhaps with workers, or on the process engine, with an output file, and
kills the tool alone or its whole process group 0 to 1.5 seconds after it was started or after its record
appeared, while another process creates codespecs in the same store and is killed too. Five seconds later
nothing may be left: no container, no network, no process, no folder of pipes, no hidden output, no entry of a
living run; the record says how it ended, and no version of a codespec is lost.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

TOOL = (sys.executable, "-m", "tyger_local")
ENGINES = ("docker", "process")
IMAGE = "tyger-local/busybox"
CLEAN_WITHIN_S = 5.0
LATEST_KILL_S = 1.5
AT_ONCE = 2
INPUT_BYTES = 50_000
RECORD_TIMEOUT_S = 20.0

CONTAINERS = ("ps", "--all")
NETWORKS = ("network", "ls")
"""How Docker's own client lists them."""

SCRIPTS = {
    "streams for ever": "trap '' TERM; cat $INPUT_PIPE > $OUTPUT_PIPE; sleep 600",
    "ends by itself": "head -c 50000 $INPUT_PIPE > $OUTPUT_PIPE",
    "hides children": "setsid sleep 600 & cat $INPUT_PIPE > $OUTPUT_PIPE; wait",
}

WORKER = "sleep 0.4; [ $(($TYGER_RUN_ID % 2)) = 0 ] || sleep 600"
"""Of every other run the workers end, and are started again."""


@dataclass
class Round:
    """One run that is killed, in folders of its own.

    Attributes:
        workers: How many serve the job, in a network of the run's own.
        from_record: Whether the delay counts from the run's record on.
        found: What was left of it.
    """

    number: int
    folder: Path
    engine: str
    whole_group: bool
    script: str
    delay_s: float
    from_record: bool
    workers: int = 0
    status: str = ""
    found: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        who = "group" if self.whole_group else "tool"
        return (
            f"round {self.number}: {self.engine}, {who} killed {self.delay_s:.3f} s after its "
            f"{'record' if self.from_record else 'start'}, {self.script}, "
            f"{self.workers} workers, {self.status}"
        )

    @property
    def home(self) -> Path:
        """Return its store."""
        return self.folder / "home"

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment of all its processes; the folder for pipes tells them from others."""
        temporary = str(self.folder / "temporary")
        return {**os.environ, "TYGER_LOCAL_HOME": str(self.home), "TMPDIR": temporary}


def kill_rounds(rounds: int, engines: Sequence[str] = ENGINES) -> list[str]:
    """Do `rounds` rounds; return those that left something, and what."""
    seed = random.randrange(2**32)
    print(f"{rounds} rounds, seed {seed}", file=sys.stderr, flush=True)
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="soak-kill-") as parent:
        made = [_new_round(number, Path(parent), chance, engines) for number in range(rounds)]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for done in pool.map(_play, made):
                print(f"{done}: {'; '.join(done.found) or 'nothing left'}", file=sys.stderr)
    print(dict(Counter(f"{one.engine} {one.status}" for one in made)), file=sys.stderr)
    return [f"{one}: {'; '.join(one.found)}" for one in made if one.found]


def _new_round(number: int, parent: Path, chance: random.Random, engines: Sequence[str]) -> Round:
    engine = chance.choice(engines)
    return Round(
        number,
        parent / str(number),
        engine=engine,
        workers=chance.choice((0, 0, 3)) if engine == "docker" else 0,
        whole_group=chance.random() < 0.5,
        script=chance.choice(list(SCRIPTS)),
        delay_s=chance.uniform(0, LATEST_KILL_S),
        from_record=chance.random() < 0.5,
    )


def _play(one: Round) -> Round:
    """Start a run, kill it, wait as long as is allowed and look for what is left."""
    (one.folder / "temporary").mkdir(parents=True)
    (one.folder / "run.json").write_text(json.dumps(_document(one)))
    with _creating(one) as versions:
        tool = subprocess.Popen(
            (*TOOL, "run", "exec", "--engine", one.engine, "-f", "run.json", "-b", "output=out"),
            cwd=one.folder, env=one.environment, start_new_session=True,
            stdin=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        _kill(one, tool)
        killed = time.monotonic()
    time.sleep(max(killed + CLEAN_WITHIN_S - time.monotonic(), 0))
    one.found += _left(one)
    one.found += _damage(one, versions)
    _tidy(one)
    return one


def _document(one: Round) -> dict[str, object]:
    """Return the run file."""
    codespec = {
        "image": IMAGE,
        "command": ["sh", "-c", SCRIPTS[one.script]],
        "buffers": {"inputs": ["input"], "outputs": ["output"]},
    }
    document: dict[str, object] = {"job": {"codespec": codespec}}
    if one.workers:
        worker = {"image": IMAGE, "command": ["sh", "-c", WORKER], "maxReplicas": one.workers}
        document["worker"] = {"codespec": worker, "replicas": one.workers}
    return document


def _kill(one: Round, tool: subprocess.Popen[bytes]) -> None:
    """Give it some input, keep that open, and kill at the round's moment."""
    if tool.stdin is not None:
        tool.stdin.write(bytes(INPUT_BYTES))  # less than a pipe holds
        tool.stdin.flush()
    deadline = time.monotonic() + (RECORD_TIMEOUT_S if one.from_record else 0)
    while time.monotonic() < deadline and not list(one.home.glob("runs/*/run.json")):
        time.sleep(0.005)
    time.sleep(one.delay_s)
    with suppress(ProcessLookupError):  # it has ended
        (os.killpg if one.whole_group else os.kill)(tool.pid, signal.SIGKILL)
    tool.wait()
    if tool.stdin is not None:
        tool.stdin.close()


@contextmanager
def _creating(one: Round) -> Iterator[list[int]]:
    """Create versions of a codespec inside the block, until one is killed too."""
    versions: list[int] = []
    program = (
        "import sys; from tyger_local import Workspace\n"
        "import time\n"
        "for n in range(10000):\n"
        "  time.sleep(0.05)\n"
        "  made = Workspace().codespecs.create('spec', {'image': f'x:{n}'})\n"
        "  print(made.version, flush=True)"
    )
    creator = subprocess.Popen(
        (sys.executable, "-c", program), env=one.environment, stdout=subprocess.PIPE, text=True
    )
    try:
        yield versions
    finally:
        creator.kill()
        versions += [int(line) for line in creator.communicate()[0].splitlines()]


def _left(one: Round) -> list[str]:
    """Name what is left of a run."""
    paths = (
        *(one.folder / "temporary").iterdir(),
        *one.folder.glob(".*"),
        *(one.home / "running").glob("*"),
    )
    found = [str(path) for path in paths]
    found += [f"container {name}" for name in _listed(one, *CONTAINERS)]
    found += [f"network {name}" for name in _listed(one, *NETWORKS)]
    found += [f"process {p.pid}: {' '.join(_command(p))}" for p in _processes(one)]
    return found


def _listed(one: Round, *listing: str) -> list[str]:
    store = hashlib.sha256(os.fsencode(one.home.resolve())).hexdigest()[:16]
    argv = ("docker", *listing, "--quiet", "--filter", f"label=tyger-local.store={store}")
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()


def _processes(one: Round) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            lives = process.status() != psutil.STATUS_ZOMBIE
            if lives and process.environ().get("TMPDIR") == one.environment["TMPDIR"]:
                yield process


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return ["gone meanwhile"]


def _damage(one: Round, versions: list[int]) -> list[str]:
    """Say what is wrong with the store, or lost."""
    shown = [
        subprocess.run(
            (*TOOL, *words), env=one.environment, capture_output=True, text=True, check=False
        )
        for words in (("run", "list"), ("codespec", "list"))
    ]
    found = [
        f"{' '.join(answer.args[3:])} said: {answer.stderr.strip()}"
        for answer in shown
        if answer.returncode or answer.stderr
    ]
    records = json.loads(shown[0].stdout or "[]")
    one.status = records[0]["status"] if records else "no record"
    if one.status in ("Pending", "Running"):
        found.append(f"the record says {one.status}")
    if len(list(one.folder.glob("out*"))) > 1:
        found.append("both an output and a part of it")
    kept = one.home / "codespecs/spec"
    there = {int(path.stem) for path in kept.glob("*.json")} if kept.exists() else set()
    if not set(versions) <= there or there != set(range(1, len(there) + 1)):
        found.append(f"versions {sorted(set(versions) - there)} are lost of {sorted(there)}")
    return found


def _tidy(one: Round) -> None:
    """Remove what was left, now that it is told."""
    for name in _listed(one, *CONTAINERS):
        subprocess.run(("docker", "rm", "-f", name), check=False, capture_output=True)
    for name in _listed(one, *NETWORKS):
        subprocess.run(("docker", "network", "rm", name), check=False, capture_output=True)
    for process in _processes(one):
        with suppress(psutil.Error):
            process.kill()


if __name__ == "__main__":
    left = kill_rounds(int(sys.argv[1]) if len(sys.argv) > 1 else 60, sys.argv[2:] or ENGINES)
    print("\n".join([f"{len(left)} rounds left something", *left]))
    sys.exit(1 if left else 0)
