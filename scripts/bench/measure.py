"""What measuring needs: what a command cost, alternation, and files and codespecs in memory.

Absolute times mean little on shared machines. So what is compared runs in turns, in one call and on the
same files, and the median of its repeats stands for each.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

TOOL = str(Path(sys.executable).with_name("tyger-local"))
BUSYBOX, DEBIAN = "tyger-local/busybox", "tyger-local/base"
MIB = 2**20
GIB = 2**30
MEMORY = Path("/dev/shm")


@dataclass(frozen=True)
class Cost:
    """What a command took; the CPU is that of the children it waited for as well."""

    wall_s: float
    cpu_s: float


class CommandError(Exception):
    """A command that was to be measured failed."""


def cost(argv: Sequence[str], env: Mapping[str, str] | None = None) -> Cost:
    """Run a command, keep what it prints out of the table, and say what it took.

    Raises:
        CommandError: It failed; what it wrote to standard error is in the words.
    """
    with tempfile.TemporaryFile() as said:
        began = time.monotonic()
        child = subprocess.Popen(
            argv, env={**os.environ, **(env or {})}, stdout=subprocess.DEVNULL, stderr=said
        )
        try:
            return reap(child, began)
        except CommandError as error:
            said.seek(0)
            raise CommandError(f"{error}: {said.read().decode(errors='replace')}") from None


def reap(child: subprocess.Popen[bytes], began: float) -> Cost:
    """Wait for a command that was started at `began`, and say what it took."""
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise CommandError(f"{child.args} ended with {child.returncode}")
    return Cost(time.monotonic() - began, usage.ru_utime + usage.ru_stime)


def alternate(repeats: int, *calls: Callable[[], float]) -> list[float]:
    """Call each of `calls` in turn, `repeats` times after one that does not count; return medians."""
    rounds = [[call() for call in calls] for _ in range(repeats + 1)][1:]
    return [statistics.median(column) for column in zip(*rounds, strict=True)]


@contextmanager
def folder(room_bytes: int = 0) -> Iterator[Path]:
    """Give a folder, and a store in it: in memory if it has room for `room_bytes`, else on the disk."""
    path = Path(tempfile.mkdtemp(prefix="bench-", dir=MEMORY if _fits(room_bytes) else None))
    os.environ["TYGER_LOCAL_HOME"] = str(path / "home")
    try:
        yield path
    finally:
        shutil.rmtree(path)


def _fits(room_bytes: int) -> bool:
    # The file system's own limit may be more than there is, and then the kernel kills processes.
    free = psutil.virtual_memory().available
    return os.access(MEMORY, os.W_OK) and room_bytes < min(free, shutil.disk_usage(MEMORY).free)


def end_cleanly_when_stopped() -> None:
    """Let SIGTERM end this script like Ctrl-C: gigabytes of memory are to be given back."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def codespec(
    path: Path, image: str, script: str, inputs: Sequence[str] = (), outputs: Sequence[str] = ()
) -> str:
    """Write a codespec that runs a shell script into the folder `path`; return its file."""
    file = path / "codespec.json"
    buffers = {"inputs": [*inputs], "outputs": [*outputs]}
    file.write_text(
        json.dumps({"image": image, "buffers": buffers, "command": ["sh", "-c", script]})
    )
    return str(file)


def fill(path: Path, size: int) -> Path:
    """Write a file of `size` bytes that no file system can make holes of."""
    with path.open("wb") as file:
        block = os.urandom(MIB)
        for _ in range(size // MIB):
            file.write(block)
    return path


def tool(file: str, buffers: Mapping[str, Path] | None = None) -> list[str]:
    """Return the command line that runs a codespec file."""
    argv = [TOOL, "run", "exec", "-q", "-f", file]
    for name, path in (buffers or {}).items():
        argv += ["-b", f"{name}={path}"]
    return argv
