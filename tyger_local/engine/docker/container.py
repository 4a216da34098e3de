"""One Docker container: attached before it starts, so that not a byte of its output is missed."""

from __future__ import annotations

import contextlib
import re
import signal
import threading

from tyger_local.engine.base import OnOutput
from tyger_local.engine.docker.api import Api
from tyger_local.engine.docker.errors import translating, words
from tyger_local.engine.docker.exec_failure import FirstWords
from tyger_local.engine.docker.measuring import Measuring
from tyger_local.engine.docker.reaching import Reaching
from tyger_local.engine.docker.transport import MissingError, Output, RefusedError
from tyger_local.engine.refusals import (
    cannot_start,
    not_executable,
    not_found,
    wrong_format,
)
from tyger_local.engine.sights import waiting_in
from tyger_local.errors import (
    CommandNotExecutableError,
    CommandNotFoundError,
    EngineError,
    StartError,
)
from tyger_local.outcome.exit_codes import AFTER_SIGNAL
from tyger_local.outcome.facts import ContainerEnd
from tyger_local.outcome.record import Usage
from tyger_local.outcome.sight import Listening, ProcessSight, Reach, UsageSample

PS_ARGUMENTS = "-eLo pid,stat,wchan:32,args"
"""What the engine's ``ps`` is asked for: a line for each thread."""

SUBJECT = "the container's command"

RUNTIME_WORDS = re.compile(r".*?(exec: \".*?)(?:: unknown)?")
"""What the runtime says at last, behind who told it to whom."""

OUTPUT_TIMEOUT_S = 30.0
"""How long output may keep coming after the end; the engine has it all by then."""


class DockerContainer:
    """A container that was created.

    Args:
        api: The engine.
        identity: The engine's id for it.
        label: What people call it.
        command: The first word of its command; None when the image says it.
        measuring: What measures it, and has not begun.
        reaching: What looks at its network, and has not begun.
    """

    def __init__(
        self,
        api: Api,
        identity: str,
        label: str,
        command: str | None,
        measuring: Measuring,
        reaching: Reaching,
    ) -> None:
        self._api = api
        self._id = identity
        self._label = label
        self._command = command
        self._measuring = measuring
        self._reaching = reaching
        self._first_words = FirstWords()
        self._output: Output | None = None
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
        self._output = self._api.attach(self._id)
        self._reader = threading.Thread(
            target=_deliver, args=(self._output, self._first_words, on_output), daemon=True
        )
        self._reader.start()
        try:
            self._start()
        except BaseException:
            self._close_output()  # the engine leaves it open if nothing started
            raise

    def _start(self) -> None:
        self._measuring.begin()
        try:
            self._api.start(self._id)
        except EngineError as error:
            self._measuring.fail()
            if not isinstance(error.__cause__, RefusedError):
                raise
            raise self._start_error(error) from error
        self._measuring.engine_has_started()
        self._reaching.begin()

    def _start_error(self, error: EngineError) -> StartError:
        """Tell a missing command from one that cannot be executed, by the exit code the engine noted."""
        said = words(error.__cause__ or error)
        last = RUNTIME_WORDS.fullmatch(said)
        said = said if last is None else last[1]
        if "exec format error" in said.lower():
            return wrong_format(SUBJECT, said)
        code = self._api.state(self._id).get("ExitCode")
        if code == CommandNotFoundError.exit_code:
            return not_found(SUBJECT, said, self._command)
        if code == CommandNotExecutableError.exit_code:
            return not_executable(SUBJECT, said)
        return cannot_start("the container", said)

    def wait(self) -> ContainerEnd:
        """Wait for the end.

        Raises:
            StartError: The command could not be executed, which shows only now.
            EngineError: The engine was lost meanwhile.
        """
        try:
            code = self._api.wait(self._id)
        finally:
            self._reaching.end()
            self._measuring.end()
        if self._reader is not None:
            self._reader.join(OUTPUT_TIMEOUT_S)
        self._close_output()
        refusal = self._first_words.refusal(code, SUBJECT)
        if refusal is not None:
            self._measuring.fail()
            raise refusal
        return ContainerEnd(self._label, code, self._was_oom_killed(code))

    def _was_oom_killed(self, code: int) -> bool:
        """Ask the engine and the kernel, since on a busy machine each of them may be missed.

        With twice to five times as many busy loops as processors, the engine told nothing of 21 kills in 240,
        and the kernel's count was gone before it was read in 17. The kernel's log stays, and is shown to few.
        """
        told = bool(self._api.state(self._id).get("OOMKilled"))
        if told or self._measuring.oom_kills:
            return True
        if code != AFTER_SIGNAL + signal.SIGKILL:
            return False
        # Late: few containers end like this.
        from tyger_local.engine.docker.kernel_log import tells_of_oom_kill  # noqa: PLC0415

        return tells_of_oom_kill(self._id)

    def signal(self, number: int) -> None:
        """Send a signal, unless the container has ended.

        Raises:
            EngineError: The engine is lost.
        """
        try:
            self._api.kill(self._id, number)
        except EngineError as error:
            if not isinstance(error.__cause__, RefusedError):
                raise

    def remove(self) -> None:
        """Kill and remove the container and its anonymous volumes.

        Raises:
            EngineError: The engine is lost or refuses.
        """
        if self._removed:
            return
        self._reaching.end()
        self._measuring.end(0)  # unless it was told already
        self._close_output()
        try:
            self._api.remove(self._id)
        except EngineError as error:
            cause = error.__cause__
            gone = isinstance(cause, MissingError)
            going = isinstance(cause, RefusedError) and "already in progress" in error.what
            if not gone and not going:
                raise
        self._removed = True

    def _close_output(self) -> None:
        """Close the connection on which output comes."""
        output, self._output = self._output, None
        if output is None:
            return
        output.stop()
        if self._reader is not None:
            self._reader.join(OUTPUT_TIMEOUT_S)
        output.close()

    def processes(self) -> tuple[ProcessSight, ...]:
        """Ask the engine, whose ``ps`` may be missing or a simple one: then there is nothing to tell."""
        try:
            rows = self._api.top(self._id, PS_ARGUMENTS)
            return tuple(
                ProcessSight(int(pid), state[:1], waiting_in(wchan), command)
                for pid, state, wchan, command in rows
            )
        except (EngineError, KeyError, ValueError):
            return ()

    def usage(self) -> Usage:
        """Tell what the container has cost."""
        return self._measuring.usage()

    def sample(self) -> UsageSample | None:
        """Tell what it uses now."""
        return self._measuring.sample()

    def address(self) -> str | None:
        """Tell where the others in the first of its networks reach it."""
        return self._reaching.address()

    def listening(self) -> Listening | None:
        """Tell on which TCP ports it accepts connections."""
        return self._reaching.listening()

    def reach(self) -> Reach | None:
        """Tell how to connect to it."""
        return self._reaching.reach()

    def run_in_terminal(self) -> None:
        """Start the container with our terminal as its own.

        Raises:
            StartError: It cannot be started.
            EngineError: The engine is lost.
        """
        # Late: only docker-py has what a terminal needs, and few ask for one.
        from tyger_local.engine.docker.terminal import connect_terminal  # noqa: PLC0415

        connect_terminal(self._id, self._start)


def _deliver(output: Output, first_words: FirstWords, on_output: OnOutput) -> None:
    # What else a broken connection may raise depends on the transport; `wait` finds out and says so.
    with contextlib.suppress(EngineError, ValueError), translating():
        for stream, data in output.pieces():
            first_words(stream, data)
            on_output(stream, data)
