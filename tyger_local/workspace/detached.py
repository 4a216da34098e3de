"""Runs that nobody waits for: a process of its own, detached from terminal and parent, carries one out.

Both ends are here. Whoever orders a run starts `python -m tyger_local run supervise`, hands it the `Order`
and waits until it answers: with the run's id once its record is in the store, or with the error that kept it
from that. What happens between the two is the ordinary way of a run, in the other process.

A process was weighed against a fork: a program that uses this library has threads, and a fork of it would
have their locks. A server that owns all runs was weighed too: it would be one more thing to start, to keep
alive and to update, and all runs would end with it.

The order and the answer are pickled: both ends are the same code, and nobody else is on the pipe.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import IO

from tyger_local.errors import TygerLocalError, UsageError
from tyger_local.workspace.order import Order

COMMAND = (sys.executable, "-m", "tyger_local", "run", "supervise")
STDOUT_FD = 1
LAST_WORDS_BYTES = 2000


def start(order: Order, command: Sequence[str] = COMMAND) -> int:
    """Have `order` carried out by a process of its own.

    Args:
        order: The run.
        command: Starts the process.

    Returns:
        The run's id; its record is in the store.

    Raises:
        TygerLocalError: What kept the run from being accepted.
    """
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            start_new_session=True,
        )
        # It may live for hours, and must not stay a zombie of a program that lives longer.
        threading.Thread(target=process.wait, name="supervisor", daemon=True).start()
        try:
            answer = _ask(process, pickle.dumps(order))
        except BaseException:  # Ctrl-C, too: then nobody wants it any more
            process.terminate()
            raise
        if not answer:
            raise TygerLocalError(
                f"the process that was to carry out the run has ended{_last_words(said)}",
                "'run exec' does the same in this process",
            )
    outcome = pickle.loads(answer)  # noqa: S301  (what our own process wrote)
    if isinstance(outcome, TygerLocalError):
        raise outcome
    return int(outcome)


def _ask(process: subprocess.Popen[bytes], question: bytes) -> bytes:
    """Return what `process` writes until it closes its output, which it does not live on for."""
    if process.stdin is None or process.stdout is None:
        raise AssertionError("both were asked for")
    with process.stdout as output:
        with suppress(BrokenPipeError), process.stdin as stream:  # it has ended: its words say why
            stream.write(question)
        return output.read()


def _last_words(said: IO[bytes]) -> str:
    said.seek(max(said.seek(0, os.SEEK_END) - LAST_WORDS_BYTES, 0))
    lines = said.read().decode(errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f": {last.removeprefix('Error: ')}" if last else ""


@contextmanager
def accepting() -> Iterator[tuple[Order, Callable[[int], None]]]:
    """Be the other end, inside the block: give the order, and what to call with the id of its run.

    An error in the block goes to whoever ordered the run, as long as that waits.

    Raises:
        UsageError: There is no order on standard input.
    """
    try:
        order = pickle.load(sys.stdin.buffer)  # noqa: S301  (what our own process wrote)
        if not isinstance(order, Order):
            raise TypeError(type(order).__name__)
    except Exception as error:
        raise UsageError(
            "'run supervise' is for tyger-local itself", "use 'tyger-local run create'"
        ) from error
    try:
        yield order, _answer
    except TygerLocalError as error:
        _answer(error)
        raise


def _answer(outcome: int | TygerLocalError) -> None:
    """Answer whoever ordered the run, and let go of the pipe; a second answer goes nowhere."""
    with suppress(BrokenPipeError), os.fdopen(os.dup(STDOUT_FD), "wb") as stream:
        stream.write(pickle.dumps(outcome))
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, STDOUT_FD)
    os.close(null)
