from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tyger_local.streams.tally import CHECKSUM_LIMIT_BYTES, Checksum, Tally

MEBIBYTE = bytes(range(256)) * 4096
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def _tally(policy: Checksum, size: int) -> Tally:
    tally = Tally(policy)
    while size:
        count = min(size, len(MEBIBYTE))
        tally.add(memoryview(MEBIBYTE)[:count])
        size -= count
    return tally


def test_the_limit_is_the_contracts() -> None:
    assert CHECKSUM_LIMIT_BYTES == 64 * 1024 * 1024


def test_nothing_has_a_checksum_too() -> None:
    assert [_tally(policy, 0).sha256 for policy in Checksum] == [EMPTY, EMPTY, None]


def test_chunks_do_not_matter() -> None:
    tally = Tally(Checksum.AUTO)
    for size in (0, 1, 4095, 65_537, 3):
        tally.add(MEBIBYTE[:size])
    whole = b"".join(MEBIBYTE[:size] for size in (0, 1, 4095, 65_537, 3))
    assert tally.bytes == len(whole)
    assert tally.sha256 == hashlib.sha256(whole).hexdigest()


@pytest.mark.parametrize(
    ("policy", "beyond", "hashed"),
    [
        (Checksum.AUTO, 0, True),
        (Checksum.AUTO, 1, False),
        (Checksum.ALWAYS, 1, True),
        (Checksum.NEVER, 0, False),
    ],
)
def test_beyond_the_limit_only_who_wants_it_hashes(
    policy: Checksum, beyond: int, hashed: bool
) -> None:
    size = CHECKSUM_LIMIT_BYTES + beyond
    tally = _tally(policy, size)
    assert tally.bytes == size
    whole = MEBIBYTE * 64 + MEBIBYTE[:beyond]
    assert tally.sha256 == (hashlib.sha256(whole).hexdigest() if hashed else None)


def test_counting_goes_on_without_a_checksum() -> None:
    tally = _tally(Checksum.AUTO, CHECKSUM_LIMIT_BYTES + 1)
    tally.add(b"more")
    assert (tally.bytes, tally.sha256) == (CHECKSUM_LIMIT_BYTES + 5, None)


@pytest.mark.parametrize(
    ("policy", "beyond", "hashed"),
    [
        (Checksum.AUTO, 0, True),
        (Checksum.AUTO, 1, False),
        (Checksum.NEVER, 0, False),
    ],
)
def test_what_is_kept_is_hashed_at_its_end(
    tmp_path: Path, policy: Checksum, beyond: int, hashed: bool
) -> None:
    data = MEBIBYTE * 64 + MEBIBYTE[:beyond]
    (tmp_path / "kept").write_bytes(data)
    tally = Tally(policy, is_kept=True)
    assert not tally.looks
    tally.count(len(data) - 10)
    tally.add(data[-10:])  # where the kernel refuses to move it unseen
    assert tally.sha256 is None
    with (tmp_path / "kept").open("rb") as file:
        for _ in range(2):
            tally.hash_file(file.fileno())
    assert tally.sha256 == (hashlib.sha256(data).hexdigest() if hashed else None)


def test_who_always_wants_a_checksum_of_what_is_kept_looks() -> None:
    assert Tally(Checksum.ALWAYS, is_kept=True).looks
