"""Telling how a run goes: Tyger's lines, the container's output, live progress on a terminal.

A thread of its own speaks. Whoever reads stderr may stop reading (``2>&1 | less``), and a run that waited for
it could neither time out nor be canceled.
"""

from __future__ import annotations

import queue
import sys
import threading
import time
from collections.abc import Iterable
from typing import Protocol, TextIO

from tyger_local.cli.console import Console
from tyger_local.outcome.events import (
    Event,
    ImagePull,
    LogLine,
    RunCreated,
    StatusChanged,
    Transfers,
    Warned,
)
from tyger_local.outcome.facts import BufferState, BufferStats
from tyger_local.outcome.words import human_bytes
from tyger_local.spec.buffers import Direction

PLAIN_INTERVAL_S = 10.0
"""How often a line of progress is printed where there is no terminal."""

LOG_LINES_AHEAD = 1000
"""How many log lines may wait to be shown; more stay in the log's file until there is room."""

LAST_WORDS_TIMEOUT_S = 5.0
"""How long the console may take at the end."""


class Display(Protocol):
    """Shows live progress of buffers."""

    def update(self, buffers: Iterable[BufferStats]) -> None:
        """Show how far they are."""
        ...

    def close(self) -> None:
        """Clear what is shown."""
        ...


class Narrator:
    """Tells a console what a run reports. Told from several threads.

    Args:
        console: Where to tell it.
        replicas: With more than one, lines of logs say whose they are.
        timestamps: Whether lines of logs begin with their time.
        live: Whether progress may be shown in place.
    """

    def __init__(
        self, console: Console, replicas: int, *, timestamps: bool, live: bool = True
    ) -> None:
        self._may_be_live = live
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._log_room = threading.Semaphore(LOG_LINES_AHEAD)
        self._newest: Transfers | None = None
        self._thread = threading.Thread(target=self._narrate, name="narrator", daemon=True)
        self._thread.start()
        self._console = console
        self._prefixed = replicas > 1
        self._timestamps = timestamps
        self._display: Display | None = None
        self._began = time.monotonic()
        self._next_line = self._began + PLAIN_INTERVAL_S
        self._complete: set[str] = set()
        self._shows_logs = False
        self._shows_live = False
        self._pull_status = ""

    def tell(self, event: Event) -> None:
        """Have one event told soon. Only who brings log lines ever waits for the console."""
        if isinstance(event, Transfers):
            is_pending, self._newest = self._newest is not None, event
            if is_pending:
                return
        elif isinstance(event, LogLine):
            self._log_room.acquire()
        self._events.put(event)

    def close(self) -> None:
        """Tell what is left, as far as the console takes it, and clear what is shown live."""
        self._events.put(None)
        self._thread.join(LAST_WORDS_TIMEOUT_S)

    def _narrate(self) -> None:
        while (event := self._events.get()) is not None:
            if isinstance(event, Transfers):
                newest, self._newest = self._newest, None
                event = newest or event
            self._tell(event)
            if isinstance(event, LogLine):
                self._log_room.release()
        self._clear()

    def _clear(self) -> None:
        display, self._display = self._display, None
        if display is not None:
            display.close()

    def _tell(self, event: Event) -> None:
        console = self._console
        if not isinstance(event, Transfers):
            self._clear()  # what is redrawn in place comes back below what is told now
        if isinstance(event, LogLine):
            self._shows_logs = True
            if console.is_json:
                text = event.data.decode(errors="replace").rstrip("\n")
                console.info(text, container=event.container, at=event.at)
            else:
                console.raw(self._log_text(event))
        elif isinstance(event, Transfers):
            self._transfers(event.buffers)
        elif isinstance(event, RunCreated):
            console.info("Run created", runId=event.run_id)
            # What is redrawn in place would garble what else appears on the same terminal.
            shared = (event.uses_stdin and _is_terminal(sys.stdin)) or (
                event.uses_stdout and _is_terminal(sys.stdout)
            )
            self._shows_live = self._may_be_live and console.shows_progress and not shared
        elif isinstance(event, StatusChanged):
            running = {} if event.running is None else {"runningCount": event.running}
            console.info(
                "Run status changed", status=event.status.value, **running, runId=event.run_id
            )
        elif isinstance(event, ImagePull):
            self._pull(event)
        elif isinstance(event, Warned):
            console.warn(event.text)

    def _pull(self, event: ImagePull) -> None:
        if not self._pull_status:
            self._console.info("Pulling image", image=event.image)
        self._pull_status = event.text
        self._console.say("debug", event.text, image=event.image)

    def _log_text(self, line: LogLine) -> bytes:
        head = b""
        if line.first:
            head += f"{line.at} ".encode() if self._timestamps else b""
            head += f"[{line.container}] ".encode() if self._prefixed else b""
        return head + line.data

    def _transfers(self, buffers: tuple[BufferStats, ...]) -> None:
        console = self._console
        if self._shows_live and buffers and not self._shows_logs:
            if self._display is None:
                # Late: rich takes 0.05 s to load, and only terminals need it.
                from tyger_local.cli.progress import LiveProgress  # noqa: PLC0415

                self._display = LiveProgress()
            self._display.update(buffers)
            return
        for stats in buffers:
            if stats.state is BufferState.COMPLETE and stats.buffer not in self._complete:
                self._complete.add(stats.buffer)
                console.info("Transfer complete", **_fields(stats))
        if time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + PLAIN_INTERVAL_S
            for stats in buffers:
                if stats.buffer not in self._complete:
                    console.info("Transfer progress", **_fields(stats))

    def summary(self, buffers: Iterable[BufferStats]) -> str:
        """Return in words what went through the buffers, and how long it took."""
        words = [
            f"{'read' if stats.direction is Direction.INPUT else 'wrote'} "
            f"{human_bytes(stats.bytes)} {'from' if stats.direction is Direction.INPUT else 'to'} "
            f"'{stats.buffer}'"
            for stats in buffers
        ]
        return f"{', '.join(words) or 'no buffers'} in {time.monotonic() - self._began:.1f} s"


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def _fields(stats: BufferStats) -> dict[str, object]:
    rate = stats.bytes / stats.seconds if stats.seconds > 0 else 0.0
    return {
        "buffer": stats.buffer,
        "totalCompletedData": human_bytes(stats.bytes),
        "avgThroughput": f"{human_bytes(rate)}/s",
        "elapsed": f"{stats.seconds:.3f}s",
    }
