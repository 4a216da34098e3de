"""Making the one connection: to real listeners, in this network namespace and in others."""

from __future__ import annotations

import os
import select
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tyger_local.errors import StreamError
from tyger_local.outcome.sight import Reach
from tyger_local.streams import connecting
from tyger_local.streams.connecting import NOT_LOCALHOST, UNREACHABLE, Connecting

if TYPE_CHECKING:  # types of fixtures; at run time pytest alone knows the way to conftest
    from tests.unit.streams.conftest import Children

LOCALHOST = Reach(("127.0.0.1", "::1"), None, is_inside=True)
OUTSIDE = Reach(("127.0.0.1",))

NAMESPACE = """
import ctypes, fcntl, os, socket, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
if libc.unshare(0x40000000) != 0:  # CLONE_NEWNET
    print("refused", flush=True)
    sys.exit()
with socket.socket() as any_socket:
    fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh22x", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP
"""

SERVE = (
    NAMESPACE
    + """
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("listening", flush=True)
    connection, peer = listener.accept()
    with connection:
        connection.sendall(b"from inside")
        connection.recv(1)
"""
)

ONE_PORT = (
    NAMESPACE
    + """
import signal
with open("/proc/sys/net/ipv4/ip_local_port_range", "w") as ports:
    ports.write(f"{sys.argv[1]} {sys.argv[1]}")
print("ready", flush=True)
signal.pause()
"""
)
"""Whoever connects to the port there is given that very port, and meets itself."""


def _wait(poll: select.poll, timeout_s: float) -> dict[int, int]:
    return dict(poll.poll(timeout_s * 1000))


@contextmanager
def _connected(port: int, reach: Callable[[], Reach | None]) -> Iterator[socket.socket]:
    with Connecting(port, reach).connect(_wait) as connection:
        yield connection


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "ATTEMPT_S", 0.2)
    monkeypatch.setattr(connecting, "LATER_PAUSE_S", 0.1)
    monkeypatch.setattr(connecting, "GIVE_UP_AFTER_S", 0.6)


def test_one_that_listens_is_connected_to_once_and_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with _connected(listener.getsockname()[1], lambda: LOCALHOST) as connection:
            accepted, peer = listener.accept()
            accepted.close()
            assert connection.getsockname() == peer
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert not connection.getblocking()
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_one_that_listens_late_is_connected_to() -> None:
    port, tries = _free_port(), 0
    with ExitStack() as stack:

        def reach() -> Reach:
            nonlocal tries
            tries += 1
            if tries == 4:
                stack.enter_context(socket.create_server(("127.0.0.1", port)))
            return LOCALHOST

        with _connected(port, reach) as connection:
            assert connection.getpeername() == ("127.0.0.1", port)
    assert tries == 4


def test_one_that_is_reached_late_is_connected_to() -> None:
    answers = iter([None, None, LOCALHOST])
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        _connected(listener.getsockname()[1], lambda: next(answers)) as connection,
    ):
        assert connection.getpeername() == listener.getsockname()


def test_tries_come_quickly_and_then_each_second(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    def wait(poll: select.poll, timeout_s: float) -> dict[int, int]:
        ready = dict(poll.poll(0))
        if not ready:
            pauses.append(timeout_s)
        if len(pauses) == 7:
            raise KeyboardInterrupt
        return ready

    with pytest.raises(KeyboardInterrupt):
        Connecting(_free_port(), lambda: LOCALHOST).connect(wait)
    assert pauses == [0.05, 0.1, 0.2, 0.5, 1.0, 1.0, 1.0]
    assert connecting.GIVE_UP_AFTER_S == 600


@pytest.mark.skipif(not socket.has_ipv6, reason="there is no IPv6")
def test_one_that_listens_on_ipv6_only_is_connected_to() -> None:
    with (
        socket.create_server(("::1", 0), family=socket.AF_INET6) as listener,
        _connected(listener.getsockname()[1], lambda: LOCALHOST) as connection,
    ):
        assert connection.getpeername()[0] == "::1"


def test_an_address_that_does_not_answer_does_not_keep_from_the_next(brisk: None) -> None:
    with ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port = full.getsockname()[1]
        for _ in range(3):  # who comes now is not answered
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        stack.enter_context(socket.create_server(("127.0.0.2", port)))
        reach = Reach(("127.0.0.1", "127.0.0.2"), None, is_inside=True)
        connection = stack.enter_context(_connected(port, lambda: reach))
        assert connection.getpeername() == ("127.0.0.2", port)


@pytest.mark.parametrize(
    ("reach", "hint"), [(LOCALHOST, ""), (OUTSIDE, NOT_LOCALHOST), (None, UNREACHABLE)]
)
def test_it_gives_up_at_last(brisk: None, reach: Reach | None, hint: str) -> None:
    port = _free_port()
    with pytest.raises(StreamError) as caught:
        Connecting(port, lambda: reach).connect(_wait)
    assert caught.value.what == f"nothing accepted a connection on port {port} within 0.01 min"
    assert caught.value.hint == hint


def _namespace(child: int) -> int:
    return os.open(f"/proc/{child}/ns/net", os.O_RDONLY)


def _started(children: Children, script: str, port: int) -> int:
    child = children.python(script, port)
    assert child.stdout is not None
    if child.stdout.readline() == "refused\n":
        pytest.skip("only root makes network namespaces")
    return child.pid


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no network namespaces")
class TestNamespaces:
    def test_a_program_is_reached_on_its_own_localhost(self, children: Children) -> None:
        port = _free_port()
        child = _started(children, SERVE, port)
        own = Path("/proc/thread-self/ns/net").readlink()
        threads = threading.active_count()

        def reach() -> Reach:
            return Reach(("127.0.0.1", "::1"), _namespace(child), is_inside=True)

        with _connected(port, reach) as connection:
            connection.setblocking(True)
            assert connection.recv(100) == b"from inside"
        assert Path("/proc/thread-self/ns/net").readlink() == own
        assert threading.active_count() == threads
        with socket.socket() as other, pytest.raises(ConnectionRefusedError):
            other.connect(("127.0.0.1", port))  # nobody listens where we are

    def test_a_socket_that_meets_itself_is_no_connection(
        self, children: Children, brisk: None
    ) -> None:
        port = _free_port()
        child = _started(children, ONE_PORT, port)

        def reach() -> Reach:
            return Reach(("127.0.0.1",), _namespace(child), is_inside=True)

        with pytest.raises(StreamError, match="nothing accepted"):
            Connecting(port, reach).connect(_wait)

    def test_what_is_no_namespace_is_refused(self) -> None:
        def reach() -> Reach:
            return Reach(("127.0.0.1",), os.open("/dev/null", os.O_RDONLY))

        with pytest.raises(OSError, match="Invalid argument"):
            Connecting(1, reach).connect(_wait)
