"""One Docker container: attached before it starts, so that not a byte of its output is missed."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable
from typing import Any

import docker.errors
from docker.api import APIClient

from tyger_local.engine.base import OnOutput, OutputStream
from tyger_local.engine.docker.errors import translating, words
from tyger_local.engine.docker.terminal import connect_terminal
from tyger_local.engine.sights import waiting_in
from tyger_local.errors import (
    CommandNotExecutableError,
    CommandNotFoundError,
    EngineError,
    StartError,
)
from tyger_local.outcome.facts import ContainerEnd
from tyger_local.outcome.sight import ProcessSight

PS_ARGUMENTS = "-eLo pid,stat,wchan:32,args"
"""What the engine's ``ps`` is asked for: a line for each thread."""

OUTPUT_TIMEOUT_S = 30.0
"""How long output may keep coming after the end; the engine has it all by then."""


class DockerContainer:
    """A container that was created."""

    def __init__(self, api: APIClient, identity: str, label: str) -> None:
        self._api = api
        self._id = identity
        self._label = label
        self._output: Any = None
        self._reader: threading.Thread | None = None
        self._removed = False

    @property
    def id(self) -> str:
        """Return the engine's id."""
        return self._id

    def start(self, on_output: OnOutput) -> None:
        """Attach and start.

        Raises:
            CommandNotFoundError: The image has no such command.
            CommandNotExecutableError: It cannot be executed.
            StartError: The engine could not start it for another reason.
            EngineError: The engine is lost.
        """
        with translating():
            self._output = self._api.attach(self._id, stream=True, logs=False, demux=True)
        self._reader = threading.Thread(
            target=_deliver, args=(self._output, on_output), daemon=True
        )
        self._reader.start()
        self._start()

    def _start(self) -> None:
        try:
            with translating():
                self._api.start(self._id)
        except EngineError as error:
            if not isinstance(error.__cause__, docker.errors.APIError):
                raise
            raise self._start_error(error) from error

    def _start_error(self, error: EngineError) -> StartError:
        """Tell a missing command from one that cannot be executed, by the exit code the engine noted."""
        said = words(error.__cause__ or error)
        with translating():
            code = self._api.inspect_container(self._id)["State"].get("ExitCode")
        if code == CommandNotFoundError.exit_code:
            return CommandNotFoundError(
                f"the container's command was not found: {said}",
                "check the codespec's command and args against the image",
            )
        if code == CommandNotExecutableError.exit_code:
            return CommandNotExecutableError(
                f"the container's command cannot be executed: {said}",
                "make it executable in the image (chmod +x), and built for this machine's platform",
            )
        return StartError(f"the container could not be started: {said}")

    def wait(self) -> ContainerEnd:
        """Wait for the end.

        Raises:
            EngineError: The engine was lost meanwhile.
        """
        with translating():
            code = int(self._api.wait(self._id)["StatusCode"])
        if self._reader is not None:
            self._reader.join(OUTPUT_TIMEOUT_S)
        with translating():
            state: dict[str, Any] = self._api.inspect_container(self._id)["State"]
        return ContainerEnd(self._label, code, bool(state.get("OOMKilled")))

    def signal(self, number: int) -> None:
        """Send a signal, unless the container has ended.

        Raises:
            EngineError: The engine is lost.
        """
        try:
            with translating():
                self._api.kill(self._id, signal=number)
        except EngineError as error:
            if not isinstance(error.__cause__, docker.errors.APIError):
                raise

    def remove(self) -> None:
        """Kill and remove the container and its anonymous volumes.

        Raises:
            EngineError: The engine is lost or refuses.
        """
        if self._removed:
            return
        self._close_output()
        try:
            with translating():
                self._api.remove_container(self._id, v=True, force=True)
        except EngineError as error:
            cause = error.__cause__
            gone = isinstance(cause, docker.errors.NotFound)
            going = (
                isinstance(cause, docker.errors.APIError) and "already in progress" in error.what
            )
            if not gone and not going:
                raise
        self._removed = True

    def _close_output(self) -> None:
        """Close the connection on which output comes; the engine leaves it open if nothing started."""
        output, self._output = self._output, None
        if output is None:
            return
        with contextlib.suppress(OSError, docker.errors.DockerException):
            output.close()  # ends the reader, and leaves the descriptor to the garbage collector
        if self._reader is not None:
            self._reader.join(OUTPUT_TIMEOUT_S)
        output._response.close()  # noqa: SLF001  (docker-py has no other way)

    def processes(self) -> tuple[ProcessSight, ...]:
        """Ask the engine, whose ``ps`` may be missing or a simple one: then there is nothing to tell."""
        try:
            with translating():
                rows = self._api.top(self._id, ps_args=PS_ARGUMENTS)["Processes"] or ()
            return tuple(
                ProcessSight(int(pid), state[:1], waiting_in(wchan), command)
                for pid, state, wchan, command in rows
            )
        except (EngineError, KeyError, ValueError):
            return ()

    def run_in_terminal(self) -> None:
        """Start the container with our terminal as its own.

        Raises:
            StartError: It cannot be started.
            EngineError: The engine is lost.
        """
        connect_terminal(self._api, self._id, self._start)


def _deliver(output: Iterable[tuple[bytes | None, bytes | None]], on_output: OnOutput) -> None:
    try:
        for stdout, stderr in output:
            if stdout:
                on_output(OutputStream.STDOUT, stdout)
            if stderr:
                on_output(OutputStream.STDERR, stderr)
    except (OSError, ValueError, docker.errors.DockerException):
        return  # the connection broke; `wait` finds out and says so
