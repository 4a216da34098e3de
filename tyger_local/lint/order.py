"""Which pipes a script surely opens again after it has closed them.

The script is gone through as the shell would, with what is certain at each place: a pipe counts as opened
only where every way there has opened it. What runs at the same time (parts of a pipeline, what is in the
background and not yet waited for) comes in no order, and an open while another is held is the same stream.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from tyger_local.lint.argv import Buffer
from tyger_local.lint.opens import Open, opened_by_program, redirected
from tyger_local.lint.shell import nested, program_of
from tyger_local.lint.shell_tree import (
    MARK,
    UNKNOWN,
    Branch,
    Either,
    Function,
    Group,
    Loop,
    Node,
    Pipeline,
    Sequence,
    Simple,
    Word,
    simples,
    words,
)

_JUMPS = frozenset({"break", "continue", "return", "exit"})
_DEEPEST_CALL, _MOST_CALLS = 5, 200  # of functions: they may call each other for ever


@dataclass(frozen=True, slots=True)
class Reopening:
    """A pipe that is opened again.

    Attributes:
        first: The line in which it was opened before.
        line: The line in which it is opened again.
        is_repeated: Whether that is so only if a loop, which may end sooner, comes round again.
    """

    buffer: Buffer
    first: int
    line: int
    is_repeated: bool


@dataclass(frozen=True, slots=True)
class _State:
    """What is certain at a place: lines by buffer, and what descriptors may be open by then.

    Attributes:
        opened: What was opened and closed.
        held: What the shell itself may hold open, by descriptor.
        pending: What was opened in the background, and not waited for.
    """

    opened: Mapping[str, int] = field(default_factory=dict)
    held: Mapping[str, str] = field(default_factory=dict)
    pending: Mapping[str, int] = field(default_factory=dict)

    def closing(self, lines: Mapping[str, int]) -> _State:
        """Return the state after these, by buffer, were closed, unless they are held otherwise."""
        held = self.held.values()
        closed = {name: line for name, line in lines.items() if name not in held}
        return replace(self, opened={**closed, **self.opened})

    def without(self, keys: Iterable[str], line: int) -> _State:
        """Return the state after the shell has closed descriptors."""
        gone = {key: self.held[key] for key in keys if key in self.held}
        left = {key: name for key, name in self.held.items() if key not in gone}
        return replace(self, held=left).closing(dict.fromkeys(gone.values(), line))


def reopenings(tree: Sequence, pipes: Mapping[str, Buffer]) -> tuple[Reopening, ...]:
    """Return the pipes that a script opens again after they were closed, each line once."""
    walk = _Walk(pipes)
    walk.node(tree, _State())
    return tuple(walk.found.values())


def _join(*states: _State | None) -> _State | None:
    """Return what is certain where several ways meet; those that have ended do not count."""
    alive = [one for one in states if one is not None]
    if not alive:
        return None
    first, *others = alive
    held: dict[str, str] = {}
    for one in alive:
        held |= one.held
    return _State(
        _common(first.opened, [one.opened for one in others]),
        held,
        _common(first.pending, [one.pending for one in others]),
    )


def _common(first: Mapping[str, int], others: list[Mapping[str, int]]) -> dict[str, int]:
    return {name: line for name, line in first.items() if all(name in one for one in others)}


class _Walk:
    """Goes through a script.

    Attributes:
        found: What is opened again: once a buffer, line and certainty.
    """

    def __init__(self, pipes: Mapping[str, Buffer]) -> None:
        self.found: dict[tuple[str, int, bool], Reopening] = {}
        self._pipes = pipes
        self._functions: dict[str, Node] = {}
        self._depth = 0
        self._calls = 0
        self._is_second = False
        self._is_repeated = False

    def node(self, node: Node, state: _State) -> _State | None:
        """Return the state after a node; None if nothing comes after it."""
        match node:
            case Sequence():
                return self._sequence(node, state)
            case Pipeline():
                return self._pipeline(node, state)
            case Either():
                left = self.node(node.left, state)
                return left and _join(left, self.node(node.right, left))
            case Function():
                self._functions[node.name] = node.body
                return state
            case Simple():
                return self._simple(node, state)
            case _:
                return self._redirected(node, state)

    def _inside(self, node: Group | Branch | Loop, state: _State) -> _State | None:
        match node:
            case Group():
                return (self._subshell if node.is_subshell else self.node)(node.body, state)
            case Branch():
                return self._branch(node, state)
            case _:
                return self._loop(node, state)

    def _sequence(self, node: Sequence, state: _State) -> _State | None:
        for item in node.items:
            if item.is_background:
                state = self._beside(item.node, state)
                continue
            after = self.node(item.node, state)
            if after is None:
                return None
            state = after
        return state

    def _beside(self, node: Node, state: _State) -> _State:
        after = self._subshell(node, state)
        new = {name: line for name, line in after.opened.items() if name not in state.opened}
        return replace(state, pending={**state.pending, **new})

    def _subshell(self, node: Node, state: _State) -> _State:
        """Return the state after a shell of its own has ended, with what it held, whatever ended it."""
        after = self.node(node, replace(state, pending={}))
        if after is None:
            return state
        new = [key for key in after.held if key not in state.held]
        after = replace(after, held={**after.held, **state.held}).without(new, _line(node))
        return replace(after, pending=state.pending)

    def _pipeline(self, node: Pipeline, state: _State) -> _State:
        opened: dict[str, int] = {}
        for part in node.parts:
            opened |= self._subshell(part, state).opened
        return replace(state, opened=opened)

    def _branch(self, node: Branch, state: _State) -> _State | None:
        ends: list[_State | None] = []
        for word in node.subject:
            state = self._word(word, state)
        asked: _State | None = state
        for condition, body in node.arms:
            asked = asked and self.node(condition, asked)
            ends.append(asked and self.node(body, asked))
        return _join(*ends, None if node.is_whole else asked)

    def _loop(self, node: Loop, state: _State) -> _State | None:
        for word in node.words:
            state = self._word(word, state)
        after = self._round(node, state)
        jumps = {_jump(one) for one in simples(node.body)}
        is_counted = bool(node.words) and all(map(_is_one, node.words))
        is_certain = is_counted and "continue" not in jumps
        if jumps - {"", "continue"}:
            return _join(state, after)
        is_single = is_counted and len(node.words) == 1
        # Within a second round, a third would show nothing new, and loops in loops would take for ever.
        if after is not None and not is_single and not self._is_second:
            self._is_second, self._is_repeated = True, not is_certain
            self._round(node, after)
            self._is_second, self._is_repeated = False, False
        return after if is_certain else _join(state, after)

    def _round(self, node: Loop, state: _State) -> _State | None:
        asked = self.node(node.condition, state)
        return asked and self.node(node.body, asked)

    def _redirected(self, node: Group | Branch | Loop, state: _State) -> _State | None:
        for redirection in node.redirections:
            state = self._word(redirection.target, state)
        opens = list(redirected(node, self._pipes))
        for one in opens:
            self._look(one, state)
        keys = {f"{id(node)} {at}": one.buffer.name for at, one in enumerate(opens)}
        after = self._inside(node, replace(state, held={**state.held, **keys}))
        return after and after.without(keys, opens[0].line if opens else 0)

    def _word(self, word: Word, state: _State) -> _State:
        for script in word.inner:
            state = self._subshell(script, state)
        for script in word.beside:
            state = self._beside(script, state)
        return state

    def _look(self, one: Open, state: _State) -> None:
        name = one.buffer.name
        is_new = name in state.opened and name not in state.held.values()
        if is_new and not one.is_wrong_way:  # of that is said enough
            new = Reopening(one.buffer, state.opened[name], one.line, self._is_repeated)
            self.found.setdefault((name, one.line, self._is_repeated), new)

    def _simple(self, node: Simple, state: _State) -> _State | None:
        for word in words(node):
            state = self._word(word, state)
        opens = [*redirected(node, self._pipes), *opened_by_program(node, self._pipes)]
        for one in opens:
            self._look(one, state)
        first = node.words[0].plain if node.words else ""
        if first == "exec" and len(node.words) == 1:
            return self._exec(node, state)
        keys = {f"{id(node)} {at}": one.buffer.name for at, one in enumerate(opens)}
        inner = self._called(node, first, replace(state, held={**state.held, **keys}))
        if inner is None or _jump(node) or first == "exec":
            return None
        return inner.without(keys, node.line)

    def _called(self, node: Simple, name: str, state: _State) -> _State | None:
        """Return the state after the function, the script or ``wait`` that a command calls."""
        script = nested(node)
        if script is not None:
            return self._subshell(script, state)
        if name == "wait" and len(node.words) == 1:  # with an operand, it waits for one of them
            return replace(state, pending={}).closing(state.pending)
        body = self._functions.get(name)
        if body is None or self._depth == _DEEPEST_CALL or self._calls == _MOST_CALLS:
            return state
        self._depth += 1
        self._calls += 1
        after = self.node(body, state)
        self._depth -= 1
        returns = any(program_of(one)[0] == "return" for one in simples(body))
        return _join(state, after) if returns else after

    def _exec(self, node: Simple, state: _State) -> _State:
        """Return the state after the shell's own redirections, which stay."""
        for one in node.redirections:
            opens = redirected(replace(node, redirections=(one,)), self._pipes)
            held = {each.descriptor: each.buffer.name for each in opens}
            source = state.held.get(one.target.plain.rstrip("-"))
            if one.operator in (">&", "<&") and source:
                held[one.descriptor] = source
            state = state.without([one.descriptor], node.line)
            state = replace(state, held={**state.held, **held})
        return state


def _is_one(word: Word) -> bool:
    """Return whether a word of ``for`` is certainly one word."""
    return not set(word.text) & set(f"{MARK}{UNKNOWN}*?[{{")


def _jump(command: Simple) -> str:
    """Return by which word a command goes elsewhere; empty if it does not."""
    word = command.words[0].plain if command.words else ""
    return word if word in _JUMPS else ""


def _line(node: Node) -> int:
    return next((one.line for one in simples(node)), 0)
