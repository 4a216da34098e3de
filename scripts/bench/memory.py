"""P3: that neither large nor many buffers need more memory."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from figure import Figure
from measure import DEBIAN, GIB, MIB, codespec, fill, folder, tool

REPEATS = 3
PEAK = str(Path(__file__).with_name("peak.py"))


def peak_memory() -> Iterator[Figure]:
    """P3: peak memory of the tool, small and large, with few and many buffers."""
    with folder(room_bytes=5 * GIB) as path:
        small, large = fill(path / "small", MIB), path / "large"
        large.touch()
        os.truncate(large, 4 * GIB)  # a hole will do: what counts here is the number of bytes
        peaks = {
            f"{label}, {count} buffer{'s' * (count > 1)}": _peak_mib(path, count, first, small)
            for count in (1, 64)
            for label, first in (("1 MiB", small), ("4 GiB", large))
        }
        shown = "; ".join(f"{label}: {peak:.0f} MiB" for label, peak in peaks.items())
        ratio = max(peaks.values()) / min(peaks.values())
        yield Figure("P3", "peak memory, largest ÷ smallest", shown, ratio, "≤ 1.1, ≤ 80 MiB")


def _peak_mib(path: Path, count: int, first: Path, others: Path) -> float:
    """Return the peak with `count` buffers, half of them outputs, all moving at the same time."""
    inputs = [f"i{index}" for index in range((count + 1) // 2)]
    outputs = [f"o{index}" for index in range(count // 2)]
    targets = [f"$({name.upper()}_PIPE)" for name in outputs] or ["/dev/null"]
    cats = [
        f"cat $({name.upper()}_PIPE) > {target} &"
        for name, target in zip(inputs, targets, strict=True)
    ]
    file = codespec(path, DEBIAN, " ".join([*cats, "wait"]), inputs, outputs)
    buffers = dict.fromkeys(inputs, others) | {"i0": first}
    buffers |= {name: path / name for name in outputs}
    argv = [sys.executable, PEAK, str(path / "peak"), *tool(file, buffers)[1:]]
    peaks = []
    for _ in range(REPEATS):
        subprocess.run(argv, check=True)
        peaks.append(int((path / "peak").read_text()) / 1024)
    return statistics.median(peaks)
