"""Everything that is said, on stderr: as Tyger's client says it, or as JSON lines."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Sequence
from datetime import datetime, timezone

from tyger_local.cli.commands import LOG_LEVELS, Settings
from tyger_local.errors import TygerLocalError
from tyger_local.outcome.words import printable

LONGEST_LINE = 500
"""Of a log's last lines, in characters."""

TAGS = {"trace": "TRC", "debug": "DBG", "info": "INF", "warn": "WRN", "error": "ERR"}
COLOURS = {"trace": "35", "debug": "35", "info": "32", "warn": "33", "error": "31"}


class Console:
    """Speaks to the person or program that called us.

    Args:
        settings: How loud and in which format.
    """

    def __init__(self, settings: Settings) -> None:
        self._lock = threading.Lock()
        tty = sys.stderr is not None and sys.stderr.isatty()
        self.is_json = settings.log_format == "json"
        wants_pretty = settings.log_format == "pretty" or (settings.log_format is None and tty)
        self._coloured = wants_pretty and not os.environ.get("NO_COLOR")
        self._level = LOG_LEVELS.index("error" if settings.quiet else settings.log_level)
        self.shows_progress = tty and not (settings.quiet or settings.no_progress or self.is_json)
        self.is_quiet = settings.quiet

    def say(self, level: str, message: str, **fields: object) -> None:
        """Log a message with fields, if `level` is loud enough."""
        if LOG_LEVELS.index(level) < self._level:
            return
        time = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if self.is_json:
            self._write(json.dumps({"level": level, **fields, "time": time, "message": message}))
            return
        tag = TAGS[level]
        if self._coloured:
            tag = f"\x1b[{COLOURS[level]}m{tag}\x1b[0m"
        words = "".join(f" {name}={value}" for name, value in fields.items())
        self._write(f"{time} {tag} {printable(message + words)}")

    def info(self, message: str, **fields: object) -> None:
        """Log what is going on."""
        self.say("info", message, **fields)

    def warn(self, message: str, **fields: object) -> None:
        """Warn of something that is no error; one line, whatever stands in it."""
        text = " ".join(message.split("\n"))
        if self.is_json:
            self.say("warn", text, **fields)
        elif self._level <= LOG_LEVELS.index("warn"):
            label = "\x1b[33mWarning:\x1b[0m" if self._coloured else "Warning:"
            self._write(f"{label} {printable(text)}")

    def error(self, message: str, **fields: object) -> None:
        """Say what went wrong: one line."""
        text = " ".join(message.split("\n"))
        if self.is_json:
            self.say("error", text, **fields)
        else:
            label = "\x1b[31mError:\x1b[0m" if self._coloured else "Error:"
            self._write(f"{label} {printable(text)}")

    def failure(self, error: TygerLocalError) -> None:
        """Say that `error` ended the command."""
        if self.is_json:
            self.say(
                "error", str(error), what=error.what, hint=error.hint, exitCode=error.exit_code
            )
        else:
            self.error(str(error))

    def last_line(self, text: str, **fields: object) -> None:
        """Say how a run ended, unless asked to be quiet."""
        if self.is_quiet:
            return
        if self.is_json:
            self.say("info", text, **fields)
        else:
            self._write(printable(text))

    def lines(self, title: str, lines: Sequence[str]) -> None:
        """Say what a container printed, below a title."""
        if self.is_json:
            self.info(title, lines=lines)
        elif self._level <= LOG_LEVELS.index("info"):
            self.info(f"{title}:")
            shown = "".join(f"  {_harmless(line)}\n" for line in lines)
            self.raw(shown.encode("utf-8", "replace"))

    def raw(self, data: bytes) -> None:
        """Pass on what a container printed."""
        with self._lock:
            if sys.stderr is None:
                return
            try:
                sys.stderr.flush()
                sys.stderr.buffer.write(data)
                sys.stderr.buffer.flush()
            except (OSError, ValueError):
                return  # nobody listens; there is no one left to tell

    def _write(self, line: str) -> None:
        self.raw(line.encode("utf-8", "backslashreplace") + b"\n")


def _harmless(line: str) -> str:
    """Return `line` cut to a readable length and without what would drive the terminal."""
    cut = line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}…"
    return printable(cut)
