from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from tyger_local.errors import NotFoundError, SpecError, StoreError
from tyger_local.store.codespecs import CodespecStore, is_name
from tyger_local.store.files import JsonObject
from tyger_local.store.home import Home

TIME = "2025-03-14T06:43:18.95849Z"


def _spec(image: str) -> JsonObject:
    return {"kind": "job", "image": image}


def _equal(stored: JsonObject, new: JsonObject) -> bool:
    return stored == new


def _create(store: CodespecStore, name: str, image: str) -> tuple[int, bool]:
    return store.create(name, _spec(image), _equal, lambda: TIME)


def _put(home: Home, number: int, **changes: object) -> Path:
    """A version of `x` written by hand."""
    document = {"kind": "job", "name": "x", "version": number, "image": "hand", **changes}
    path = home.codespecs_dir / "x" / f"{number}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document), "utf-8")
    return path


def test_only_the_latest_version_is_compared(codespecs: CodespecStore) -> None:
    answers = [_create(codespecs, "x", image) for image in "aabba"]
    assert answers == [(1, True), (1, False), (2, True), (2, False), (3, True)]


def test_what_is_stored(codespecs: CodespecStore, home: Home) -> None:
    document: JsonObject = {
        "version": 9, "buffers": {}, "kind": "job", "name": "other", "image": "ü", "createdAt": "x",
    }  # fmt: skip
    codespecs.create("x", document, _equal, lambda: TIME)
    text = (home.codespecs_dir / "x" / "1.json").read_text("utf-8")
    assert (
        text
        == json.dumps(
            {
                "kind": "job",
                "name": "x",
                "version": 1,
                "createdAt": TIME,
                "buffers": {},
                "image": "ü",
            },
            indent=2,
            ensure_ascii=False,
        )
        + "\n"
    )
    assert codespecs.get("x") == json.loads(text)


def test_the_comparison_sees_neither_name_nor_version_nor_time(codespecs: CodespecStore) -> None:
    _create(codespecs, "x", "a")
    seen: list[tuple[JsonObject, JsonObject]] = []

    def same(stored: JsonObject, new: JsonObject) -> bool:
        seen.append((stored, new))
        return False

    new = {"name": "n", "version": 1, "createdAt": "t", **_spec("b")}
    assert codespecs.create("x", new, same, lambda: TIME) == (2, True)
    assert seen == [(_spec("a"), _spec("b"))]


def test_an_equal_codespec_writes_nothing_and_asks_no_time(
    codespecs: CodespecStore, home: Home
) -> None:
    _create(codespecs, "x", "a")
    before = (home.codespecs_dir / "x" / "1.json").stat()
    assert codespecs.create("x", _spec("a"), _equal, lambda: pytest.fail("asked")) == (1, False)
    assert (home.codespecs_dir / "x" / "1.json").stat() == before


def test_modes(codespecs: CodespecStore, home: Home, any_umask: None) -> None:
    _create(codespecs, "x", "a")
    folder = home.codespecs_dir / "x"
    assert [path.stat().st_mode & 0o7777 for path in (folder.parent, folder)] == [0o700] * 2
    assert (folder / "1.json").stat().st_mode & 0o7777 == 0o600


def test_versions_sort_as_numbers(codespecs: CodespecStore) -> None:
    for number in range(1, 12):
        assert _create(codespecs, "x", str(number)) == (number, True)
    assert codespecs.get("x")["image"] == "11"
    assert codespecs.get("x", 9)["image"] == "9"
    assert codespecs.list()[0]["version"] == 11


def test_unknown_names(codespecs: CodespecStore) -> None:
    with pytest.raises(NotFoundError) as caught:
        codespecs.get("recon")
    assert caught.value.what == "The codespec 'recon' was not found"
    assert "codespec list" in caught.value.hint
    _create(codespecs, "recons", "a")
    with pytest.raises(NotFoundError) as caught:
        codespecs.get("recon")
    assert caught.value.hint == "Did you mean 'recons'?"


def test_the_nearest_name_is_one_that_exists(codespecs: CodespecStore) -> None:
    _create(codespecs, "recons", "a")
    _create(codespecs, "recoms", "a")
    codespecs.delete("recons")
    with pytest.raises(NotFoundError, match="'recoms'"):
        codespecs.get("recons")
    with pytest.raises(NotFoundError, match="'recoms'"):
        codespecs.get("recon")
    codespecs.delete("recoms")
    with pytest.raises(NotFoundError) as caught:
        codespecs.get("recon")
    assert "Did you mean" not in caught.value.hint


def test_unknown_versions(codespecs: CodespecStore) -> None:
    _create(codespecs, "x", "a")
    for version in (0, -1, 2, 10**20):
        with pytest.raises(NotFoundError) as caught:
            codespecs.get("x", version)
        assert str(caught.value) == (
            f"The version '{version}' of codespec 'x' was not found. The latest version is '1'."
        )


BAD_NAMES = [
    "",
    ".",
    "..",
    "a/b",
    "../runs",
    "/etc",
    "a\0b",
    "A",
    "é",
    "a b",
    "a~b",
    "x\n",
    "n" * 201,
]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_what_is_no_name_is_not_found(codespecs: CodespecStore, home: Home, name: str) -> None:
    _create(codespecs, "x", "a")
    (home.root / "1.json").write_text(json.dumps({**_spec("a"), "name": name, "version": 1}))
    assert not is_name(name)
    for use in (codespecs.get, codespecs.delete):
        with pytest.raises(NotFoundError, match="was not found"):
            use(name)
    with pytest.raises(StoreError, match="no codespec name"):
        _create(codespecs, name, "a")
    assert (home.root / "1.json").exists()


@pytest.mark.parametrize("name", ["n" * 200, "-", "...", ".hidden", "_", "0", "a-b.c_d"])
def test_unusual_names(codespecs: CodespecStore, name: str) -> None:
    assert _create(codespecs, name, "a") == (1, True)
    assert codespecs.get(name)["name"] == name
    assert [document["name"] for document in codespecs.list()] == [name]


def test_the_list_is_in_byte_order(codespecs: CodespecStore) -> None:
    names = ["a", "a-b", "a.b", "a1", "a_b", "ab"]
    for name in reversed(names):
        _create(codespecs, name, "a")
    assert [document["name"] for document in codespecs.list()] == names


def test_the_list_is_cut_and_filtered(codespecs: CodespecStore, warnings: list[str]) -> None:
    for name in ("3d_a", "3d-a", "3da", "x"):
        _create(codespecs, name, "a")

    def names(prefix: str, limit: int | None = None) -> list[object]:
        return [document["name"] for document in codespecs.list(prefix, limit)]

    assert names("3d_") == ["3d_a"]
    assert names("3") == ["3d-a", "3d_a", "3da"]
    assert names("3", 2) == ["3d-a", "3d_a"]
    assert names("", 0) == names("%") == names("3D") == names("y") == []
    assert warnings == []


def test_only_what_is_returned_is_read(codespecs: CodespecStore, home: Home) -> None:
    for name in ("a", "b", "c"):
        _create(codespecs, name, "a")
    (home.codespecs_dir / "c" / "1.json").write_text("{", "utf-8")
    assert len(codespecs.list(limit=2)) == 2


def test_foreign_files_are_ignored(
    codespecs: CodespecStore, home: Home, warnings: list[str]
) -> None:
    _create(codespecs, "x", "a")
    folder = home.codespecs_dir / "x"
    for name in (
        ".DS_Store", "notes.txt", "007.json", "0.json", "-1.json", "x.json", "2.json~ab.tmp",
        "2.json.bak", "2.jsonx", "9999999999.json", "٣.json", "0~deleted",
    ):  # fmt: skip
        (folder / name).write_text("{", "utf-8")
    for name in (".DS_Store", "notes", "Upper"):
        (home.codespecs_dir / name).touch()
    (home.codespecs_dir / "empty").mkdir()
    assert [document["name"] for document in codespecs.list()] == ["x"]
    assert _create(codespecs, "x", "b") == (2, True)
    for name in ("notes", "empty", "Upper"):
        with pytest.raises(NotFoundError):
            codespecs.get(name)
    with pytest.raises(StoreError, match="File exists"):
        _create(codespecs, "notes", "a")
    assert warnings == []


def test_a_copied_folder_is_a_codespec(
    codespecs: CodespecStore, home: Home, warnings: list[str]
) -> None:
    _create(codespecs, "x", "a")
    shutil.copytree(home.codespecs_dir / "x", home.codespecs_dir / "y")
    with pytest.raises(StoreError, match=r"y/1\.json' is damaged: its 'name' is not .* 'y'"):
        codespecs.get("y")
    path = home.codespecs_dir / "y" / "1.json"
    path.write_text(path.read_text("utf-8").replace('"x"', '"y"'), "utf-8")
    assert codespecs.get("y") == {**codespecs.get("x"), "name": "y"}
    assert _create(codespecs, "y", "a") == (1, False)
    assert _create(codespecs, "y", "b") == (2, True)
    assert warnings == []


DAMAGES: list[tuple[Callable[[Home], Path], str]] = [
    (lambda home: _put(home, 3, name="y"), "its 'name' is not that of its folder, 'x'"),
    (lambda home: _put(home, 3, version=2), "its 'version' is not that of its file name, 3"),
    (lambda home: _put(home, 3, version="3"), "its 'version' is not"),
    (lambda home: _put(home, 3, version=3.0), "its 'version' is not"),
    (lambda home: _put(home, 3, kind=None), "it has no 'kind'"),
    (lambda home: _put(home, 3, image=None), "it has no 'image'"),
    (lambda home: _damage(home, b""), "it is not JSON"),
    (lambda home: _damage(home, b"[]"), "it does not hold a JSON object"),
]


def _damage(home: Home, text: bytes) -> Path:
    path = home.codespecs_dir / "x" / "3.json"
    path.write_bytes(text)
    return path


@pytest.mark.parametrize(("damage", "reason"), DAMAGES)
def test_a_damaged_latest_version(
    codespecs: CodespecStore,
    home: Home,
    warnings: list[str],
    damage: Callable[[Home], Path],
    reason: str,
) -> None:
    for image in "abc":
        _create(codespecs, "x", image)
    _create(codespecs, "y", "a")
    path = damage(home)
    with pytest.raises(StoreError) as caught:
        codespecs.get("x")
    assert caught.value.what.startswith(f"The file '{path}' is damaged: ")
    assert reason in caught.value.what
    assert "--version 2" in caught.value.hint
    with pytest.raises(StoreError) as caught:
        codespecs.get("x", 3)
    assert caught.value.hint == "Repair or delete that file"
    assert warnings == []
    listed = [(document["name"], document["version"]) for document in codespecs.list()]
    assert listed == [("x", 2), ("y", 1)]
    assert len(warnings) == 1
    assert f"'{path}'" in warnings[0]
    assert _create(codespecs, "x", "b") == (4, True)
    assert len(warnings) == 2
    assert f"'{path}'" in warnings[1]
    assert codespecs.get("x")["version"] == 4


def test_no_version_is_readable(codespecs: CodespecStore, home: Home, warnings: list[str]) -> None:
    _put(home, 1, name="y")
    _put(home, 2, name="y")
    assert codespecs.list() == []
    assert len(warnings) == 2
    with pytest.raises(StoreError) as caught:
        codespecs.get("x")
    assert caught.value.hint == "Repair or delete that file"


def test_a_link_to_nothing_is_damage(codespecs: CodespecStore, home: Home) -> None:
    _create(codespecs, "x", "a")
    (home.codespecs_dir / "x" / "2.json").symlink_to("nowhere")
    with pytest.raises(StoreError, match="link to nothing"):
        codespecs.get("x")
    assert _create(codespecs, "x", "a") == (3, True)


@pytest.mark.parametrize("error", [ValueError("no\nsense"), SpecError("no sense")])
def test_a_version_that_the_comparison_cannot_read(
    codespecs: CodespecStore, warnings: list[str], error: Exception
) -> None:
    _create(codespecs, "x", "a")

    def same(stored: JsonObject, new: JsonObject) -> bool:
        raise error

    assert codespecs.create("x", _spec("a"), same, lambda: TIME) == (2, True)
    assert len(warnings) == 1
    assert "x/1.json' is damaged: no sense" in warnings[0]


def test_a_folder_that_cannot_be_read_hides_no_other(
    codespecs: CodespecStore, home: Home, warnings: list[str]
) -> None:
    _create(codespecs, "x", "a")
    (home.codespecs_dir / "loop").symlink_to("loop")
    assert [document["name"] for document in codespecs.list()] == ["x"]
    assert len(warnings) == 1
    assert "codespecs/loop': Too many levels of symbolic links" in warnings[0]


def test_deleted_numbers_do_not_come_back(codespecs: CodespecStore, home: Home) -> None:
    for image in "abc":
        _create(codespecs, "x", image)
    assert codespecs.delete("x", 3) == [3]
    assert codespecs.get("x")["version"] == 2
    with pytest.raises(NotFoundError, match="The latest version is '2'"):
        codespecs.get("x", 3)
    with pytest.raises(NotFoundError, match="The latest version is '2'"):
        codespecs.delete("x", 3)
    assert _create(codespecs, "x", "c") == (4, True)
    assert codespecs.delete("x") == [1, 2, 4]
    assert codespecs.list() == []
    with pytest.raises(NotFoundError, match="The codespec 'x' was not found"):
        codespecs.delete("x")
    assert _create(codespecs, "x", "c") == (5, True)
    assert not list((home.codespecs_dir / "x").glob("[1-4].json"))


def test_a_killed_delete_counts_and_is_finished(codespecs: CodespecStore, home: Home) -> None:
    for image in "abc":
        _create(codespecs, "x", image)
    folder = home.codespecs_dir / "x"
    (folder / "3~deleted").touch()
    assert codespecs.get("x")["version"] == 2
    assert codespecs.list()[0]["version"] == 2
    assert _create(codespecs, "x", "c") == (4, True)
    assert not (folder / "3.json").exists()


def test_crash_leftovers_harm_nothing(codespecs: CodespecStore, home: Home) -> None:
    folder = home.codespecs_dir / "x"
    folder.mkdir(parents=True)
    (folder / "1.json~00.tmp").write_text('{"kind":', "utf-8")
    assert codespecs.list() == []
    assert _create(codespecs, "x", "a") == (1, True)
    os.link(folder / "1.json", folder / "1.json~11.tmp")  # killed between link and unlink
    assert _create(codespecs, "x", "a") == (1, False)
    assert _create(codespecs, "x", "b") == (2, True)


def test_someone_else_was_faster(codespecs: CodespecStore, home: Home) -> None:
    """The loser looks again: at a different codespec, at the same, and at a deleted one."""
    others = ["b", "c"]

    def busy() -> str:
        if others:
            _create(codespecs, "x", others.pop(0))
        return TIME

    assert codespecs.create("x", _spec("a"), _equal, busy) == (3, True)
    others = ["d"]
    assert codespecs.create("x", _spec("d"), _equal, busy) == (4, False)
    assert codespecs.get("x", 2)["image"] == "c"


def test_a_number_that_was_deleted_while_we_looked(codespecs: CodespecStore, home: Home) -> None:
    """A scan can miss both, the file that goes and the mark that comes."""
    _create(codespecs, "x", "a")

    def busy() -> str:
        (home.codespecs_dir / "x" / "2~deleted").touch()
        return TIME

    assert codespecs.create("x", _spec("b"), _equal, busy) == (3, True)
    assert not (home.codespecs_dir / "x" / "2.json").exists()


def test_versions_that_vanish_while_we_look(
    codespecs: CodespecStore, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    for image in "abc":
        _create(codespecs, "x", image)
    _create(codespecs, "y", "a")
    real = CodespecStore.versions
    numbers = codespecs._folder("x").numbers()
    other = CodespecStore(home, print, lambda name, names: None)

    def late(store: CodespecStore, name: str) -> list[int]:
        versions = real(store, name)
        if store is codespecs and 3 in versions:
            other.delete(name, 3)
        return versions

    monkeypatch.setattr(CodespecStore, "versions", late)
    assert codespecs.get("x")["version"] == 2
    _create(codespecs, "y", "b")
    _create(codespecs, "y", "c")
    with pytest.raises(NotFoundError, match="The latest version is '2'"):
        codespecs.delete("y", 3)
    folder = codespecs._folder("x")
    newest = folder.newest_readable(numbers.newest_first, pytest.fail)
    assert newest is not None
    assert newest["version"] == 2


def test_the_latest_vanishes_before_it_is_compared(
    codespecs: CodespecStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    _create(codespecs, "x", "a")
    _create(codespecs, "x", "b")
    folder = codespecs._folder("x")
    numbers = folder.numbers()
    codespecs.delete("x", 2)
    monkeypatch.setattr(type(folder), "numbers", lambda _: numbers)
    assert _create(codespecs, "x", "a") == (1, False)
    codespecs._folder("x").file(1).unlink()
    assert _create(codespecs, "x", "a") == (3, True)


def test_numbers_that_are_taken_by_nobody(
    codespecs: CodespecStore, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `2.JSON` takes number 2 where file names do not tell cases apart."""
    monkeypatch.setattr("tyger_local.store.codespecs._MAX_TRIES", 3)
    _create(codespecs, "x", "a")
    folder = codespecs._folder("x")
    numbers = folder.numbers()
    monkeypatch.setattr(type(folder), "numbers", lambda _: numbers)
    folder.file(2).touch()
    with pytest.raises(StoreError, match="number 2 is taken"):
        _create(codespecs, "x", "b")


def test_no_numbers_left(codespecs: CodespecStore, home: Home) -> None:
    _put(home, 999_999_999)
    assert codespecs.get("x")["version"] == 999_999_999
    with pytest.raises(StoreError, match="no version numbers left"):
        _create(codespecs, "x", "a")


def test_a_full_disk(full_disk: Path) -> None:
    store = CodespecStore(Home(full_disk / "store"), pytest.fail, lambda name, names: None)
    with pytest.raises(StoreError, match="No space left on device"):
        _create(store, "x", "a" * 10_000)
    assert store.list() == []


_CREATE = """
import sys
from pathlib import Path
from tyger_local.store.codespecs import CodespecStore
from tyger_local.store.home import Home
root, who, count, images, delete = sys.argv[1:]
store = CodespecStore(Home(Path(root)), print, lambda name, names: None)
for number in range(int(count)):
    image = f"{who}-{number}" if images == "different" else f"{number}"
    document = {"kind": "job", "image": image}
    version, created = store.create("x", document, dict.__eq__, lambda: "now")
    print(version, int(created), flush=True)
    if delete == "delete" and number % 4 == 0 and created:
        store.delete("x", version)
"""


def _start(home: Home, who: int, count: int, *how: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _CREATE, str(home.root), str(who), str(count), *how]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _answers(text: str) -> list[tuple[int, bool]]:
    pairs = [line.split() for line in text.splitlines()]
    return [(int(version), created == "1") for version, created in pairs]


def _images(home: Home, store: CodespecStore) -> list[object]:
    count = len(list((home.codespecs_dir / "x").glob("*.json")))
    return [store.get("x", version)["image"] for version in range(1, count + 1)]


def test_different_creates_at_once_give_exact_versions(
    codespecs: CodespecStore, home: Home
) -> None:
    children = [_start(home, who, 25, "different", "keep") for who in range(8)]
    answers = [answer for child in children for answer in _answers(child.communicate()[0])]
    assert sorted(answers) == [(version, True) for version in range(1, 201)]
    assert len(set(_images(home, codespecs))) == 200
    assert not list((home.codespecs_dir / "x").glob("*~*"))


def test_identical_creates_at_once_give_one_version(codespecs: CodespecStore, home: Home) -> None:
    children = [_start(home, who, 1, "same", "keep") for who in range(8)]
    answers = [answer for child in children for answer in _answers(child.communicate()[0])]
    assert sorted(answers) == [(1, False)] * 7 + [(1, True)]
    assert _images(home, codespecs) == ["0"]


def test_mixed_creates_never_repeat_the_latest(codespecs: CodespecStore, home: Home) -> None:
    children = [_start(home, who, 25, "same", "keep") for who in range(8)]
    answers = [answer for child in children for answer in _answers(child.communicate()[0])]
    images = _images(home, codespecs)
    assert sorted(version for version, created in answers if created) == [
        *range(1, len(images) + 1)
    ]
    assert all(older != newer for older, newer in pairwise(images))


def test_deletes_among_creates_never_reuse_a_number(codespecs: CodespecStore, home: Home) -> None:
    children = [_start(home, who, 25, "different", "delete") for who in range(8)]
    answers = [answer for child in children for answer in _answers(child.communicate()[0])]
    assert len({version for version, _ in answers}) == 200
    assert len(list((home.codespecs_dir / "x").glob("*.json"))) == 200 - 8 * 7
    assert max(answers)[0] == 200


def test_killed_creates_lose_nothing_and_block_nobody(
    codespecs: CodespecStore, home: Home, warnings: list[str]
) -> None:
    chance = random.Random(1)
    children = [_start(home, who, 200, "different", "keep") for who in range(4)]
    survivor = _start(home, 9, 25, "different", "keep")
    answers: list[tuple[int, bool]] = []
    for child in children:
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(chance.randint(3, 12))]
        child.kill()
        answers += _answers("".join(lines) + child.communicate()[0])
    answers += _answers(survivor.communicate()[0])
    versions = [version for version, _ in answers]
    assert len(set(versions)) == len(versions)
    images = _images(home, codespecs)
    assert len(set(images)) == len(images)
    # A killed process may have stored a version and not have said so: one each.
    assert len(versions) <= len(images) <= len(versions) + 4
    assert _create(codespecs, "x", "after") == (len(images) + 1, True)
    assert warnings == []
