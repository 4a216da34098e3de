from __future__ import annotations

import os
import select
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tyger_local.errors import BufferArgumentError, StreamError
from tyger_local.streams.host import (
    Target,
    open_source,
    open_target,
    stdin_source,
    stdout_target,
)

UNPRIVILEGED = 65_534


def _write(target: Target, data: bytes) -> None:
    while data:
        data = data[os.write(target.fd, data) :]


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _check_refused(path: Path, words: str, *, source: bool = False) -> None:
    with pytest.raises(BufferArgumentError) as caught:
        (open_source if source else open_target)("b", path)
    kind = "input 'b' cannot be read" if source else "output 'b' cannot be written"
    assert caught.value.what.startswith(f"the {kind}: ")
    assert words in caught.value.what


# Sources


def test_a_source_is_read_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    (tmp_path / "link").symlink_to("file")
    source = open_source("b", tmp_path / "link")
    assert os.read(source.fd, 10) == b"abc"
    assert source.name == str(tmp_path / "link")
    source.close()
    source.close()
    assert source.fd == -1


def test_opening_a_fifo_to_read_waits_for_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    source = open_source("b", tmp_path / "fifo")
    poll = select.poll()
    poll.register(source.fd, select.POLLIN)
    assert poll.poll(0) == []  # and no end of file either
    source.close()


def test_what_is_no_source(tmp_path: Path) -> None:
    _check_refused(tmp_path / "missing", "No such file or directory", source=True)
    _check_refused(tmp_path, "is a directory", source=True)
    _check_refused(tmp_path / ("n" * 300), "File name too long", source=True)
    (tmp_path / "loop").symlink_to("loop")
    _check_refused(tmp_path / "loop", "Too many levels of symbolic links", source=True)
    (tmp_path / "dangling").symlink_to("nowhere")
    _check_refused(tmp_path / "dangling", "No such file or directory", source=True)


def test_standard_input_is_lent() -> None:
    source = stdin_source()
    source.close()
    os.fstat(0)


@pytest.mark.parametrize(
    ("function", "closed", "words"),
    [("stdin_source", 0, "standard input is closed"), ("stdout_target", 1, "output is closed")],
)
def test_a_closed_stream_is_an_error(function: str, closed: int, words: str) -> None:
    script = (
        f"import os; from tyger_local.streams import host; os.close({closed})\n"
        f"try: host.{function}()\n"
        "except host.BufferArgumentError as error: os.write(2, error.what.encode())"
    )
    command = (sys.executable, "-c", script)
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert words in answer.stderr


# Targets


def test_a_new_file_appears_when_it_is_published(tmp_path: Path) -> None:
    path = tmp_path / "out"
    before = os.umask(0o027)
    target = open_target("b", path)
    os.umask(before)
    _write(target, b"new")
    assert not path.exists()
    target.publish()
    assert path.read_bytes() == b"new"
    assert _mode(path) == 0o640
    assert target.abandon() is None
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o666, 0o751, 0o4755])
def test_an_old_file_stays_until_then_and_gives_its_mode(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"old and longer")
    path.chmod(mode)
    target = open_target("b", path)
    _write(target, b"new")
    assert path.read_bytes() == b"old and longer"
    target.publish()
    assert path.read_bytes() == b"new"
    assert _mode(path) == mode


def test_an_abandoned_target_leaves_the_old_file_and_a_partial(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"old")
    for part in (b"first part", b"second"):
        target = open_target("b", path)
        _write(target, part)
        assert target.abandon() == f"{path}.partial"
        assert target.abandon() is None
        assert path.read_bytes() == b"old"
        assert (tmp_path / "out.partial").read_bytes() == part
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "out.partial"]


def test_an_abandoned_target_without_a_byte_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"old")
    for name in ("out", "another"):
        assert open_target("b", tmp_path / name).abandon() is None
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out").read_bytes() == b"old"


def test_a_partial_that_cannot_have_its_name_keeps_another(tmp_path: Path) -> None:
    (tmp_path / "out.partial").mkdir()
    target = open_target("b", tmp_path / "out")
    _write(target, b"part")
    kept = target.abandon()
    assert kept is not None
    assert Path(kept).read_bytes() == b"part"


@pytest.mark.parametrize("there", [True, False])
def test_a_link_is_followed(tmp_path: Path, there: bool) -> None:
    (tmp_path / "folder").mkdir()
    final = tmp_path / "folder" / "final"
    if there:
        final.write_bytes(b"old")
    (tmp_path / "middle").symlink_to("folder/final")
    link = tmp_path / "link"
    link.symlink_to("middle")
    target = open_target("b", link)
    _write(target, b"new")
    target.publish()
    assert link.is_symlink()
    assert final.read_bytes() == b"new"
    target = open_target("b", link)
    _write(target, b"newer")
    assert target.abandon() == f"{link}.partial"
    assert final.read_bytes() == b"new"


@pytest.mark.parametrize("name", ["n" * 255, "字" * 85, "." * 3, "-", " ", "new\nline"])
def test_any_name_that_a_file_may_have(tmp_path: Path, name: str) -> None:
    for data in (b"one", b"two"):
        target = open_target("b", tmp_path / name)
        _write(target, data)
        target.publish()
        assert (tmp_path / name).read_bytes() == data
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_a_name_that_is_no_utf8(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"\xff\xfe" * 100)
    target = open_target("b", path)
    _write(target, b"data")
    target.publish()
    assert path.read_bytes() == b"data"


def test_a_device_is_written_directly() -> None:
    target = open_target("b", Path("/dev/null"))
    _write(target, b"gone")
    assert target.abandon() is None
    target = open_target("b", Path("/dev/null"))
    target.publish()
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


@pytest.mark.parametrize("link", [True, False])
def test_a_fifo_is_written_directly(tmp_path: Path, link: bool) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    path = fifo
    if link:
        path = tmp_path / "link"
        path.symlink_to(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    target = open_target("b", path)
    _write(target, b"abc")
    assert os.read(reader, 10) == b"abc"
    target.publish()
    assert os.read(reader, 10) == b""
    os.close(reader)
    assert stat.S_ISFIFO(fifo.stat().st_mode)


def test_opening_a_fifo_to_write_waits_for_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    target = open_target("b", tmp_path / "fifo")
    assert target.abandon() is None


@pytest.mark.parametrize("spelling", ["/dev/fd/{}", "/proc/self/fd/{}"])
def test_process_substitution_is_written(spelling: str) -> None:
    reader, writer = os.pipe()  # what bash hands over for >(command)
    target = open_target("b", Path(spelling.format(writer)))
    os.close(writer)
    _write(target, b"substituted")
    assert os.read(reader, 100) == b"substituted"
    target.publish()
    assert os.read(reader, 100) == b""
    os.close(reader)


def test_nothing_more_is_written_to_a_pipe_at_once_than_it_takes_whole(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    atoms = []
    for path in (tmp_path / "fifo", tmp_path / "file"):
        target = open_target("b", path)
        atoms.append(target.atom_bytes)
        target.abandon()
    assert atoms[0] == select.PIPE_BUF
    assert atoms[1] > 2**20


def test_what_is_no_target(tmp_path: Path) -> None:
    _check_refused(tmp_path, "is a directory")
    _check_refused(tmp_path / "missing" / "out", f"there is no folder {tmp_path / 'missing'}")
    _check_refused(tmp_path / ("n" * 300), "File name too long")
    (tmp_path / "file").touch()
    _check_refused(tmp_path / "file" / "out", "Not a directory")
    (tmp_path / "loop").symlink_to("loop")
    _check_refused(tmp_path / "loop", "Too many levels of symbolic links")
    (tmp_path / "dangling").symlink_to("nowhere/out")
    _check_refused(tmp_path / "dangling", f"there is no folder {tmp_path / 'nowhere'}")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["dangling", "file", "loop"]


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that an unprivileged user may enter."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@contextmanager
def _as_somebody() -> Iterator[None]:
    """Be a user without rights over what root made."""
    if os.geteuid() != 0:
        yield
        return
    os.setresuid(UNPRIVILEGED, UNPRIVILEGED, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


def test_an_unreadable_source(shared: Path) -> None:
    (shared / "file").touch(0)
    with _as_somebody():
        _check_refused(shared / "file", "Permission denied", source=True)


@pytest.mark.parametrize(("folder_mode", "file_mode"), [(0o777, 0o444), (0o555, None)])
def test_an_unwritable_target(shared: Path, folder_mode: int, file_mode: int | None) -> None:
    if file_mode is not None:
        (shared / "out").touch(file_mode)
    shared.chmod(folder_mode)
    with _as_somebody():
        _check_refused(shared / "out", "Permission denied")
    assert [p.name for p in shared.iterdir()] == ([] if file_mode is None else ["out"])


def test_a_name_that_somebody_took_meanwhile_is_told(tmp_path: Path) -> None:
    target = open_target("b", tmp_path / "out")
    _write(target, b"data")
    (tmp_path / "out").mkdir()
    with pytest.raises(StreamError) as caught:
        target.publish()
    assert "Is a directory" in caught.value.what
    left = Path(caught.value.hint.removeprefix("what there is lies in "))
    assert left.read_bytes() == b"data"


def test_standard_output_is_lent() -> None:
    target = stdout_target()
    assert target.is_stdout
    target.publish()
    os.fstat(1)


def test_children_inherit_neither(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    source, target = open_source("b", tmp_path / "file"), open_target("b", tmp_path / "out")
    assert [os.get_inheritable(fd) for fd in (source.fd, target.fd)] == [False, False]
    source.close()
    target.abandon()
