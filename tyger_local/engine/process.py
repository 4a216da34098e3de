"""The engine that needs no engine: the codespec's command as a local child, over the same pipes.

For trying a command before there is an image, and for testing everything around a container in
milliseconds. It applies no limits and isolates nothing, and says so.

How a child's descendants are found says `tyger_local.engine.descendants`.
"""

from __future__ import annotations

import contextlib
import os
import platform
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

import psutil

from tyger_local.engine.base import (
    EngineDescription,
    OnOutput,
    OutputStream,
    PullPolicy,
)
from tyger_local.engine.descendants import (
    TOKEN_VARIABLE,
    Descendants,
    descendants,
    kill_descendants,
    new_token,
    remnants,
)
from tyger_local.engine.process_usage import own_peak_bytes, sample_of_tree, usage_of_child
from tyger_local.engine.refusals import refused_by_system
from tyger_local.engine.sights import threads
from tyger_local.errors import (
    EngineError,
    StartError,
    UsageError,
)
from tyger_local.outcome.facts import ContainerEnd
from tyger_local.outcome.record import EngineIdentity, ImageIdentity, Usage
from tyger_local.outcome.sight import ProcessSight, UsageSample
from tyger_local.plan.model import Capacity, ContainerPlan, Difference, Limits, RunPlan
from tyger_local.spec.platforms import platform as spec_platform

NOTE = "limits and isolation were not applied (--engine process)"
KEPT_VARIABLES = ("PATH", "HOME", "TMPDIR", "LANG")
READ_BYTES = 64 * 1024
KILL_TIMEOUT_S = 5.0
LAST_OUTPUT_TIMEOUT_S = 2.0


class ProcessEngine:
    """Runs commands as children of this process."""

    name = "process"
    pipe_root: str | None = None
    place = ""

    def review(self, plan: RunPlan) -> tuple[Difference, ...]:
        """Refuse by name what a plain child process cannot be given; tell of limits not applied.

        Raises:
            UsageError: The plan asks for something that cannot be given.
        """
        container = plan.containers[0]
        limits = container.limits
        named = (
            ("a GPU", limits.gpus, "use --no-gpu or --engine docker"),
            ("shm", limits.shm_bytes, "use --engine docker"),
            ("--user", container.user, "use --engine docker"),
            ("--mount", container.mounts, "use --engine docker"),
            ("--network", plan.network, "use --engine docker"),
            ("--platform", container.platform, "use --engine docker"),
        )
        for what, asked, hint in named:
            if asked:
                raise UsageError(f"the process engine cannot give {what}", hint)
        if container.entrypoint is None:
            raise UsageError(
                "the process engine needs a codespec with a command, since it has no image to ask",
                "add 'command:' to the codespec, or use --engine docker",
            )
        if limits != Limits():
            text = "the process engine does not apply the codespec's limits"
            return (Difference("no-limits", text, strict=True),)
        return ()

    def describe(self) -> EngineDescription:
        """Describe this machine; nothing can be missing."""
        return EngineDescription(
            identity=EngineIdentity(self.name, platform.release()),
            capacity=Capacity(
                nano_cpus=(os.cpu_count() or 1) * 10**9,
                memory_bytes=psutil.virtual_memory().total,
                limits_apply=False,
            ),
            platform=spec_platform(platform.system(), platform.machine()),
            notes=(NOTE,),
        )

    def find_image(
        self,
        reference: str,
        pull: PullPolicy,
        platform: str | None,
        on_progress: Callable[[str], None],
    ) -> ImageIdentity:
        """Return the image's name: there is nothing to find."""
        del pull, platform, on_progress
        return ImageIdentity(reference, None)

    def create(
        self, plan: ContainerPlan, pipes: Path, network: str | None, *, terminal: bool = False
    ) -> ChildProcess:
        """Prepare a child.

        Raises:
            StartError: Its working directory does not exist.
        """
        del pipes, network, terminal
        if plan.working_dir is not None and not os.path.isdir(plan.working_dir):
            raise StartError(
                f"the working directory {plan.working_dir} does not exist on this machine",
                "leave workingDir out, or use --engine docker",
            )
        return ChildProcess(plan)

    def remnants(self) -> tuple[Descendants, ...]:
        """Find the processes of all runs, as far as we may look at them."""
        return remnants()

    def close(self) -> None:
        """Do nothing: there is no connection."""


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

    def run_in_terminal(self) -> None:
        """Run the child with our own standard input, output and error."""
        self._child = self._spawn(stdin=None, output=None)
        os.waitid(os.P_PID, self._child.pid, os.WEXITED | os.WNOWAIT)

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
