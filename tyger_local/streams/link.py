"""The connection to one port of a container, which an input and an output share."""

from __future__ import annotations

import errno
import os
import select
import socket
import threading
import time
from collections.abc import Callable

from tyger_local.errors import MORE_FILES, StreamError
from tyger_local.outcome.sight import Reach, WaitsFor
from tyger_local.streams.connecting import Connecting, broken
from tyger_local.streams.copying import REFUSALS, send_file
from tyger_local.streams.waits import Waits
from tyger_local.streams.wake import Wake

_RESET = ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))


class _StoppedError(Exception):
    """Nobody wants the connection any more."""


class Link:
    """One connection, and what is done with it from two threads.

    Whoever makes it has it, and whoever uses it enters it before the container starts. All leave it at the
    end, and the last to leave closes the connection: a thread that hangs keeps it.

    Attributes:
        port: Of the container.
        has_input: Whether there is a buffer to be sent.
        has_output: Whether there is a buffer for what comes.
        is_needed: Whether it is wrong when the container never accepts it.

    Args:
        port: See above.
        reach: Tells how to get to the container.
        has_input: See above.
        has_output: See above.
        is_needed: See above.

    Raises:
        StreamError: The system gives no descriptors for it.
    """

    def __init__(
        self,
        port: int,
        reach: Callable[[], Reach | None],
        *,
        has_input: bool = True,
        has_output: bool = True,
        is_needed: bool = True,
    ) -> None:
        self.port = port
        self.has_input = has_input
        self.has_output = has_output
        self.is_needed = is_needed
        self._connecting = Connecting(port, reach)
        self._is_begun = threading.Lock()
        self._began: float | None = None
        self._socket: socket.socket | None = None
        self._error: str | None = None
        self._is_half_closed = False
        self._sending = threading.Lock()
        self._users = 1
        try:
            self._settled = Wake()
        except OSError as error:
            raise StreamError(
                f"port {port} cannot be connected to: {error.strerror}", MORE_FILES
            ) from error

    def enter(self) -> None:
        """Be one of those who use the connection."""
        self._users += 1

    def leave(self) -> None:
        """Use it no more."""
        self._users -= 1
        if self._users == 0:
            self._settled.close()
            if self._socket is not None:
                self._socket.close()

    def begin(self) -> None:
        """Count from now on how long nothing accepts the connection."""
        self._began = self._began or time.monotonic()

    @property
    def is_connected(self) -> bool:
        """Return whether the connection has been accepted."""
        return self._socket is not None

    @property
    def is_broken(self) -> bool:
        """Return whether the connection broke, or was never accepted."""
        return self._error is not None

    @property
    def waiting_s(self) -> float | None:
        """Return for how long nothing has accepted the connection; None when nobody waits for that."""
        if self._began is None or self._settled.is_set:
            return None
        return time.monotonic() - self._began

    @property
    def hint(self) -> str:
        """Return what to do so that it is accepted; empty when there is nothing to say."""
        return self._connecting.hint

    def connect(self, waits: Waits, container_ended: Wake, stopped: Wake) -> bool:
        """Wait for the connection, which the first to come makes; return whether it is there.

        Returns:
            False when nobody wants it any more, or it is not needed and will not be there.

        Raises:
            StreamError: There is none, and will be none.
        """
        if self._is_begun.acquire(blocking=False):  # and never released
            try:
                self._make(waits, container_ended, stopped)
            finally:
                self._settled.set()
        poll = select.poll()
        for fd in (self._settled.fd, stopped.fd):
            poll.register(fd, select.POLLIN)
        waits.wait(WaitsFor.OPENING, poll)
        if self._error is not None:
            raise StreamError(self._error)
        return self._socket is not None and not stopped.is_set

    def _make(self, waits: Waits, container_ended: Wake, stopped: Wake) -> None:
        def wait(poll: select.poll, timeout_s: float) -> dict[int, int]:
            poll.register(stopped.fd, select.POLLIN)
            poll.register(container_ended.fd, select.POLLIN)
            ready = waits.wait(WaitsFor.OPENING, poll, timeout_s * 1000)
            if stopped.fd in ready:
                raise _StoppedError
            # Accepted at the last moment, it may bring all that the container had to say.
            if container_ended.fd in ready and len(ready) == 1:
                raise StreamError(
                    f"the container ended before it accepted a connection on port {self.port}",
                    self.hint if self._connecting.is_reachable else "",
                )
            return ready

        try:
            self._socket = self._connecting.connect(wait)
        except _StoppedError:
            pass
        except StreamError as error:
            if self.is_needed:
                self._error = f"{error.what}: {error.hint}" if error.hint else error.what
        except OSError as error:
            self._error = f"port {self.port} cannot be connected to: {error.strerror}"

    @property
    def _connected(self) -> socket.socket:
        if self._socket is None:
            raise RuntimeError("a link is used before it was connected")
        return self._socket

    @property
    def fd(self) -> int:
        """Return the connection's descriptor, which never blocks, for whoever waits for it."""
        return self._connected.fileno()

    def receive(self, into: bytearray | memoryview) -> int | None:
        """Receive bytes; return how many, 0 at the end, None for none yet.

        Raises:
            StreamError: The connection is broken.
        """
        try:
            count = self._connected.recv_into(into)
        except BlockingIOError:
            return None
        except OSError as error:
            raise self._break(error) from error
        if count == 0:
            self._check_end()
        return count

    def _check_end(self) -> None:
        """Do nothing at a clean end.

        The system tells of a break once, to the thread that sends or to the one that receives, and not even
        that if it had sent a part just before. To the other one it looks like an end.
        """
        with self._sending:
            if self._error is not None:
                raise StreamError(self._error)
            if not self._is_half_closed:  # later, nobody sends who could be told
                try:
                    self._connected.getpeername()
                except OSError as error:
                    raise self._break(_RESET) from error

    def send(self, data: memoryview) -> int | None:
        """Send some of `data`; return how much, None for none now.

        Raises:
            StreamError: The connection is broken.
        """
        with self._sending:
            try:
                return self._connected.send(data)
            except BlockingIOError:
                return None
            except OSError as error:
                raise self._break(error) from error

    def send_file(self, source: int) -> int | None:
        """Send from a file inside the kernel; return how many bytes, 0 at its end, None for none now.

        Raises:
            StreamError: The connection is broken.
            OSError: The file cannot be read, or not inside the kernel.
        """
        with self._sending:
            try:
                return send_file(source, self.fd)
            except BlockingIOError:
                return None
            except OSError as error:
                if error.errno == errno.EIO or error.errno in REFUSALS:
                    raise
                raise self._break(error) from error

    def half_close(self) -> None:
        """Say that no more will be sent.

        Raises:
            StreamError: The connection is broken.
        """
        with self._sending:
            try:
                self._connected.shutdown(socket.SHUT_WR)
            except OSError as error:
                # Not connected: it was reset, and the other thread was told.
                raise self._break(_RESET if error.errno == errno.ENOTCONN else error) from error
            self._is_half_closed = True

    def hung_up(self) -> StreamError:
        """Return why the system says that the connection is of no use any more."""
        code = self._connected.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        return self._break(OSError(code, os.strerror(code)) if code else _RESET)

    def _break(self, error: OSError) -> StreamError:
        made = broken(self.port, error.strerror or str(error))
        self._error = self._error or made.what
        return StreamError(self._error)
