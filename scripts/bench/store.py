"""P5: whether a command is slower where there are many codespecs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path

from figure import Figure, in_seconds
from measure import TOOL, alternate, cost, folder

FEW, SOME, MANY = 10, 1_000, 100_000


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


def _timed(
    name: str, args: Callable[[], list[str]], store: Mapping[str, str]
) -> Callable[[], float]:
    return lambda: cost([TOOL, "codespec", name, *args()], store).wall_s
