from __future__ import annotations

import errno
import hashlib
import os
import random
import resource
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tyger_local.errors import StateError, StreamError
from tyger_local.outcome.facts import BufferState, BufferStats
from tyger_local.outcome.sight import WaitsFor
from tyger_local.spec.buffers import Direction
from tyger_local.streams import sightings, transfer
from tyger_local.streams.feed import COUNT_BYTES, Feed
from tyger_local.streams.fifo import Fifo
from tyger_local.streams.host import Source, open_source, stdin_source
from tyger_local.streams.inotify import USES, Inotify, Notice
from tyger_local.streams.relay import RelayedSource
from tyger_local.streams.sightings import PipeWatch
from tyger_local.streams.tally import Checksum
from tyger_local.streams.wake import Wake

if TYPE_CHECKING:  # types of fixtures; at run time pytest alone knows the way to conftest
    from tests.unit.streams.conftest import Children, Ends

Until = Callable[[Callable[[], bool]], None]

MIB = 2**20
SIZES = (0, 1, 4095, 4096, 4097, 65_535, 65_536, 65_537, MIB - 1, MIB, MIB + 1)

READ_ALL = """
import hashlib, random, sys
chunks = random.Random(int(sys.argv[2]))
digest = hashlib.sha256()
with open(sys.argv[1], "rb", buffering=0) as pipe:
    while data := pipe.read(chunks.randint(1, 100_000)):
        digest.update(data)
print(digest.hexdigest())
"""

READ_SOME = """
import sys
left = int(sys.argv[2])
with open(sys.argv[1], "rb", buffering=0) as pipe:
    while left:
        left -= len(pipe.read(left))
"""

ENLARGE_AND_LEAVE = """
import fcntl, struct, sys, termios, time
with open(sys.argv[1], "rb", buffering=0) as pipe:
    fcntl.fcntl(pipe, 1031, 1 << 20)  # F_SETPIPE_SZ
    wanted = int(sys.argv[2])
    while struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"    "))[0] < wanted:
        time.sleep(0.001)
"""


@contextmanager
def _feeding(
    fifo: Fifo, source: Source, ends: Ends, checksum: Checksum = Checksum.AUTO
) -> Iterator[Feed]:
    watch = PipeWatch(fifo.path.parent)
    feed = Feed("input", fifo, watch, source, checksum, ends)
    try:
        yield feed
    finally:
        feed.close()
        watch.close()


def _file(folder: Path, data: bytes) -> Path:
    path = folder / "source"
    path.write_bytes(data)
    return path


def _endless(data: bytes) -> tuple[Source, threading.Thread, int]:
    """Return a source that gives `data` and then never ends, who writes it, and its write end."""
    reader, writer = os.pipe()

    def write() -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(writer, rest) :]

    thread = threading.Thread(target=write)
    thread.start()
    return Source(reader, "a pipe", owned=True), thread, writer


def _no_inotify() -> None:
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


def _check_whole(stats: BufferStats, data: bytes) -> None:
    assert stats.state is BufferState.COMPLETE
    assert stats.direction is Direction.INPUT
    assert stats.bytes == len(data)
    assert stats.sha256 == hashlib.sha256(data).hexdigest()
    assert not stats.unread_bytes
    assert stats.error is None
    assert stats.seconds >= 0


@pytest.mark.parametrize("size", SIZES)
def test_a_file_arrives_whole_and_then_ends(
    fifo: Fifo, tmp_path: Path, ends: Ends, children: Children, size: int
) -> None:
    data = random.Random(size).randbytes(size)
    with _feeding(fifo, open_source("input", _file(tmp_path, data)), ends) as feed:
        child = children.python(READ_ALL, fifo.path, size)
        feed.start()
        assert children.finish(child) == hashlib.sha256(data).hexdigest()
        ends.wait()
        feed.container_ended()
        _check_whole(feed.final_stats(), data)


def test_a_process_forked_while_the_pipe_was_opened_is_no_reader(
    fifo: Fifo,
    tmp_path: Path,
    ends: Ends,
    children: Children,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held, really_open = [], os.open

    def forked_meanwhile(path: str, flags: int) -> int:
        fd = really_open(path, flags)
        if flags & os.O_ACCMODE != os.O_WRONLY:
            held.append(os.dup(fd))  # what it inherits, until it runs its program
        return fd

    data = bytes(100_000)
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", forked_meanwhile)
        feeding = _feeding(fifo, open_source("input", _file(tmp_path, data)), ends)
        with feeding as feed:
            patch.undo()
            feed.start()
            for fd in held:
                os.close(fd)
            child = children.python(READ_ALL, fifo.path, len(data))
            assert children.finish(child) == hashlib.sha256(data).hexdigest()
            ends.wait()
            feed.container_ended()
            _check_whole(feed.final_stats(), data)


@pytest.mark.parametrize("size", SIZES)
def test_a_pipe_that_gives_bits_and_pieces_arrives_whole(
    fifo: Fifo, ends: Ends, children: Children, size: int
) -> None:
    data = random.Random(size).randbytes(size)
    reader, writer = os.pipe()

    def write() -> None:
        chunks, rest = random.Random(size), memoryview(data)
        while rest:
            rest = rest[os.write(writer, rest[: chunks.randint(1, 90_000)]) :]
        os.close(writer)

    with _feeding(fifo, Source(reader, "a pipe", owned=True), ends) as feed:
        feed.start()
        thread = threading.Thread(target=write)
        thread.start()
        child = children.python(READ_ALL, fifo.path, size)
        assert children.finish(child) == hashlib.sha256(data).hexdigest()
        thread.join()
        ends.wait()
        feed.container_ended()
        _check_whole(feed.final_stats(), data)


def test_a_fifo_without_a_writer_has_not_ended_yet(
    fifo: Fifo, tmp_path: Path, ends: Ends, children: Children
) -> None:
    named = tmp_path / "named"
    os.mkfifo(named)
    with _feeding(fifo, open_source("input", named), ends) as feed:
        child = children.sh('exec cat "$1"', fifo.path)
        feed.start()
        assert children.finish(children.sh('echo "late" > "$1"', named)) == ""
        assert children.finish(child) == "late"
        ends.wait()
        feed.container_ended()
        _check_whole(feed.final_stats(), b"late\n")


def test_process_substitution_is_read(fifo: Fifo, ends: Ends, children: Children) -> None:
    reader, writer = os.pipe()  # what bash hands over as /dev/fd/63
    os.write(writer, b"substituted")
    source = open_source("input", Path(f"/dev/fd/{reader}"))
    os.close(reader)
    os.close(writer)
    with _feeding(fifo, source, ends) as feed:
        feed.start()
        assert children.finish(children.sh('cat "$1"', fifo.path)) == "substituted"
        ends.wait()
        _check_whole(feed.final_stats(), b"substituted")


def _failing(data: bytes, failure: threading.Event) -> Source:
    """A source that gives `data`, and fails once that is told."""

    def copy(fd: int, _: Wake) -> None:
        os.write(fd, data)
        failure.wait()
        raise StateError("it has failed")

    return RelayedSource("a source", copy)


def test_a_source_that_fails_is_no_end_for_the_container(
    fifo: Fifo, ends: Ends, children: Children
) -> None:
    failure = threading.Event()
    with _feeding(fifo, _failing(b"some", failure), ends) as feed:
        feed.start()
        child = children.sh('exec 3<"$1"; head -c 4 <&3; cat <&3; echo "clean end"', fifo.path)
        assert child.stdout is not None
        assert child.stdout.read(4) == "some"
        failure.set()
        ends.wait()
        assert child.poll() is None  # it still waits for more
        stats = feed.final_stats()
        assert (stats.state, stats.error, stats.bytes) == (BufferState.FAILED, "it has failed", 4)
        child.kill()
        feed.container_ended()


def test_a_source_that_fails_after_the_container_has_closed_is_told(
    fifo: Fifo, ends: Ends, children: Children
) -> None:
    failure = threading.Event()
    with _feeding(fifo, _failing(b"some", failure), ends) as feed:
        feed.start()
        assert children.finish(children.sh('head -c 4 "$1"', fifo.path)) == "some"
        failure.set()
        ends.wait()
        assert feed.final_stats().error == "it has failed"


def test_standard_input_is_lent(fifo: Fifo, ends: Ends, children: Children) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"from stdin")
    os.close(writer)
    ours = os.dup(0)
    os.dup2(reader, 0)
    os.close(reader)
    try:
        with _feeding(fifo, stdin_source(), ends) as feed:
            feed.start()
            assert children.finish(children.sh('cat "$1"', fifo.path)) == "from stdin"
            ends.wait()
            _check_whole(feed.final_stats(), b"from stdin")
        os.fstat(0)  # still open
    finally:
        os.dup2(ours, 0)
        os.close(ours)


@pytest.mark.parametrize("checksum", Checksum)
def test_the_policy_decides_about_the_checksum(
    fifo: Fifo, tmp_path: Path, ends: Ends, children: Children, checksum: Checksum
) -> None:
    source = open_source("input", _file(tmp_path, b"abc"))
    with _feeding(fifo, source, ends, checksum) as feed:
        feed.start()
        children.finish(children.sh('cat "$1"', fifo.path))
        ends.wait()
        digest = hashlib.sha256(b"abc").hexdigest()
        assert feed.final_stats().sha256 == (None if checksum is Checksum.NEVER else digest)


def test_a_container_that_comes_late_finds_everything(
    fifo: Fifo, tmp_path: Path, ends: Ends, children: Children
) -> None:
    with _feeding(fifo, open_source("input", _file(tmp_path, b"abc")), ends) as feed:
        feed.start()
        assert not ends.transfers
        assert feed.stats.state is BufferState.WAITING
        assert children.finish(children.sh('cat "$1"', fifo.path)) == "abc"
        ends.wait()


def test_overlapping_opens_are_one_stream(fifo: Fifo, ends: Ends, children: Children) -> None:
    source, thread, writer = _endless(b"1\n2\n")
    thread.join()
    script = 'exec 3<"$1" 4<"$1"; read -r first <&3; exec 3<&-; echo opened; cat <&4'
    with _feeding(fifo, source, ends) as feed:
        feed.start()
        child = children.sh(script, fifo.path)
        assert child.stdout is not None
        assert child.stdout.readline() == "opened\n"
        os.write(writer, b"3\n")
        os.close(writer)
        # Not with `finish`, which does not see what came with the line before.
        assert child.stdout.read() == "2\n3\n"
        assert children.finish(child) == ""
        ends.wait()
        _check_whole(feed.final_stats(), b"1\n2\n3\n")


def test_never_opened_costs_nothing(fifo: Fifo, tmp_path: Path, ends: Ends) -> None:
    path = _file(tmp_path, b"not wanted")
    with _feeding(fifo, open_source("input", path), ends) as feed:
        feed.start()
        feed.container_ended()
        ends.wait()
        stats = feed.final_stats()
        assert (stats.state, stats.bytes) == (BufferState.NEVER_OPENED, 0)
        assert (stats.unread_bytes, stats.error) == (None, None)


def test_never_opened_takes_nothing_from_a_stream(fifo: Fifo, ends: Ends) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"for somebody else")
    with _feeding(fifo, Source(reader, "a pipe", owned=False), ends) as feed:
        feed.start()
        feed.container_ended()
        ends.wait()
    assert os.read(reader, 100) == b"for somebody else"
    os.close(reader)
    os.close(writer)


def _check_left(stats: BufferStats, left: int) -> None:
    assert min(left, COUNT_BYTES) <= (stats.unread_bytes or 0) <= left
    assert stats.state is (BufferState.CLOSED_EARLY if left else BufferState.COMPLETE)
    assert stats.error is None


@pytest.mark.parametrize("left", [0, 1, 65_536, 65_537, 300_000])
@pytest.mark.parametrize("taken", [0, 10, 100_000])
def test_what_is_left_of_a_file_is_counted(
    fifo: Fifo, tmp_path: Path, ends: Ends, children: Children, taken: int, left: int
) -> None:
    source = open_source("input", _file(tmp_path, bytes(taken + left)))
    with _feeding(fifo, source, ends) as feed:
        feed.start()
        children.finish(children.python(READ_SOME, fifo.path, taken))
        ends.wait()
        feed.container_ended()
        stats = feed.final_stats()
        if stats.unread_bytes is None:  # all was read, and our end closed before theirs
            assert left == 0
        else:
            _check_left(stats, left)


@pytest.mark.parametrize("left", [0, 1, 65_536, 65_537, 300_000])
@pytest.mark.parametrize("taken", [1, 100_000])
def test_what_is_left_of_a_stream_without_end_is_counted(
    fifo: Fifo, ends: Ends, children: Children, taken: int, left: int
) -> None:
    source, thread, writer = _endless(bytes(taken + min(left, COUNT_BYTES)))
    with _feeding(fifo, source, ends) as feed:
        feed.start()
        children.finish(children.python(READ_SOME, fifo.path, taken))
        thread.join()  # all is on its way before the container is said to have ended
        feed.container_ended()
        ends.wait()
        _check_left(feed.final_stats(), left)
    os.close(writer)


def test_too_much_left_is_told_while_the_container_runs(
    fifo: Fifo, ends: Ends, children: Children
) -> None:
    source, thread, writer = _endless(bytes(100_000))
    with _feeding(fifo, source, ends) as feed:
        feed.start()
        children.finish(children.python(READ_SOME, fifo.path, 10))
        assert (ends.wait().stats.unread_bytes or 0) > 65_536
    thread.join()
    os.close(writer)


def test_a_pipe_that_the_container_made_larger_hides_nothing(
    fifo: Fifo, tmp_path: Path, ends: Ends, children: Children
) -> None:
    source = open_source("input", _file(tmp_path, bytes(200_000)))
    with _feeding(fifo, source, ends) as feed:
        feed.start()
        children.finish(children.python(ENLARGE_AND_LEAVE, fifo.path, 200_000))
        ends.wait()
        feed.container_ended()
        stats = feed.final_stats()
        assert (stats.bytes, stats.unread_bytes) == (200_000, 200_000)
        assert stats.state is BufferState.CLOSED_EARLY


def test_a_source_that_fails_does_not_look_like_an_end(
    fifo: Fifo, tmp_path: Path, ends: Ends
) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)  # reading it is an error
    with _feeding(fifo, Source(folder, "a folder", owned=True), ends) as feed:
        feed.start()
        reader = os.open(fifo.path, os.O_RDONLY | os.O_NONBLOCK)
        ends.wait()
        with pytest.raises(BlockingIOError):  # and not the end of the input
            os.read(reader, 10)
        stats = feed.final_stats()
        assert (stats.state, stats.error) == (BufferState.FAILED, "Is a directory")
    assert os.read(reader, 10) == b""
    os.close(reader)


@pytest.mark.parametrize("taken", [0, 1])
def test_it_can_be_stopped_at_any_time(fifo: Fifo, ends: Ends, taken: int) -> None:
    source, thread, writer = _endless(bytes(taken))
    thread.join()
    with _feeding(fifo, source, ends) as feed:
        feed.start()
        reader = os.open(fifo.path, os.O_RDONLY) if taken else None
        feed.stop()
        ends.wait()
        wanted = {BufferState.STOPPED, BufferState.NEVER_OPENED if not taken else None}
        assert feed.final_stats().state in wanted
        if reader is not None:
            os.close(reader)
    os.close(writer)


def test_one_that_was_never_started_is_closed(fifo: Fifo, tmp_path: Path, ends: Ends) -> None:
    with _feeding(fifo, open_source("input", _file(tmp_path, b"abc")), ends) as feed:
        assert not feed.is_moving
    feed.close()
    assert not ends.transfers


@pytest.mark.parametrize("size", [1, 65_536, 65_537, MIB])
def test_without_inotify_it_looks_again_and_again(
    fifo: Fifo,
    tmp_path: Path,
    ends: Ends,
    children: Children,
    monkeypatch: pytest.MonkeyPatch,
    size: int,
) -> None:
    monkeypatch.setattr(sightings, "Inotify", _no_inotify)
    data = random.Random(size).randbytes(size)
    with _feeding(fifo, open_source("input", _file(tmp_path, data)), ends) as feed:
        feed.start()
        child = children.python(READ_ALL, fifo.path, size)
        assert children.finish(child) == hashlib.sha256(data).hexdigest()
        ends.wait()
        _check_whole(feed.final_stats(), data)


def test_without_inotify_one_that_never_comes_is_noticed(
    fifo: Fifo, tmp_path: Path, ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sightings, "Inotify", _no_inotify)
    with _feeding(fifo, open_source("input", _file(tmp_path, b"abc")), ends) as feed:
        feed.start()
        feed.container_ended()
        ends.wait()
        assert feed.final_stats().state is BufferState.NEVER_OPENED


def test_a_link_in_the_place_of_the_pipe_is_not_followed(
    fifo: Fifo, tmp_path: Path, ends: Ends, children: Children
) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    opens = Inotify()
    opens.watch(str(victim), USES)
    script = 'exec 3<"$1"; rm "$1"; ln -s "$2" "$1"; cat <&3'
    with _feeding(fifo, open_source("input", _file(tmp_path, b"abc")), ends) as feed:
        feed.start()
        assert children.finish(children.sh(script, fifo.path, victim)) == "abc"
        ends.wait()
        feed.container_ended()
        assert feed.final_stats().state is BufferState.COMPLETE
    assert victim.read_bytes() == b"precious"
    assert next(opens.read()).notice is Notice.OPENED  # our own look at it, just now, is the first
    opens.close()


@pytest.mark.parametrize("spare", range(6))
def test_descriptors_that_run_out_are_an_error_and_none_is_left(
    fifo: Fifo, tmp_path: Path, ends: Ends, spare: int
) -> None:
    watch = PipeWatch(tmp_path)
    source = open_source("input", _file(tmp_path, b"abc"))
    free = os.dup(source.fd)
    os.close(free)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free + spare, limits[1]))
    try:
        with pytest.raises(StreamError) as caught:
            Feed("input", fifo, watch, source, Checksum.AUTO, ends)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        source.close()
        watch.close()
    assert "Too many open files" in caught.value.what
    assert "ulimit" in caught.value.hint


@pytest.mark.parametrize("size", [3, 65_536, 65_537, MIB, 5 * MIB])
@pytest.mark.parametrize(
    "script",
    [
        'cat <"$1" >/dev/null; cat <"$1"',
        'cat <"$1" >/dev/null; sleep 0.4; cat <"$1"',
        'head -c 2 <"$1" >/dev/null; sleep 0.4; cat <"$1" >/dev/null',
        'cat <"$1" >/dev/null & sleep 0.2; cat <"$1"; wait',
        'exec 3<"$1"; cat <&3 >/dev/null; cat <"$1"',
    ],
)
def test_an_input_that_is_opened_again_is_recognised_and_not_left_hanging(
    fifo: Fifo, tmp_path: Path, ends: Ends, children: Children, script: str, size: int
) -> None:
    with _feeding(fifo, open_source("input", _file(tmp_path, bytes(size))), ends) as feed:
        feed.start()
        child = children.sh(script, fifo.path)
        while ends.wait().stats.state is not BufferState.REOPENED:
            pass
        feed.container_ended()
        child.communicate(timeout=10)
        assert feed.final_stats().state is BufferState.REOPENED


@pytest.mark.parametrize(
    "script",
    [
        'exec 3<"$1"; head -c 2 <&3; cat <&3',
        'cat <"$1"; sleep 0.6',
        'cat <"$1" | (sleep 0.3; cat)',
        'exec 3<"$1"; cat <&3; sleep 0.6; exec 3<&-; sleep 0.6',
        'exec 3<"$1"; (cat; sleep 0.6) <&3 & exec 3<&-; wait',
    ],
)
def test_an_input_that_is_read_once_raises_no_alarm(
    fifo: Fifo, tmp_path: Path, ends: Ends, children: Children, script: str
) -> None:
    data = b"x" * 100
    with _feeding(fifo, open_source("input", _file(tmp_path, data)), ends) as feed:
        feed.start()
        children.sh(script, fifo.path).communicate(timeout=10)
        feed.container_ended()
        assert feed.final_stats().state is BufferState.COMPLETE


def test_an_early_close_is_told_although_everything_was_written(
    fifo: Fifo, tmp_path: Path, ends: Ends, children: Children
) -> None:
    # All of it fits into our pipe, which is larger than the cluster's.
    with _feeding(fifo, open_source("input", _file(tmp_path, bytes(500_000))), ends) as feed:
        feed.start()
        gate = children.sh('head -c 10 <"$1" >/dev/null; sleep 60', fifo.path)
        while ends.wait().stats.unread_bytes is None:
            pass
        assert gate.poll() is None
        assert feed.stats.state is BufferState.CLOSED_EARLY


def test_a_reader_that_holds_its_input_for_writing_is_seen(
    fifo: Fifo, tmp_path: Path, ends: Ends, children: Children, until: Until
) -> None:
    with _feeding(fifo, open_source("input", _file(tmp_path, b"abc")), ends) as feed:
        feed.start()
        children.sh('exec 3<>"$1"; cat <&3', fifo.path)
        ends.wait()
        until(lambda: feed.sight.is_held_for_writing)


def test_a_stall_names_who_is_waited_for(
    fifo: Fifo,
    ends: Ends,
    children: Children,
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transfer, "STALLED_AFTER_S", 0.05)
    source, thread, writer = _endless(b"abc")
    with _feeding(fifo, source, ends) as feed:
        feed.start()
        assert feed.sight.waits_for is WaitsFor.OPENING
        children.sh('exec 3<"$1"; head -c 3 <&3; read line; read line <&3', fifo.path)
        until(lambda: feed.stats.state is BufferState.STALLED_ON_HOST)
        thread.join()
        os.write(writer, bytes(50_000))
        until(lambda: feed.stats.bytes == 50_003)
        feed.stop()
        ends.wait()
    os.close(writer)


# Whom it waits for


READ_LATE = """
import sys, time
time.sleep(0.2)
with open(sys.argv[1], "rb", buffering=0) as pipe:
    time.sleep(0.6)
    while pipe.read(1 << 20):
        pass
"""


def test_for_whom_it_has_waited(fifo: Fifo, tmp_path: Path, ends: Ends, children: Children) -> None:
    source, began = open_source("input", _file(tmp_path, bytes(4 * MIB))), time.monotonic()
    with _feeding(fifo, source, ends) as feed:
        feed.start()
        children.finish(children.python(READ_LATE, fifo.path))
        ends.wait()
        stats = feed.final_stats()
    _check_none_counts_twice(stats, began)
    assert stats.waited_opening_s >= 0.2
    assert stats.waited_container_s >= 0.25  # more than the pipe holds
    assert stats.waited_host_s > 0
    assert stats.moving_s >= 0.25
    assert stats.bytes_per_second == pytest.approx(4 * MIB / stats.moving_s)


def _check_none_counts_twice(stats: BufferStats, began: float) -> None:
    waited = (stats.waited_opening_s, stats.waited_container_s, stats.waited_host_s)
    assert sum(waited) < time.monotonic() - began


def test_a_stream_that_is_slow_is_waited_for(
    fifo: Fifo, ends: Ends, children: Children, until: Until
) -> None:
    (source, thread, writer), began = _endless(b"x"), time.monotonic()
    with _feeding(fifo, source, ends) as feed:
        child = children.python(READ_ALL, fifo.path, 1)
        feed.start()
        thread.join()
        until(lambda: feed.moved_bytes == 1 and feed.sight.waits_for is WaitsFor.HOST)
        threading.Event().wait(0.2)
        os.close(writer)
        children.finish(child)
        ends.wait()
        stats = feed.final_stats()
    assert stats.waited_host_s >= 0.1
    _check_none_counts_twice(stats, began)
    assert stats.bytes_per_second is None  # a single byte
