"""C1 and C2: what records say that a run cost, of programs of which that is known."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator

from figure import Figure
from measure import DEBIAN, folder

from tyger_local import Workspace
from tyger_local.outcome.record import Usage

REPEATS = 10
SIZE = 200_000_000
HOLD = f'$x = ""; vec($x, {SIZE} - 1, 8) = 1'
CPU_S = 0.8
BURN = f"while ((times)[0] + (times)[1] < {CPU_S}) {{ }}"
REACH = "0.9 to 1.1"


def costs() -> Iterator[Figure]:
    """Peak memory and CPU as the record has them ÷ what the program used."""
    with folder() as path:
        workspace = Workspace(path / "home")

        def usages(program: str) -> list[Usage]:
            codespec = {"image": DEBIAN, "command": ["perl", "-e", program]}
            records = (workspace.runs.exec(codespec) for _ in range(REPEATS))
            return [record.usage or Usage() for record in records]

        memory = _known(usages(HOLD), lambda usage: usage.peak_memory_bytes)
        cpu = _known(usages(BURN), lambda usage: usage.cpu_seconds)
    what = "peak memory in the record ÷ 200,000,000 bytes touched, by a program that ends at once"
    yield _figure("C1", what, [size / 1e6 for size in memory], SIZE / 1e6, "MB")
    what = "CPU in the record ÷ what the program says it used"
    yield _figure("C2", what, cpu, CPU_S, "s")


def _known(usages: list[Usage], of: Callable[[Usage], float | None]) -> list[float]:
    return [value for usage in usages if (value := of(usage)) is not None]


def _figure(name: str, what: str, found: list[float], known: float, unit: str) -> Figure:
    shown = (
        f"{min(found, default=0):.2f} to {max(found, default=0):.2f} {unit}, "
        f"{len(found)} of {REPEATS} caught"
    )
    return Figure(name, what, shown, statistics.median(found or [0]) / known, REACH)
