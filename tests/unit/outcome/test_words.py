from __future__ import annotations

import pytest

from tyger_local.outcome.words import (
    counted,
    human_bytes,
    human_cores,
    human_memory,
    human_seconds,
    human_share,
    printable,
)


@pytest.mark.parametrize(
    ("count", "moved", "memory"),
    [
        (0, "0 B", "0 B"),
        (999, "999 B", "999 B"),
        (1000, "1 kB", "1000 B"),
        (1536, "1.54 kB", "1.5 KiB"),
        (412 * 2**20, "432 MB", "412 MiB"),
        (1010 * 2**20, "1.06 GB", "1010 MiB"),
        (2**62, "4612 PB", "4096 PiB"),
    ],
)
def test_bytes(count: int, moved: str, memory: str) -> None:
    assert (human_bytes(count), human_memory(count)) == (moved, memory)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0.00 s"),
        (0.349, "0.35 s"),
        (9.999, "10.0 s"),
        (12.5, "12.5 s"),
        (119.96, "2 min 0 s"),
        (200, "3 min 20 s"),
        (3599.7, "1 h 0 min"),
        (7500, "2 h 5 min"),
    ],
)
def test_seconds(seconds: float, words: str) -> None:
    assert human_seconds(seconds) == words


def test_cores_and_shares() -> None:
    assert (human_cores(0.349), human_cores(12.51)) == ("0.35", "12.5")
    assert [human_share(part, 200) for part in (0, 0.01, 1, 19.9, 20, 200)] == [
        "0 %", "< 0.1 %", "0.5 %", "9.9 %", "10 %", "100 %",
    ]  # fmt: skip


def test_plurals() -> None:
    assert [counted(count, "run") for count in (0, 1, 2)] == ["0 runs", "1 run", "2 runs"]


def test_what_would_drive_a_terminal_is_shown_and_not_done() -> None:
    assert printable("a\tb\x1b[31m\u202ec\n") == "a\tb\\x1b[31m\\x202ec\\x0a"
