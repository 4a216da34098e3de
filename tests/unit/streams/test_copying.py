from __future__ import annotations

import os
import pty
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tyger_local.streams import copying
from tyger_local.streams.copying import Copier, write_all

DATA = bytes(range(256)) * 1000


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


def _source(kind: str, folder: Path, stack: ExitStack) -> int:
    if kind == "file":
        (folder / "source").write_bytes(DATA)
        fd = os.open(folder / "source", os.O_RDONLY)
    elif kind == "socket":
        ours, theirs = socket.socketpair()
        threading.Thread(target=lambda: (ours.sendall(DATA), ours.close())).start()
        fd = theirs.detach()
    else:
        fd, writer = os.pipe()
        os.set_blocking(fd, kind == "pipe")
        threading.Thread(target=lambda: (write_all(writer, DATA), os.close(writer))).start()
    stack.callback(os.close, fd)
    return fd


def _target(kind: str, folder: Path, stack: ExitStack) -> tuple[int, list[bytes]]:
    """Return a descriptor and a list that has what was written to it once `stack` is closed."""
    got: list[bytes] = []
    if kind in ("file", "append"):
        flags = os.O_RDWR | os.O_CREAT | (os.O_APPEND if kind == "append" else 0)
        fd = os.open(folder / "target", flags)
        stack.callback(lambda: got.append((folder / "target").read_bytes()))
        stack.callback(os.close, fd)
        return fd, got
    if kind == "socket":
        ours, theirs = socket.socketpair()
        reader, fd = ours.detach(), theirs.detach()
    else:
        reader, fd = os.pipe()
        os.set_blocking(fd, kind == "pipe")

    def drain() -> None:
        while data := os.read(reader, 1000):
            got.append(data)
        os.close(reader)

    thread = threading.Thread(target=drain)
    thread.start()
    stack.callback(thread.join)
    stack.callback(os.close, fd)
    return fd, got


@pytest.mark.parametrize("target", ["file", "append", "pipe", "busy pipe", "socket"])
@pytest.mark.parametrize("source", ["file", "pipe", "slow pipe", "socket"])
def test_every_pair_is_copied(tmp_path: Path, source: str, target: str) -> None:
    with ExitStack() as stack:
        fd, got = _target(target, tmp_path, stack)
        assert Copier(_source(source, tmp_path, stack), fd).copy() == len(DATA)
    assert b"".join(got) == DATA


@pytest.mark.parametrize("missing", ["copy_file_range", "splice", "sendfile"])
def test_a_call_that_a_system_has_not_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.delattr(os, missing)
    for kind in ("file", "pipe"):
        folder = tmp_path / kind
        folder.mkdir()
        with ExitStack() as stack:
            fd, got = _target(kind, folder, stack)
            assert Copier(_source("file", folder, stack), fd).copy() == len(DATA)
        assert b"".join(got) == DATA


def test_it_goes_on_where_it_stopped(tmp_path: Path, stack: ExitStack) -> None:
    source = _source("file", tmp_path, stack)
    fd, got = _target("file", tmp_path, stack)
    os.lseek(source, 250_000, os.SEEK_SET)
    copier = Copier(source, fd)
    assert copier.copy() == 6000
    assert copier.copy() == 0
    with (tmp_path / "source").open("ab") as more:
        more.write(b"more")
    assert copier.copy() == 4
    stack.close()
    assert got == [DATA[250_000:] + b"more"]


def test_a_file_without_a_size_is_read(tmp_path: Path, stack: ExitStack) -> None:
    source = os.open("/proc/self/status", os.O_RDONLY)
    stack.callback(os.close, source)
    fd, got = _target("file", tmp_path, stack)
    count = Copier(source, fd).copy()
    stack.close()
    assert len(got[0]) == count > 100


def test_a_terminal_is_read(tmp_path: Path, stack: ExitStack) -> None:
    ours, theirs = pty.openpty()
    stack.callback(os.close, ours)
    stack.callback(os.close, theirs)
    os.write(ours, b"typed\n\x04")
    fd, got = _target("file", tmp_path, stack)
    assert Copier(theirs, fd).copy() == 6
    stack.close()
    assert got == [b"typed\n"]


def test_a_reader_that_has_gone_is_told(tmp_path: Path, stack: ExitStack) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    stack.callback(os.close, writer)
    source, full = os.pipe()
    stack.callback(os.close, source)
    os.write(full, b"data")
    os.close(full)
    for fd in (_source("file", tmp_path, stack), source):
        with pytest.raises(BrokenPipeError):
            Copier(fd, writer).copy()


def test_what_cannot_be_read_is_told(tmp_path: Path, stack: ExitStack) -> None:
    fd, _ = _target("file", tmp_path, stack)
    writable = os.open(tmp_path / "other", os.O_WRONLY | os.O_CREAT)
    stack.callback(os.close, writable)
    with pytest.raises(OSError, match="Bad file descriptor"):
        Copier(writable, fd).copy()
    folder = os.open(tmp_path, os.O_RDONLY)
    stack.callback(os.close, folder)
    with pytest.raises(IsADirectoryError):
        Copier(folder, fd).copy()


def test_a_file_is_copied_in_several_calls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stack: ExitStack
) -> None:
    monkeypatch.setattr(copying, "KERNEL_BYTES", 1000)
    fd, got = _target("file", tmp_path, stack)
    assert Copier(_source("file", tmp_path, stack), fd).copy() == len(DATA)
    stack.close()
    assert got == [DATA]
