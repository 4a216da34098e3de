"""What shell scripts do to their pipes that the cluster's side of them does not survive."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tyger_local.lint.model import Finding, Rule, Severity, Subject
from tyger_local.lint.opens import Open, Way, opened_by_program, redirected
from tyger_local.lint.order import Reopening, reopenings
from tyger_local.lint.shell import (
    Buffer,
    Script,
    commands_of,
    mentions,
    nested,
    pipe_named,
    program_of,
    script_of,
)
from tyger_local.lint.shell_tree import (
    MARK,
    Either,
    Node,
    Sequence,
    Simple,
    Word,
    nodes,
    simples,
    words,
)
from tyger_local.spec.buffers import Direction

_ONE_WRITER = "let it write in one go: {{ first; second; }} > {pipe}"
_ONE_READER = (
    "read it once into a file, and use that instead of the pipe: cat {pipe} > /tmp/{name}"
)


def _understood(subject: Subject) -> Iterator[tuple[Script, Sequence]]:
    script = script_of(subject)
    if script is not None and script.tree is not None:
        yield script, script.tree


def _reopened(subject: Subject) -> Iterator[tuple[Script, Reopening]]:
    for script, tree in _understood(subject):
        seen: set[str] = set()
        for one in reopenings(tree, script.pipes):
            if one.buffer.name not in seen:
                seen.add(one.buffer.name)
                yield script, one


def output_opened_twice(subject: Subject) -> Iterator[Finding]:
    """An output is opened again after it was closed.

    On the cluster a buffer is complete when its last writer closes the pipe. A second `>` or `>>` waits for a reader
    that never comes, until the run's deadline, or what it writes is lost. Opens that overlap are one stream, so
    `{ first; second; } > "$OUTPUT_PIPE"` works, as does a descriptor that stays open: `exec 3> "$OUTPUT_PIPE"`.
    """
    for script, one in _reopened(subject):
        if one.buffer.direction is Direction.OUTPUT and not one.is_repeated:
            yield Finding(
                script.argument.path,
                f"{script.place(one.line)}the output '{one.buffer.name}' is opened again, after it was closed in line "
                f"{one.first}, and on the cluster that hangs or loses what is written",
                _ONE_WRITER.format(pipe=one.buffer.in_shell),
            )


def input_opened_twice(subject: Subject) -> Iterator[Finding]:
    """An input is opened again after it was closed.

    The cluster writes an input into its pipe once. Whoever opens it again after the end waits for ever, or misses what
    the first reader has taken. Read it once, or copy it to a file first.
    """
    for script, one in _reopened(subject):
        if one.buffer.direction is Direction.INPUT and not one.is_repeated:
            yield Finding(
                script.argument.path,
                f"{script.place(one.line)}the input '{one.buffer.name}' is opened again, after it was closed in line "
                f"{one.first}, and on the cluster that hangs or misses what was read before",
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
            yield Finding(
                script.argument.path,
                f"{script.place(one.line)}the {one.buffer.direction.value} '{one.buffer.name}' is opened anew each "
                "time that the loop comes round, and on the cluster the second time hangs or loses data",
                f"redirect the loop as a whole: done {sign} {one.buffer.in_shell}",
            )


def _opens(script: Script, tree: Sequence) -> Iterator[Open]:
    for node in (*nodes(tree), *_nested_nodes(tree)):
        yield from redirected(node, script.pipes)
        if isinstance(node, Simple):
            yield from opened_by_program(node, script.pipes)


def _nested_nodes(tree: Sequence) -> Iterator[Node]:
    for command in simples(tree):
        inner = nested(command)
        if inner is not None:
            yield from nodes(inner)


def pipe_wrong_way(subject: Subject) -> Iterator[Finding]:
    """An output is read, or an input is written.

    Nobody is on the other side of a pipe in that direction, so the command waits until the run's deadline.
    """
    for script, tree in _understood(subject):
        for one in _opens(script, tree):
            meant = Way.READ if one.buffer.direction is Direction.INPUT else Way.WRITE
            if one.way not in (meant, Way.BOTH):
                reads = one.way is Way.READ
                yield Finding(
                    script.argument.path,
                    f"{script.place(one.line)}the {one.buffer.direction.value} '{one.buffer.name}' is "
                    f"{'read' if reads else 'written'}, and on the cluster nobody is on the pipe's other side for that",
                    f"{'read' if reads else 'write'} a file of the container's own instead, such as /tmp/{one.buffer.name}",
                )


def input_read_write(subject: Subject) -> Iterator[Finding]:
    """An input is opened for reading and writing.

    Whoever holds the writing end of a pipe keeps its end from coming: the program reads everything and then waits for
    ever. Open it with `<`.
    """
    for script, tree in _understood(subject):
        for one in _opens(script, tree):
            if one.way is Way.BOTH and one.buffer.direction is Direction.INPUT:
                yield Finding(
                    script.argument.path,
                    f"{script.place(one.line)}the input '{one.buffer.name}' is opened for reading and writing, so its "
                    "end never comes",
                    f"open it for reading only: {one.descriptor}< {one.buffer.in_shell}",
                )


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
        case "mv" | "rm" | "unlink" | "rename" | "mkfifo" | "shred":
            return given
        case "ln" | "install":
            return _target_of(given)
        case "cp" if _has_flag(given, "bls", "--remove-destination", "--backup"):
            return _target_of(given)
        case "sed" if _has_flag(given, "i", "--in-place"):
            return given
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

    The cluster holds the pipe that it made. What stands in its place afterwards, nobody reads: the run succeeds and the
    buffer is empty. Write into the pipe itself: `cat /tmp/result > "$OUTPUT_PIPE"`, or `cp`.
    """
    for script, tree in _understood(subject):
        for one in _replacements(tree, script.pipes):
            is_output = one.buffer.direction is Direction.OUTPUT
            yield Finding(
                script.argument.path,
                f"{script.place(one.line)}{one.what} removes or replaces the pipe of '{one.buffer.name}', and on the "
                f"cluster {'what is written there afterwards is lost' if is_output else 'it cannot be read afterwards'}",
                f"leave the pipe where it is, and write into it: cat /tmp/result > {one.buffer.in_shell}"
                if is_output
                else f"leave the pipe where it is, and read it: cat {one.buffer.in_shell} > /tmp/{one.buffer.name}",
            )


def _tests(tree: Sequence, pipes: Mapping[str, Buffer]) -> Iterator[tuple[str, Buffer, Word]]:
    """Yield each test of a pipe: its operator, the buffer, and the word."""
    for command in commands_of(tree):
        if command.words and command.words[0].plain in ("test", "[", "[["):
            for before, word in zip(command.words, command.words[1:], strict=False):
                buffer = pipe_named(word.text, pipes)
                if buffer is not None:
                    yield before.plain, buffer, word


def pipe_tested(subject: Subject) -> Iterator[Finding]:
    """A test asks whether a pipe is a regular file, or whether it has a size.

    A pipe is no regular file, and its size is always 0: `-f` and `-s` are false, whatever the buffer holds. Where a
    script asks for `-p` too, it knows what it does, and nothing is said.
    """
    for script, tree in _understood(subject):
        tests = list(_tests(tree, script.pipes))
        expected = {buffer for operator, buffer, _ in tests if operator == "-p"}
        for operator, buffer, word in tests:
            if operator in ("-f", "-s") and buffer not in expected:
                yield Finding(
                    script.argument.path,
                    f"{script.place(word.line)}{operator} is false for the pipe of '{buffer.name}', which is no "
                    "regular file and has no size",
                    f"ask whether it is a pipe, or do not ask: [ -p {buffer.in_shell} ]",
                )


def _existence_guards(tree: Sequence) -> Iterator[tuple[Node, Node]]:
    """Yield conditions, and what is done where they hold."""
    for node in (*nodes(tree), *_nested_nodes(tree)):
        match node:
            case Either(operator="&&"):
                yield node.left, node.right
            case _:
                arms = getattr(node, "arms", ())
                yield from arms


def output_exists(subject: Subject) -> Iterator[Finding]:
    """A script gives up when its output exists already.

    The pipe of an output is there before the job starts, so `[ -e "$OUTPUT_PIPE" ] && exit 1` always gives up.
    """
    for script, tree in _understood(subject):
        for condition, body in _existence_guards(tree):
            asked = list(simples(condition))
            gives_up = any(program_of(one)[0] in ("exit", "return") for one in simples(body))
            if len(asked) != 1 or not gives_up or any(one.plain == "!" for one in asked[0].words):
                continue
            for operator, buffer, word in _tests(_only(asked[0]), script.pipes):
                if operator in ("-e", "-p") and buffer.direction is Direction.OUTPUT:
                    yield Finding(
                        script.argument.path,
                        f"{script.place(word.line)}the script gives up if the output '{buffer.name}' exists, and its "
                        "pipe always does",
                        "remove the test",
                    )


def _only(command: Simple) -> Sequence:
    from tyger_local.lint.shell_tree import Item

    return Sequence((Item(command, is_background=False),))


def pipe_size(subject: Subject) -> Iterator[Finding]:
    """A pipe's size is asked for, and a pipe has none.

    `stat -c %s` and `du` say 0, whatever the buffer holds. Copy an input to a file first and ask for that file's size.
    """
    for script, tree in _understood(subject):
        for command in commands_of(tree):
            name, given = program_of(command)
            asks = name == "du" or name == "stat" and any("%s" in one.text for one in given)
            for word in given if asks else ():
                buffer = pipe_named(word.text, script.pipes)
                if buffer is not None:
                    yield Finding(
                        script.argument.path,
                        f"{script.place(word.line)}{name} says that the pipe of '{buffer.name}' has 0 bytes, whatever "
                        "the buffer holds",
                        f"ask for the size of a file: cat {buffer.in_shell} > /tmp/{buffer.name}"
                        if buffer.direction is Direction.INPUT
                        else "ask for the size of a file, before it is written into the pipe",
                    )


def background_writer(subject: Subject) -> Iterator[Finding]:
    """A child in the background writes an output, and nobody waits for it.

    When the container's main process ends, the kernel kills all others in it, and what they had left to write is lost,
    with exit code 0. bash does not wait for a `>( … )` either.
    """
    for script, tree in _understood(subject):
        everything = commands_of(tree)
        if any(_waits(one) for one in everything):
            continue
        for node in _in_background((*nodes(tree), *_nested_nodes(tree))):
            for one in _outputs_opened(node, script.pipes):
                yield Finding(
                    script.argument.path,
                    f"{script.place(one.line)}the output '{one.buffer.name}' is written in the background, and when "
                    "the script ends before that, what is left is lost",
                    "wait for it: write `wait` as the script's last command, or after `>(…)` the command `wait $!`",
                )


def _waits(command: Simple) -> bool:
    name, given = program_of(command)
    return (
        name in ("wait", "fg", "inotifywait")
        or name == "kill" and any(one.plain == "-0" for one in given)
        or name == "tail" and any(one.plain.startswith("--pid") for one in given)
    )  # fmt: skip


def _in_background(all_nodes: tuple[Node, ...]) -> Iterator[Node]:
    for node in all_nodes:
        for word in words(node):
            yield from word.beside
        if isinstance(node, Sequence):
            yield from (item.node for item in node.items if item.is_background)


def _outputs_opened(node: Node, pipes: Mapping[str, Buffer]) -> Iterator[Open]:
    seen: set[str] = set()
    for inner in nodes(node):
        opens = [*redirected(inner, pipes)]
        if isinstance(inner, Simple):
            opens += opened_by_program(inner, pipes)
        for one in opens:
            if one.buffer.direction is Direction.OUTPUT and one.buffer.name not in seen:
                seen.add(one.buffer.name)
                yield one


def input_read_partly(subject: Subject) -> Iterator[Finding]:
    """Only the head of an input is read.

    When more than 65,536 bytes of an input are left unread, the cluster's side of the pipe fails, and the run with it,
    whatever the job's exit code. A smaller rest does no harm. Read to the end.
    """
    for script, tree in _understood(subject):
        named = mentions(tree, script.pipes)
        for command in commands_of(tree):
            for one in [*redirected(command, script.pipes), *opened_by_program(command, script.pipes)]:
                if (
                    one.buffer.direction is Direction.INPUT
                    and named[one.buffer.name] == 1
                    and _reads_partly(command, one, tree)
                ):
                    yield Finding(
                        script.argument.path,
                        f"{script.place(one.line)}the input '{one.buffer.name}' is not read to its end, and the "
                        "cluster fails a run that leaves more than 65,536 bytes of an input",
                        f"read the rest too: {{ …; cat > /dev/null; }} < {one.buffer.in_shell}",
                    )


def _reads_partly(command: Simple, one: Open, tree: Sequence) -> bool:
    name, given = program_of(command)
    if name == "head":
        return not any("-" in each.plain[1:] or each.plain.startswith("-") and not each.plain[1:] for each in given)
    if name == "dd":
        return any(each.plain.startswith("count=") for each in given)
    if name == "" and command.words and command.words[0].plain == "exec":
        return not any(_uses_descriptor(each, one.descriptor) for each in nodes(tree))
    return False


def _uses_descriptor(node: Node, descriptor: str) -> bool:
    from tyger_local.lint.shell_tree import redirections

    return any(
        each.operator == "<&" and each.target.plain == descriptor for each in redirections(node)
    )


RULES = (
    Rule("output-opened-twice", Severity.ERROR, "an output is opened again", output_opened_twice),
    Rule("input-opened-twice", Severity.ERROR, "an input is opened again", input_opened_twice),
    Rule("pipe-opened-in-loop", Severity.WARNING, "a pipe is opened in a loop", pipe_opened_in_loop),
    Rule("pipe-wrong-way", Severity.ERROR, "an output is read or an input written", pipe_wrong_way),
    Rule("input-read-write", Severity.ERROR, "an input is opened for writing too", input_read_write),
    Rule("pipe-replaced", Severity.ERROR, "a pipe is removed or replaced", pipe_replaced),
    Rule("pipe-tested", Severity.WARNING, "-f or -s asks for a pipe", pipe_tested),
    Rule("output-exists", Severity.ERROR, "a script gives up if its output exists", output_exists),
    Rule("pipe-size", Severity.WARNING, "a pipe's size is asked for", pipe_size),
    Rule("background-writer", Severity.WARNING, "nobody waits for who writes an output", background_writer),
    Rule("input-read-partly", Severity.NOTE, "only an input's head is read", input_read_partly),
)  # fmt: skip
