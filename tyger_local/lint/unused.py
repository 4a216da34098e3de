"""Buffers that a codespec declares and does not use."""

from __future__ import annotations

from collections.abc import Iterator

from tyger_local.lint.argv import SHELLS, arguments_of, buffers_of
from tyger_local.lint.model import Finding, Rule, Severity, Subject
from tyger_local.lint.shell import commands_of, nested, program_of, script_of
from tyger_local.lint.shell_tree import Function, Simple, nodes
from tyger_local.spec.buffers import Direction
from tyger_local.spec.models import JobCodespec

# What surely reads no variable of its own accord.
_PLAIN_PROGRAMS = frozenset({
    ":", "[", "[[", "((", "test", "true", "false", "echo", "printf", "cat", "head", "tail",
    "tac", "wc", "grep", "sed", "sort", "uniq", "cut", "tr", "cp", "mv", "rm", "ln", "ls",
    "mkdir", "rmdir", "touch", "sleep", "date", "tee", "dd", "cd", "pwd", "exit", "return",
    "set", "shift", "wait", "export", "local", "readonly", "unset", "read", "chmod", "basename",
    "dirname", "seq", "gzip", "gunzip", "zcat", "bzip2", "xz", "md5sum", "sha256sum", "cksum",
    "od", "base64", "mktemp", "mkfifo", "stat", "du", "df", "id", "whoami", "hostname", "uname",
    "yes", "cmp", "diff", "break", "continue", "trap", "umask",
})  # fmt: skip


def buffer_unused(subject: Subject) -> Iterator[Finding]:
    """A buffer is declared, and the script never names its pipe.

    An input that nobody opens does no harm, and an output that nobody opens is empty. It is said only of
    scripts whose commands are all known, since any other program may look into its environment.
    """
    script = script_of(subject)
    if script is None or script.tree is None or not isinstance(subject.codespec, JobCodespec):
        return
    functions = {one.name for one in nodes(script.tree) if isinstance(one, Function)}
    everything = " ".join(
        (*(one.written for one in arguments_of(subject.codespec)), *subject.codespec.env.values())
    )
    is_clear = all(_is_plain(one, functions) for one in commands_of(script.tree))
    if not is_clear or "buffer-fifos" in everything or "${!" in everything:
        return
    for buffer in buffers_of(subject.codespec):
        names = {buffer.variable.lower(), buffer.variable.lower().replace("-", "_")}
        if not any(one in everything.lower() for one in names):
            names = getattr(subject.codespec.buffers, f"{buffer.direction.value}s")
            yield Finding(
                ("buffers", f"{buffer.direction.value}s", names.index(buffer.name)),
                f"nothing in the script names the pipe of '{buffer.name}', so "
                + ("it is never read" if buffer.direction is Direction.INPUT else "it stays empty"),
                f"use {buffer.in_shell}, or remove the buffer",
            )


def _is_plain(command: Simple, functions: set[str]) -> bool:
    """Return whether a command surely looks for no variable beside those in its text."""
    name, _ = program_of(command)
    if name in SHELLS:
        return nested(command) is not None
    if not name:
        return not command.words or (command.words[0].plain == "exec" and len(command.words) == 1)
    return name in _PLAIN_PROGRAMS or name in functions


RULES = (Rule("buffer-unused", Severity.NOTE, "a buffer that nothing uses", buffer_unused),)
