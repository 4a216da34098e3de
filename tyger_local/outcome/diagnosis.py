"""`diagnose`: what a container's threads and the host's ends of its pipes wait for in, who for whom out.

A pure function, asked when no byte has moved for a while. Where each thread waits inside the kernel is what
the engine's process list shows (``wchan``); what the host's ends wait for we know ourselves. Together they
tell a container that computes, which is left in peace, from one that waits for us, and from one that nobody
can help: when every thread waits for a pipe or for the end of a child, and no end of ours has anything to
give or to take, only an alarm clock can still move anything. Clocks are not seen, so one look proves nothing.
Threads that wait for anything else (a lock, a timer, the network) may wake by themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tyger_local.outcome.misuse import Misuse, coded, pipe_in_shell
from tyger_local.outcome.sight import PipeSight, ProcessSight, WaitsFor
from tyger_local.spec.buffers import Direction

OPEN, READ, WRITE = "to open a pipe that nobody serves", "to read from a pipe", "to write to a pipe"

# The kernel's functions by a part of their name, which has changed over time (pipe_read, anon_pipe_read …).
_PIPE_WAITS = {"wait_for_partner": OPEN, "pipe_read": READ, "pipe_write": WRITE}
_CHILD_WAIT = "do_wait"
"""The beginning of the name: futex_do_wait, for one, is another matter."""
_LONGEST_COMMAND = 100
_MOST_COMMANDS = 3


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why no byte moves.

    Attributes:
        is_deadlock: Whether nothing seems able to move again; believed when it stays so for long.
        text: Who waits for whom, with a code.
        hint: What to do about it.
    """

    is_deadlock: bool
    text: str
    hint: str


def diagnose(pipes: Sequence[PipeSight], threads: Sequence[ProcessSight]) -> Diagnosis | None:
    """Say why no byte moves; None when the container may well be computing.

    Args:
        pipes: The container's pipes.
        threads: What its threads are doing; empty where nobody can tell.
    """
    alive = [thread for thread in threads if thread.state != "Z"]
    waits = {wait for thread in alive if (wait := waits_in_pipe(thread))}
    by_us = list(_waiting_for_us(pipes, waits))
    if by_us:
        return Diagnosis(
            is_deadlock=False, text=coded("; ".join(by_us), Misuse.PIPE_STALLED), hint=""
        )
    holder = next((pipe.buffer for pipe in pipes if pipe.is_held_for_writing), None)
    is_deadlock = bool(waits) and all(
        waits_in_pipe(thread) or thread.wchan.startswith(_CHILD_WAIT) for thread in alive
    )
    is_idle = bool(alive) and all(thread.state == "S" for thread in alive)
    if not (is_deadlock or OPEN in waits or (holder is not None and is_idle)):
        return None
    code = Misuse.PIPE_DEADLOCK if is_deadlock else Misuse.PIPE_STALLED
    return Diagnosis(is_deadlock, coded(_what_is_seen(alive, pipes), code), _hint(holder, waits))


def waits_in_pipe(thread: ProcessSight) -> str | None:
    """Return what a thread waits for in a pipe, if it waits in one."""
    return next((wait for part, wait in _PIPE_WAITS.items() if part in thread.wchan), None)


def _waiting_for_us(pipes: Sequence[PipeSight], waits: set[str]) -> Iterator[str]:
    for pipe in pipes:
        if pipe.waits_for is not WaitsFor.HOST:
            continue
        if pipe.direction is Direction.OUTPUT:
            yield f"the output '{pipe.buffer}' waits for whoever reads {pipe.host}"
        elif READ in waits:
            yield f"the input '{pipe.buffer}' waits for {pipe.host}, which gives nothing"


def _what_is_seen(threads: Sequence[ProcessSight], pipes: Sequence[PipeSight]) -> str:
    """Return which commands wait in pipes for what, and which pipes nobody has opened yet."""
    waiting = dict.fromkeys(
        f"{_short(thread.command)} waits {wait}"
        for thread in threads
        if (wait := waits_in_pipe(thread))
    )
    shown = list(waiting)[:_MOST_COMMANDS]
    more = [f"{len(waiting) - len(shown)} more wait"] if len(waiting) > len(shown) else []
    unopened = [
        f"the {pipe.direction.value} '{pipe.buffer}'"
        for pipe in pipes
        if pipe.waits_for is WaitsFor.OPENING
    ]
    rest = [f"not opened yet: {', '.join(unopened)}"] if unopened else []
    return "; ".join([*shown, *more, *rest]) or "everything in the container sleeps"


def _short(command: str) -> str:
    flat = " ".join(command.split())
    return f"'{flat if len(flat) <= _LONGEST_COMMAND else flat[:_LONGEST_COMMAND] + '…'}'"


def _hint(holder: str | None, waits: set[str]) -> str:
    if holder is not None:
        return (
            f"the container holds the input '{holder}' open for writing itself (3<>, r+) and so never sees "
            f"its end: open it for reading only, 3< {pipe_in_shell(holder)}"
        )
    if OPEN in waits:
        return (
            "open each input once and for reading, each output once and for writing, "
            "and a pipe of your own from both sides"
        )
    return "look for a pipe of the container's own whose other end nobody uses or closes"
