"""What shell scripts do to pipes as if they were files: move, remove, test and measure them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tyger_local.lint.argv import Buffer
from tyger_local.lint.model import Finding, Rule, Severity, Subject
from tyger_local.lint.shell import (
    commands_of,
    in_shell,
    nested_nodes,
    pipe_named,
    program_of,
    understood,
)
from tyger_local.lint.shell_tree import (
    Branch,
    Either,
    Node,
    Pipeline,
    Sequence,
    Simple,
    Word,
    nodes,
    simples,
)
from tyger_local.spec.buffers import Direction


@dataclass(frozen=True, slots=True)
class _Replacing:
    """A command that puts something else where a pipe was."""

    buffer: Buffer
    what: str
    line: int


def _target_of(words_: tuple[Word, ...]) -> tuple[Word, ...]:
    """Return what a command that ends with its target writes to."""
    plain = [one for one in words_ if not one.text.startswith("-")]
    return (plain[-1],) if len(plain) > 1 else ()


def _has_flag(words_: tuple[Word, ...], letters: str, *long: str) -> bool:
    return any(
        one.plain.startswith(long)
        if one.plain.startswith("--") and long
        else one.plain.startswith("-") and not one.plain.startswith("--") and set(one.plain) & set(letters)
        for one in words_
    )  # fmt: skip


def _replaced_words(name: str, given: tuple[Word, ...]) -> tuple[Word, ...]:
    match name:
        case "mv" | "rm" | "unlink":
            return given
        case "install":
            return _target_of(given)
        case "ln" if _has_flag(given, "f", "--force"):
            return _target_of(given)
        case "cp" if _has_flag(given, "b", "--remove-destination", "--backup"):
            return _target_of(given)
        case _:
            return ()


def _replacements(tree: Sequence, pipes: Mapping[str, Buffer]) -> Iterator[_Replacing]:
    for command in commands_of(tree):
        name, given = program_of(command)
        for word in _replaced_words(name, given):
            buffer = pipe_named(word.text, pipes)
            if buffer is not None:
                yield _Replacing(buffer, name, word.line)


def pipe_replaced(subject: Subject) -> Iterator[Finding]:
    """A pipe is removed, moved, or replaced by something else.

    The cluster holds the pipe that it made. What stands in its place afterwards, nobody reads: the run
    succeeds and the buffer is empty. Write into the pipe itself: `cat /tmp/result > "$OUTPUT_PIPE"`, or `cp`.
    """
    for script, tree in understood(subject):
        for one in _replacements(tree, script.pipes):
            pipe, name = one.buffer.in_shell, one.buffer.name
            lost, fix = "it cannot be read afterwards", f"and read it: cat {pipe} > /tmp/{name}"
            if one.buffer.direction is Direction.OUTPUT:
                lost = "what is written there afterwards is lost"
                fix = f"and write into it: cat /tmp/result > {pipe}"
            yield script.finding(
                one.line,
                f"{one.what} removes or replaces the pipe of '{name}', and on the cluster {lost}",
                f"leave the pipe where it is, {fix}{in_shell(script)}",
            )


def _tests(
    commands: Iterable[Simple], pipes: Mapping[str, Buffer]
) -> Iterator[tuple[str, Buffer, Word]]:
    """Yield each test of a pipe: its operator, the buffer, and the word."""
    for command in commands:
        if command.words and command.words[0].plain in ("test", "[", "[["):
            for before, word in zip(command.words, command.words[1:], strict=False):
                buffer = pipe_named(word.text, pipes)
                if buffer is not None:
                    yield before.plain, buffer, word


def pipe_tested(subject: Subject) -> Iterator[Finding]:
    """A test asks whether a pipe is a regular file, or whether it has a size.

    A pipe is no regular file, and its size is always 0: `-f` and `-s` are false, whatever the buffer holds.
    Where a script asks for `-p` too, it knows what it does, and nothing is said.
    """
    for script, tree in understood(subject):
        tests = list(_tests(commands_of(tree), script.pipes))
        expected = {buffer for operator, buffer, _ in tests if operator == "-p"}
        for operator, buffer, word in tests:
            if operator in ("-f", "-s") and buffer not in expected:
                yield script.finding(
                    word.line,
                    f"{operator} is false for the pipe of "
                    f"'{buffer.name}', which is no regular file and has no size",
                    f"ask whether it is a pipe, or do not ask: [ -p {buffer.in_shell} ]",
                )


def _existence_guards(tree: Sequence) -> Iterator[tuple[Node, Node]]:
    """Yield conditions, and what is done where they hold."""
    for node in (*nodes(tree), *nested_nodes(tree)):
        match node:
            case Either(operator="&&"):
                yield node.left, node.right
            case Branch():
                yield from node.arms
            case _:
                pass


def _is_negated(condition: Node, test: Simple) -> bool:
    return any(one.plain == "!" for one in test.words) or any(
        isinstance(one, Pipeline) for one in nodes(condition)
    )


def output_exists(subject: Subject) -> Iterator[Finding]:
    """A script gives up when its output exists already.

    The pipe of an output is there before the job starts, so `[ -e "$OUTPUT_PIPE" ] && exit 1` always gives
    up.
    """
    for script, tree in understood(subject):
        for condition, body in _existence_guards(tree):
            asked = list(simples(condition))
            gives_up = any(program_of(one)[0] in ("exit", "return") for one in simples(body))
            if len(asked) != 1 or not gives_up or _is_negated(condition, asked[0]):
                continue
            for operator, buffer, word in _tests(asked, script.pipes):
                if operator in ("-e", "-p") and buffer.direction is Direction.OUTPUT:
                    yield script.finding(
                        word.line,
                        "the script gives up if the output "
                        f"'{buffer.name}' exists, and its pipe always does",
                        "remove the test",
                    )


def pipe_size(subject: Subject) -> Iterator[Finding]:
    """A pipe's size is asked for, and a pipe has none.

    `stat -c %s` and `du` say 0, whatever the buffer holds. Copy an input to a file first and ask for that
    file's size.
    """
    for script, tree in understood(subject):
        for command in commands_of(tree):
            name, given = program_of(command)
            asks = name == "du" or (name == "stat" and any("%s" in one.text for one in given))
            for word in given if asks else ():
                buffer = pipe_named(word.text, script.pipes)
                if buffer is not None:
                    yield script.finding(
                        word.line,
                        f"{name} says that the pipe of '{buffer.name}' "
                        "has 0 bytes, whatever the buffer holds",
                        f"ask for the size of a file: cat {buffer.in_shell} > /tmp/{buffer.name}"
                        if buffer.direction is Direction.INPUT
                        else "ask for the size of a file, before it is written into the pipe",
                    )


RULES = (
    Rule("pipe-replaced", Severity.ERROR, "a pipe is removed or replaced", pipe_replaced),
    Rule("pipe-tested", Severity.WARNING, "-f or -s asks for a pipe", pipe_tested),
    Rule("output-exists", Severity.ERROR, "a script gives up if its output exists", output_exists),
    Rule("pipe-size", Severity.WARNING, "a pipe's size is asked for", pipe_size),
)  # fmt: skip
