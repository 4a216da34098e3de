from __future__ import annotations

import pytest

from tyger_local.engine.base import OutputStream
from tyger_local.engine.docker.exec_failure import LONGEST_BYTES, FirstWords
from tyger_local.errors import (
    CommandNotExecutableError,
    CommandNotFoundError,
    StartError,
    WrongFormatError,
)

OUT, ERR = OutputStream.STDOUT, OutputStream.STDERR


def _refusal(*pieces: tuple[OutputStream, bytes], code: int = 1) -> StartError | None:
    words = FirstWords()
    for stream, data in pieces:
        words(stream, data)
    return words.refusal(code, "the command")


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"exec /prog: exec format error\n", WrongFormatError),
        (b"exec /a b/prog: exec format error", WrongFormatError),
        (
            b"standard_init_linux.go:228: exec user process caused: exec format error\n",
            WrongFormatError,
        ),
        (
            b'standard_init_linux.go:190: exec user process caused "exec format error"\n',
            None,  # older than any engine that is still in use
        ),
        (b"exec /job.sh: no such file or directory\n", CommandNotFoundError),
        (b"exec /job.sh: permission denied\n", CommandNotExecutableError),
        (b"exec /bin/sh: argument list too long\n", StartError),
    ],
)
@pytest.mark.parametrize("code", [1, 255])
def test_the_runtimes_line(line: bytes, error: type[StartError] | None, code: int) -> None:
    found = _refusal((ERR, line), code=code)
    assert (None if found is None else type(found)) is error
    assert found is None or (found.what.startswith("the command") and found.hint)


@pytest.mark.parametrize(
    ("pieces", "code"),
    [
        ([], 1),
        ([(ERR, b"exec /prog: exec format error\n")], 0),
        ([(ERR, b"exec /prog: exec format error\n")], 126),
        ([(OUT, b"exec /prog: exec format error\n")], 1),
        ([(OUT, b"x"), (ERR, b"exec /prog: exec format error\n")], 1),
        ([(ERR, b"exec /prog: exec format error\n"), (ERR, b"more\n")], 1),
        ([(ERR, b"sh: exec: line 1: /prog: Exec format error\n")], 1),
        ([(ERR, b"exec /prog: is what I do\n")], 1),
        ([(ERR, b"x" * LONGEST_BYTES), (ERR, b"x" * 10), (ERR, b"x")], 1),
        ([(ERR, b"\xff\xfe")], 1),
    ],
)
def test_what_a_program_says_itself(pieces: list[tuple[OutputStream, bytes]], code: int) -> None:
    assert _refusal(*pieces, code=code) is None


def test_a_line_in_pieces() -> None:
    found = _refusal((ERR, b"exec /prog: exec "), (ERR, b"format error\n"))
    assert isinstance(found, WrongFormatError)
    assert found.what == "the command cannot be executed: exec /prog: exec format error"
