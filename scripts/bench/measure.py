"""Figures of the tool as ratios against something run beside it, in the same call and on the same files.

Absolute times mean little on shared machines; ratios of alternated runs hold. Each figure is the median of
its repeats. See scripts/bench/run.
"""

from __future__ import annotations

import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import docker

from tyger_local import Workspace

TOOL = str(Path(sys.executable).with_name("tyger-local"))
BUSYBOX, DEBIAN = "tyger-local/busybox", "tyger-local/base"
MIB = 2**20
GIB = 2**30


@dataclass(frozen=True)
class Figure:
    """One row of the table.

    Attributes:
        reach: The largest ratio that is good enough; for a rate the smallest.
    """

    name: str
    what: str
    measured: str
    ratio: float
    reach: str


@dataclass(frozen=True)
class Cost:
    """What one command took."""

    wall_s: float
    cpu_s: float
    peak_kib: int


def cost(argv: list[str], env: dict[str, str] | None = None) -> Cost:
    """Run a command and say what it and its children took."""
    began = time.monotonic()
    child = subprocess.Popen(argv, env={**os.environ, **(env or {})})
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"{argv} failed with {child.returncode}")
    return Cost(time.monotonic() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)


def alternate(repeats: int, *calls: Callable[[], float]) -> list[float]:
    """Call each of `calls` in turn, `repeats` times after one that does not count; return medians."""
    rounds = [[call() for call in calls] for _ in range(repeats + 1)][1:]
    return [statistics.median(column) for column in zip(*rounds, strict=True)]


@contextmanager
def folder() -> Iterator[Path]:
    """Give a folder in memory where there is one, and a store in it."""
    parent = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    path = Path(tempfile.mkdtemp(prefix="bench-", dir=parent))
    os.environ["TYGER_LOCAL_HOME"] = str(path / "home")
    try:
        yield path
    finally:
        shutil.rmtree(path)


def codespec(path: Path, image: str, script: str, inputs: list[str], outputs: list[str]) -> str:
    """Write a codespec file that runs a shell script."""
    file = path / "codespec.json"
    file.write_text(
        f'{{"image": "{image}", "buffers": {{"inputs": {inputs}, "outputs": {outputs}}}, '
        f'"command": ["sh", "-c", "{script}"]}}'.replace("'", '"')
    )
    return str(file)


def fill(path: Path, size: int) -> Path:
    """Write a file of `size` bytes that no file system can make holes of."""
    with path.open("wb") as file:
        block = os.urandom(MIB)
        for _ in range(size // MIB):
            file.write(block)
    return path


def tool(file: str, **buffers: Path) -> list[str]:
    """Return the command line that runs a codespec file."""
    argv = [TOOL, "run", "exec", "-q", "-f", file]
    for name, path in buffers.items():
        argv += ["-b", f"{name}={path}"]
    return argv


def p1() -> Iterator[Figure]:
    """Run ``true``, whole process."""
    with folder() as path:
        ours = tool(codespec(path, BUSYBOX, "true", [], []))
        theirs = ["docker", "run", "--rm", BUSYBOX, "true"]
        mine, other = alternate(9, lambda: cost(ours).wall_s, lambda: cost(theirs).wall_s)
        shown = f"{mine:.2f} s against {other:.2f} s"
        yield Figure("P1", "`run exec` of `true` ÷ `docker run --rm`", shown, mine / other, "≤ 1.5")


def _cats(path: Path) -> Cost:
    """Run the container with `cat` on both sides of its pipes; the cost is that of the two cats."""
    pipes = path / "pipes"
    pipes.mkdir(exist_ok=True)
    for name in ("input", "output"):
        (pipes / name).unlink(missing_ok=True)
        os.mkfifo(pipes / name)
    began = time.monotonic()
    container = subprocess.Popen(
        [
            "docker",
            "run",
            "--rm",
            "-v",
            f"{pipes}:/p",
            DEBIAN,
            "sh",
            "-c",
            "cat /p/input > /p/output",
        ]
    )
    feed = subprocess.Popen(["sh", "-c", f"cat {path}/in > {pipes}/input"])
    drain = subprocess.Popen(["sh", "-c", f"cat {pipes}/output > {path}/cats"])
    cpu = 0.0
    for child in (feed, drain):
        _, _, usage = os.wait4(child.pid, 0)
        child.returncode = 0
        cpu += usage.ru_utime + usage.ru_stime
    container.wait()
    return Cost(time.monotonic() - began, cpu, 0)


def p2_p4() -> Iterator[Figure]:
    """Move 1 GiB through a container."""
    with folder() as path:
        fill(path / "in", GIB)
        script = "cat $(INPUT_PIPE) > $(OUTPUT_PIPE)"
        file = codespec(path, DEBIAN, script, ["input"], ["output"])
        ours = tool(file, input=path / "in", output=path / "out")
        mounted = [
            "docker",
            "run",
            "--rm",
            "-v",
            f"{path}:/d",
            DEBIAN,
            "sh",
            "-c",
            "cat /d/in > /d/m",
        ]
        mine, cats, mounts = alternate(
            5, lambda: cost(ours).wall_s, lambda: _cats(path).wall_s, lambda: cost(mounted).wall_s
        )
        shown = f"{mine:.2f} s against {cats:.2f} s"
        yield Figure("P2 i", "1 GiB file to file ÷ shell `cat`s", shown, mine / cats, "≤ 0.9")
        shown = f"{mine:.2f} s against {mounts:.2f} s"
        yield Figure("P2 ii", "the same ÷ bind-mounted files", shown, mine / mounts, "≤ 1.5")
        tiny = fill(path / "tiny", MIB)
        nothing = tool(file, input=tiny, output=path / "out")
        big, small, other = alternate(
            5, lambda: cost(ours).cpu_s, lambda: cost(nothing).cpu_s, lambda: _cats(path).cpu_s
        )
        shown, ratio = f"{big - small:.2f} s against {other:.2f} s", (big - small) / other
        yield Figure("P4", "CPU a GiB in + out ÷ shell `cat`s", shown, ratio, "≤ 0.8")


def p3() -> Iterator[Figure]:
    """Peak memory of the tool, small and large, with few and many buffers."""
    with folder() as path:
        small, large = fill(path / "small", MIB), fill(path / "large", 4 * GIB)
        peaks: dict[str, int] = {}
        for count in (1, 64):
            names = [f"i{index}" for index in range(count)]
            script = "; ".join(f"cat $(I{index}_PIPE) > /dev/null" for index in range(count))
            file = codespec(path, DEBIAN, script, names, [])
            for label, source in (("1 MiB", small), ("4 GiB", large)):
                buffers = {name: source if name == "i0" else small for name in names}
                peaks[f"{label}, {count} buffers"] = cost(tool(file, **buffers)).peak_kib
        shown = ", ".join(f"{label}: {peak / 1024:.0f} MiB" for label, peak in peaks.items())
        ratio = max(peaks.values()) / min(peaks.values())
        yield Figure("P3", "peak memory, largest ÷ smallest", shown, ratio, "≤ 1.1, ≤ 80 MiB")


def _store(path: Path, count: int) -> dict[str, str]:
    """Make a store of `count` codespecs, written straight to files; return its environment."""
    for index in range(count):
        name = f"c{index:06}"
        place = path / "codespecs" / name
        place.mkdir(parents=True)
        (place / "1.json").write_text(
            f'{{"kind": "job", "name": "{name}", "version": 1, "image": "x"}}'
        )
    return {"TYGER_LOCAL_HOME": str(path)}


def p5() -> Iterator[Figure]:
    """Show, create and list with 100,000 codespecs."""
    with folder() as path:
        few, some, many = (_store(path / str(n), n) for n in (10, 1000, 100_000))
        silence = ["sh", "-c", '"$@" > /dev/null', "sh", TOOL, "codespec"]
        for name, argv, small, reach in (
            ("show", ["show", "c000005"], few, "≤ 1.2"),
            ("create", ["create", "c000005", "--image", "y"], few, "≤ 1.2"),
            ("list", ["list", "--limit", "1000"], some, "≤ 2"),
        ):
            large, less = alternate(
                7,
                lambda argv=argv: cost([*silence, *argv], many).wall_s,
                lambda argv=argv, small=small: cost([*silence, *argv], small).wall_s,
            )
            shown = f"{large:.2f} s against {less:.2f} s"
            yield Figure("P5", f"`codespec {name}` of 100,000 ÷ of few", shown, large / less, reach)


def p6() -> Iterator[Figure]:
    """List ten codespecs."""
    with folder() as path:
        env = _store(path / "ten", 10)
        listing = ["sh", "-c", '"$@" > /dev/null', "sh", TOOL, "codespec", "list"]
        bare = ["sh", "-c", '"$@" > /dev/null', "sh", sys.executable, "-c", "import click, json"]
        mine, other = alternate(
            15, lambda: cost(listing, env).wall_s, lambda: cost(bare, env).wall_s
        )
        shown = f"{mine * 1000:.0f} ms against {other * 1000:.0f} ms"
        yield Figure(
            "P6", "`codespec list` of 10 ÷ `import click, json`", shown, mine / other, "≤ 2.0"
        )


def p7() -> Iterator[Figure]:
    """32 runs, four at a time, in one process."""
    with folder() as path:
        workspace = Workspace(path / "home")
        client = docker.from_env(max_pool_size=16)

        def ours(_: int) -> None:
            workspace.runs.exec({"image": BUSYBOX, "command": ["true"]})

        def theirs(_: int) -> None:
            container = client.containers.create(BUSYBOX, "true")
            container.start()
            container.wait()
            container.remove()

        def rate(call: Callable[[int], None]) -> float:
            began = time.monotonic()
            with ThreadPoolExecutor(4) as pool:
                list(pool.map(call, range(32)))
            return 32 / (time.monotonic() - began)

        mine, other = alternate(3, lambda: rate(ours), lambda: rate(theirs))
        shown = f"{mine:.1f} a second against {other:.1f}"
        yield Figure(
            "P7", "runs of `true`, 4 at a time, rate ÷ docker-py", shown, mine / other, "≥ 0.9"
        )


FIGURES = {"P1": p1, "P2": p2_p4, "P3": p3, "P5": p5, "P6": p6, "P7": p7}


def main() -> None:
    """Measure what is asked for and print the table."""
    asked = [name.upper().replace("P4", "P2") for name in sys.argv[1:]] or list(FIGURES)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB
    engine = subprocess.run(
        ["docker", "version", "--format", "{{.Server.Version}}"],
        capture_output=True,
        text=True,
        check=True,
    )
    print(
        f"{time.strftime('%Y-%m-%d')}: {os.cpu_count()} cores, {memory:.0f} GiB, "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}, "
        f"Docker {engine.stdout.strip()}\n"
    )
    print("| | what | measured | ratio | reach |\n|---|---|---|---|---|")
    for name in dict.fromkeys(asked):
        for figure in FIGURES[name]():
            row = (figure.name, figure.what, figure.measured, f"{figure.ratio:.2f}", figure.reach)
            print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
