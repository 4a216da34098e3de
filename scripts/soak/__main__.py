"""Runs what is asked for and prints one row a figure. See scripts/soak/run."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from soak.background import background_rounds
from soak.bytes import byte_rounds
from soak.creates import create_rounds
from soak.ends import end_rounds
from soak.hostile import hostile_rounds
from soak.kill import kill_rounds
from soak.legal import LEGAL
from soak.misuses import MISUSES
from soak.trial import misuse_rounds

LARGE_FROM_ROUNDS = 20


@dataclass(frozen=True)
class Figure:
    """One row of the table.

    Attributes:
        count: Tries it for so many rounds and returns what failed.
    """

    what: str
    count: Callable[[int, bool], list[str]]


def _misuses(rounds: int, _: bool) -> list[str]:
    with tempfile.TemporaryDirectory(prefix="soak-misuses-") as folder:
        return misuse_rounds(rounds, [*MISUSES, *LEGAL], ["process", "docker"], Path(folder))


FIGURES = {
    "R1": Figure("the tool killed at a random moment", lambda rounds, _: kill_rounds(rounds)),
    "R2": Figure(
        "16 processes, 50 creates each, at once, 4 of the 16 killed",
        lambda rounds, _: create_rounds(rounds),
    ),
    "R3": Figure(
        f"{len(MISUSES)} misuses and {len(LEGAL)} legal uses of pipes, on both engines", _misuses
    ),
    "R5": Figure(
        "bytes in files, pipes and chunks of all sizes, 24 buffers at once",
        lambda rounds, large: byte_rounds(rounds, large=large),
    ),
    "R6": Figure("ends from outside the container", lambda rounds, _: end_rounds(rounds)),
    "R7": Figure("hostile containers", lambda rounds, _: hostile_rounds(rounds)),
    "R8": Figure(
        "20 runs in the background, the terminal closed, half canceled, 1 killed, on both engines",
        lambda rounds, _: background_rounds(rounds),
    ),
}


def main() -> int:
    """Count failures and return the exit code."""
    parser = argparse.ArgumentParser(prog="scripts/soak/run")
    parser.add_argument("figures", nargs="*", metavar="R1", help=f"of {', '.join(FIGURES)}")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--large", action="store_true", help="copy 4 GiB once (R5)")
    asked = parser.parse_args()
    names = [name.upper() for name in asked.figures] or [*FIGURES]
    unknown = [name for name in names if name not in FIGURES]
    if unknown:
        parser.error(f"no figure {', '.join(unknown)}; there are {', '.join(FIGURES)}")
    large = asked.large or asked.rounds >= LARGE_FROM_ROUNDS
    print("| | what | rounds | failures | took |\n|---|---|---|---|---|", flush=True)
    failed = False
    for name in names:
        began = time.monotonic()
        failures = FIGURES[name].count(asked.rounds, large)
        row = (name, FIGURES[name].what, asked.rounds, len(failures))
        print(f"| {' | '.join(map(str, row))} | {time.monotonic() - began:.0f} s |", flush=True)
        for failure in failures:
            print(f"{name}: {failure}", file=sys.stderr, flush=True)
        failed = failed or bool(failures)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
