"""Processes that descend from a child of the process engine, and their end.

They are found by their session and by a token in their environment, since a child that makes a session of
its own and is adopted by init has left every other trace of where it came from. A subreaper was weighed and
refused: it would change how children of the program that uses this library behave, and dies with it.

The token holds the labels of the child's plan, as those of a container do. So also another process can tell
whose a child was.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import psutil

from tyger_local.errors import EngineError

TOKEN_VARIABLE = "TYGER_LOCAL_PROCESS"  # noqa: S105  (no secret: a mark to find descendants by)
KILL_TIMEOUT_S = 5.0
KILL_POLL_S = 0.002


def new_token(labels: Mapping[str, str]) -> str:
    """Return what no other child has in its environment; it tells `labels`."""
    return json.dumps([os.urandom(16).hex(), dict(labels)])


def kill_descendants(token: str, *, sessions: Collection[int], spare: Collection[int]) -> None:
    """Kill until none is found: a process may fork while the others are being killed.

    Args:
        token: In their environment.
        sessions: They may be in one of these instead, whatever their environment says.
        spare: Processes that are left alone.

    Raises:
        EngineError: One of them cannot be killed.
    """
    while found := list(descendants(token, sessions=sessions, spare=spare)):
        for process in found:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        deadline = time.monotonic() + KILL_TIMEOUT_S
        # psutil's own wait would wait for init to reap them too, which in many containers is slow.
        while alive := [process for process in found if _lives(process)]:
            if time.monotonic() > deadline:
                raise EngineError(
                    f"process {alive[0].pid}, a descendant of the command, cannot be killed"
                )
            time.sleep(KILL_POLL_S)


def descendants(
    token: str, *, sessions: Collection[int], spare: Collection[int]
) -> Iterator[psutil.Process]:
    """Find the processes that carry a token or are in a session; takes what `kill_descendants` takes."""
    for process in psutil.process_iter():
        if process.pid in spare:
            continue
        with contextlib.suppress(psutil.Error, OSError):
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            in_session = os.getsid(process.pid) in sessions
            if in_session or process.environ().get(TOKEN_VARIABLE) == token:
                yield process


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@dataclass(frozen=True, slots=True)
class Descendants:
    """Processes with one token: what is there of a child and its descendants.

    Attributes:
        sessions: Those that one of them has begun.
    """

    pid: int
    labels: Mapping[str, str]
    token: str
    sessions: tuple[int, ...]
    is_running: bool = True

    @property
    def name(self) -> str:
        """Return one of them, for people."""
        return f"process {self.pid}"

    def stop(self) -> None:
        """Kill them: nothing else would stay of them.

        Raises:
            EngineError: One of them cannot be killed.
        """
        self.remove()

    def remove(self) -> None:
        """Kill them.

        Raises:
            EngineError: One of them cannot be killed.
        """
        kill_descendants(self.token, sessions=self.sessions, spare=(os.getpid(),))


def remnants() -> tuple[Descendants, ...]:
    """Find all processes that carry a token, whoever started them."""
    members: dict[str, list[int]] = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
                token = process.environ().get(TOKEN_VARIABLE)
                if token is not None:
                    members.setdefault(token, []).append(process.pid)
    told = ((token, pids, _labels(token)) for token, pids in members.items())
    return tuple(
        Descendants(pids[0], labels, token, tuple(pid for pid in pids if _leads(pid)))
        for token, pids, labels in told
        if labels is not None
    )


def _leads(pid: int) -> bool:
    try:
        return os.getsid(pid) == pid
    except ProcessLookupError:
        return False


def _labels(token: str) -> dict[str, str] | None:
    """Return what a token tells; None when it is none of ours."""
    try:
        _, labels = json.loads(token)
        return {str(name): str(value) for name, value in labels.items()}
    except (ValueError, TypeError, AttributeError):
        return None
