from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tyger_local.errors import NotFoundError, StoreError
from tyger_local.store import files
from tyger_local.store.files import JsonObject
from tyger_local.store.trees import remove_tree

DOCUMENT: JsonObject = {"kind": "job", "image": "bücher", "args": ["a", 1]}
TEXT = '{\n  "kind": "job",\n  "image": "bücher",\n  "args": [\n    "a",\n    1\n  ]\n}\n'


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def _fill(path: Path) -> JsonObject:
    assert files.write_new(path, DOCUMENT)
    return files.read_json(path)


def test_a_new_file_is_written_to_be_read_by_people(tmp_path: Path) -> None:
    path = tmp_path / "1.json"
    assert _fill(path) == DOCUMENT
    assert path.read_text("utf-8") == TEXT
    assert files.folder_names(tmp_path) == ["1.json"]


def test_a_name_that_is_taken_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "1.json"
    _fill(path)
    assert not files.write_new(path, {"other": True})
    assert path.read_text("utf-8") == TEXT
    assert files.folder_names(tmp_path) == ["1.json"]


def test_replace_writes_and_overwrites(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    files.replace(path, {"status": "Running"})
    files.replace(path, DOCUMENT)
    assert files.read_json(path) == DOCUMENT
    assert files.folder_names(tmp_path) == ["run.json"]


def test_text_that_is_no_utf8_comes_back_as_it_was(tmp_path: Path) -> None:
    document: JsonObject = {"args": [os.fsdecode(b"\xff\\\xfe"), "\U0001f600", "\x00\x7f\u2028"]}
    files.write_new(tmp_path / "1.json", document)
    assert (tmp_path / "1.json").read_bytes().decode("utf-8")
    assert files.read_json(tmp_path / "1.json") == document


def test_modes_do_not_depend_on_the_umask(tmp_path: Path, any_umask: None) -> None:
    folder = tmp_path / "folder"
    assert files.make_folder(folder)
    files.write_new(folder / "new", DOCUMENT)
    files.replace(folder / "replaced", DOCUMENT)
    files.mark(folder / "1~deleted")
    assert _mode(folder) == 0o700
    assert {_mode(path) for path in folder.iterdir()} == {0o600}


def test_a_document_that_is_no_json_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        files.write_new(tmp_path / "1.json", {"set": {1}})
    assert files.folder_names(tmp_path) == []


def test_a_full_disk_is_named_and_leaves_nothing(full_disk: Path) -> None:
    path = full_disk / "1.json"
    before = files.folder_names(full_disk)
    for write in (files.write_new, files.replace):
        with pytest.raises(StoreError) as caught:
            write(path, {"text": "x" * 10_000})
        assert caught.value.what == f"The store cannot use '{path}': No space left on device"
        assert "Free some space" in caught.value.hint
        assert isinstance(caught.value.__cause__, OSError)
    assert files.folder_names(full_disk) == before


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        (errno.ENOSPC, "Free some space"),
        (errno.EDQUOT, "Free some space"),
        (errno.EACCES, "Ask for access"),
        (errno.EROFS, "Ask for access"),
        (errno.ENOTSUP, "hard links"),
        (errno.ENAMETOOLONG, "Look at that place"),
        (errno.EIO, "Look at that place"),
    ],
)
def test_errors_of_the_system_are_quoted(code: int, hint: str) -> None:
    with pytest.raises(StoreError) as caught, files.translating(Path("/x/y")):
        raise OSError(code, os.strerror(code))
    assert caught.value.what == f"The store cannot use '/x/y': {os.strerror(code)}"
    assert hint in caught.value.hint
    assert "--home or TYGER_LOCAL_HOME" in caught.value.hint


def test_an_error_without_a_number_is_quoted_too() -> None:
    with pytest.raises(StoreError, match="'/x': odd"), files.translating(Path("/x")):
        raise OSError("odd")


def test_real_errors_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    cases = {
        tmp_path / ("n" * 300): os.strerror(errno.ENAMETOOLONG),
        tmp_path / "missing" / "1.json": os.strerror(errno.ENOENT),
    }
    for path, words in cases.items():
        for write in (files.write_new, files.replace):
            with pytest.raises(StoreError, match=words):
                write(path, DOCUMENT)
    with pytest.raises(StoreError, match=os.strerror(errno.ENOENT)):
        files.mark(tmp_path / "missing" / "1~deleted")
    with pytest.raises(StoreError, match=os.strerror(errno.EEXIST)):
        files.make_folder(tmp_path / "file")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "not JSON"),
        (b'{"kind": ', "not JSON"),
        (b"{} {}", "not JSON"),
        (b"\xff\xff{}", "not JSON"),
        (b"\0\0\0\0", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"n": ' + b"9" * 5000 + b"}", None),
        (b"[]", "JSON object"),
        (b"null", "JSON object"),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, text: bytes, reason: str | None) -> None:
    path = tmp_path / "1.json"
    path.write_bytes(text)
    if reason is None:  # Python limits the digits of integers since 3.10.7
        reason = "not JSON"
        if not hasattr(sys, "get_int_max_str_digits"):
            return
    with pytest.raises(StoreError) as caught:
        files.read_json(path)
    assert caught.value.what.startswith(f"The file '{path}' is damaged: ")
    assert reason in caught.value.what
    assert caught.value.hint == "Repair or delete that file"


def test_what_is_no_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(StoreError, match=os.strerror(errno.EISDIR)):
        files.read_json(tmp_path / "folder")
    with pytest.raises(StoreError, match="link to nothing"):
        files.read_json(tmp_path / "link")
    for missing in (tmp_path / "missing", tmp_path / "file" / "below"):
        with pytest.raises(NotFoundError, match="was not found"):
            files.read_json(missing)


def test_reading_names_of_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert files.folder_names(tmp_path) == ["file"]
    assert files.folder_names(tmp_path / "file") == []
    assert files.folder_names(tmp_path / "missing") == []


def test_folders_and_marks_are_made_once(tmp_path: Path) -> None:
    assert files.make_folder(tmp_path / "folder")
    assert not files.make_folder(tmp_path / "folder")
    assert files.mark(tmp_path / "1~deleted")
    assert not files.mark(tmp_path / "1~deleted")
    files.remove_file(tmp_path / "1~deleted")
    files.remove_file(tmp_path / "1~deleted")
    assert files.folder_names(tmp_path) == ["folder"]


def test_old_temporary_files_are_removed_and_nothing_else(tmp_path: Path) -> None:
    old = time.time() - files.STALE_AFTER_S - 60
    kept = {"1~deleted", "notes.tmp", "2.json~", "folder~ab.tmp", "fresh.json~ab.tmp"}
    for name in (*kept, "1.json~00ff.tmp"):
        path = tmp_path / name
        if name.startswith("folder"):
            path.mkdir()
        else:
            path.touch()
        if not name.startswith("fresh"):
            os.utime(path, (old, old))
    files.write_new(tmp_path / "1.json", DOCUMENT)
    assert set(files.folder_names(tmp_path)) == kept | {"1.json"}


def test_folders_that_cannot_be_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = errno.EINVAL
    fsync = os.fsync

    def only_files(descriptor: int) -> None:
        if os.fstat(descriptor).st_mode & 0o170000 == 0o040000:
            raise OSError(code, os.strerror(code))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", only_files)
    assert files.write_new(tmp_path / "1.json", DOCUMENT)
    code = errno.EIO
    with pytest.raises(StoreError, match=os.strerror(errno.EIO)):
        files.write_new(tmp_path / "2.json", DOCUMENT)


_WRITER = """
import sys
from pathlib import Path
from tyger_local.store.files import replace
number = 0
while True:
    replace(Path(sys.argv[1]), {"number": number, "text": "x" * 100_000})
    number += 1
    print(number, flush=True)
"""


def test_a_killed_writer_leaves_the_old_file_or_the_new(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    for round_number in range(8):
        command = [sys.executable, "-c", _WRITER, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            for _ in range(round_number + 1):
                writer.stdout.readline()
            writer.kill()
        document = files.read_json(path)
        assert document["text"] == "x" * 100_000
    files.replace(path, DOCUMENT)
    assert files.read_json(path) == DOCUMENT


def test_a_tree_is_removed_and_links_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").touch()
    tree = tmp_path / "tree"
    (tree / "a" / "b").mkdir(parents=True)
    (tree / "a" / "file").touch()
    (tree / "a" / "link").symlink_to(outside)
    (tree / "dangling").symlink_to("nowhere")
    os.mkfifo(tree / "fifo")
    (tmp_path / "link").symlink_to(outside)
    for path in (tree, tree, tmp_path / "link", tmp_path / "missing" / "below"):
        remove_tree(path)
    assert files.folder_names(tmp_path) == ["outside"]
    assert files.folder_names(outside) == ["precious"]


@pytest.mark.parametrize("code", [errno.EACCES, errno.ENOENT])
def test_a_tree_that_cannot_be_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    tree = tmp_path / "tree"
    (tree / "locked").mkdir(parents=True)
    opened = os.open

    def locked(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if dir_fd is not None:  # root may open what others may not, so this is not the real thing
            raise OSError(code, os.strerror(code))
        return opened(path, flags, mode)

    monkeypatch.setattr(os, "open", locked)
    if code == errno.ENOENT:  # someone else was faster
        remove_tree(tree)
        assert not tree.exists()
        return
    with pytest.raises(StoreError, match=os.strerror(code)):
        remove_tree(tree)
