"""P5 and P8: whether a command is slower where there are many codespecs, or many runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path

from figure import Figure, in_seconds
from measure import TOOL, alternate, cost, folder

FEW, SOME, MANY = 10, 1_000, 100_000
MANY_RUNS = 10_000


def make_store(path: Path, size: int) -> dict[str, str]:
    """Make a store of `size` codespecs, written straight to files; return its environment."""
    for index in range(size):
        name = f"c{index:06}"
        place = path / "codespecs" / name
        place.mkdir(parents=True)
        (place / "1.json").write_text(
            f'{{"kind": "job", "name": "{name}", "version": 1, "image": "x"}}'
        )
    return {"TYGER_LOCAL_HOME": str(path)}


def large_store() -> Iterator[Figure]:
    """P5: show, create and list with many codespecs."""
    with folder() as path:
        few, some, many = (make_store(path / str(size), size) for size in (FEW, SOME, MANY))
        numbers = count()  # creating the same again would write nothing
        commands: list[tuple[str, Callable[[], list[str]], Mapping[str, str], int, str]] = [
            ("show", lambda: ["c000005"], few, FEW, "≤ 1.2"),
            ("create", lambda: [f"n{next(numbers)}", "--image", "x"], few, FEW, "≤ 1.2"),
            ("list", lambda: ["--limit", "1000"], some, SOME, "≤ 2"),
        ]
        for name, args, small, size, reach in commands:
            mine, other = alternate(7, *(_timed(name, args, store) for store in (many, small)))
            what = f"`codespec {name}` of {MANY:,} ÷ of {size:,}"
            yield in_seconds("P5", what, mine, other, reach)


def make_runs(path: Path, size: int) -> dict[str, str]:
    """Make a store of `size` runs that have ended, written straight to files; return its environment."""
    for run_id in range(1, size + 1):
        place = path / "runs" / str(run_id)
        place.mkdir(parents=True)
        record = {
            "id": run_id,
            "status": "Succeeded",
            "createdAt": f"2026-01-01T00:00:00.{run_id:06}Z",
            "kind": "user",
            "job": {"codespec": {"kind": "job", "image": "x", "args": ["x"] * 20}, "replicas": 1},
            "timeoutSeconds": 43200,
            "verdict": "succeeded",
            "exitCode": 0,
        }
        (place / "run.json").write_text(json.dumps(record, indent=2))
    return {"TYGER_LOCAL_HOME": str(path)}


def many_records() -> Iterator[Figure]:
    """P8: the newest runs, and counting all of them, with many runs."""
    with folder() as path:
        few, many = (make_runs(path / str(size), size) for size in (FEW, MANY_RUNS))
        for name, args, reach in (("list", ["--limit", "10"], "≤ 1.2"), ("counts", [], "")):
            commands = [[TOOL, "run", name, *args]] * 2
            mine, other = alternate(
                7, *(_command(*pair) for pair in zip(commands, (many, few), strict=True))
            )
            shown = " ".join(["run", name, *args])
            yield in_seconds("P8", f"`{shown}` of {MANY_RUNS:,} ÷ of {FEW}", mine, other, reach)


def _command(argv: list[str], store: Mapping[str, str]) -> Callable[[], float]:
    return lambda: cost(argv, store).wall_s


def _timed(
    name: str, args: Callable[[], list[str]], store: Mapping[str, str]
) -> Callable[[], float]:
    return lambda: cost([TOOL, "codespec", name, *args()], store).wall_s
