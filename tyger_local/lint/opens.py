"""Which pipes a shell's command opens, as far as that is certain."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

from tyger_local.lint.argv import Buffer
from tyger_local.lint.shell import pipe_named, program_of
from tyger_local.lint.shell_tree import MARK, Node, Redirection, Simple, Word, redirections
from tyger_local.spec.buffers import Direction

# What these are given by name, they read.
READERS = frozenset({
    "cat", "head", "tail", "tac", "wc", "grep", "egrep", "fgrep", "zgrep", "zcat", "gunzip",
    "gzip", "bzip2", "bunzip2", "bzcat", "xz", "unxz", "xzcat", "zstd", "zstdcat", "sort",
    "cut", "sed", "awk", "gawk", "mawk", "md5sum", "sha1sum", "sha256sum", "sha512sum", "cksum",
    "od", "hexdump", "base64", "cmp", "nl", "strings", "jq",
})  # fmt: skip
# What these are given by name, they open, to read or write it as the buffer is meant.
_PROGRAMS = frozenset(
    ["python", "python3", "Rscript", "julia", "perl", "ruby", "octave", "ffmpeg", "ffprobe", "sox"]
)
_CODE_FLAGS = frozenset({"-c", "-e", "-E"})
_OUTPUT_FLAGS = {"sort": ("-o", "--output"), "curl": ("-o", "--output"), "wget": ("-O",)}
_TOUCHERS = frozenset({"touch", "truncate"})  # they do not wait: of an input, they open nothing
_WRITERS = _TOUCHERS | {"tee"}


_TAR_FILE = re.compile(r"-?[A-Za-z]*f|--file")


class Way(Enum):
    """How a pipe is opened."""

    READ = "reads"
    WRITE = "writes"
    BOTH = "opens for reading and writing"


@dataclass(frozen=True, slots=True)
class Open:
    """A pipe that a command opens.

    Attributes:
        descriptor: The shell's own that it has then, where a redirection opens it.
    """

    buffer: Buffer
    way: Way
    line: int
    descriptor: str = ""

    @property
    def is_wrong_way(self) -> bool:
        """Return whether an output is read, or an input written."""
        other = Way.WRITE if self.buffer.direction is Direction.INPUT else Way.READ
        return self.way is other


def redirected(node: Node, pipes: Mapping[str, Buffer]) -> Iterator[Open]:
    """Yield what a node's redirections open."""
    for one in redirections(node):
        buffer = pipe_named(one.target.text, pipes)
        if buffer is not None and not one.operator.startswith("<<"):
            yield Open(buffer, _way(one), one.target.line, one.descriptor)


def _way(redirection: Redirection) -> Way:
    return {"<": Way.READ, "<>": Way.BOTH}.get(redirection.operator, Way.WRITE)


def opened_by_program(command: Simple, pipes: Mapping[str, Buffer]) -> Iterator[Open]:
    """Yield what the program of a command opens by the names that it is given."""
    name, words = program_of(command)
    for word, way in _named(name, words):
        buffer = pipe_named(word.text, pipes)
        if buffer is not None and (name not in _TOUCHERS or buffer.direction is Direction.OUTPUT):
            meant = Way.READ if buffer.direction is Direction.INPUT else Way.WRITE
            yield Open(buffer, way or meant, word.line)


def _named(name: str, words: tuple[Word, ...]) -> Iterator[tuple[Word, Way | None]]:
    """Yield words that are names of files, and how they are opened; None if as they are meant."""
    if name == "dd":
        yield from _operands(words)
    elif name in _WRITERS:
        yield from ((word, Way.WRITE) for word in words)
    elif name == "cp":
        yield from _copied(words)
    elif name == "tar":
        yield from (
            (word, None) for option, word in pairwise(words) if _TAR_FILE.fullmatch(option.text)
        )
    elif name in READERS or name in _OUTPUT_FLAGS:
        yield from _read_or_put(name, words)
    elif name in _PROGRAMS and not any(word.text in _CODE_FLAGS for word in words):
        for word in words:
            yield Word(_value(word.text), word.line), None


def _operands(words: tuple[Word, ...]) -> Iterator[tuple[Word, Way | None]]:
    """Yield the files of ``dd``."""
    for word in words:
        operand, _, value = word.text.partition("=")
        if operand in ("if", "of"):
            yield Word(value, word.line), Way.READ if operand == "if" else Way.WRITE


def _copied(words: tuple[Word, ...]) -> Iterator[tuple[Word, Way | None]]:
    """Yield the files of ``cp``."""
    names = [word for word in words if not word.text.startswith("-")]
    if len(names) > 1:
        yield from ((word, Way.READ) for word in names[:-1])
        yield names[-1], Way.WRITE


def _read_or_put(name: str, words: tuple[Word, ...]) -> Iterator[tuple[Word, Way | None]]:
    flags = _OUTPUT_FLAGS.get(name, ())
    for at, word in enumerate(words):
        if at and words[at - 1].text in flags:
            yield word, Way.WRITE
        elif name in READERS:
            yield word, Way.READ


def _value(text: str) -> str:
    """Return what an argument gives: of ``--input=x``, x."""
    option, sign, value = text.partition("=")
    return value if sign and MARK not in option else text
