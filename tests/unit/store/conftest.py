from __future__ import annotations

import difflib
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tyger_local.store.codespecs import CodespecStore
from tyger_local.store.home import Home
from tyger_local.store.runs import RunStore


def nearest(name: str, names: Iterable[str]) -> str | None:
    return next(iter(difflib.get_close_matches(name, names, 1)), None)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "store")


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.fixture
def codespecs(home: Home, warnings: list[str]) -> CodespecStore:
    return CodespecStore(home, warnings.append, nearest)


@pytest.fixture
def runs(home: Home, warnings: list[str]) -> RunStore:
    return RunStore(home, warnings.append)


@pytest.fixture(params=[0, 0o077, 0o777], ids=oct)
def any_umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.fixture
def full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on a disk without a free block: a real one where we may mount."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    may_mount = sys.platform == "linux" and os.geteuid() == 0
    if not may_mount or subprocess.run(mount, check=False, capture_output=True).returncode:

        def no_space(_descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", no_space)
        yield folder
        return
    try:
        with (folder / "filler").open("wb", buffering=0) as filler, suppress(OSError):
            while True:
                filler.write(bytes(4096))
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)
