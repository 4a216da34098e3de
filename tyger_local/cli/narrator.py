"""Telling how a run goes: Tyger's lines, the container's output, live progress on a terminal.

A thread of its own speaks. Whoever reads stderr may stop reading (``2>&1 | less``), and a run that waited for
it could neither time out nor be canceled.
"""

from __future__ import annotations

import queue
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol, TextIO

from tyger_local.cli.console import Console
from tyger_local.outcome.containers import log_prefix
from tyger_local.outcome.events import (
    Event,
    ImagePull,
    LogLine,
    RunCreated,
    StatusChanged,
    Transfers,
    Waiting,
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


Labelled = tuple[str, BufferStats]
"""A buffer behind the label of its container, which is empty where no other has a buffer of that name."""


class Display(Protocol):
    """Shows live progress of buffers."""

    def update(self, buffers: Iterable[Labelled]) -> None:
        """Show how far they are."""
        ...

    def close(self) -> None:
        """Clear what is shown."""
        ...


class Narrator:
    """Tells a console what a run reports. Told from several threads.

    Args:
        console: Where to tell it.
        replicas: How many containers there are of each role; with several, lines of logs say whose they are.
        timestamps: Whether lines of logs begin with their time.
        live: Whether progress may be shown in place.
    """

    def __init__(
        self,
        console: Console,
        replicas: Mapping[str, int],
        *,
        timestamps: bool,
        live: bool = True,
    ) -> None:
        self._may_be_live = live
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._log_room = threading.Semaphore(LOG_LINES_AHEAD)
        self._newest: Transfers | None = None
        self._thread = threading.Thread(target=self._narrate, name="narrator", daemon=True)
        self._thread.start()
        self._console = console
        self._replicas = replicas
        self._timestamps = timestamps
        self._display: Display | None = None
        self._began = time.monotonic()
        self._next_line = self._began + PLAIN_INTERVAL_S
        self._complete: set[tuple[str, str]] = set()
        self._shows_logs = False
        self._open_line: tuple[str, str] | None = None
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
        if not isinstance(event, (Transfers, LogLine)):
            self._break_line()
        if isinstance(event, LogLine):
            self._log_line(event)
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
        elif isinstance(event, Waiting):
            console.info(event.text)
        elif isinstance(event, Warned):
            console.warn(event.text)

    def _log_line(self, event: LogLine) -> None:
        self._shows_logs = True
        if self._console.is_json:
            text = event.data.decode(errors="replace").rstrip("\n")
            self._console.info(text, container=event.container, at=event.at)
        else:
            self._console.raw(self._log_text(event))

    def _pull(self, event: ImagePull) -> None:
        if not self._pull_status:
            self._console.info("Pulling image", image=event.image)
        self._pull_status = event.text
        self._console.say("debug", event.text, image=event.image)

    def _log_text(self, line: LogLine) -> bytes:
        """Return a line or a piece of one; of a line that was interrupted, the rest is a line of its own."""
        whose = line.container, line.stream
        head = b""
        if line.first or self._open_line != whose:
            head += b"\n" if self._open_line is not None else b""
            head += f"{line.at} ".encode() if self._timestamps else b""
            head += log_prefix(line.container, self._replicas).encode()
        self._open_line = None if line.data.endswith(b"\n") else whose
        return head + line.data

    def _break_line(self) -> None:
        """Have what is told next begin a line, also after a piece of a longer one."""
        if self._open_line is not None:
            self._open_line = None
            self._console.raw(b"\n")

    def _transfers(self, buffers: tuple[BufferStats, ...]) -> None:
        console = self._console
        labelled = list(self._labelled(buffers))
        if self._shows_live and buffers and not self._shows_logs:
            if self._display is None:
                # Late: rich takes 0.05 s to load, and only terminals need it.
                from tyger_local.cli.progress import LiveProgress  # noqa: PLC0415

                self._display = LiveProgress()
            self._display.update(labelled)
            return
        for label, stats in labelled:
            key = label, stats.buffer
            if stats.state is BufferState.COMPLETE and key not in self._complete:
                self._complete.add(key)
                self._break_line()
                console.info("Transfer complete", **_fields(label, stats))
        if time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + PLAIN_INTERVAL_S
            for label, stats in labelled:
                if (label, stats.buffer) not in self._complete:
                    self._break_line()
                    console.info("Transfer progress", **_fields(label, stats))

    def _labelled(self, buffers: Iterable[BufferStats]) -> Iterator[Labelled]:
        """Yield buffers with whose they are: replicas have buffers of the same names, and come in order."""
        seen: Counter[str] = Counter()
        for stats in buffers:
            yield f"job-{seen[stats.buffer]}" if self._replicas["job"] > 1 else "", stats
            seen[stats.buffer] += 1

    def summary(self, buffers: Iterable[BufferStats]) -> str:
        """Return in words what went through the buffers, and how long it took.

        Args:
            buffers: Those of all replicas, which are added up.
        """
        by_name: dict[str, list[BufferStats]] = {}
        for stats in buffers:
            by_name.setdefault(stats.buffer, []).append(stats)
        words = ", ".join(map(_summed, by_name.values()))
        return f"{words or 'no buffers'} in {time.monotonic() - self._began:.1f} s"


def _summed(all_stats: Sequence[BufferStats]) -> str:
    """Return in words what went through a buffer, of one replica or several."""
    is_input = all_stats[0].direction is Direction.INPUT
    moved = human_bytes(sum(stats.bytes for stats in all_stats))
    replicas = f" in {len(all_stats)} replicas" if len(all_stats) > 1 else ""
    verb, preposition = ("read", "from") if is_input else ("wrote", "to")
    return f"{verb} {moved} {preposition} '{all_stats[0].buffer}'{replicas}"


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def _fields(label: str, stats: BufferStats) -> dict[str, object]:
    rate = stats.bytes / stats.seconds if stats.seconds > 0 else 0.0
    return {
        **({"container": label} if label else {}),
        "buffer": stats.buffer,
        "totalCompletedData": human_bytes(stats.bytes),
        "avgThroughput": f"{human_bytes(rate)}/s",
        "elapsed": f"{stats.seconds:.3f}s",
    }
