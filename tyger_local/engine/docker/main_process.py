"""The main process of a container as this machine shows it, and the container's network through it.

The engine may be on another machine, or we in a container of our own: then its number of the process means
something else here, or nothing. So the process is asked each time whether it is the container's. Its folder
in ``/proc`` is opened for that, and all else is looked at through it: it goes on meaning this process, also
when that has ended and its number is another's.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tyger_local.engine.docker.tcp_table import listening, tcp_in_use
from tyger_local.engine.sights import PROC
from tyger_local.outcome.sight import Listening

CLONE_NEWNET = 0x40000000
"""The kernel's name for a network namespace."""


class MainProcess:
    """The main process of a container.

    Args:
        pid: Its number, as the engine says it.
        container: The container's id.
        proc: Where the kernel shows processes.
    """

    def __init__(self, pid: int, container: str, proc: Path = PROC) -> None:
        self._pid = pid
        self._container = container
        self._proc = proc

    def listening(self) -> Listening | None:
        """Return on which TCP ports something in its network listens; None where that is not shown.

        A container that shares a network with others, or with the machine, cannot be told from them.
        """
        tables = self._network_files("tcp", "tcp6")
        return None if tables is None else listening(tables)

    def sockets_in_use(self) -> tuple[str, ...] | None:
        """Return how many TCP sockets are in use in its network; None where that is not shown."""
        counts = self._network_files("sockstat", "sockstat6")
        return None if counts is None else tuple(map(tcp_in_use, counts))

    def _network_files(self, version_4: str, version_6: str) -> list[str] | None:
        """Return what the kernel shows of its network; of version 6 only where the machine has that."""
        try:
            with self._folder() as folder:
                texts = [_text(folder, f"net/{version_4}")]
                with contextlib.suppress(FileNotFoundError):
                    texts.append(_text(folder, f"net/{version_6}"))
                return texts
        except OSError:
            return None

    def network(self) -> int | None:
        """Return a descriptor of its network namespace, which the caller closes; None where we may not."""
        try:
            with self._folder() as folder:
                return os.open("ns/net", os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
        except OSError:
            return None

    @contextmanager
    def _folder(self) -> Iterator[int]:
        """Open what the kernel shows of it.

        Raises:
            OSError: There is no such process, or it is none of the container's.
        """
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        folder = os.open(self._proc / str(self._pid), flags)
        try:
            if self._container not in _text(folder, "cgroup"):
                raise ProcessLookupError(f"process {self._pid} is another's")
            yield folder
        finally:
            os.close(folder)


def _text(folder: int, path: str) -> str:
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
    with os.fdopen(file, encoding="utf-8", errors="replace") as opened:
        return opened.read()


def may_enter(network: int) -> bool:
    """Return whether a thread of ours may enter a network namespace.

    It is tried, since what allows it has many parts (capabilities, user namespaces, filters of system calls).
    Whoever has entered does not come back, so the thread that tries ends with it.

    Args:
        network: A descriptor of it.
    """
    # Late: it takes long to load. `os.setns` comes with Python 3.12 only.
    import ctypes  # noqa: PLC0415

    results: list[int] = []

    def enter() -> None:
        results.append(ctypes.CDLL(None).setns(network, CLONE_NEWNET))

    thread = threading.Thread(target=enter, name="enter network", daemon=True)
    thread.start()
    thread.join()
    return results == [0]
