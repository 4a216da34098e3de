"""Live bytes and rate of each buffer on a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.progress import (
    DownloadColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TransferSpeedColumn,
)

from tyger_local.outcome.facts import BufferState, BufferStats
from tyger_local.spec.buffers import Direction

WORDS = {
    BufferState.WAITING: "waiting for the container",
    BufferState.STREAMING: "streaming",
    BufferState.STALLED_ON_CONTAINER: "waiting for the container",
    BufferState.STALLED_ON_HOST: "waiting for this side",
    BufferState.COMPLETE: "complete",
}


class LiveProgress:
    """A line for each buffer of each replica, redrawn in place on stderr."""

    def __init__(self) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[state]}"),
            console=Console(stderr=True),
            transient=True,
        )
        self._tasks: dict[tuple[str, str], TaskID] = {}
        self._progress.start()

    def update(self, buffers: Iterable[tuple[str, BufferStats]]) -> None:
        """Show how far the buffers are, each behind the label of its container, which may be empty."""
        for label, stats in buffers:
            task = self._tasks.get((label, stats.buffer))
            if task is None:
                arrow = "→" if stats.direction is Direction.INPUT else "←"
                words = f"{label} {arrow} {stats.buffer}".lstrip()
                task = self._progress.add_task(words, total=None, state="")
                self._tasks[label, stats.buffer] = task
            state = WORDS.get(stats.state, stats.state.value)
            self._progress.update(task, completed=stats.bytes, state=state)

    def close(self) -> None:
        """Clear the lines."""
        self._progress.stop()
