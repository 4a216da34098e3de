"""The figures of the tool, each as a ratio to something run beside it. See scripts/bench/run."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from cost import costs
from figure import Figure
from measure import end_cleanly_when_stopped
from memory import peak_memory
from several import socket_throughput, with_workers
from starting import many_runs, small_commands, start_up
from store import large_store, many_records
from streaming import throughput
from table import print_machine, print_table

FIGURES = {
    "P1": start_up,
    "P2": throughput,
    "P3": peak_memory,
    "P4": throughput,
    "P5": large_store,
    "P6": small_commands,
    "P7": many_runs,
    "P8": many_records,
    "P9": with_workers,
    "P10": socket_throughput,
    "C1": costs,
    "C2": costs,
}


def main() -> None:
    """Measure what is asked for and print the table."""
    names = [name.upper() for name in sys.argv[1:]] or list(FIGURES)
    unknown = [name for name in names if name not in FIGURES]
    if unknown:
        sys.exit(f"There is no figure {', '.join(unknown)}; there are {', '.join(FIGURES)}.")
    end_cleanly_when_stopped()
    print_machine()
    print_table(("", "what", "measured", "ratio", "reach"), _rows(names))


def _rows(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for measured in dict.fromkeys(FIGURES[name] for name in names):
        yield from (_row(figure) for figure in measured())


def _row(figure: Figure) -> Sequence[str]:
    return figure.name, figure.what, figure.measured, f"{figure.ratio:.2f}", figure.reach


if __name__ == "__main__":
    main()
