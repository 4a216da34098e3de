"""Making the one connection to a port of a container.

The first connection that is accepted is the one that the program serves: a server that accepts once is used
up by a connection that only wants to know whether it is there. So nothing is ever probed.

A socket belongs for ever to the network namespace of the thread that made it, and connects there from any
thread. So only the making needs a thread of its own, which enters the namespace and ends at once.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from tyger_local.errors import StreamError
from tyger_local.outcome.sight import Reach

PAUSES_S = (0.05, 0.1, 0.2, 0.5)
"""How long to wait after the first tries: most programs listen within a second."""

LATER_PAUSE_S = 1.0
"""The same after all others; Tyger's."""

UNREACHABLE_PAUSE_S = 0.1
"""How often it is asked whether a container can be reached by now."""

ATTEMPT_S = 3.0
"""How long an address may take to answer at all."""

GIVE_UP_AFTER_S = 600.0
"""Tyger's."""

CLONE_NEWNET = 0x40000000

NOT_LOCALHOST = (
    "it must listen on all addresses (0.0.0.0), since only root reaches a program on its localhost"
)
UNREACHABLE = "the engine tells no way to reach the container from here"

Wait = Callable[[select.poll, float], dict[int, int]]
"""Waits like ``poll``, at most so many seconds, and raises what ends all this."""


class Connecting:
    """Tries to connect until one connection is accepted.

    Attributes:
        is_reachable: Whether there has ever been a way to the container.
        hint: Why none may be, and what to do about that; empty when there is nothing to say.

    Args:
        port: Of the container.
        reach: Tells how to get there; asked before each try.
    """

    def __init__(self, port: int, reach: Callable[[], Reach | None]) -> None:
        self.is_reachable = False
        self.hint = UNREACHABLE
        self._port = port
        self._reach = reach

    def connect(self, wait: Wait) -> socket.socket:
        """Return the connection, which never blocks.

        Raises:
            StreamError: Nothing accepts one for too long.
            OSError: The system gives no socket.
        """
        pauses = iter(PAUSES_S)
        by_address = False
        deadline = time.monotonic() + GIVE_UP_AFTER_S
        while time.monotonic() < deadline:
            reach = self._reach()
            pause_s = UNREACHABLE_PAUSE_S
            if reach is not None:
                self.is_reachable = True
                # Once may be by chance: the container's process was just gone.
                self.hint = NOT_LOCALHOST if by_address and not reach.is_inside else ""
                by_address = not reach.is_inside
                made = _try(reach, self._port, wait)
                if made is not None:
                    return made
                pause_s = next(pauses, LATER_PAUSE_S)
            wait(select.poll(), pause_s)
        raise StreamError(
            f"nothing accepted a connection on port {self._port} within {GIVE_UP_AFTER_S / 60:g} min",
            self.hint,
        )


def _try(reach: Reach, port: int, wait: Wait) -> socket.socket | None:
    """Try each address once; return the first connection, if there is one."""
    try:
        for host in reach.hosts:
            made = _connection(host, port, reach.namespace, wait)
            if made is not None:
                return made
    finally:
        if reach.namespace is not None:
            os.close(reach.namespace)
    return None


def _connection(host: str, port: int, namespace: int | None, wait: Wait) -> socket.socket | None:
    try:
        made = _socket(socket.AF_INET6 if ":" in host else socket.AF_INET, namespace)
    except OSError as error:
        if error.errno != errno.EAFNOSUPPORT:
            raise
        return None  # a system without IPv6
    try:
        made.setblocking(False)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as Tyger's own
        if _is_accepted(made, host, port, wait):
            return made
    except BaseException:
        made.close()
        raise
    made.close()
    return None


def _is_accepted(made: socket.socket, host: str, port: int, wait: Wait) -> bool:
    state = made.connect_ex((host, port))
    if state == errno.EINPROGRESS:
        poll = select.poll()
        poll.register(made, select.POLLOUT)
        if made.fileno() not in wait(poll, ATTEMPT_S):
            return False
        state = made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if (
        state == errno.ECONNRESET
    ):  # refused is another matter: this one was accepted, and there is no second
        raise broken(port, os.strerror(state))
    return state == 0 and not _meets_itself(made)


def _meets_itself(made: socket.socket) -> bool:
    """Return whether, for want of a listener, the system gave a socket the very port that it connects to."""
    with suppress(OSError):  # accepted, and broken already
        return bool(made.getsockname() == made.getpeername())
    return False


def broken(port: int, words: str) -> StreamError:
    """Return the error for a connection that breaks."""
    return StreamError(f"the connection on port {port} broke: {words}")


def _socket(family: int, namespace: int | None) -> socket.socket:
    """Make a socket in a network namespace.

    Raises:
        OSError: The system gives none, or does not let us enter the namespace.
    """
    if namespace is None:
        return socket.socket(family, socket.SOCK_STREAM)
    made: list[socket.socket | BaseException] = []

    def make(namespace: int) -> None:
        try:
            _enter(namespace)
            made.append(socket.socket(family, socket.SOCK_STREAM))
        except BaseException as error:  # noqa: BLE001  (raised again where it is waited for)
            made.append(error)

    thread = threading.Thread(target=make, args=(namespace,), name="network namespace")
    thread.start()
    thread.join()
    [result] = made
    if isinstance(result, BaseException):
        raise result
    return result


def _enter(namespace: int) -> None:
    """Have this thread, and no other, be in a network namespace from now on."""
    # os.setns is there only since Python 3.12.
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, CLONE_NEWNET) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
