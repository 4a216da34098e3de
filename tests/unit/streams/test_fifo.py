from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tyger_local.errors import StreamError
from tyger_local.streams.fifo import Fifo, PipeFolder, close_all, unread_bytes
from tyger_local.streams.inotify import USES, Inotify


@pytest.fixture(params=[0, 0o077, 0o777], ids=oct)
def any_umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.mark.parametrize(("other_user", "outer_mode"), [(False, 0o700), (True, 0o711)])
def test_modes_do_not_depend_on_the_umask(
    temporary: Path, any_umask: None, other_user: bool, outer_mode: int
) -> None:
    folder = PipeFolder(engine_is_other_user=other_user)
    (outer,) = temporary.iterdir()
    assert _mode(outer) == outer_mode
    assert _mode(folder.path.parent) == 0o755
    assert _mode(folder.path) == 0o777  # world-writable and not sticky
    fifo = Fifo(folder.path / "pipe")
    assert _mode(fifo.path) == 0o666
    assert stat.S_ISFIFO(fifo.path.lstat().st_mode)
    fifo.close()
    folder.remove()
    assert list(temporary.iterdir()) == []


def test_folders_have_names_that_nobody_can_guess(temporary: Path) -> None:
    folders = [PipeFolder() for _ in range(3)]
    names = {folder.path.parent.name for folder in folders}
    assert len(names) == 3
    assert all(len(name) == 32 for name in names)
    assert {folder.path.name for folder in folders} == {"buffer-fifos"}


def test_what_a_container_left_in_the_folder_goes_with_it(temporary: Path) -> None:
    outside = temporary.with_name("outside")
    outside.mkdir()
    (outside / "file").touch()
    folder = PipeFolder()
    (folder.path / "deep" / "deeper").mkdir(parents=True)
    (folder.path / "deep" / "file").touch(0)
    (folder.path / "link").symlink_to(outside)
    folder.remove()
    folder.remove()
    assert list(temporary.iterdir()) == []
    assert (outside / "file").exists()


def test_a_folder_that_cannot_be_made_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(StreamError) as caught:
        PipeFolder()
    assert "No such file or directory" in caught.value.what
    assert f"TMPDIR; now {tmp_path / 'missing'}" in caught.value.hint


@pytest.mark.parametrize("make", [Path.touch, Path.mkdir, os.mkfifo])
def test_a_pipe_is_never_made_over_something(
    tmp_path: Path, make: Callable[[Path], object]
) -> None:
    make(tmp_path / "pipe")
    with pytest.raises(StreamError, match="File exists"):
        Fifo(tmp_path / "pipe")


def test_a_pipe_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StreamError) as caught:
        Fifo(tmp_path / "missing" / "pipe")
    assert "No such file or directory" in caught.value.what
    assert "TMPDIR" in caught.value.hint


def test_no_end_of_ours_waits_for_a_partner(fifo: Fifo) -> None:
    reader, writer = fifo.open_reader(), fifo.open_writer()
    assert os.write(writer, b"abc") == 3
    assert unread_bytes(reader) == unread_bytes(writer) == 3
    assert os.read(reader, 10) == b"abc"
    close_all(reader, writer)


def test_a_writer_alone_does_not_wait_either(fifo: Fifo) -> None:
    writer = fifo.open_writer()
    with pytest.raises(BrokenPipeError):
        os.write(writer, b"nobody reads")
    close_all(writer)


def test_children_do_not_inherit_any_end(fifo: Fifo) -> None:
    ends = fifo._held, fifo.open_reader(), fifo.open_writer()
    assert [os.get_inheritable(fd) for fd in ends] == [False] * 3
    close_all(*ends[1:])


def test_holding_a_pipe_is_no_end_of_it(fifo: Fifo) -> None:
    with pytest.raises(OSError, match="No such device or address"):
        os.open(fifo.path, os.O_WRONLY | os.O_NONBLOCK)  # what it says when nobody reads


def _remove(path: Path) -> None:
    path.unlink()


def _file(path: Path) -> None:
    path.unlink()
    path.write_bytes(b"lost")


def _renamed(path: Path) -> None:
    beside = path.with_name("beside")
    beside.write_bytes(b"lost")
    beside.replace(path)


def _link(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.with_name("victim"))


def _link_to_itself(path: Path) -> None:
    path.rename(path.with_name("moved"))
    path.symlink_to(path.with_name("moved"))


def _another(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _folder_gone(path: Path) -> None:
    path.parent.rename(path.parent.with_name("elsewhere"))


@pytest.mark.parametrize("replace", [_file, _renamed, _link, _link_to_itself, _another])
def test_whatever_stands_in_its_place_is_noticed(
    tmp_path: Path, replace: Callable[[Path], None]
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    fifo = Fifo(folder / "pipe")
    assert not fifo.is_replaced()
    replace(fifo.path)
    assert fifo.is_replaced()
    fifo.close()


@pytest.mark.parametrize("remove", [_remove, _folder_gone])
def test_a_pipe_that_is_gone_is_not_replaced(
    tmp_path: Path, remove: Callable[[Path], None]
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    fifo = Fifo(folder / "pipe")
    remove(fifo.path)
    assert not fifo.is_replaced()
    fifo.close()


def test_the_host_never_opens_what_a_link_points_to(tmp_path: Path, fifo: Fifo) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    _link(fifo.path)
    opens = Inotify()
    opens.watch(str(victim), USES)
    reader, writer = fifo.open_reader(), fifo.open_writer()
    os.write(writer, b"through the pipe")
    assert os.read(reader, 100) == b"through the pipe"
    assert not list(opens.read())
    opens.close()
    close_all(reader, writer)
    assert victim.read_bytes() == b"precious"


def test_closing_it_again_does_not_close_somebody_elses_descriptor(tmp_path: Path) -> None:
    fifo = Fifo(tmp_path / "pipe")
    held = fifo._held
    fifo.close()
    others = os.pipe()
    assert held in others
    fifo.close()
    close_all(*others)


def test_all_are_closed_although_one_cannot_be() -> None:
    first, second = os.pipe()
    os.close(os.dup(first))
    unused = os.dup(first)
    os.close(unused)
    with pytest.raises(OSError, match="Bad file descriptor"):
        close_all(first, unused, -1, second)
    for fd in (first, second):
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(fd)


def test_the_folder_of_a_failed_attempt_is_removed(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "chmod", refuse)
    with pytest.raises(StreamError, match="No space left on device"):
        PipeFolder()
    monkeypatch.undo()
    left = list(temporary.iterdir())
    shutil.rmtree(temporary)
    assert left == []
