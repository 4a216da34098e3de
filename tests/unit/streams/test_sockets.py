"""Buffers that go through sockets, to real servers in threads."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import pytest

from tyger_local.errors import StateError, StreamError
from tyger_local.outcome.facts import BufferState, BufferStats
from tyger_local.outcome.sight import Reach, WaitsFor
from tyger_local.streams import connecting, host, socket_transfer, transfer
from tyger_local.streams.copying import write_all
from tyger_local.streams.host import Source, Target, open_source, open_target, stdout_target
from tyger_local.streams.link import Link
from tyger_local.streams.relay import RelayedSource
from tyger_local.streams.socket_input import SocketInput
from tyger_local.streams.socket_output import SocketOutput
from tyger_local.streams.socket_transfer import SocketTransfer
from tyger_local.streams.tally import CHECKSUM_LIMIT_BYTES, Checksum
from tyger_local.streams.waits import Waits
from tyger_local.streams.wake import Wake

if TYPE_CHECKING:  # types of fixtures; at run time pytest alone knows the way to conftest
    from tests.unit.streams.conftest import Ends

Until = Callable[[Callable[[], bool]], None]

MIB = 2**20
SIZES = (0, 1, 65_537, MIB + 1, 5 * MIB + 3)

TIMEOUT_S = 20
LOCALHOST = Reach(("127.0.0.1", "::1"), None, is_inside=True)

Handle = Callable[[socket.socket], object]


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def serving(handle: Handle, port: int = 0, host: str = "127.0.0.1") -> Iterator[int]:
    """Accept one connection and have `handle` serve it; yield the port; a second one is an error."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    errors: list[BaseException] = []
    with socket.create_server((host, port), family=family, backlog=5) as listener:
        listener.settimeout(TIMEOUT_S)

        def serve() -> None:
            try:
                connection, _ = listener.accept()
                connection.settimeout(TIMEOUT_S)
                with connection:
                    handle(connection)
            except BaseException as error:  # noqa: BLE001  (raised again where it is waited for)
                errors.append(error)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            thread.join(TIMEOUT_S)
            assert not thread.is_alive()
            listener.setblocking(False)
            try:
                listener.accept()[0].close()
            except BlockingIOError:
                pass
            else:
                errors.append(AssertionError("there was a second connection"))
    if errors:
        raise errors[0]


def echo(connection: socket.socket) -> None:
    """Send back what comes, as it comes."""
    while data := connection.recv(1 << 18):
        connection.sendall(data)


def read_all(connection: socket.socket) -> bytes:
    """Read to the half-close."""
    data = bytearray()
    while more := connection.recv(1 << 18):
        data += more
    return bytes(data)


def reset(connection: socket.socket) -> None:
    """Close so that the other side is told that bytes may be lost."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()


class Exchange:
    """The transfers of one socket; started on entering, closed on leaving."""

    def __init__(
        self,
        port: int,
        ends: Ends,
        source: Source | None = None,
        target: Target | None = None,
        checksum: Checksum = Checksum.AUTO,
        reach: Callable[[], Reach | None] = lambda: LOCALHOST,
    ) -> None:
        has_input, has_output = source is not None, target is not None
        self.link = Link(port, reach, has_input=has_input, has_output=has_output)
        self.transfers: list[SocketTransfer] = []
        self.target = target
        self._ends = ends
        if source is not None:
            self.transfers.append(SocketInput("input", self.link, source, checksum, ends))
        if target is not None:
            self.transfers.append(SocketOutput("output", self.link, target, checksum, ends))

    def __enter__(self) -> Exchange:  # noqa: PYI034  (Self is there since Python 3.11)
        for one in self.transfers:
            one.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for one in reversed(self.transfers):
            one.close()
        self.link.leave()
        if self.target is not None:
            self.target.abandon()

    def tell(self, say: Callable[[SocketTransfer], object]) -> None:
        """Say something to all."""
        for one in self.transfers:
            say(one)

    def container_ended(self) -> None:
        """Say that to all."""
        self.tell(lambda transfer: transfer.container_ended())

    def finish(self) -> list[BufferStats]:
        """Wait for all ends and return what became of the buffers."""
        for _ in self.transfers:
            self._ends.wait()
        assert not any(transfer.is_moving for transfer in self.transfers)
        return [transfer.final_stats() for transfer in self.transfers]


def _file(folder: Path, data: bytes) -> Path:
    """Return a file with `data`."""
    path = folder / "source"
    path.write_bytes(data)
    return path


@pytest.fixture
def short_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket_transfer, "SILENCE_TIMEOUT_S", 0.2)


def _check_whole(stats: BufferStats, data: bytes) -> None:
    assert (stats.state, stats.error, stats.bytes) == (BufferState.COMPLETE, None, len(data))
    assert stats.sha256 in (None, hashlib.sha256(data).hexdigest())


@pytest.mark.parametrize("checksum", [Checksum.AUTO, Checksum.NEVER])
@pytest.mark.parametrize("size", SIZES)
def test_what_is_sent_comes_back(tmp_path: Path, ends: Ends, size: int, checksum: Checksum) -> None:
    data = random.Random(size).randbytes(size)
    source = open_source("input", _file(tmp_path, data))
    target = open_target("output", tmp_path / "out")
    with serving(echo) as port, Exchange(port, ends, source, target, checksum) as exchange:
        for stats in exchange.finish():
            _check_whole(stats, data)
            assert (stats.sha256 is None) == (checksum is Checksum.NEVER)
        target.publish()
    assert (tmp_path / "out").read_bytes() == data


@pytest.mark.parametrize("more", [0, 1], ids=["hashed", "in the kernel"])
def test_much_goes_both_ways_at_once(tmp_path: Path, ends: Ends, more: int) -> None:
    data = random.Random(1).randbytes(CHECKSUM_LIMIT_BYTES + more)
    source = open_source("input", _file(tmp_path, data))
    target = open_target("output", tmp_path / "out")
    with serving(echo) as port, Exchange(port, ends, source, target) as exchange:
        for stats in exchange.finish():
            _check_whole(stats, data)
            assert (stats.sha256 is None) == bool(more)
            assert stats.bytes_per_second is not None
        target.publish()
    arrived = hashlib.sha256((tmp_path / "out").read_bytes()).hexdigest()
    assert arrived == hashlib.sha256(data).hexdigest()


def _named(folder: Path) -> tuple[Path, int]:
    """Return a FIFO and a descriptor that reads it."""
    named = folder / "named"
    os.mkfifo(named)
    reader = os.open(named, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    return named, reader


def test_a_trickle_passes_at_once(tmp_path: Path, ends: Ends) -> None:
    ours, theirs = os.pipe()
    named, reader = _named(tmp_path)
    source = Source(ours, "a pipe", owned=True)
    target = open_target("output", named)
    with serving(echo) as port, Exchange(port, ends, source, target) as exchange:
        for word in (b"one", b"two", b"three"):
            os.write(theirs, word)
            assert os.read(reader, 100) == word
        os.close(theirs)
        for stats in exchange.finish():
            _check_whole(stats, b"onetwothree")
    os.close(reader)


def test_the_end_of_the_input_is_seen_before_the_output_is_given(
    tmp_path: Path, ends: Ends
) -> None:
    def count(connection: socket.socket) -> None:
        connection.sendall(f"{len(read_all(connection))} bytes".encode())

    source = open_source("input", _file(tmp_path, bytes(3 * MIB)))
    target = open_target("output", tmp_path / "out")
    with serving(count) as port, Exchange(port, ends, source, target) as exchange:
        sent, received = exchange.finish()
    assert (sent.bytes, received.state) == (3 * MIB, BufferState.COMPLETE)
    _check_whole(received, b"3145728 bytes")


def test_without_an_output_what_comes_is_thrown_away_to_its_end(
    tmp_path: Path, ends: Ends, until: Until
) -> None:
    data = random.Random(2).randbytes(16 * MIB)  # more than the system's buffers hold
    goes_on = threading.Event()

    def serve(connection: socket.socket) -> None:
        echo(connection)
        goes_on.wait(TIMEOUT_S)
        connection.sendall(b"last words")

    source = open_source("input", _file(tmp_path, data))
    with serving(serve) as port, Exchange(port, ends, source) as exchange:
        [sender] = exchange.transfers
        until(lambda: sender.stats.bytes == len(data))
        assert sender.is_moving
        assert sender.stats.state is BufferState.STREAMING
        goes_on.set()
        [stats] = exchange.finish()
        _check_whole(stats, data)


def test_without_an_input_the_program_sees_its_end_at_once(tmp_path: Path, ends: Ends) -> None:
    def serve(connection: socket.socket) -> None:
        connection.sendall(b"nothing came" if read_all(connection) == b"" else b"something came")

    target = open_target("output", tmp_path / "out")
    with serving(serve) as port, Exchange(port, ends, target=target) as exchange:
        [stats] = exchange.finish()
        _check_whole(stats, b"nothing came")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="there is no /proc")
def test_a_file_whose_size_nobody_knows_is_sent(ends: Ends) -> None:
    got: list[bytes] = []
    source = open_source("input", Path("/proc/version"))
    with (
        serving(lambda connection: got.append(read_all(connection))) as port,
        Exchange(port, ends, source, checksum=Checksum.NEVER) as exchange,
    ):
        [stats] = exchange.finish()
        _check_whole(stats, Path("/proc/version").read_bytes())
    assert got == [Path("/proc/version").read_bytes()]


def test_a_late_server_is_waited_for(tmp_path: Path, ends: Ends, until: Until) -> None:
    port, tries = free_port(), []

    def reach() -> Reach:
        tries.append(1)
        return LOCALHOST

    source = open_source("input", _file(tmp_path, b"abc"))
    target = open_target("output", tmp_path / "out")
    with Exchange(port, ends, source, target, reach=reach) as exchange:
        until(lambda: len(tries) > 2)
        assert exchange.link.waiting_s is not None
        for one in exchange.transfers:
            assert (one.stats.state, one.sight, one.is_moving) == (BufferState.WAITING, None, True)
        with serving(echo, port):
            for stats in exchange.finish():
                _check_whole(stats, b"abc")
                assert stats.waited_opening_s > 0
        assert exchange.link.waiting_s is None


def _nothing(folder: Path, ends: Ends, reach: Callable[[], Reach | None]) -> Exchange:
    source = open_source("input", _file(folder, b"abc"))
    return Exchange(5000, ends, source, open_target("output", folder / "out"), reach=reach)


def test_nothing_that_accepts_is_an_error_at_last(
    tmp_path: Path, ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "GIVE_UP_AFTER_S", 0.3)
    with _nothing(tmp_path, ends, lambda: None) as exchange:
        for stats in exchange.finish():
            assert stats.state is BufferState.FAILED
            assert stats.error == (
                "nothing accepted a connection on port 5000 within 0.005 min: "
                "the engine tells no way to reach the container from here"
            )


@pytest.mark.parametrize("is_inside", [True, False])
def test_a_container_that_ends_before_it_accepts_is_an_error_at_once(
    tmp_path: Path, ends: Ends, until: Until, is_inside: bool
) -> None:
    port, tries = free_port(), []

    def reach() -> Reach:
        tries.append(1)
        return Reach(("127.0.0.1",), None, is_inside)

    source = open_source("input", _file(tmp_path, b"abc"))
    target = open_target("output", tmp_path / "out")
    with Exchange(port, ends, source, target, reach=reach) as exchange:
        until(lambda: len(tries) > 1)
        exchange.container_ended()
        text = f"the container ended before it accepted a connection on port {port}"
        for stats in exchange.finish():
            assert stats.state is BufferState.FAILED
            assert stats.error == (text if is_inside else f"{text}: {connecting.NOT_LOCALHOST}")


def test_one_that_is_stopped_before_it_accepts_has_done_nothing_wrong(
    tmp_path: Path, ends: Ends
) -> None:
    with _nothing(tmp_path, ends, lambda: None) as exchange:
        exchange.tell(lambda transfer: transfer.interrupt())
        exchange.container_ended()
        for stats in exchange.finish():
            assert (stats.state, stats.error) == (BufferState.STOPPED, None)


@pytest.mark.parametrize("which", [0, 1])
def test_connecting_is_stopped_at_once(tmp_path: Path, ends: Ends, which: int) -> None:
    with _nothing(tmp_path, ends, lambda: None) as exchange:
        exchange.transfers[which].stop()
        exchange.transfers[which].join(TIMEOUT_S)
        assert exchange.transfers[which].stats.state is BufferState.STOPPED
        exchange.transfers[1 - which].stop()
        for stats in exchange.finish():
            assert (stats.state, stats.error) == (BufferState.STOPPED, None)


def test_what_was_never_started_is_never_opened(tmp_path: Path, ends: Ends) -> None:
    exchange = _nothing(tmp_path, ends, lambda: None)
    for one in exchange.transfers:
        assert one.final_stats().state is BufferState.NEVER_OPENED
        assert not one.is_moving
    exchange.__exit__(None, None, None)


def test_a_way_that_the_system_refuses_is_told_in_its_words(tmp_path: Path, ends: Ends) -> None:
    def reach() -> Reach:
        return Reach(("127.0.0.1",), os.open(os.devnull, os.O_RDONLY))  # no namespace

    with _nothing(tmp_path, ends, reach) as exchange:
        for stats in exchange.finish():
            assert stats.error == "port 5000 cannot be connected to: Invalid argument"


@pytest.mark.parametrize("checksum", [Checksum.ALWAYS, Checksum.NEVER])
def test_a_reset_fails_both_and_names_the_port(
    tmp_path: Path, ends: Ends, checksum: Checksum
) -> None:
    def serve(connection: socket.socket) -> None:
        connection.sendall(connection.recv(1000))
        reset(connection)

    source = open_source("input", _file(tmp_path, bytes(64 * MIB)))
    target = open_target("output", tmp_path / "out")
    with serving(serve) as port, Exchange(port, ends, source, target, checksum) as exchange:
        for stats in exchange.finish():
            assert stats.state is BufferState.FAILED
            assert stats.error in (
                f"the connection on port {port} broke: {os.strerror(errno.ECONNRESET)}",
                f"the connection on port {port} broke: {os.strerror(errno.EPIPE)}",
            )


def test_a_reset_is_seen_while_the_input_gives_nothing(ends: Ends) -> None:
    ours, theirs = os.pipe()
    source = Source(ours, "a pipe", owned=True)
    with serving(reset) as port, Exchange(port, ends, source) as exchange:
        [stats] = exchange.finish()
        assert stats.error == f"the connection on port {port} broke: Connection reset by peer"
    os.close(theirs)


def test_a_break_that_only_one_thread_is_told_of_is_no_end_for_the_other(until: Until) -> None:
    ended, stopped, connected = Wake(), Wake(), threading.Event()

    def serve(connection: socket.socket) -> None:
        connected.wait(TIMEOUT_S)
        reset(connection)

    with serving(serve) as port:
        link = Link(port, lambda: LOCALHOST)
        assert link.connect(Waits(), ended, stopped)
        connected.set()
        poll = select.poll()
        poll.register(link.fd, 0)
        until(lambda: bool(poll.poll(0)))
        assert link._connected.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNRESET
        for _ in range(2):  # the system tells of it no more
            with pytest.raises(StreamError, match="broke: Connection reset by peer"):
                link.receive(bytearray(1))
    for one in (link.leave, ended.close, stopped.close):
        one()


def test_a_connection_that_is_not_needed_may_be_missing() -> None:
    ended, stopped = Wake(), Wake()
    link = Link(free_port(), lambda: LOCALHOST, is_needed=False)
    ended.set()
    assert not link.connect(Waits(), ended, stopped)
    assert not link.is_broken
    for one in (link.leave, ended.close, stopped.close):
        one()


def test_a_server_that_closes_early_fails_the_input(tmp_path: Path, ends: Ends) -> None:
    def serve(connection: socket.socket) -> None:
        assert connection.recv(1000)
        connection.sendall(b"enough")

    source = open_source("input", _file(tmp_path, bytes(64 * MIB)))
    target = open_target("output", tmp_path / "out")
    with serving(serve) as port, Exchange(port, ends, source, target) as exchange:
        sent, _ = exchange.finish()
        assert sent.state is BufferState.FAILED
        assert sent.error is not None
        assert sent.error.startswith(f"the connection on port {port} broke: ")
        assert sent.bytes < 64 * MIB


def test_a_container_whose_network_is_gone_is_given_up(
    tmp_path: Path, ends: Ends, short_silence: None
) -> None:
    done, heard = threading.Event(), threading.Event()

    def serve(connection: socket.socket) -> None:
        connection.sendall(connection.recv(100))
        heard.set()
        done.wait(TIMEOUT_S)  # neither an end nor a reset, as from a network that is gone

    ours, theirs = os.pipe()
    os.write(theirs, b"abc")
    source = Source(ours, "a pipe", owned=True)
    target = open_target("output", tmp_path / "out")
    with serving(serve) as port, Exchange(port, ends, source, target) as exchange:
        heard.wait(TIMEOUT_S)
        exchange.container_ended()
        for stats in exchange.finish():
            assert (stats.state, stats.bytes) == (BufferState.FAILED, 3)
            assert stats.error == (
                f"the connection on port {port} broke off when the container ended"
            )
        done.set()
    os.close(theirs)


def test_a_slow_reader_of_ours_is_not_cut_off_by_the_end_of_the_container(
    tmp_path: Path, ends: Ends, short_silence: None, until: Until
) -> None:
    data = random.Random(3).randbytes(2 * MIB)
    named, reader = _named(tmp_path)
    target = open_target("output", named)
    with (
        serving(lambda connection: connection.sendall(data)) as port,
        Exchange(port, ends, target=target) as exchange,
    ):
        [receiver] = exchange.transfers
        until(lambda: receiver.stats.bytes > 0)
        exchange.container_ended()
        assert not receiver.join(1.0)  # longer than silence may last
        arrived = bytearray()
        while len(arrived) < len(data):
            arrived += os.read(reader, MIB)
        [stats] = exchange.finish()
        _check_whole(stats, data)
    os.close(reader)
    assert arrived == data


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_is_told_in_its_words(ends: Ends) -> None:
    target = open_target("output", Path("/dev/full"))
    with (
        serving(lambda connection: connection.sendall(b"abc")) as port,
        Exchange(port, ends, target=target) as exchange,
    ):
        [stats] = exchange.finish()
        assert (stats.state, stats.error) == (BufferState.FAILED, "No space left on device")


def test_a_reader_of_stdout_that_leaves_is_told_from_other_errors(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    monkeypatch.setattr(host, "STDOUT_FD", writer)
    with (
        serving(lambda connection: connection.sendall(b"abc")) as port,
        Exchange(port, ends, target=stdout_target()) as exchange,
    ):
        [stats] = exchange.finish()
        assert exchange.transfers[0].reader_closed
        assert stats.error == "Broken pipe"
    os.close(writer)


def test_an_input_with_a_fault_does_not_end_as_if_it_were_whole(ends: Ends) -> None:
    def copy(fd: int, _: object) -> None:
        write_all(fd, b"some")
        raise StateError("it has failed", "make another one")

    over, looked = threading.Event(), threading.Event()

    def serve(connection: socket.socket) -> None:
        assert connection.recv(100) == b"some"
        over.wait(TIMEOUT_S)
        connection.setblocking(False)
        with pytest.raises(BlockingIOError):
            connection.recv(1)
        looked.set()

    with (
        serving(serve) as port,
        Exchange(port, ends, RelayedSource("a source", copy)) as exchange,
    ):
        [stats] = exchange.finish()
        assert (stats.state, stats.error) == (BufferState.FAILED, "it has failed")
        over.set()
        looked.wait(TIMEOUT_S)


def test_both_are_stopped_in_the_midst(tmp_path: Path, ends: Ends, until: Until) -> None:
    over = threading.Event()
    ours, theirs = os.pipe()
    os.write(theirs, b"abc")

    def serve(connection: socket.socket) -> None:
        connection.sendall(connection.recv(100))
        over.wait(TIMEOUT_S)

    source = Source(ours, "a pipe", owned=True)
    target = open_target("output", tmp_path / "out")
    with serving(serve) as port, Exchange(port, ends, source, target) as exchange:
        until(lambda: all(one.stats.bytes == 3 for one in exchange.transfers))
        exchange.tell(lambda one: one.stop())
        for stats in exchange.finish():
            assert (stats.state, stats.error, stats.bytes) == (BufferState.STOPPED, None, 3)
        over.set()
    os.close(theirs)


def test_what_breaks_while_the_container_is_being_stopped_is_no_fault(
    tmp_path: Path, ends: Ends, until: Until
) -> None:
    over = threading.Event()
    ours, theirs = os.pipe()
    os.write(theirs, b"abc")

    def serve(connection: socket.socket) -> None:
        connection.sendall(connection.recv(100))
        over.wait(TIMEOUT_S)
        reset(connection)

    source = Source(ours, "a pipe", owned=True)
    target = open_target("output", tmp_path / "out")
    with serving(serve) as port, Exchange(port, ends, source, target) as exchange:
        until(lambda: all(one.stats.bytes == 3 for one in exchange.transfers))
        exchange.tell(lambda one: one.interrupt())
        over.set()
        for stats in exchange.finish():
            assert (stats.state, stats.error) == (BufferState.STOPPED, None)
    os.close(theirs)


def test_who_holds_things_up_is_told(
    tmp_path: Path, ends: Ends, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "STALLED_AFTER_S", 0.1)
    over = threading.Event()
    ours, theirs = os.pipe()
    os.write(theirs, b"abc")

    def serve(connection: socket.socket) -> None:
        over.wait(TIMEOUT_S)
        echo(connection)

    source = Source(ours, "a pipe", owned=True)
    target = open_target("output", tmp_path / "out")
    with serving(serve) as port, Exchange(port, ends, source, target) as exchange:
        sender, receiver = exchange.transfers
        until(lambda: sender.stats.state is BufferState.STALLED_ON_HOST)
        until(lambda: receiver.stats.state is BufferState.STALLED_ON_CONTAINER)
        assert sender.sight is not None
        assert (sender.sight.waits_for, sender.sight.host) == (WaitsFor.HOST, "a pipe")
        os.close(theirs)
        over.set()
        for stats in exchange.finish():
            _check_whole(stats, b"abc")
