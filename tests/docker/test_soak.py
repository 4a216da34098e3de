"""Short versions of scripts/soak, as far as no other test looks at the same."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from soak.background import check_crowd
from soak.bytes import Copy, check_copy
from soak.case import MIB
from soak.ends import full_disk, head_closes
from soak.hostile import check_hostile

pytestmark = pytest.mark.docker


@pytest.mark.parametrize(
    ("how", "size", "stdio"),
    [
        ("cat", 0, True),
        ("dd", 65_537, False),
        ("cat, from a file", 65_536, True),
        ("Python", MIB + 1, True),
        ("cat", 100 * MIB, True),
    ],
)
def test_bytes_arrive_whatever_the_chunks(tmp_path: Path, how: str, size: int, stdio: bool) -> None:
    copy = Copy(size, how, stdin=stdio, stdout=stdio)
    assert check_copy(copy, tmp_path, random.Random(size)) == []


def test_a_full_disk(tmp_path: Path) -> None:
    assert [*full_disk(tmp_path)] == []


def test_head_closes_the_output(tmp_path: Path) -> None:
    assert [*head_closes(tmp_path)] == []


@pytest.mark.parametrize(
    "name",
    [
        "leaves hundreds of children",
        "opens its output again and again",
        "opens its input again and again",
        "litters",
    ],
)
def test_a_hostile_container(name: str) -> None:
    assert check_hostile(name) == []


@pytest.mark.parametrize("engine", ["docker", "process"])
def test_a_crowd_in_the_background(tmp_path: Path, engine: str) -> None:
    assert [*check_crowd(tmp_path, engine, seed=8, count=8)] == []
