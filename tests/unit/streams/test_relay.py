from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tyger_local.errors import ReaderClosedError, StateError
from tyger_local.streams.changes import FolderChanges
from tyger_local.streams.copying import write_all
from tyger_local.streams.following import StoppedError
from tyger_local.streams.relay import RelayedSource
from tyger_local.streams.wake import Wake


def _read_all(source: RelayedSource) -> bytes:
    data = b""
    while more := os.read(source.fd, 1 << 16):
        data += more
    return data


def _source(copy: Callable[[int, Wake], object]) -> RelayedSource:
    return RelayedSource("a source", copy)


def test_bytes_come_through_a_pipe() -> None:
    source = _source(lambda fd, _: write_all(fd, b"bytes" * 100_000))
    assert (source.name, source.is_regular, source.expected_bytes) == ("a source", False, 0)
    assert _read_all(source) == b"bytes" * 100_000
    assert source.fault is None
    source.close()


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (StateError("it has failed", "make another one"), "it has failed"),
        (KeyError("x"), "a bug in tyger-local: KeyError('x')"),
    ],
)
def test_a_fault_is_known_at_the_end(error: Exception, fault: str) -> None:
    def copy(fd: int, _: Wake) -> None:
        write_all(fd, b"some")
        raise error

    source = _source(copy)
    assert _read_all(source) == b"some"
    assert source.fault == fault
    source.close()


@pytest.mark.parametrize("error", [StoppedError(), ReaderClosedError("closed")])
def test_that_nobody_wants_the_rest_is_no_fault(error: Exception) -> None:
    def copy(_: int, __: Wake) -> None:
        raise error

    source = _source(copy)
    assert _read_all(source) == b""
    assert source.fault is None
    source.close()


def test_closing_ends_a_thread_that_a_full_pipe_holds() -> None:
    held, freed = threading.Event(), threading.Event()

    def copy(fd: int, _: Wake) -> None:
        held.set()
        try:
            write_all(fd, bytes(10_000_000))
        except BrokenPipeError as error:
            freed.set()
            raise ReaderClosedError("closed") from error

    source = _source(copy)
    held.wait()
    source.close()
    source.close()
    assert freed.is_set()


def test_closing_ends_a_thread_that_waits_for_more(tmp_path: Path) -> None:
    waiting = threading.Event()

    def copy(_: int, stop: Wake) -> None:
        waiting.set()
        changes = FolderChanges(tmp_path)
        changes.wait(60, (stop.fd,))
        changes.close()
        raise StoppedError

    source = _source(copy)
    waiting.wait()
    source.close()
