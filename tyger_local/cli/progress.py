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
    """A line for each buffer, redrawn in place on stderr."""

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
        self._tasks: dict[str, TaskID] = {}
        self._progress.start()

    def update(self, buffers: Iterable[BufferStats]) -> None:
        """Show how far the buffers are."""
        for stats in buffers:
            task = self._tasks.get(stats.buffer)
            if task is None:
                arrow = "→" if stats.direction is Direction.INPUT else "←"
                task = self._progress.add_task(f"{arrow} {stats.buffer}", total=None, state="")
                self._tasks[stats.buffer] = task
            state = WORDS.get(stats.state, stats.state.value)
            self._progress.update(task, completed=stats.bytes, state=state)

    def close(self) -> None:
        """Clear the lines."""
        self._progress.stop()
