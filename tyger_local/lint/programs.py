"""Programs that need more of a file than a pipe gives."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from tyger_local.lint.argv import Buffer, arguments_of, buffers_of, program_name, unwrapped
from tyger_local.lint.model import Finding, Rule, Severity, Subject
from tyger_local.lint.opens import redirected
from tyger_local.lint.shell import commands_of, pipe_named, program_of, script_of
from tyger_local.lint.shell_tree import MARK, UNKNOWN
from tyger_local.spec.buffers import Direction

_SEEKING = frozenset(
    [
        "unzip",
        "zipinfo",
        "zip",
        "sqlite3",
        "h5dump",
        "h5ls",
        "h5repack",
        "h5copy",
        "h5stat",
        "h5diff",
        "7z",
        "7za",
        "7zr",
    ]
)
_MP4 = frozenset({"mp4", "mov", "ipod", "m4a", "3gp", "3g2", "psp", "f4v"})
_STDOUT = frozenset({"-", "pipe:", "pipe:1", "/dev/stdout"})
_STREAMED = re.compile(r"frag|empty_moov|dash|cmaf")


@dataclass(frozen=True, slots=True)
class _Call:
    """A program with its arguments, called by a script or without one.

    Attributes:
        finding: Makes a finding of what happens and what to do.
        stdout: The buffer to which its standard output is redirected.
    """

    finding: Callable[[str, str], Finding]
    name: str
    arguments: tuple[tuple[str, Buffer | None], ...]
    stdout: Buffer | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(text for text, _ in self.arguments)

    @property
    def is_open(self) -> bool:
        """Return whether more arguments, or others, may come of those that only a run tells."""
        return any(text[:1] in (MARK, UNKNOWN) for text, buffer in self.arguments if buffer is None)

    @property
    def pipes(self) -> Iterator[Buffer]:
        return (buffer for _, buffer in self.arguments if buffer is not None)


def _calls(subject: Subject) -> Iterator[_Call]:
    """Yield the calls that are certain: of a script, or of the command itself."""
    script = script_of(subject)
    if script is None:
        yield from _direct_call(subject)
    elif script.tree is not None:
        for command in commands_of(script.tree):
            name, given = program_of(command)
            arguments = tuple((one.text, pipe_named(one.text, script.pipes)) for one in given)
            stdout = [
                one.buffer for one in redirected(command, script.pipes) if one.descriptor == "1"
            ]
            yield _Call(partial(script.finding, command.line), name, arguments, *stdout[-1:])


def _direct_call(subject: Subject) -> Iterator[_Call]:
    arguments = arguments_of(subject.codespec)
    texts = [one.text for one in arguments]
    if subject.codespec.command:
        at = unwrapped(texts)
        if at == len(texts):
            return
        name = program_name(texts[at])
    else:
        # Such an image's entrypoint is the program: so it is said in Tyger's guide.
        at, name = -1, program_name(subject.codespec.image).partition(":")[0].partition("@")[0]
        if name != "ffmpeg":
            return
    paths = {one.path: one for one in buffers_of(subject.codespec)}
    given = tuple((one.text, paths.get(one.text)) for one in arguments[at + 1 :])
    path = arguments[max(at, 0)].path if arguments else ("image",)
    yield _Call(partial(Finding, path), name, given)


def needs_file(subject: Subject) -> Iterator[Finding]:
    """A program that seeks in its files is given a pipe.

    zip archives, HDF5 files and SQLite databases are not read or written from front to back, and a pipe is
    only that. Copy an input to a file first; write an output to a file and then into the pipe.
    """
    for call in _calls(subject):
        if call.name in _SEEKING or (call.name == "samtools" and call.texts[:1] == ("index",)):
            for buffer in call.pipes:
                yield call.finding(
                    f"{call.name} seeks in its files, and the pipe of '{buffer.name}' "
                    "cannot be sought in",
                    f"copy it to a file first, and use that: cat {buffer.in_shell} > /tmp/{buffer.name}"
                    if buffer.direction is Direction.INPUT
                    else f"write to a file, and then: cat /tmp/{buffer.name} > {buffer.in_shell}",
                )


@dataclass(frozen=True, slots=True)
class _FfmpegOutput:
    """An output of ffmpeg that is a pipe, and the options that hold for it.

    Attributes:
        is_named: Whether ffmpeg gets the pipe's name, and not only its standard output.
    """

    call: _Call
    buffer: Buffer
    options: tuple[str, ...]
    is_named: bool

    def value(self, option: str) -> str:
        """Return the value of an option, empty if it is not given."""
        at = [at for at, text in enumerate(self.options[:-1]) if text == option]
        return self.options[at[-1] + 1] if at else ""


def _ffmpeg_outputs(subject: Subject) -> Iterator[_FfmpegOutput]:
    for call in _calls(subject):
        if call.name == "ffmpeg" and "-i" in call.texts:
            last_input = max(at for at, text in enumerate(call.texts) if text == "-i")
            start = last_input + 2
            for at, (text, named) in enumerate(call.arguments):
                buffer = call.stdout if text in _STDOUT else named
                if at >= start and buffer is not None and buffer.direction is Direction.OUTPUT:
                    yield _FfmpegOutput(
                        call, buffer, call.texts[start:at], is_named=named is not None
                    )
                    start = at + 1


def ffmpeg_overwrite(subject: Subject) -> Iterator[Finding]:
    """Ffmpeg writes to a pipe without `-y`.

    The pipe is there before ffmpeg starts, so ffmpeg asks whether to overwrite it, gets no answer and gives
    up.
    """
    for one in _ffmpeg_outputs(subject):
        if one.is_named and "-y" not in one.call.texts and not one.call.is_open:
            yield one.call.finding(
                f"ffmpeg asks whether to overwrite the pipe of "
                f"'{one.buffer.name}', which exists already, and gives up",
                "give it the option -y, and not -n"
                if "-n" in one.call.texts
                else "give it the option -y",
            )
            return


def ffmpeg_format(subject: Subject) -> Iterator[Finding]:
    """Ffmpeg writes to a pipe and is not told the format.

    It guesses the format by the end of the file's name, and a pipe's name has none.
    """
    for one in _ffmpeg_outputs(subject):
        # A misspelt option is another error, which ffmpeg names.
        if not any(option in ("-f", "-f-") for option in one.options) and not one.call.is_open:
            yield one.call.finding(
                f"ffmpeg cannot tell by the name of the pipe of "
                f"'{one.buffer.name}' which format is meant",
                "name a format that is written from front to back, straight before the pipe: -f nut",
            )


def ffmpeg_seeks(subject: Subject) -> Iterator[Finding]:
    """Ffmpeg writes MP4, or one of its kin, to a pipe.

    Its writer goes back to the beginning at the end, which a pipe does not let it. Fragmented MP4 is written
    from front to back, as are NUT, Matroska and MPEG-TS.
    """
    for one in _ffmpeg_outputs(subject):
        if one.value("-f") in _MP4 and not _STREAMED.search(" ".join(one.options)):
            yield one.call.finding(
                f"ffmpeg seeks while it writes {one.value('-f')}, and the pipe of "
                f"'{one.buffer.name}' cannot be sought in",
                "let it write fragments, with -movflags frag_keyframe+empty_moov before the "
                "pipe, or another format: -f nut",
            )


RULES = (
    Rule("needs-file", Severity.ERROR, "a pipe for a program that seeks", needs_file),
    Rule("ffmpeg-overwrite", Severity.ERROR, "ffmpeg without -y", ffmpeg_overwrite),
    Rule("ffmpeg-format", Severity.ERROR, "ffmpeg without a format", ffmpeg_format),
    Rule("ffmpeg-seeks", Severity.ERROR, "MP4 into a pipe", ffmpeg_seeks),
)  # fmt: skip
