from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tyger_local.errors import StoreError
from tyger_local.store.codespecs import CodespecStore
from tyger_local.store.files import folder_names
from tyger_local.store.home import Home
from tyger_local.store.runs import RunStore


def test_places(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert home.codespecs_dir == tmp_path / "codespecs"
    assert home.runs_dir == tmp_path / "runs"
    assert home.running_dir == tmp_path / "running"
    assert home.buffers_dir == tmp_path / "buffers"
    assert home == Home(tmp_path)


def test_the_root_is_for_its_owner_only(tmp_path: Path, any_umask: None) -> None:
    home = Home(tmp_path / "a" / "b")
    home.ensure()
    for folder in (tmp_path / "a", home.root):
        assert folder.stat().st_mode & 0o7777 == 0o700
    assert (home.root / "README.txt").stat().st_mode & 0o7777 == 0o600
    assert folder_names(home.root) == ["README.txt"]


def test_the_readme_is_written_once(home: Home) -> None:
    home.ensure()
    readme = home.root / "README.txt"
    text = readme.read_text("utf-8")
    for words in (
        "tyger-local",
        "codespecs/<name>/<version>.json",
        "runs/",
        "running/",
        "buffers/",
        "~",
    ):
        assert words in text
    assert all(len(line) <= 100 for line in text.splitlines())
    readme.write_text("mine", "utf-8")
    home.ensure()
    assert readme.read_text("utf-8") == "mine"


def test_a_root_that_is_there_keeps_its_mode(home: Home) -> None:
    home.root.mkdir()
    home.root.chmod(0o755)
    home.ensure()
    assert home.root.stat().st_mode & 0o7777 == 0o755


def test_a_root_that_is_a_file(home: Home, codespecs: CodespecStore, runs: RunStore) -> None:
    home.root.touch()
    for use in (home.ensure, home.check, codespecs.list, lambda: codespecs.get("x"), runs.ids):
        with pytest.raises(StoreError) as caught:
            use()
        assert caught.value.what == f"The store '{home.root}' is a file, not a folder"
        assert "--home" in caught.value.hint
        assert "TYGER_LOCAL_HOME" in caught.value.hint


def test_a_root_below_a_file_or_a_dangling_link(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("nowhere")
    for root in (tmp_path / "file" / "store", tmp_path / "link"):
        with pytest.raises(StoreError, match="The store cannot use") as caught:
            Home(root).ensure()
        assert "TYGER_LOCAL_HOME" in caught.value.hint


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="needs a folder closed even to root")
def test_a_root_that_may_not_be_written() -> None:
    with pytest.raises(StoreError, match=r"'/sys/tyger-local': ") as caught:
        Home(Path("/sys/tyger-local")).ensure()
    assert "Ask for access" in caught.value.hint


def test_reading_creates_nothing(home: Home, codespecs: CodespecStore, runs: RunStore) -> None:
    assert codespecs.list() == []
    assert runs.list() == []
    assert runs.ids() == []
    home.check()
    assert not home.root.exists()


def test_many_at_once(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from tyger_local.store.home import Home;"
        "Home(pathlib.Path(sys.argv[1])).ensure()"
    )
    root = tmp_path / "a" / "b"
    children = [subprocess.Popen([sys.executable, "-c", program, str(root)]) for _ in range(6)]
    assert [child.wait() for child in children] == [0] * 6
    assert folder_names(root) == ["README.txt"]


def test_what_reading_imports() -> None:
    """`codespec list` must feel instant."""
    program = (
        "import sys; import tyger_local.store.codespecs, tyger_local.store.runs;"
        "print(*sorted({'pydantic', 'docker', 'click', 'shutil', 'tempfile', 'yaml', 'subprocess',"
        " 'asyncio', 'logging'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    assert done.stdout == b"\n"
