"""What containers do wrong with their pipes: a stable code, what comes of it, and what to write instead.

``docs/pipes.md`` has a section for each code. What the cluster does is what Tyger's sidecars do: they open
each pipe once, and are done at the first end of file or the first write that nobody reads.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from tyger_local.outcome.facts import UNREAD_ALLOWED_BYTES
from tyger_local.spec.buffers import pipe_variable

_SHELL_NAME = re.compile("[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class _Texts:
    what: str
    instead: str


class Misuse(Enum):
    """One kind of misuse; the value is its code."""

    OUTPUT_REOPENED = "output-reopened"
    INPUT_REOPENED = "input-reopened"
    PIPE_REPLACED = "pipe-replaced"
    INPUT_UNREAD = "input-unread"
    BACKGROUND_WRITER = "background-writer"
    PIPE_DEADLOCK = "pipe-deadlock"
    PIPE_STALLED = "pipe-stalled"

    def reason(self, buffer: str) -> str:
        """Return what the container did with `buffer` and what comes of it, with the code."""
        return coded(_TEXTS[self].what.format(buffer=buffer, limit=UNREAD_ALLOWED_BYTES), self)

    def instead(self, buffer: str) -> str:
        """Return how to write it."""
        return _TEXTS[self].instead.format(pipe=pipe_in_shell(buffer))


_TEXTS = {
    Misuse.OUTPUT_REOPENED: _Texts(
        "The container opened the output '{buffer}' again after it had closed it, and on the cluster that "
        "hangs or loses what is written",
        "let it write in one go: {{ first; second; }} > {pipe}",
    ),
    Misuse.INPUT_REOPENED: _Texts(
        "The container opened the input '{buffer}' a second time, or only after its end, and on the cluster "
        "that waits for ever or misses what was read before",
        "read it once and never write to it, or copy it first: cat {pipe} > /tmp/copy",
    ),
    Misuse.PIPE_REPLACED: _Texts(
        "The container replaced the pipe of '{buffer}' by something else, and what it wrote there is lost, "
        "as on the cluster",
        "write into the pipe itself: cat /tmp/result > {pipe}, and never mv, rm or ln over it",
    ),
    Misuse.INPUT_UNREAD: _Texts(
        "The container closed the input '{buffer}' with more than {limit} bytes unread "
        "(Sidecar exited with code 1)",
        "read it to the end: {{ head -c 100; cat > /dev/null; }} < {pipe}, "
        "or use --lenient to let it pass here",
    ),
    Misuse.BACKGROUND_WRITER: _Texts(
        "a child process still held the output '{buffer}' when the container ended and was killed with it, "
        "as on the cluster: what it may have had left to write is lost",
        "wait for it before the main process ends: work > {pipe} & wait $!",
    ),
}


def coded(text: str, misuse: Misuse) -> str:
    """Return `text` with the code of `misuse`."""
    return f"{text} [{misuse.value}]"


def pipe_in_shell(buffer: str) -> str:
    """Return how a script in the container names the pipe of `buffer`."""
    variable = pipe_variable(buffer)
    # A shell cannot read a variable with a '-', but Tyger expands it in args and command.
    return f'"${variable}"' if _SHELL_NAME.fullmatch(variable) else f"'$({variable})'"
