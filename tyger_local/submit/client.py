"""Tyger's client as a program: started with a list of arguments, listened to, and quoted where it refuses."""

from __future__ import annotations

import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from tyger_local.errors import TygerLocalError
from tyger_local.outcome.facts import CancelReason
from tyger_local.submit.commands import LOGIN_STATUS, PROGRAM, VERSION, Command
from tyger_local.submit.model import StoppedError

MOST_SAID_BYTES = 64 * 1024
"""How much of what it says on stderr is looked at, from its end."""

LONGEST_QUOTE = 500
"""Of its words in a message, in characters."""

INSTALL = (
    "install it (https://github.com/microsoft/tyger), and log in with 'tyger login SERVER_URL'"
)


class Client:
    """Tyger's client, of which one command runs at a time.

    Args:
        program: Its name, looked for on the PATH, or its path.
    """

    def __init__(self, program: str = PROGRAM) -> None:
        self._program = program
        self._current: subprocess.Popen[bytes] | None = None
        self._is_disturbable = False
        self._requests: list[CancelReason] = []

    def stop(self, reason: CancelReason) -> None:
        """End what runs, and start nothing more; may be called by a signal handler.

        What creates something is let alone at first, so that what it created is known. Asked twice, it is
        killed, whatever it does.
        """
        self._requests.append(reason)
        self._pass_on()

    def resume(self) -> None:
        """Forget that it was to end."""
        self._requests.clear()

    def check_not_stopped(self) -> None:
        """Raise an error if it is to end.

        Raises:
            StoppedError: It is.
        """
        if self._requests:
            raise StoppedError(self._requests[0])

    def check(self) -> str:
        """Check that it is there and logged in.

        Returns:
            What it says of itself: its version, and to which server it is logged in.

        Raises:
            TygerLocalError: It is not.
        """
        version = self.ask(VERSION)
        try:
            login = self.ask(LOGIN_STATUS)
        except StoppedError:
            raise
        except TygerLocalError as error:
            raise TygerLocalError(
                f"Tyger's client is not logged in: {error.what}",
                "log in with 'tyger login SERVER_URL'",
            ) from error
        return " ".join(f"{version} {login}".split())

    def ask(self, command: Command, *, finishes: bool = False) -> str:
        """Run a command and return what it prints on standard output.

        Args:
            command: Without the program's name.
            finishes: Whether it is let alone when everything is to end: it creates or ends something.

        Raises:
            TygerLocalError: It failed, or cannot be run.
            StoppedError: Somebody wanted it to end.
        """
        with self._running(command, stdout=subprocess.PIPE, disturbable=not finishes) as process:
            data, _ = process.communicate()
        return data.decode(errors="replace").strip()

    def lines(self, command: Command) -> Iterator[str]:
        """Run a command and yield the lines that it prints, with their ends; raises what `ask` does."""
        with self._running(command, stdout=subprocess.PIPE) as process:
            for line in _stdout(process):
                yield line.decode(errors="replace")

    def transfer(
        self, command: Command, source: int | None = None, target: int | None = None
    ) -> None:
        """Run a command that reads or writes bytes; raises what `ask` does.

        Args:
            command: Without the program's name.
            source: Its standard input; None is empty.
            target: Its standard output; None throws it away.
        """
        stdout = subprocess.DEVNULL if target is None else target
        with self._running(command, stdin=source, stdout=stdout):
            pass

    @contextmanager
    def _running(
        self, command: Command, *, stdout: int, stdin: int | None = None, disturbable: bool = True
    ) -> Iterator[subprocess.Popen[bytes]]:
        self.check_not_stopped()
        with tempfile.TemporaryFile() as said:
            process = self._start(
                command, subprocess.DEVNULL if stdin is None else stdin, stdout, said
            )
            self._is_disturbable, self._current = disturbable, process
            self._pass_on()  # a signal may have come before anybody knew the process
            try:
                yield process
                code = process.wait()
            except BaseException:
                process.kill()
                process.wait()
                raise
            finally:
                self._current = None
                if process.stdout is not None:
                    process.stdout.close()
            if code != 0:
                self.check_not_stopped()
                raise _failure(command, code, said)

    def _start(
        self, command: Command, stdin: int, stdout: int, said: IO[bytes]
    ) -> subprocess.Popen[bytes]:
        argv = (self._program, *command)
        try:
            # In a session of its own: Ctrl-C is ours, and we say what it means to the run there.
            return subprocess.Popen(
                argv, stdin=stdin, stdout=stdout, stderr=said, start_new_session=True
            )
        except FileNotFoundError as error:
            raise TygerLocalError(
                f"Tyger's client '{self._program}' is not on the PATH", INSTALL
            ) from error
        except OSError as error:
            raise TygerLocalError(
                f"Tyger's client '{self._program}' cannot be run: {error.strerror}", INSTALL
            ) from error

    def _pass_on(self) -> None:
        process, requests = self._current, len(self._requests)
        if process is None or not requests:
            return
        if requests > 1:
            process.kill()
        elif self._is_disturbable:
            process.terminate()


def unexpected(command: Command, answer: str, wanted: str) -> TygerLocalError:
    """Return the error for an answer that makes no sense.

    Args:
        command: What was asked.
        answer: What it printed.
        wanted: What it should have been.
    """
    return TygerLocalError(
        f"{_called(command)} printed no {wanted}, but '{_short(answer)}'",
        "see whether 'tyger' on the PATH is Tyger's client, and which version",
    )


def _failure(command: Command, code: int, said: IO[bytes]) -> TygerLocalError:
    if code < 0:
        return TygerLocalError(f"{_called(command)} was killed by {_signal_name(-code)}")
    size = said.seek(0, 2)
    said.seek(max(size - MOST_SAID_BYTES, 0))
    words = [line.strip() for line in said.read().decode(errors="replace").splitlines()]
    lines = [line for line in words if line]
    errors = [line.removeprefix("Error:").strip() for line in lines if line.startswith("Error:")]
    quote = _short(" ".join(errors or lines[-1:])) or f"exit code {code}, and no word of why"
    return TygerLocalError(f"{_called(command)} failed: {quote}")


def _called(command: Command) -> str:
    """Return the command's words, without names and flags."""
    return f"'{PROGRAM} {' '.join(command[:2])}'"


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= LONGEST_QUOTE else f"{flat[:LONGEST_QUOTE]}…"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _stdout(process: subprocess.Popen[bytes]) -> IO[bytes]:
    if process.stdout is None:
        raise AssertionError("it was started with a pipe")
    return process.stdout
