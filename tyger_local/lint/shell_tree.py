"""What a shell script consists of, as far as rules look at it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

# In a word's text, from Unicode's private area: a script that holds them is not understood.
MARK, UNKNOWN = "\ue000", "\ue001"
ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\+?=")


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a command.

    Attributes:
        text: It without its quotes; NAME of ``$NAME`` stands between two `MARK`, what only a run tells is
            `UNKNOWN`.
        line: Where it begins in the script, from 1.
        inner: The scripts in it whose output it takes, in order.
        beside: The scripts in it that run beside the command: ``<(…)`` and ``>(…)``.
    """

    text: str
    line: int
    inner: tuple[Sequence, ...] = ()
    beside: tuple[Sequence, ...] = ()

    @property
    def plain(self) -> str:
        """Return its text where that is certain, else an empty one."""
        return "" if MARK in self.text or UNKNOWN in self.text else self.text


@dataclass(frozen=True, slots=True)
class Redirection:
    """A redirection: ``2>> file`` has the descriptor "2", the operator ">>" and the target `file`."""

    operator: str
    descriptor: str
    target: Word


@dataclass(frozen=True, slots=True)
class Simple:
    """A simple command: assignments, words and redirections."""

    words: tuple[Word, ...]
    assignments: tuple[Word, ...]
    redirections: tuple[Redirection, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Item:
    """A member of a sequence, perhaps sent to the background."""

    node: Node
    is_background: bool


@dataclass(frozen=True, slots=True)
class Sequence:
    """What runs one after the other."""

    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What runs at the same time, joined by ``|``; `is_negated` if ``!`` stands before it."""

    parts: tuple[Node, ...]
    is_negated: bool = False


@dataclass(frozen=True, slots=True)
class Either:
    """``left && right`` or ``left || right``."""

    left: Node
    operator: str
    right: Node


@dataclass(frozen=True, slots=True)
class Group:
    """``{ …; }``, or ``( … )``."""

    body: Sequence
    redirections: tuple[Redirection, ...]
    is_subshell: bool


@dataclass(frozen=True, slots=True)
class Branch:
    """``if`` or ``case``: of its arms, one runs or none.

    Attributes:
        arms: Conditions, which ``case`` has not, and what is run where they hold.
        is_whole: Whether one surely runs.
        subject: What ``case`` looks at.
    """

    arms: tuple[tuple[Sequence, Sequence], ...]
    is_whole: bool
    redirections: tuple[Redirection, ...]
    subject: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class Loop:
    """``for``, ``while``, ``until``.

    Attributes:
        variable: What ``for`` sets.
        words: What ``for`` goes through.
        condition: What ``while`` and ``until`` ask.
    """

    variable: str
    words: tuple[Word, ...]
    condition: Sequence
    body: Sequence
    redirections: tuple[Redirection, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Function:
    """The definition of a function."""

    name: str
    body: Node


Node: TypeAlias = Simple | Sequence | Pipeline | Either | Group | Branch | Loop | Function


def nodes(node: Node) -> Iterator[Node]:
    """Yield a node and all below it in the order of the script, those in words too."""
    yield node
    for child in _children(node):
        yield from nodes(child)


def simples(node: Node) -> Iterator[Simple]:
    """Yield the simple commands at and below a node."""
    return (one for one in nodes(node) if isinstance(one, Simple))


def words(node: Node) -> Iterator[Word]:
    """Yield all words of a node itself: those of its redirections and assignments too."""
    match node:
        case Simple():
            yield from (*node.assignments, *node.words)
        case Loop():
            yield from node.words
        case Branch():
            yield from node.subject
        case _:
            pass
    yield from (one.target for one in redirections(node))


def redirections(node: Node) -> tuple[Redirection, ...]:
    """Return the redirections of a node itself."""
    return node.redirections if isinstance(node, Simple | Group | Branch | Loop) else ()


def _children(node: Node) -> Iterator[Node]:
    for word in words(node):
        yield from (*word.inner, *word.beside)
    match node:
        case Sequence():
            yield from (item.node for item in node.items)
        case Pipeline():
            yield from node.parts
        case Either():
            yield from (node.left, node.right)
        case Branch():
            for condition, body in node.arms:
                yield from (condition, body)
        case Loop():
            yield from (node.condition, node.body)
        case Group() | Function():
            yield node.body
        case _:
            pass
