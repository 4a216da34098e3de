"""What shell scripts do to their pipes that the cluster's side of them does not survive."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from tyger_local.lint.argv import Buffer
from tyger_local.lint.model import Finding, Rule, Severity, Subject
from tyger_local.lint.opens import Open, Way, opened_by_program, redirected
from tyger_local.lint.order import Reopening, reopenings
from tyger_local.lint.shell import (
    Script,
    commands_of,
    in_shell,
    mentions,
    nested_nodes,
    program_of,
    understood,
)
from tyger_local.lint.shell_tree import (
    MARK,
    Node,
    Pipeline,
    Sequence,
    Simple,
    nodes,
    redirections,
    words,
)
from tyger_local.spec.buffers import Direction

_GREP_FILE = "cat {pipe} > /tmp/{name}, and let grep look into /tmp/{name}"
# What passes on what it reads as it comes, and so ends when nobody takes it.
_STREAMING = frozenset(
    {"cat", "zcat", "gunzip", "xzcat", "bzcat", "zstdcat", "tr", "cut", "sed", "grep", "nl"}
)
_READS_ALL = re.compile(r"-[A-Za-z]*[dN].*")  # up to a byte that may never come, or so many
_STOPS_GREP = re.compile(r"-[A-Za-z]*[qm]\d*|--quiet|--silent|--max-count(=.*)?")
_ONE_WRITER = "let it write in one go: {{ first; second; }} > {pipe}"
_ONE_READER = "read it once into a file, and use that instead of the pipe: cat {pipe} > /tmp/{name}"


def _reopened(subject: Subject) -> Iterator[tuple[Script, Reopening]]:
    for script, tree in understood(subject):
        seen: set[str] = set()
        for one in sorted(reopenings(tree, script.pipes), key=lambda one: one.is_repeated):
            if one.buffer.name not in seen:
                seen.add(one.buffer.name)
                yield script, one


def output_opened_twice(subject: Subject) -> Iterator[Finding]:
    """An output is opened again after it was closed.

    On the cluster a buffer is complete when its last writer closes the pipe. A second `>` or `>>` waits for a
    reader that never comes, until the run's deadline, or what it writes is lost. Opens that overlap are one
    stream, so `{ first; second; } > "$OUTPUT_PIPE"` works, as does a descriptor that stays open: `exec 3>
    "$OUTPUT_PIPE"`.
    """
    for script, one in _reopened(subject):
        if one.buffer.direction is Direction.OUTPUT and not one.is_repeated:
            yield script.finding(
                one.line,
                f"the output '{one.buffer.name}' is opened again, after "
                f"it was closed{script.in_line(one.first)}, and on the cluster that hangs or "
                "loses what is written",
                _ONE_WRITER.format(pipe=one.buffer.in_shell),
            )


def input_opened_twice(subject: Subject) -> Iterator[Finding]:
    """An input is opened again after it was closed.

    The cluster writes an input into its pipe once. Whoever opens it again after the end waits for ever, or
    misses what the first reader has taken. Read it once, or copy it to a file first.
    """
    for script, one in _reopened(subject):
        if one.buffer.direction is Direction.INPUT and not one.is_repeated:
            yield script.finding(
                one.line,
                f"the input '{one.buffer.name}' is opened again, after it "
                f"was closed{script.in_line(one.first)}, and on the cluster that hangs or misses "
                "what was read before",
                _ONE_READER.format(pipe=one.buffer.in_shell, name=one.buffer.name),
            )


def pipe_opened_in_loop(subject: Subject) -> Iterator[Finding]:
    """A pipe is opened in a loop, each time that it comes round.

    The first round works, and the second hangs on the cluster or loses its bytes (output-opened-twice,
    input-opened-twice). Redirect the whole loop instead: `for …; do …; done > "$OUTPUT_PIPE"`.
    """
    for script, one in _reopened(subject):
        if one.is_repeated:
            sign = "<" if one.buffer.direction is Direction.INPUT else ">"
            yield script.finding(
                one.line,
                f"the {one.buffer.direction.value} '{one.buffer.name}' is "
                "opened anew each time that the loop comes round, and on the cluster the second "
                "time hangs or loses data",
                f"redirect the loop as a whole: done {sign} {one.buffer.in_shell}",
            )


def _opened_at(node: Node, pipes: Mapping[str, Buffer]) -> Iterator[Open]:
    yield from redirected(node, pipes)
    if isinstance(node, Simple):
        yield from opened_by_program(node, pipes)


def _opens(script: Script, tree: Sequence) -> Iterator[Open]:
    for node in (*nodes(tree), *nested_nodes(tree)):
        yield from _opened_at(node, script.pipes)


def pipe_wrong_way(subject: Subject) -> Iterator[Finding]:
    """An output is read, or an input is written.

    Nobody is on the other side of a pipe in that direction, so the command waits until the run's deadline.
    """
    for script, tree in understood(subject):
        for one in _opens(script, tree):
            if one.is_wrong_way:
                reads = one.way is Way.READ
                yield script.finding(
                    one.line,
                    f"the {one.buffer.direction.value} "
                    f"'{one.buffer.name}' is {'read' if reads else 'written'}, and on the cluster "
                    "nobody is on the pipe's other side for that",
                    f"{'read an input' if reads else 'write an output'}, or a file of the container's own",
                )


def input_read_write(subject: Subject) -> Iterator[Finding]:
    """An input is opened for reading and writing.

    Whoever holds the writing end of a pipe keeps its end from coming: the program reads everything and then
    waits for ever. Open it with `<`.
    """
    for script, tree in understood(subject):
        for one in _opens(script, tree):
            if one.way is Way.BOTH and one.buffer.direction is Direction.INPUT:
                yield script.finding(
                    one.line,
                    f"the input '{one.buffer.name}' is opened for reading "
                    "and writing, so its end never comes",
                    f"open it for reading only: {one.descriptor}< {one.buffer.in_shell}",
                )


def background_writer(subject: Subject) -> Iterator[Finding]:
    """A child in the background writes an output, and nobody waits for it.

    When the container's main process ends, the kernel kills all others in it, and what they had left to write
    is lost, with exit code 0. bash does not wait for a `>( … )` either.
    """
    for script, tree in understood(subject):
        everything = commands_of(tree)
        if any(_waits(one) for one in everything):
            continue
        said: set[str] = set()
        for node in _in_background((*nodes(tree), *nested_nodes(tree))):
            for one in _outputs_opened(node, script.pipes):
                if one.buffer.name in said:
                    continue
                said.add(one.buffer.name)
                yield script.finding(
                    one.line,
                    f"the output '{one.buffer.name}' is written in the "
                    "background, and when the script ends before that, what is left is lost",
                    "wait for it: write `wait` as the script's last command, or after `>(…)` the "
                    "command `wait $!`",
                )


def _waits(command: Simple) -> bool:
    name, given = program_of(command)
    return (
        name in ("wait", "fg", "inotifywait")
        or (name == "kill" and any(one.plain == "-0" for one in given))
        or (name == "tail" and any(one.text.startswith("--pid") for one in given))
    )  # fmt: skip


def _in_background(all_nodes: tuple[Node, ...]) -> Iterator[Node]:
    for node in all_nodes:
        for word in words(node):
            yield from word.beside
        if isinstance(node, Sequence):
            yield from (item.node for item in node.items if item.is_background)


def _outputs_opened(node: Node, pipes: Mapping[str, Buffer]) -> Iterator[Open]:
    for inner in nodes(node):
        for one in _opened_at(inner, pipes):
            if one.buffer.direction is Direction.OUTPUT:
                yield one


def input_read_partly(subject: Subject) -> Iterator[Finding]:
    """Only the head of an input is read.

    When more than 65,536 bytes of an input are left unread, the cluster's side of the pipe fails, and the run
    with it, whatever the job's exit code. A smaller rest does no harm. Read to the end.
    """
    for script, tree in understood(subject):
        named = mentions(tree, script.pipes)
        again = {one.buffer.name for one in reopenings(tree, script.pipes)}
        for one, rest in _partly_read(script, tree):
            name = one.buffer.name
            is_input = one.buffer.direction is Direction.INPUT
            if is_input and named[name] == 1 and name not in again:
                yield script.finding(
                    one.line,
                    f"the input '{name}' is not read to its end, and the cluster fails a run that "
                    "leaves more than 65,536 bytes of an input",
                    f"read the rest too: {rest}{in_shell(script)}",
                )


def _partly_read(script: Script, tree: Sequence) -> Iterator[tuple[Open, str]]:
    """Yield what is opened of which only the head is read, and what to write instead."""
    for command in commands_of(tree):
        for one in _opened_at(command, script.pipes):
            rest = _how_to_read_the_rest(command, one, tree)
            if rest:
                yield one, rest
    for node in (*nodes(tree), *nested_nodes(tree)):
        if isinstance(node, Pipeline) and isinstance(node.parts[0], Simple):
            reader = _stops_early(node.parts)
            for one in _opened_at(node.parts[0], script.pipes) if reader else ():
                yield one, f"… | {{ {reader} …; cat > /dev/null; }}"


def _stops_early(parts: tuple[Node, ...]) -> str:
    """Return which part of a pipeline ends before its input does; empty if none surely does."""
    for at, part in enumerate(parts):
        name, given = program_of(part) if isinstance(part, Simple) else ("", ())
        if at and name == "head" and not _counts_from_the_end([one.plain for one in given]):
            return name
        if name not in _STREAMING:
            break
    return ""


def _how_to_read_the_rest(command: Simple, one: Open, tree: Sequence) -> str:
    """Return what to write if a command that opens an input reads only its head; else an empty text."""
    name, given = program_of(command)
    texts = [each.plain for each in given]
    pipe = one.buffer.in_shell
    if name == "head" and not _counts_from_the_end(texts):
        return f"{{ head; cat > /dev/null; }} < {pipe}, with the options that head has now"
    if name == "read" and not any(_READS_ALL.fullmatch(each) for each in texts):
        return f"{{ read …; cat > /dev/null; }} < {pipe}, with the operands that read has now"
    if name == "grep" and any(_STOPS_GREP.fullmatch(each) for each in texts):
        return _GREP_FILE.format(pipe=pipe, name=one.buffer.name)
    if name == "dd" and any(each.startswith("count=") for each in texts):
        return f"{{ dd; cat > /dev/null; }} < {pipe}, with the operands that dd has now but for if="
    is_exec = bool(command.words) and command.words[0].plain == "exec" and not name
    # Whatever runs afterwards may read descriptor 0.
    if is_exec and one.descriptor != "0" and not _uses_descriptor(tree, one.descriptor):
        return f"cat <&{one.descriptor} > /dev/null"
    return ""


def _counts_from_the_end(texts: list[str]) -> bool:
    """Return whether ``head`` leaves out the end, for which it reads everything."""
    return any(
        "-" in text[1:] or (text.startswith("-") and before in ("-n", "-c"))
        for before, text in zip(["", *texts], texts, strict=False)
    )


def _uses_descriptor(tree: Sequence, descriptor: str) -> bool:
    if descriptor.startswith("{"):  # exec {in}< …, whose number is in $in
        descriptor = f"{MARK}{descriptor[1:-1]}{MARK}"
    for node in nodes(tree):
        if any(
            one.operator == "<&" and one.target.text == descriptor for one in redirections(node)
        ):
            return True
        if any(
            one.text in (descriptor, f"-u{descriptor}", f"/dev/fd/{descriptor}")
            for one in words(node)
        ):
            return True
    return False


RULES = (
    Rule("output-opened-twice", Severity.ERROR, "an output is opened again", output_opened_twice),
    Rule("input-opened-twice", Severity.ERROR, "an input is opened again", input_opened_twice),
    Rule("pipe-opened-in-loop", Severity.WARNING, "a pipe is opened in a loop", pipe_opened_in_loop),
    Rule("pipe-wrong-way", Severity.ERROR, "an output is read or an input written", pipe_wrong_way),
    Rule("input-read-write", Severity.ERROR, "an input is opened for writing too", input_read_write),
    Rule("background-writer", Severity.WARNING, "nobody waits for who writes an output", background_writer),
    Rule("input-read-partly", Severity.NOTE, "only an input's head is read", input_read_partly),
)  # fmt: skip
