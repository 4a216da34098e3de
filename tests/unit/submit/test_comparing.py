"""Where two outputs part."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import pytest

from tyger_local.errors import TygerLocalError
from tyger_local.submit.comparing import (
    CHUNK_BYTES,
    Digest,
    Lines,
    _common_bytes,
    compare_digest,
    compare_files,
)

LONG = "x" * 500


@pytest.mark.parametrize(
    ("here", "there", "offset", "lines"),
    [
        (b"", b"", None, None),
        (b"same\n", b"same\n", None, None),
        (b"", b"a", 0, Lines(1, None, "a")),
        (b"a\nb\n", b"a\nc\n", 2, Lines(2, "b", "c")),
        (b"a\nb\n", b"a\nb", 3, Lines(2, "b", "b")),
        (b"a\nb", b"a\nb\r\n", 3, Lines(2, "b", "b\r")),
        (b"a\n", b"a\nmore\nand more", 2, Lines(2, None, "more")),
        (b"\n\n\nx 1.0\n", b"\n\n\nx 1.5\n", 7, Lines(4, "x 1.0", "x 1.5")),
        ("ä\nö\n".encode(), "ä\nü\n".encode(), 4, Lines(2, "ö", "ü")),
        (b"a\tb\n", b"a\tc\n", 2, Lines(1, "a\tb", "a\tc")),
        (b"\x00\x01", b"\x00\x02", 1, None),
        (b"text\n", b"\xff\xfe\n", 0, None),
        (b"\x1b[31m\n", b"text\n", 0, None),
        (f"{LONG}a\n".encode(), f"{LONG}b\n".encode(), 500, None),
    ],
)
def test_two_files(
    tmp_path: Path, here: bytes, there: bytes, offset: int | None, lines: Lines | None
) -> None:
    one, other = tmp_path / "here", tmp_path / "there"
    one.write_bytes(here)
    other.write_bytes(there)
    found = compare_files("output", one, other)
    assert (found.offset, found.lines) == (offset, lines)
    assert found.is_identical is (here == there)
    for digest, data in ((found.here, here), (found.there, there)):
        assert digest == Digest(len(data), hashlib.sha256(data).hexdigest())
    known = compare_digest("output", found.here, other)
    assert known.is_identical is (here == there)
    assert (known.there, known.offset) == (found.there, None)


@pytest.mark.parametrize("offset", [0, CHUNK_BYTES - 1, CHUNK_BYTES, 2 * CHUNK_BYTES + 5])
def test_where_large_files_part(tmp_path: Path, offset: int) -> None:
    data = bytearray(random.Random(1).randbytes(3 * CHUNK_BYTES))
    (tmp_path / "here").write_bytes(data)
    data[offset] ^= 1
    (tmp_path / "there").write_bytes(data)
    found = compare_files("output", tmp_path / "here", tmp_path / "there")
    assert found.offset == offset
    assert found.there.sha256 == hashlib.sha256(data).hexdigest()


def test_a_line_is_found_chunks_later(tmp_path: Path) -> None:
    same = b"some line\n" * (CHUNK_BYTES // 5)
    (tmp_path / "here").write_bytes(same + b"1.0\n")
    (tmp_path / "there").write_bytes(same + b"1.1\n")
    found = compare_files("output", tmp_path / "here", tmp_path / "there")
    assert found.lines == Lines(CHUNK_BYTES // 5 + 1, "1.0", "1.1")


def test_common_bytes_are_those_counted_one_by_one() -> None:
    chance = random.Random(2)
    for _ in range(2000):
        one, other = (bytes(chance.choices(b"ab", k=chance.randrange(6))) for _ in range(2))
        pairs = enumerate(zip(one, other, strict=False))
        expected = next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))
        assert _common_bytes(one, other) == expected


def test_what_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "here").touch()
    message = "the output 'images' cannot be compared: .*/there: No such file or directory"
    with pytest.raises(TygerLocalError, match=message):
        compare_files("images", tmp_path / "here", tmp_path / "there")
    with pytest.raises(TygerLocalError, match=message):
        compare_digest("images", Digest(0, ""), tmp_path / "there")
