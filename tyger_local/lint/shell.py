"""Where a codespec has a shell script, what its commands are, and which of their words are pipes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from tyger_local.lint.argv import (
    OPERATORS,
    Argument,
    Buffer,
    arguments_of,
    buffers_of,
    program_name,
    shell_in,
    unwrapped,
)
from tyger_local.lint.model import Finding, Subject
from tyger_local.lint.shell_parse import parse
from tyger_local.lint.shell_tree import (
    ASSIGNMENT,
    MARK,
    Item,
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
from tyger_local.spec.models import AnyCodespec

_NOTHING = Commands(())
_LONGEST_BYTES = 2**17  # Linux starts no program with a longer argument
_DECLARING = frozenset({"export", "readonly", "local", "declare", "typeset"})


@dataclass(frozen=True, slots=True)
class Script:
    """A shell script in a codespec.

    Attributes:
        argument: It.
        rest: What the shell gets after it.
        tree: Its commands; None if it is not understood.
        pipes: Buffers by the names of the variables that hold their paths all through the script.
        is_call: Whether it is no script at all, but a program that is called without a shell.
    """

    argument: Argument
    rest: tuple[Argument, ...] = ()
    tree: Commands | None = None
    pipes: Mapping[str, Buffer] = field(default_factory=dict)
    is_call: bool = False

    @property
    def _has_lines(self) -> bool:
        return "\n" in self.argument.text.strip()

    def finding(self, line: int, happens: str, fix: str) -> Finding:
        """Return what was found in a line of the script, counted from 1."""
        where = f"line {line} of the script: " if self._has_lines else ""
        return Finding(self.argument.path, f"{where}{happens}", fix, line=line - 1)

    def in_line(self, line: int) -> str:
        """Return which line of the script is meant, for the middle of a sentence."""
        return f" in line {line}" if self._has_lines else ""


def script_of(subject: Subject) -> Script | None:
    """Return the shell script of a codespec; None if it has none, or its image's entrypoint may be "
    "anything.
    """
    return _script_of(_Hashed(subject.codespec))


def understood(subject: Subject) -> Iterator[tuple[Script, Commands]]:
    """Yield the script of a codespec and its commands, if it has one that is understood.

    A program that is called without a shell is a script of one command.
    """
    script = script_of(subject) or _call(subject.codespec)
    if script is not None and script.tree is not None:
        yield script, script.tree


def _call(codespec: AnyCodespec) -> Script | None:
    arguments = arguments_of(codespec)
    texts = [one.text for one in arguments]
    if not codespec.command or shell_in(texts) is not None or OPERATORS & set(texts):
        return None
    command = Simple(tuple(Word(one.text, 1) for one in arguments), (), (), 1)
    tree = Commands((Item(command, is_background=False),))
    pipes = {one.path: one for one in buffers_of(codespec)}
    return Script(arguments[0], (), tree, pipes, is_call=True)


def in_shell(script: Script) -> str:
    """Return what to add to a line of the shell that is proposed: how to come by a shell."""
    return ', in a shell: command: ["sh", "-c", …]' if script.is_call else ""


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
    if len(argument.text.encode()) > _LONGEST_BYTES:
        return Script(argument, rest)
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
    pipes |= {one.path: one for one in buffers}
    for name, value in given:
        found = pipe_named(value, pipes) if times[name] == 1 else None
        if found is not None:
            pipes[name] = found
    return pipes


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


def pipe_named(text: str, pipes: Mapping[str, Buffer]) -> Buffer | None:
    """Return the buffer whose pipe a word is, by a variable or its path."""
    if text.startswith(MARK) and text.endswith(MARK):
        return pipes.get(text[1:-1])
    return pipes.get(text) if "/" in text else None


def commands_of(tree: Node) -> tuple[Simple, ...]:
    """Return all simple commands of a script, and of those inside it (``sh -c '…'``, ``trap '…'``)."""
    return tuple(
        one
        for command in simples(tree)
        for one in (command, *simples(nested(command) or _trapped(command) or _NOTHING))
    )


def _trapped(command: Simple) -> Commands | None:
    """Return what a ``trap`` has the shell do, if that is certain and understood."""
    texts = [one.plain for one in command.words]
    if len(texts) < 3 or texts[0] != "trap":
        return None
    try:
        return parse(texts[1], command.words[1].line)
    except NotUnderstood:
        return None


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
    """Return the program that a command calls, wrappers aside, and its arguments; an empty name if it is "
    "not known.
    """
    at = unwrapped([one.plain for one in command.words])
    if at >= len(command.words):
        return "", ()
    return program_name(command.words[at].plain), command.words[at + 1 :]


def nested_nodes(tree: Commands) -> Iterator[Node]:
    """Yield the nodes of the scripts that a script gives to shells of their own."""
    for command in simples(tree):
        inner = nested(command)
        if inner is not None:
            yield from nodes(inner)


def mentions(tree: Commands, pipes: Mapping[str, Buffer]) -> Counter[str]:
    """Return how often each buffer's pipe is named, as a word or in one."""
    found: Counter[str] = Counter()
    for node in nodes(tree):
        for one in words(node):
            for key, buffer in pipes.items():
                found[buffer.name] += one.text.count(key if "/" in key else f"{MARK}{key}{MARK}")
    return found
