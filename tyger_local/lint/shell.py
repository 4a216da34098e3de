"""Where a codespec has a shell script, what its commands are, and which of their words are pipes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from tyger_local.lint.model import Subject
from tyger_local.lint.shell_parse import parse
from tyger_local.lint.shell_tree import (
    ASSIGNMENT,
    MARK,
    Loop,
    Node,
    Simple,
    Word,
    nodes,
    simples,
    words,
)
from tyger_local.lint.shell_tree import Sequence as Commands
from tyger_local.lint.shell_words import NotUnderstood
from tyger_local.spec.buffers import Direction, pipe_variable
from tyger_local.spec.expansion import expand
from tyger_local.spec.models import AnyCodespec, JobCodespec
from tyger_local.spec.place import Path

PIPE_FOLDER = "/etc/buffer-fifos"  # the cluster's; TYGER's server mounts it there
SHELLS = frozenset({"sh", "bash", "dash", "ash", "ksh", "zsh"})
NOTHING = Commands(())
_WITH_SCRIPT = re.compile(r"-[A-Za-z]*c[A-Za-z]*")
_TAKES_VALUE = re.compile(r"[-+][A-Za-z]*[oO]|--rcfile|--init-file")
_ENV_SETTING = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
_DURATION = re.compile(r"[\d.]+[smhd]?")
_WRAPPERS = frozenset(
    {"env", "exec", "command", "builtin", "nohup", "nice", "timeout", "stdbuf", "setsid", "tini", "dumb-init"}
    | {"ionice", "catchsegv", "time", "busybox"}
)  # fmt: skip
_WRAPPER_VALUES = frozenset({"-n", "-s", "-k", "-u", "-c"})
_DECLARING = frozenset({"export", "readonly", "local", "declare", "typeset"})


@dataclass(frozen=True, slots=True)
class Buffer:
    """A buffer that the job sees as a pipe."""

    name: str
    direction: Direction

    @property
    def variable(self) -> str:
        """Return the variable that holds the pipe's path."""
        return pipe_variable(self.name)

    @property
    def path(self) -> str:
        """Return the pipe's path on the cluster."""
        return f"{PIPE_FOLDER}/{self.name}"

    @property
    def in_shell(self) -> str:
        """Return how a script names the pipe: as a variable where a shell can read that."""
        is_name = re.fullmatch(r"[A-Za-z_]\w*", self.variable)
        return f'"${self.variable}"' if is_name else f'"$({self.variable})"'


@dataclass(frozen=True, slots=True)
class Argument:
    """A member of the container's argument vector.

    Attributes:
        path: Where it stands in the codespec.
        written: As it stands there.
        text: With the references to pipes replaced, as the container gets it.
    """

    path: Path
    written: str
    text: str


@dataclass(frozen=True, slots=True)
class Script:
    """A shell script in a codespec.

    Attributes:
        argument: It.
        rest: What the shell gets after it.
        tree: Its commands; None if it is not understood.
        pipes: Buffers by the names of the variables that hold their paths all through the script.
    """

    argument: Argument
    rest: tuple[Argument, ...] = ()
    tree: Commands | None = None
    pipes: Mapping[str, Buffer] = field(default_factory=dict)

    def place(self, line: int) -> str:
        """Return which line of the script is meant, as the start of a sentence."""
        return f"line {line} of the script: " if "\n" in self.argument.text.strip() else ""


def buffers_of(codespec: AnyCodespec) -> tuple[Buffer, ...]:
    """Return the buffers that the job sees as pipes: all but those of sockets."""
    if not isinstance(codespec, JobCodespec):
        return ()
    taken = {
        name.lower() for one in codespec.sockets for name in (one.input_buffer, one.output_buffer)
    }
    named = (
        *((name, Direction.INPUT) for name in codespec.buffers.inputs),
        *((name, Direction.OUTPUT) for name in codespec.buffers.outputs),
    )
    return tuple(Buffer(name, way) for name, way in named if name.lower() not in taken)


def arguments_of(codespec: AnyCodespec) -> tuple[Argument, ...]:
    """Return the container's arguments, its command first."""
    values = {name: value for name, value in codespec.env.items() if "$" not in value}
    values |= {one.variable: one.path for one in buffers_of(codespec)}
    return tuple(
        Argument((name, at), text, expand(text, values))
        for name, texts in (("command", codespec.command), ("args", codespec.args))
        for at, text in enumerate(texts)
    )


def program_name(text: str) -> str:
    """Return the name of a program that is given by its name or its path."""
    return text.rpartition("/")[2]


def unwrapped(texts: Sequence[str]) -> int:
    """Return where in an argument vector the program stands that wrappers (``env``, ``timeout 5``) start."""
    at = 0
    while at < len(texts) and program_name(texts[at]) in _WRAPPERS:
        name = program_name(texts[at])
        at += 1
        while at < len(texts) and (
            texts[at].startswith("-")
            or name == "env" and _ENV_SETTING.fullmatch(texts[at])
            or name == "timeout" and _DURATION.fullmatch(texts[at])
        ):
            at += 2 if texts[at] in _WRAPPER_VALUES else 1
    return at


@dataclass(frozen=True, slots=True)
class Shell:
    """How a shell was called.

    Attributes:
        at: Where in the argument vector its script, or the name of its script's file, stands; after the end if nowhere.
        has_script: Whether a script stands there.
    """

    at: int
    has_script: bool


def shell_in(texts: Sequence[str]) -> Shell | None:
    """Return how an argument vector calls a shell; None if it does not."""
    at = unwrapped(texts)
    if at >= len(texts) or program_name(texts[at]) not in SHELLS:
        return None
    at += 1
    has_script = False
    while at < len(texts) and texts[at][:1] in ("-", "+") and texts[at] not in ("-", "--"):
        has_script |= bool(_WITH_SCRIPT.fullmatch(texts[at]))
        at += 2 if _TAKES_VALUE.fullmatch(texts[at].replace("c", "")) else 1
    if at < len(texts) and texts[at] in ("-", "--"):
        at += 1
    return Shell(at, has_script)


def script_of(subject: Subject) -> Script | None:
    """Return the shell script of a codespec; None if it has none, or its image's entrypoint may be anything."""
    return _script_of(_Hashed(subject.codespec))


class _Hashed:
    """A codespec by its identity: several rules ask for the same script one after the other."""

    def __init__(self, codespec: AnyCodespec) -> None:
        self.codespec = codespec

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Hashed) and self.codespec is other.codespec

    def __hash__(self) -> int:
        return id(self.codespec)


@lru_cache(maxsize=4)
def _script_of(hashed: _Hashed) -> Script | None:
    codespec = hashed.codespec
    arguments = arguments_of(codespec)
    shell = shell_in([one.text for one in arguments]) if codespec.command else None
    if shell is None or not shell.has_script or shell.at >= len(arguments):
        return None
    argument, rest = arguments[shell.at], arguments[shell.at + 1 :]
    try:
        tree = parse(argument.text)
    except NotUnderstood:
        return Script(argument, rest)
    return Script(argument, rest, tree, _pipes(buffers_of(codespec), tree))


def _pipes(buffers: Sequence[Buffer], tree: Commands) -> Mapping[str, Buffer]:
    """Return what names pipes: their variables, and those that are set once, to a pipe."""
    given = list(_settings(tree))
    times = Counter(name for name, _ in given)
    pipes = {one.variable: one for one in buffers if one.variable not in times}
    for name, value in given:
        found = pipe_named(value, pipes, buffers) if times[name] == 1 else None
        if found:
            pipes[name] = found
    return pipes | {one.path: one for one in buffers}


def _settings(tree: Commands) -> Iterator[tuple[str, str]]:
    """Yield each variable that is set, as often as it is, and the value."""
    for node in nodes(tree):
        if isinstance(node, Loop) and node.variable:
            yield node.variable, ""
        for one in [*node.assignments, *_declared(node)] if isinstance(node, Simple) else ():
            name, _, value = one.text.partition("=")
            yield name.rstrip("+"), value


def _declared(command: Simple) -> Iterator[Word]:
    if command.words and command.words[0].plain in _DECLARING:
        yield from (one for one in command.words[1:] if ASSIGNMENT.match(one.text))
    if command.words and command.words[0].plain in ("read", "mapfile", "getopts", "unset"):
        yield from command.words[1:]


def pipe_named(
    text: str, pipes: Mapping[str, Buffer], buffers: Sequence[Buffer] = ()
) -> Buffer | None:
    """Return the buffer whose pipe a word is, by a variable or its path."""
    if text.startswith(MARK) and text.endswith(MARK):
        return pipes.get(text[1:-1])
    return pipes.get(text) if "/" in text else next((one for one in buffers if one.path == text), None)


def commands_of(tree: Node) -> tuple[Simple, ...]:
    """Return all simple commands of a script, those of scripts inside it (``sh -c '…'``) too."""
    return tuple(
        one
        for command in simples(tree)
        for one in (command, *simples(nested(command) or NOTHING))
    )


def nested(command: Simple) -> Commands | None:
    """Return the script that a command gives to a shell of its own, if it is certain and understood."""
    texts = [one.plain for one in command.words]
    shell = shell_in(texts)
    if shell is None or not shell.has_script or shell.at >= len(texts) or not texts[shell.at]:
        return None
    try:
        return parse(texts[shell.at], command.words[shell.at].line)
    except NotUnderstood:
        return None


def program_of(command: Simple) -> tuple[str, tuple[Word, ...]]:
    """Return the program that a command calls, wrappers aside, and its arguments; an empty name if it is not known."""
    at = unwrapped([one.plain for one in command.words])
    if at >= len(command.words):
        return "", ()
    return program_name(command.words[at].plain), command.words[at + 1 :]


def mentions(tree: Commands, pipes: Mapping[str, Buffer]) -> Counter[str]:
    """Return how often each buffer's pipe is named, as a word or in one."""
    found: Counter[str] = Counter()
    for node in nodes(tree):
        for one in words(node):
            for key, buffer in pipes.items():
                found[buffer.name] += one.text.count(key if "/" in key else f"{MARK}{key}{MARK}")
    return found
