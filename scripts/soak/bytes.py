"""R5: whatever the sizes and the chunks, the bytes that arrive are those that were sent."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil
from soak.case import DEBIAN, MIB, MRI
from soak.tool import run_tool, tool_argv

SMALL_SIZES = (0, 1, 4095, 4096, 4097, 65_535, 65_536, 65_537, MIB - 1, MIB, MIB + 1)
LARGE_SIZE = 100 * MIB
HUGE_SIZE = 4096 * MIB
DOZENS = 24
TIMEOUT_S = 600

# What a container may copy with. Odd blocks on both sides, and a reader and writer that pause.
COPIES: dict[str, tuple[str, str]] = {
    "cat": (DEBIAN, "cat $IN_PIPE > $OUT_PIPE"),
    "dd": (DEBIAN, "dd if=$IN_PIPE of=$OUT_PIPE ibs=$IBS obs=$OBS"),
    "cat, from a file": (DEBIAN, "cat $IN_PIPE > /tmp/x; cat /tmp/x > $OUT_PIPE"),
    "Python": (
        MRI,
        (
            "exec python3 -c 'import os, random\n"
            'a = os.open(os.environ["IN_PIPE"], os.O_RDONLY)\n'
            'b = os.open(os.environ["OUT_PIPE"], os.O_WRONLY)\n'
            "while data := os.read(a, random.choice((1000, 65536, 1 << 20))):\n"
            "    while data:\n"
            "        data = data[os.write(b, data[: random.choice((777, 4096, 300000))]) :]\n'"
        ),
    ),
}


@dataclass(frozen=True)
class Copy:
    """One run that copies `size` bytes, and how its two ends outside are connected."""

    size: int
    how: str
    stdin: bool
    stdout: bool

    def __str__(self) -> str:
        ends = f"{'stdin' if self.stdin else 'file'} to {'stdout' if self.stdout else 'file'}"
        return f"{self.size} bytes, {self.how}, {ends}"


@contextmanager
def roomy_folder(prefix: str, needed_bytes: int) -> Iterator[Path]:
    """Give a folder in memory where there is plenty of it, and else on disk."""
    in_memory = os.access("/dev/shm", os.W_OK)
    # Its size says nothing: what others put there takes the same memory as everything else.
    in_memory = in_memory and psutil.virtual_memory().available > 3 * needed_bytes
    parent = "/dev/shm" if in_memory else None
    with tempfile.TemporaryDirectory(prefix=prefix, dir=parent) as folder:
        yield Path(folder)


def byte_rounds(rounds: int, *, large: bool = False, seed: int | None = None) -> list[str]:
    """Copy all small sizes and 100 MiB each round, in random ways, and two dozen buffers at once.

    Args:
        rounds: How many.
        large: Copy 4 GiB once, too.
        seed: Of everything random.

    Returns:
        What was wrong: nothing when all is well.
    """
    chance = random.Random(seed)
    failures: list[str] = []
    with roomy_folder("soak-bytes-", 2 * (HUGE_SIZE if large else LARGE_SIZE)) as folder:
        for number in range(1, rounds + 1):
            for size in (*SMALL_SIZES, LARGE_SIZE):
                copy = some_copy(size, chance)
                failures += [f"round {number}: {text}" for text in check_copy(copy, folder, chance)]
            failures += [f"round {number}: {text}" for text in check_dozens(DOZENS, folder, chance)]
        if large:
            failures += check_copy(Copy(HUGE_SIZE, "cat", False, False), folder, chance)
    return failures


def some_copy(size: int, chance: random.Random) -> Copy:
    """Draw a way to copy `size` bytes."""
    return Copy(size, chance.choice([*COPIES]), chance.random() < 0.5, chance.random() < 0.5)


def check_copy(copy: Copy, folder: Path, chance: random.Random) -> list[str]:
    """Carry one copy out and return what was wrong."""
    source, target = folder / "in", folder / "out"
    wanted = _fill(source, copy.size, chance)
    image, script = COPIES[copy.how]
    env = {"IBS": str(chance.randint(700, 100_000)), "OBS": str(chance.randint(700, 100_000))}
    argv = tool_argv(folder, image, script, ["in"], ["out"], changes={"env": env})
    argv += [] if copy.stdin else ["-b", f"in={source}"]
    argv += [] if copy.stdout else ["-b", f"out={target}"]
    with subprocess.Popen(
        argv,
        stdin=subprocess.PIPE if copy.stdin else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        watchdog = threading.Timer(TIMEOUT_S, process.kill)
        watchdog.start()
        feeder = _in_thread(lambda: _feed(process.stdin, source, random.Random(copy.size)))
        said: list[bytes] = []
        listener = _in_thread(lambda: said.append(process.stderr.read() if process.stderr else b""))
        arrived = _digest(process.stdout, random.Random(copy.size + 1))
        process.wait()
        feeder.join()
        listener.join()
        watchdog.cancel()
    if not copy.stdout and target.exists():
        with target.open("rb", buffering=0) as file:
            arrived = _digest(file, chance)
    faults = (
        [] if process.returncode == 0 else [f"exit code {process.returncode}: {said[0].decode()}"]
    )
    faults += [] if arrived == wanted else ["the bytes that arrived are not those that were sent"]
    for path in (source, target):
        path.unlink(missing_ok=True)
    return [f"{copy}: {fault}" for fault in faults]


def check_dozens(count: int, folder: Path, chance: random.Random) -> list[str]:
    """Copy through `count` inputs and outputs at once and return what was wrong."""
    names = [f"b{number}" for number in range(count)]
    wanted = {name: _fill(folder / name, chance.randint(0, MIB), chance) for name in names}
    script = "".join(f"cat ${n.upper()}_PIPE > $O{n.upper()}_PIPE & " for n in names) + "wait"
    argv = tool_argv(folder, DEBIAN, script, names, [f"o{name}" for name in names])
    for name in names:
        argv += ["-b", f"{name}={folder / name}", "-b", f"o{name}={folder / f'o{name}'}"]
    answer = run_tool(argv)
    faults = [] if answer.code == 0 else [f"{count} buffers: exit code {answer.code}: {answer.err}"]
    for name in names:
        target = folder / f"o{name}"
        data = target.read_bytes() if target.exists() else b""
        if hashlib.sha256(data).hexdigest() != wanted[name]:
            faults.append(f"{count} buffers: the bytes of '{name}' are not those that were sent")
        target.unlink(missing_ok=True)
        (folder / name).unlink()
    return faults


def _fill(path: Path, size: int, chance: random.Random) -> str:
    """Write `size` bytes, no two blocks alike, and return their sha256."""
    digest = hashlib.sha256()
    block = chance.randbytes(min(size, MIB))
    with path.open("wb") as file:
        for at in range(0, size, MIB):
            data = (at.to_bytes(8, "big") + block)[: min(MIB, size - at)]
            digest.update(data)
            file.write(data)
    return digest.hexdigest()


def _feed(pipe: IO[bytes] | None, source: Path, chance: random.Random) -> None:
    """Write a file into a pipe, in chunks of any size."""
    if pipe is None:
        return
    try:
        with pipe, source.open("rb") as file:
            while data := file.read(chance.choice((1, 1000, 65_536, 65_537, MIB, 3 * MIB))):
                pipe.write(data)
                pipe.flush()
    except BrokenPipeError:
        pass  # the tool ended early, and its exit code tells


def _digest(pipe: IO[bytes] | None, chance: random.Random) -> str:
    """Read to the end in chunks of any size and return the sha256."""
    digest = hashlib.sha256()
    while pipe is not None and (data := pipe.read(chance.choice((1, 777, 65_536, MIB)))):
        digest.update(data)
    return digest.hexdigest()


def _in_thread(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread
