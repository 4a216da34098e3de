"""One command as a child of this process, with everything that descends from it.

How a child's descendants are found says `tyger_local.engine.descendants`.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import threading
import time
from typing import IO

from tyger_local.engine.base import OnOutput, OutputStream
from tyger_local.engine.descendants import (
    TOKEN_VARIABLE,
    descendants,
    kill_descendants,
    new_token,
)
from tyger_local.engine.process_usage import own_peak_bytes, sample_of_tree, usage_of_child
from tyger_local.engine.refusals import refused_by_system
from tyger_local.engine.sights import threads
from tyger_local.errors import EngineError, StartError
from tyger_local.outcome.facts import ContainerEnd
from tyger_local.outcome.record import Usage
from tyger_local.outcome.sight import ProcessSight, Reach, UsageSample
from tyger_local.plan.model import ContainerPlan

KEPT_VARIABLES = ("PATH", "HOME", "TMPDIR", "LANG")
READ_BYTES = 64 * 1024
KILL_TIMEOUT_S = 5.0
LAST_OUTPUT_TIMEOUT_S = 2.0

LOCALHOST = Reach(("127.0.0.1", "::1"), is_inside=True)
"""The child has the machine's own network."""


class ChildProcess:
    """A codespec's command as a child of this process."""

    def __init__(self, plan: ContainerPlan) -> None:
        self._plan = plan
        self._argv = (*(plan.entrypoint or ()), *(plan.arguments or ()))
        self._token = new_token(dict(plan.labels))
        self._child: subprocess.Popen[bytes] | None = None
        self._readers: list[threading.Thread] = []
        self._signalling = threading.Lock()
        self._is_removed = False
        self._cost: resource.struct_rusage | None = None
        self._own_peak_bytes = 0

    @property
    def id(self) -> str:
        """Return the child's process id, or nothing before its start."""
        return "" if self._child is None else str(self._child.pid)

    def start(self, on_output: OnOutput) -> None:
        """Start the child.

        Raises:
            CommandNotFoundError: There is no such command.
            CommandNotExecutableError: It cannot be executed.
            StartError: The system refuses for another reason.
        """
        child = self._spawn(stdin=subprocess.DEVNULL, output=subprocess.PIPE)
        self._child = child
        for stream, pipe in (
            (OutputStream.STDOUT, child.stdout),
            (OutputStream.STDERR, child.stderr),
        ):
            if pipe is not None:
                reader = threading.Thread(
                    target=_deliver, args=(stream, pipe, on_output), daemon=True
                )
                reader.start()
                self._readers.append(reader)

    def _spawn(self, stdin: int | None, output: int | None) -> subprocess.Popen[bytes]:
        kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        env = {**kept, **dict(self._plan.env), TOKEN_VARIABLE: self._token}
        self._own_peak_bytes = own_peak_bytes()
        try:
            return subprocess.Popen(
                self._argv,
                stdin=stdin,
                stdout=output,
                stderr=output,
                env=env,
                cwd=self._plan.working_dir,
                start_new_session=stdin is not None,
            )
        except OSError as error:
            raise refused_by_system(self._argv[0], error) from error
        except ValueError as error:  # a NUL byte
            raise StartError(f"the command cannot be started: {error}") from error

    def wait(self) -> ContainerEnd:
        """Wait for the child, then kill what it left behind, as the end of a container does.

        Raises:
            EngineError: A descendant cannot be killed, or nobody tells how the child ended.
        """
        child = self._started()
        try:
            # The zombie keeps the process id (and session id) taken until descendants have been found.
            os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        except ChildProcessError as error:
            if not self._is_removed:
                raise EngineError(
                    "how the command ended is not known, since the ends of children are ignored",
                    "do not ignore SIGCHLD in the program that uses this library",
                ) from error
        self._kill_descendants(child.pid)
        with self._signalling:
            code = self._reap(child)
        self._close_output()
        return ContainerEnd(self._plan.label, code if code >= 0 else 128 - code)

    def _reap(self, child: subprocess.Popen[bytes]) -> int:
        """Return how the child ended, and take note of what it has cost."""
        try:
            _, status, self._cost = os.wait4(child.pid, 0)
        except ChildProcessError:  # `remove` was quicker
            return child.wait()
        child.returncode = code = os.waitstatus_to_exitcode(status)
        return code

    def signal(self, number: int) -> None:
        """Signal the child, unless it has ended."""
        with self._signalling:
            if self._child is not None and self._child.returncode is None:
                # Not send_signal: that reaps a child that has just ended, under the feet of `wait`.
                os.kill(self._child.pid, number)

    def remove(self) -> None:
        """Kill the child and its descendants if they live."""
        child = self._child
        self._is_removed = True
        if child is None:
            return
        self.signal(signal.SIGKILL)
        self._kill_descendants(child.pid)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(KILL_TIMEOUT_S)
        self._close_output()

    def _close_output(self) -> None:
        """Wait for the last output, and close our ends of it.

        Nobody is left to write, unless a descendant has hidden from us; then its output is not waited for.
        """
        child = self._started()
        deadline = time.monotonic() + LAST_OUTPUT_TIMEOUT_S
        readers, self._readers = self._readers, []
        for pipe, reader in zip((child.stdout, child.stderr), readers, strict=False):
            reader.join(max(deadline - time.monotonic(), 0))
            if pipe is not None and not reader.is_alive():
                pipe.close()

    def processes(self) -> tuple[ProcessSight, ...]:
        """Look at the child and its descendants; nothing once the child has ended."""
        child = self._child
        if child is None or child.returncode is not None:
            return ()
        found = descendants(self._token, sessions=(child.pid,), spare=(child.pid, os.getpid()))
        pids = [child.pid, *(process.pid for process in found)]
        return tuple(sight for pid in pids for sight in threads(pid))

    def usage(self) -> Usage:
        """Tell what the child and those of its descendants that it waited for have cost."""
        return Usage() if self._cost is None else usage_of_child(self._cost, self._own_peak_bytes)

    def sample(self) -> UsageSample | None:
        """Look at the child and the children that it has now."""
        child = self._child
        if child is None or child.returncode is not None:
            return None
        return sample_of_tree(child.pid)

    def address(self) -> None:
        """Tell nothing: there is no network in which others could reach it."""

    def listening(self) -> None:
        """Tell nothing: in the machine's network the child cannot be told from others."""

    def reach(self) -> Reach | None:
        """Tell that it is reached as whatever else runs on this machine."""
        return LOCALHOST if self._is_running else None

    def run_in_terminal(self) -> None:
        """Run the child with our own standard input, output and error."""
        self._child = self._spawn(stdin=None, output=None)
        os.waitid(os.P_PID, self._child.pid, os.WEXITED | os.WNOWAIT)

    @property
    def _is_running(self) -> bool:
        """Return whether the child was started and nobody has noticed its end."""
        return self._child is not None and self._child.returncode is None

    def _started(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            raise EngineError("a container was waited for before it was started")
        return self._child

    def _kill_descendants(self, pid: int) -> None:
        # Once reaped, the number may be somebody else's, and so may a session of that number.
        reaped = self._child is not None and self._child.returncode is not None
        kill_descendants(self._token, sessions=() if reaped else (pid,), spare=(pid, os.getpid()))


def _deliver(stream: OutputStream, pipe: IO[bytes], on_output: OnOutput) -> None:
    while data := os.read(pipe.fileno(), READ_BYTES):
        on_output(stream, data)
