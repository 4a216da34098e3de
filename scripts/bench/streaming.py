"""P2 and P4: what it takes to move 1 GiB from a file through a container into a file."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from figure import Figure, in_seconds
from measure import DEBIAN, GIB, MIB, Cost, alternate, codespec, cost, fill, folder, reap, tool


@dataclass(frozen=True)
class Move:
    """Three ways to have the same container copy `source` to `target`.

    The target is absent whenever the clock starts, so that nobody frees or uses again the memory of an
    old one within the time. Where there is one, we pay more than the others (on two busy cores 1.1 s
    against 0.1 to 0.5 s): we write a new file beside it and free its gigabyte at the end, while ``>``
    frees it first and gets the same memory again.
    """

    folder: Path
    source: Path

    @property
    def target(self) -> Path:
        """Where the bytes go."""
        return self.folder / "target"

    def ours(self) -> Cost:
        """Through the tool."""
        script = "cat $(INPUT_PIPE) > $(OUTPUT_PIPE)"
        file = codespec(self.folder, DEBIAN, script, ["input"], ["output"])
        argv = tool(file, {"input": self.source, "output": self.target})
        self.target.unlink(missing_ok=True)
        return self._complete(cost(argv))

    def mounted(self) -> Cost:
        """With the folder of both files mounted."""
        argv = _container(self.folder, f"cat /mnt/{self.source.name} > /mnt/{self.target.name}")
        self.target.unlink(missing_ok=True)
        return self._complete(cost(argv))

    def cats(self) -> Cost:
        """With a ``cat`` at each end of two pipes; the CPU is that of these two."""
        pipes = [self.folder / "to", self.folder / "from"]
        for path in (self.target, *pipes):
            path.unlink(missing_ok=True)
        for path in pipes:
            os.mkfifo(path)
        began = time.monotonic()
        container = subprocess.Popen(_container(self.folder, "cat /mnt/to > /mnt/from"))
        feed = subprocess.Popen(["sh", "-c", f"exec cat {self.source} > {pipes[0]}"])
        drain = subprocess.Popen(["sh", "-c", f"exec cat {pipes[1]} > {self.target}"])
        cpu_s = sum(reap(cat, began).cpu_s for cat in (feed, drain))
        return self._complete(Cost(reap(container, began).wall_s, cpu_s))

    def _complete(self, taken: Cost) -> Cost:
        if self.target.stat().st_size != self.source.stat().st_size:
            raise RuntimeError(f"not all bytes of {self.source} arrived")
        return taken


def _container(path: Path, script: str) -> Sequence[str]:
    return ["docker", "run", "--rm", "-v", f"{path}:/mnt", DEBIAN, "sh", "-c", script]


def throughput() -> Iterator[Figure]:
    """P2 and P4: wall time and CPU."""
    with folder(room_bytes=3 * GIB) as path:
        big = Move(path, fill(path / "big", GIB))
        tiny = Move(path, fill(path / "tiny", MIB))
        mine, cats, mounts = alternate(
            7,
            lambda: big.ours().wall_s,
            lambda: big.cats().wall_s,
            lambda: big.mounted().wall_s,
        )
        yield in_seconds("P2 i", "1 GiB file to file ÷ shell `cat`s", mine, cats, "≤ 0.9")
        yield in_seconds("P2 ii", "the same ÷ bind-mounted files", mine, mounts, "≤ 1.5")
        # What the tool needs anyway is not the bytes' doing.
        most, least, cats = alternate(
            5, lambda: big.ours().cpu_s, lambda: tiny.ours().cpu_s, lambda: big.cats().cpu_s
        )
        what = "CPU a GiB in + out ÷ shell `cat`s"
        yield in_seconds("P4", what, most - least, cats, "≤ 0.8")
