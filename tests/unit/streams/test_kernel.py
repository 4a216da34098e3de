"""The way inside the kernel (``splice``), which is taken where no checksum is wanted."""

from __future__ import annotations

import fcntl
import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tyger_local.outcome.facts import BufferState
from tyger_local.streams import fifo as fifo_module
from tyger_local.streams.drain import Drain
from tyger_local.streams.feed import Feed
from tyger_local.streams.fifo import LARGE_PIPE_BYTES, LARGE_PIPES_BYTES, Fifo
from tyger_local.streams.host import Source, Target, open_source, open_target
from tyger_local.streams.sightings import PipeWatch
from tyger_local.streams.tally import CHECKSUM_LIMIT_BYTES, Checksum, Tally
from tyger_local.streams.transfer import Transfer

MIB = 2**20
SIZES = (0, 1, 4096, 65_535, 65_536, 65_537, MIB, MIB + 1, 5 * MIB + 3)
TIMEOUT_S = 20


class Pair:
    """A pipe into and a pipe out of a child, fed and drained."""

    def __init__(self, folder: Path, source: Source, target: Target) -> None:
        self._ended = threading.Semaphore(0)
        self.input, self.output = Fifo(folder / "input"), Fifo(folder / "output")
        self._watch = PipeWatch(folder)
        self.feed = Feed("input", self.input, self._watch, source, Checksum.NEVER, self._end)
        self.drain = Drain("output", self.output, self._watch, target, Checksum.NEVER, self._end)
        self.target = target

    def _end(self, transfer: Transfer) -> None:
        del transfer
        self._ended.release()

    def run(self, script: str) -> None:
        self.feed.start()
        self.drain.start()
        argv = ("sh", "-c", script, "sh", str(self.input.path), str(self.output.path))
        subprocess.run(argv, check=True, timeout=TIMEOUT_S)
        self.feed.container_ended()
        self.drain.container_ended()
        for _ in range(2):
            assert self._ended.acquire(timeout=TIMEOUT_S)

    def close(self) -> None:
        self.feed.close()
        self.drain.close()
        self._watch.close()
        self.target.abandon()
        self.input.close()
        self.output.close()


@contextmanager
def _pair(folder: Path, data: bytes, target: Target | None = None) -> Iterator[Pair]:
    (folder / "in").write_bytes(data)
    source = open_source("input", folder / "in")
    pair = Pair(folder, source, target or open_target("output", folder / "out"))
    try:
        yield pair
    finally:
        pair.close()


@pytest.mark.parametrize("size", SIZES)
def test_file_to_file(tmp_path: Path, size: int) -> None:
    data = random.Random(size).randbytes(size)
    with _pair(tmp_path, data) as pair:
        pair.run('cat "$1" > "$2"')
        for transfer in (pair.feed, pair.drain):
            stats = transfer.final_stats()
            assert (stats.state, stats.bytes, stats.sha256) == (BufferState.COMPLETE, size, None)
        pair.target.publish()
    assert (tmp_path / "out").read_bytes() == data


@pytest.mark.parametrize("size", SIZES)
def test_pipe_to_slow_pipe(tmp_path: Path, size: int) -> None:
    data, received = random.Random(size).randbytes(size), bytearray()
    named = tmp_path / "named"
    os.mkfifo(named)
    reader = os.open(named, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    ours, theirs = os.pipe()

    def write() -> None:
        with os.fdopen(theirs, "wb", buffering=0) as pipe:
            rest = memoryview(data)
            while rest:
                rest = rest[pipe.write(rest[:30_000]) or 0 :]

    def read() -> None:
        while piece := os.read(reader, 7_000):
            received.extend(piece)

    threads = [threading.Thread(target=write), threading.Thread(target=read)]
    source = Source(ours, "a pipe", owned=True)
    pair = Pair(tmp_path, source, open_target("output", named))
    for thread in threads:
        thread.start()
    pair.run('cat "$1" > "$2"')
    assert pair.drain.final_stats().bytes == pair.feed.final_stats().bytes == size
    pair.close()
    for thread in threads:
        thread.join(TIMEOUT_S)
    os.close(reader)
    assert bytes(received) == data


@pytest.mark.parametrize("left", [0, 1, 65_536, 65_537, 200_000])
def test_what_is_left_unread_is_counted_whatever_the_pipe_holds(tmp_path: Path, left: int) -> None:
    with _pair(tmp_path, bytes(10 + left)) as pair:
        pair.run('dd bs=1 count=10 if="$1" of="$2" 2> /dev/null')
        unread = pair.feed.final_stats().unread_bytes
        assert unread is not None
        assert (unread > 65_536) == (left > 65_536)
        assert left > 65_536 or unread == left  # counting stops where it is too much


def test_a_pair_that_the_kernel_refuses_is_copied(tmp_path: Path) -> None:
    data = random.Random(1).randbytes(300_000)
    target = open_target("output", tmp_path / "out")
    flags = fcntl.fcntl(target.fd, fcntl.F_GETFL)
    fcntl.fcntl(target.fd, fcntl.F_SETFL, flags | os.O_APPEND)  # splice cannot write there
    with _pair(tmp_path, data, target) as pair:
        pair.run('cat "$1" > "$2"')
        assert pair.drain.final_stats().bytes == len(data)
        pair.target.publish()
    assert (tmp_path / "out").read_bytes() == data


def test_a_full_disk_is_told_in_its_words(tmp_path: Path) -> None:
    with _pair(tmp_path, bytes(3 * MIB), open_target("output", Path("/dev/full"))) as pair:
        pair.feed.start()
        pair.drain.start()
        child = subprocess.Popen(["sh", "-c", f"cat {pair.input.path} > {pair.output.path}"])
        assert pair._ended.acquire(timeout=TIMEOUT_S)
        child.kill()
        child.wait()
        pair.feed.container_ended()
        assert pair.drain.stats.error == "No space left on device"


def test_a_trickle_passes_at_once(tmp_path: Path) -> None:
    ours, theirs = os.pipe()
    named = tmp_path / "named"
    os.mkfifo(named)
    reader = os.open(named, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    pair = Pair(tmp_path, Source(ours, "a pipe", owned=True), open_target("output", named))
    pair.feed.start()
    pair.drain.start()
    script = (
        "import sys, os; i = os.open(sys.argv[1], 0); o = os.open(sys.argv[2], 1)\n"
        "while d := os.read(i, 100): os.write(o, d)"
    )
    with subprocess.Popen([sys.executable, "-c", script, pair.input.path, pair.output.path]):
        for word in (b"one", b"two", b"three"):
            os.write(theirs, word)
            assert os.read(reader, 100) == word
        os.close(theirs)
    pair.feed.container_ended()
    pair.drain.container_ended()
    pair.close()
    os.close(reader)


def test_pipes_are_large_within_a_budget(tmp_path: Path) -> None:
    fifos = [
        Fifo(tmp_path / str(index)) for index in range(LARGE_PIPES_BYTES // LARGE_PIPE_BYTES + 2)
    ]
    readers = [fifo.open_reader() for fifo in fifos]
    sizes = [fcntl.fcntl(reader, fcntl.F_GETPIPE_SZ) for reader in readers]
    assert sizes[:-2] == [LARGE_PIPE_BYTES] * (len(fifos) - 2)
    assert sizes[-2:] == [65_536, 65_536]
    for fifo, reader in zip(fifos, readers, strict=True):
        os.close(reader)
        fifo.close()
    assert fifo_module._BUDGET.take(LARGE_PIPES_BYTES) == LARGE_PIPES_BYTES  # all of it is back
    fifo_module._BUDGET.give_back(LARGE_PIPES_BYTES)


@pytest.mark.parametrize(
    ("policy", "expected", "looks"),
    [
        (Checksum.AUTO, 0, True),
        (Checksum.AUTO, CHECKSUM_LIMIT_BYTES, True),
        (Checksum.AUTO, CHECKSUM_LIMIT_BYTES + 1, False),
        (Checksum.ALWAYS, CHECKSUM_LIMIT_BYTES + 1, True),
        (Checksum.NEVER, 0, False),
    ],
)
def test_who_wants_to_look(policy: Checksum, expected: int, looks: bool) -> None:
    assert Tally(policy, expected).looks is looks
