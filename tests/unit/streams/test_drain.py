from __future__ import annotations

import hashlib
import os
import random
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tyger_local.outcome.facts import BufferState, BufferStats
from tyger_local.spec.buffers import Direction
from tyger_local.streams import drain as drain_module
from tyger_local.streams import host
from tyger_local.streams.drain import Drain
from tyger_local.streams.feed import Feed
from tyger_local.streams.fifo import Fifo
from tyger_local.streams.host import Target, open_source, open_target, stdout_target
from tyger_local.streams.inotify import USES, Inotify
from tyger_local.streams.sightings import PipeWatch
from tyger_local.streams.tally import Checksum

if TYPE_CHECKING:  # types of fixtures; at run time pytest alone knows the way to conftest
    from tests.unit.streams.conftest import Children, Ends

Until = Callable[[Callable[[], bool]], None]

MIB = 2**20
MORE_THAN_A_PIPE = 4 * MIB
"""Who writes this waits for a reader, however large the pipe is made."""

SIZES = (0, 1, 4095, 4096, 4097, 65_535, 65_536, 65_537, MIB - 1, MIB, MIB + 1)

WRITE_ALL = """
import random, sys
chunks = random.Random(int(sys.argv[2]))
data = memoryview(random.Random(int(sys.argv[2])).randbytes(int(sys.argv[2])))
with open(sys.argv[1], "wb", buffering=0) as pipe:
    while data:
        data = data[pipe.write(data[: chunks.randint(1, 100_000)]) :]
"""


@contextmanager
def _draining(fifo: Fifo, target: Target, ends: Ends) -> Iterator[Drain]:
    watch = PipeWatch(fifo.path.parent)
    drain = Drain("output", fifo, watch, target, Checksum.AUTO, ends)
    drain.start()
    try:
        yield drain
    finally:
        drain.close()
        watch.close()
        target.abandon()


def _check_whole(stats: BufferStats, data: bytes) -> None:
    assert stats.state is BufferState.COMPLETE
    assert stats.direction is Direction.OUTPUT
    assert stats.bytes == len(data)
    assert stats.sha256 == hashlib.sha256(data).hexdigest()
    assert (stats.unread_bytes, stats.error) == (None, None)


@pytest.mark.parametrize("size", SIZES)
def test_a_file_gets_everything(
    fifo: Fifo, tmp_path: Path, ends: Ends, children: Children, size: int
) -> None:
    data, path = random.Random(size).randbytes(size), tmp_path / "out"
    target = open_target("output", path)
    with _draining(fifo, target, ends) as drain:
        children.finish(children.python(WRITE_ALL, fifo.path, size))
        ends.wait()  # the last writer has left, and that is the end
        drain.container_ended()
        _check_whole(drain.final_stats(), data)
        target.publish()
    assert path.read_bytes() == data


@pytest.mark.parametrize("size", SIZES)
def test_a_slow_pipe_gets_everything(
    fifo: Fifo, tmp_path: Path, ends: Ends, children: Children, size: int
) -> None:
    named = tmp_path / "named"
    os.mkfifo(named)
    reader = os.open(named, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    target = open_target("output", named)
    data, received = random.Random(size).randbytes(size), bytearray()

    def read() -> None:
        chunks = random.Random(size)
        while piece := os.read(reader, chunks.randint(1, 30_000)):
            received.extend(piece)

    thread = threading.Thread(target=read)
    with _draining(fifo, target, ends) as drain:
        child = children.python(WRITE_ALL, fifo.path, size)
        thread.start()
        children.finish(child)
        ends.wait()
        _check_whole(drain.final_stats(), data)
        target.publish()
        thread.join()
    os.close(reader)
    assert bytes(received) == data


def test_the_end_is_when_the_last_writer_leaves(
    fifo: Fifo, tmp_path: Path, ends: Ends, children: Children, until: Until
) -> None:
    script = 'exec 3>"$1"; (echo a >&3); echo b >"$1"; echo ready; read -r _ <"$2"; echo c >&3'
    gate = Fifo(tmp_path / "gate")
    with _draining(fifo, open_target("output", tmp_path / "out"), ends) as drain:
        child = children.sh(script, fifo.path, gate.path)
        until(lambda: drain.stats.bytes == 4)
        assert drain.stats.state is BufferState.STREAMING
        assert drain.is_moving
        gate.path.write_text("go\n")
        children.finish(child)
        ends.wait()
        _check_whole(drain.final_stats(), b"a\nb\nc\n")
    gate.close()


def test_what_is_written_after_the_end_is_not_lost_silently(
    fifo: Fifo, tmp_path: Path, ends: Ends, children: Children
) -> None:
    with _draining(fifo, open_target("output", tmp_path / "out"), ends) as drain:
        children.finish(children.sh('echo a >"$1"', fifo.path))
        ends.wait()
        children.finish(children.sh('echo b >>"$1"', fifo.path))  # does not hang
        drain.container_ended()
        stats = drain.final_stats()
        assert (stats.state, stats.bytes) == (BufferState.REOPENED, 2)


@pytest.mark.parametrize(
    "script", ['echo a >"$1"; echo b >"$1"', ': >"$1"; : >"$1"', 'echo a >"$1"; tee -a "$1"']
)
@pytest.mark.parametrize("_", range(10))
def test_an_output_that_is_opened_again_is_always_recognised(
    fifo: Fifo, tmp_path: Path, ends: Ends, children: Children, script: str, _: int
) -> None:
    # Without a pause the bytes of both opens arrive as one stream, here and, now and then, on the cluster.
    with _draining(fifo, open_target("output", tmp_path / "out"), ends) as drain:
        children.finish(children.sh(script, fifo.path))
        while ends.wait().stats.state is BufferState.COMPLETE:
            pass
        assert drain.stats.state is BufferState.REOPENED


def test_an_open_right_before_the_end_is_recognised(
    fifo: Fifo, tmp_path: Path, ends: Ends, children: Children
) -> None:
    with _draining(fifo, open_target("output", tmp_path / "out"), ends) as drain:
        children.finish(children.sh('echo a >"$1"', fifo.path))
        assert ends.wait().stats.state is BufferState.COMPLETE
        drain.container_ended()
        assert drain.join(10)  # from here on only its last look can see anything
        children.finish(children.sh(': >"$1"', fifo.path))
        assert drain.final_stats().state is BufferState.REOPENED


def test_never_opened_is_empty(fifo: Fifo, tmp_path: Path, ends: Ends) -> None:
    with _draining(fifo, open_target("output", tmp_path / "out"), ends) as drain:
        drain.container_ended()
        ends.wait()
        stats = drain.final_stats()
        assert (stats.state, stats.bytes) == (BufferState.NEVER_OPENED, 0)


def test_opened_and_closed_is_empty_and_complete(
    fifo: Fifo, tmp_path: Path, ends: Ends, children: Children
) -> None:
    with _draining(fifo, open_target("output", tmp_path / "out"), ends) as drain:
        children.finish(children.sh(': >"$1"', fifo.path))
        ends.wait()
        drain.container_ended()
        _check_whole(drain.final_stats(), b"")


def test_a_container_killed_in_the_middle_leaves_what_it_wrote(
    fifo: Fifo, tmp_path: Path, ends: Ends, children: Children, until: Until
) -> None:
    with _draining(fifo, open_target("output", tmp_path / "out"), ends) as drain:
        child = children.sh('exec 3>"$1"; echo part >&3; exec sleep 60', fifo.path)
        until(lambda: drain.stats.bytes == 5)
        child.kill()
        ends.wait()
        _check_whole(drain.final_stats(), b"part\n")


@pytest.mark.parametrize("outputs_first", [True, False])
@pytest.mark.parametrize("swap", [True, False])
def test_a_container_opens_its_pipes_in_any_order(
    fifo: Fifo, tmp_path: Path, ends: Ends, children: Children, outputs_first: bool, swap: bool
) -> None:
    other = Fifo(tmp_path / "other")
    (tmp_path / "in").write_bytes(b"through")
    watch = PipeWatch(tmp_path)
    source = open_source("input", tmp_path / "in")
    feed = Feed("input", other, watch, source, Checksum.AUTO, ends)
    opens = ['exec 3>"$2"', 'exec 4<"$1"'][:: 1 if outputs_first else -1]
    script = f"{'; '.join(opens)}; cat <&4 >&3"
    if swap:  # the container is there before anything of the host's is started
        child = children.sh(script, other.path, fifo.path)
    target = open_target("output", tmp_path / "out")
    feed.start()
    with _draining(fifo, target, ends) as drain:
        if not swap:
            child = children.sh(script, other.path, fifo.path)
        children.finish(child)
        ends.wait()
        ends.wait()
        _check_whole(drain.final_stats(), b"through")
        target.publish()
    feed.close()
    watch.close()
    other.close()
    assert (tmp_path / "out").read_bytes() == b"through"


def test_a_writer_that_outlives_the_container_is_not_waited_for_long(
    fifo: Fifo, tmp_path: Path, ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drain_module, "LAST_WRITER_TIMEOUT_S", 0.2)
    with _draining(fifo, open_target("output", tmp_path / "out"), ends) as drain:
        writer = os.open(fifo.path, os.O_WRONLY)
        os.write(writer, b"part")
        drain.container_ended()
        ends.wait()
        stats = drain.final_stats()
        assert (stats.state, stats.bytes) == (BufferState.FAILED, 4)
        assert stats.error == "a process outside the container still holds the pipe open"
        os.close(writer)


def test_a_writer_that_leaves_soon_after_the_container_is_waited_for(
    fifo: Fifo, tmp_path: Path, ends: Ends, until: Until
) -> None:
    with _draining(fifo, open_target("output", tmp_path / "out"), ends) as drain:
        writer = os.open(fifo.path, os.O_WRONLY)
        drain.container_ended()
        until(lambda: drain._deadline > 0)
        os.write(writer, b"last")
        os.close(writer)
        ends.wait()
        _check_whole(drain.final_stats(), b"last")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root on Linux")
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder))
    subprocess.run(mount, check=True)
    yield folder
    subprocess.run(("umount", str(folder)), check=True)


def _check_full(drain: Drain, ends: Ends, child: subprocess.Popen[str]) -> None:
    ends.wait()
    stats = drain.final_stats()
    assert (stats.state, stats.error) == (BufferState.FAILED, "No space left on device")
    # Our end stays open: the container is held up, and not killed by a broken pipe.
    assert child.poll() is None


def test_a_full_disk_is_an_error_and_no_hang(
    fifo: Fifo, small_disk: Path, ends: Ends, children: Children
) -> None:
    target = open_target("output", small_disk / "out")
    with _draining(fifo, target, ends) as drain:
        _check_full(drain, ends, children.python(WRITE_ALL, fifo.path, MORE_THAN_A_PIPE))
        assert drain.stats.bytes == 65_536
    assert not (small_disk / "out").exists()
    assert (small_disk / "out.partial").stat().st_size == 65_536


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_device_that_refuses_is_an_error_and_no_hang(
    fifo: Fifo, ends: Ends, children: Children
) -> None:
    with _draining(fifo, open_target("output", Path("/dev/full")), ends) as drain:
        _check_full(drain, ends, children.python(WRITE_ALL, fifo.path, MORE_THAN_A_PIPE))


def test_a_reader_of_stdout_that_leaves_is_told_from_other_errors(
    fifo: Fifo, ends: Ends, children: Children, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = os.pipe()
    monkeypatch.setattr(host, "STDOUT_FD", writer)
    with _draining(fifo, stdout_target(), ends) as drain:
        children.python(WRITE_ALL, fifo.path, MIB)
        until(lambda: drain.stats.bytes > 0)
        os.close(reader)
        ends.wait()
        assert drain.reader_closed
        assert drain.final_stats().error == "Broken pipe"
    os.close(writer)  # lent, and so still open


def test_a_reader_of_another_pipe_that_leaves_is_an_error(
    fifo: Fifo, tmp_path: Path, ends: Ends, children: Children, until: Until
) -> None:
    named = tmp_path / "named"
    os.mkfifo(named)
    reader = os.open(named, os.O_RDONLY | os.O_NONBLOCK)
    with _draining(fifo, open_target("output", named), ends) as drain:
        children.python(WRITE_ALL, fifo.path, MIB)
        until(lambda: drain.stats.bytes > 0)
        os.close(reader)
        ends.wait()
        assert not drain.reader_closed
        assert drain.final_stats().error == "Broken pipe"


def test_a_pipe_whose_reader_comes_late_loses_nothing(
    fifo: Fifo, tmp_path: Path, ends: Ends, children: Children, until: Until
) -> None:
    named = tmp_path / "named"
    os.mkfifo(named)
    target = open_target("output", named)
    with _draining(fifo, target, ends) as drain:
        children.finish(children.sh('echo for whom it may concern >"$1"', fifo.path))
        until(lambda: drain.stats.bytes > 0)
        drain.container_ended()
        reader = children.sh('cat "$1"', named)
        ends.wait()
        assert drain.final_stats().state is BufferState.COMPLETE
        target.publish()
        assert children.finish(reader) == "for whom it may concern"


def test_a_pipe_that_nobody_ever_reads_can_be_given_up(
    fifo: Fifo, tmp_path: Path, ends: Ends, children: Children, until: Until
) -> None:
    named = tmp_path / "named"
    os.mkfifo(named)
    with _draining(fifo, open_target("output", named), ends) as drain:
        children.finish(children.sh('echo lost >"$1"', fifo.path))
        until(lambda: drain.stats.bytes > 0)
        drain.container_ended()
        drain.stop()
        ends.wait()
        assert drain.final_stats().state is BufferState.STOPPED


def test_it_can_be_stopped_while_its_target_is_stuck(
    fifo: Fifo, ends: Ends, children: Children, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = os.pipe()
    monkeypatch.setattr(host, "STDOUT_FD", writer)
    with _draining(fifo, stdout_target(), ends) as drain:
        children.python(WRITE_ALL, fifo.path, MIB)
        full = select.poll()
        full.register(writer, select.POLLOUT)
        until(lambda: drain.stats.bytes > 0 and not full.poll(0))
        drain.stop()
        ends.wait()
        assert drain.final_stats().state is BufferState.STOPPED
        assert drain.final_stats().error is None
    os.close(reader)
    os.close(writer)


def test_it_can_be_stopped_before_anybody_writes(fifo: Fifo, tmp_path: Path, ends: Ends) -> None:
    with _draining(fifo, open_target("output", tmp_path / "out"), ends) as drain:
        drain.stop()
        ends.wait()
        assert drain.final_stats().state is BufferState.STOPPED
    assert list(tmp_path.iterdir()) == [fifo.path]


def test_a_link_in_the_place_of_the_pipe_is_not_followed(
    fifo: Fifo, tmp_path: Path, ends: Ends, children: Children
) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    opens = Inotify()
    opens.watch(str(victim), USES)
    with _draining(fifo, open_target("output", tmp_path / "out"), ends) as drain:
        children.finish(children.sh('rm "$1"; ln -s "$2" "$1"', fifo.path, victim))
        drain.container_ended()
        ends.wait()
        assert drain.final_stats().state is BufferState.REPLACED
    assert not list(opens.read())
    opens.close()


@pytest.mark.parametrize(
    "script", ['rm "$1"; echo lost >"$1"', 'echo lost >"$1.tmp"; mv "$1.tmp" "$1"']
)
def test_a_replaced_pipe_is_recognised(
    fifo: Fifo, tmp_path: Path, ends: Ends, children: Children, script: str
) -> None:
    with _draining(fifo, open_target("output", tmp_path / "out"), ends) as drain:
        children.finish(children.sh(script, fifo.path))
        drain.container_ended()
        ends.wait()
        stats = drain.final_stats()
        assert (stats.state, stats.bytes) == (BufferState.REPLACED, 0)


# Whom it waits for

WRITE_LATE = """
import sys, time
time.sleep(0.2)
with open(sys.argv[1], "wb", buffering=0) as pipe:
    pipe.write(bytes(1 << 20))
    time.sleep(0.6)
    pipe.write(bytes(1 << 20))
"""


def test_for_whom_it_has_waited(fifo: Fifo, tmp_path: Path, ends: Ends, children: Children) -> None:
    target, began = open_target("output", tmp_path / "out"), time.monotonic()
    with _draining(fifo, target, ends) as drain:
        children.finish(children.python(WRITE_LATE, fifo.path))
        ends.wait()
        drain.container_ended()
        stats = drain.final_stats()
    waited = (stats.waited_opening_s, stats.waited_container_s, stats.waited_host_s)
    assert sum(waited) < time.monotonic() - began  # none counts twice
    assert stats.waited_opening_s >= 0.2
    assert stats.waited_container_s >= 0.25
    assert stats.waited_host_s > 0
    assert stats.moving_s >= 0.3
    assert stats.bytes_per_second == pytest.approx(2 * MIB / stats.moving_s)


def test_a_reader_that_is_slow_is_waited_for(
    fifo: Fifo, tmp_path: Path, ends: Ends, children: Children
) -> None:
    named = tmp_path / "named"
    os.mkfifo(named)
    reader = os.open(named, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    target = open_target("output", named)
    with _draining(fifo, target, ends) as drain:
        child = children.python(WRITE_ALL, fifo.path, 4 * MIB)
        received = len(os.read(reader, 1))
        threading.Event().wait(0.3)
        while received < 4 * MIB:
            received += len(os.read(reader, MIB))
        children.finish(child)
        ends.wait()
        drain.container_ended()
        assert drain.final_stats().waited_host_s >= 0.2
    os.close(reader)
