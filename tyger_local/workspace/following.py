"""Following a run that another process carries out: each state of its record, until it has ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from tyger_local.streams.changes import FolderChanges
from tyger_local.workspace.truth import has_ended

JsonObject = dict[str, object]

RELOOK_S = 1.0
"""How often one looks without having been told of a change: an owner may die, which changes no file."""


def states(
    folder: Path,
    look: Callable[[], JsonObject],
    timeout_s: float | None = None,
    is_wanted: Callable[[], bool] = lambda: True,
) -> Iterator[JsonObject]:
    """Yield the record of a run as it is now and after each change, until it has ended.

    Args:
        folder: The run's.
        look: Returns the record as it is now.
        timeout_s: After how long to stop although it has not ended; None is never.
        is_wanted: Tells whether anybody still reads; asked now and then while nothing changes.
    """
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    last: JsonObject | None = None
    with closing(FolderChanges(folder, contents=False)) as changes:
        while True:
            record = look()
            if record != last:
                yield record
            last = record
            left = RELOOK_S if deadline is None else min(RELOOK_S, deadline - time.monotonic())
            if has_ended(record) or left <= 0 or not is_wanted():
                return
            changes.wait(left)
