"""Runs that nobody waits for: a process of its own, detached from terminal and parent, carries one out.

Both ends are here. Whoever orders a run starts ``tyger-local run supervise``, hands it the `Order` and waits
until it answers: with the run's id once its record is in the store, or with the error that kept it from that.
What happens between the two is the ordinary way of a run, in the other process.

A process was weighed against a fork: a program that uses this library has threads, and a fork of it would
have their locks. A server that owns all runs was weighed too: it would be one more thing to start, to keep
alive and to update, and all runs would end with it.

The order and the answer are pickled: both ends are the same code, and nobody else is on the pipe.
"""

from __future__ import annotations

import errno
import os
import pickle
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import IO

from tyger_local.errors import MORE_FILES, TygerLocalError, UsageError
from tyger_local.workspace.order import Order

PROGRAM = "import sys; sys.path[:] = {path!r}; from tyger_local.__main__ import main; main()"
"""Not ``-m tyger_local``: Python would look for modules in the current folder before all others."""

SUPERVISE = ("run", "supervise", "--answer")
LAST_WORDS_BYTES = 2000

NEEDS_FOLDER = "process"
"""The engine whose commands run in the current folder."""


def start(order: Order, program: Sequence[str] = ()) -> int:
    """Have `order` carried out by a process of its own.

    Args:
        order: The run.
        program: Starts the tool; by default this very one.

    Returns:
        The run's id; its record is in the store.

    Raises:
        TygerLocalError: What kept the run from being accepted.
    """
    try:
        with tempfile.TemporaryFile() as said:
            answer = _answer_to(order, program or _this_program(), said)
            words = "" if answer else _last_words(said)
    except OSError as error:
        raise TygerLocalError(
            f"no process can be started to carry out the run: {error.strerror or error}",
            MORE_FILES if error.errno == errno.EMFILE else "see to the cause, and try again",
        ) from error
    if not answer:
        raise TygerLocalError(
            f"the process that was to carry out the run has ended{words}",
            "'run exec' does the same in this process",
        )
    outcome = pickle.loads(answer)  # noqa: S301  (what our own process wrote)
    if isinstance(outcome, TygerLocalError):
        raise outcome
    return int(outcome)


def _this_program() -> Sequence[str]:
    path = [place or os.getcwd() for place in sys.path]  # noqa: PTH109  (text, as the others are)
    return sys.executable, "-c", PROGRAM.format(path=path)


def _answer_to(order: Order, program: Sequence[str], said: IO[bytes]) -> bytes:
    """Start the process, give it its order and return its answer; what else it says goes to `said`."""
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as answer:
        try:
            process = subprocess.Popen(
                (*program, *SUPERVISE, str(writer)),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=said,
                start_new_session=True,
                pass_fds=(writer,),
                # It shall keep no disk from being unmounted; only commands of its own may need our folder.
                cwd=None if order.engine == NEEDS_FOLDER else "/",
            )
        finally:
            os.close(writer)
        # It may live for hours, and must not stay a zombie of a program that lives longer.
        threading.Thread(target=process.wait, name="supervisor", daemon=True).start()
        try:
            if process.stdin is not None:
                with suppress(BrokenPipeError), process.stdin as stream:
                    stream.write(pickle.dumps(order))
            return answer.read()
        except BaseException:  # a signal, too: then nobody learns of the run
            process.terminate()
            raise


def _last_words(said: IO[bytes]) -> str:
    said.seek(max(said.seek(0, os.SEEK_END) - LAST_WORDS_BYTES, 0))
    lines = said.read().decode(errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f": {last.removeprefix('Error: ')}" if last else ""


@contextmanager
def accepting(answer_fd: int) -> Iterator[tuple[Order, Callable[[int], None]]]:
    """Be the other end, inside the block: give the order, and what to call with the id of its run.

    An error in the block goes to whoever ordered the run, as long as that waits.

    Args:
        answer_fd: Where the answer is waited for; it is taken over.

    Raises:
        UsageError: There is no order on standard input.
    """
    try:
        order = pickle.load(sys.stdin.buffer)  # noqa: S301  (what our own process wrote)
        answer = os.fdopen(answer_fd, "wb")
        if not isinstance(order, Order):
            raise TypeError(type(order).__name__)
    except Exception as error:
        raise UsageError(
            "'run supervise' is for tyger-local itself", "use 'tyger-local run create'"
        ) from error

    def say(outcome: int | TygerLocalError) -> None:
        with suppress(BrokenPipeError), answer:
            answer.write(pickle.dumps(outcome))

    with answer:
        try:
            yield order, say
        except TygerLocalError as error:
            if not answer.closed:
                say(error)
            raise
