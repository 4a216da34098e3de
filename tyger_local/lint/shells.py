"""Shells that are called in a way that does not do what is meant, or not at all."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tyger_local.lint.argv import (
    OPERATORS,
    Argument,
    arguments_of,
    buffers_of,
    program_name,
    shell_in,
    unwrapped,
)
from tyger_local.lint.model import Finding, Rule, Severity, Subject
from tyger_local.lint.shell import script_of

_PID = re.compile(r"(?<!\$)(?:\$\$|\$\$\$(?=[A-Za-z_{]))(?!\$)(?P<next>[A-Za-z_]\w*|[0-9({])?")
_COMMENT = re.compile(r"(?:^|(?<=\s))#[^\n]*")
# $1, ${@}, $#, and what uses them without a name: shift, set, "for x;" and a file that is read.
_POSITIONAL = re.compile(
    r"\$\{?[#!]?[0-9@*#]|\b(?:shift|set\s+--|getopts|eval|source)\b|\bfor\s+\w+\s*(?:;|\n|do\b)|(?:^|[\s;])\.\s"
)
_REDIRECTED = re.compile(r"(?:[012&]?>{1,2}|<)/[\w.-]+/[\w./-]+")
# They have arguments of their own that look like operators or patterns.
_TAKES_OPERATORS = frozenset(
    {"find", "expr", "test", "[", "jq", "fd", "xargs", "parallel", "tr", "grep", "egrep", "sed"}
)
_FILE_PROGRAMS = frozenset(
    ["cat", "cp", "mv", "rm", "ls", "head", "tail", "wc", "gzip", "gunzip", "sort"]
)


def process_id(subject: Subject) -> Iterator[Finding]:
    """A shell script uses `$$`, and the cluster makes one `$` of it.

    In command, args and env, `$$` is Kubernetes' way to write a `$` that begins no reference. The shell is
    left with a lone `$`. For the shell's process id write `$$$$`, of which `$$` is left; for a file of one's
    own, `mktemp`.
    """
    script = script_of(subject)
    if script is None:
        return
    written = script.argument.written
    comments = [found.span() for found in _COMMENT.finditer(written)]
    known = set(subject.codespec.env) | {one.variable for one in buffers_of(subject.codespec)}
    for found in _PID.finditer(written):
        is_comment = any(start <= found.start() < end for start, end in comments)
        if is_comment or (
            not found[0].startswith("$$$") and _is_escape(found["next"], written, known)
        ):
            continue
        line = written.count("\n", 0, found.start()) + 1
        yield script.finding(
            line,
            "the cluster makes one $ of $$, so that it is no process id there",
            "write $$$$, of which $$ is left",
        )
        return


def _is_escape(follower: str | None, script: str, known: set[str]) -> bool:
    """Return whether `$$` was more likely meant as an escaped `$`: the variable or substitution exists."""
    if not follower:
        return False
    if not (follower[0].isalpha() or follower[0] == "_"):
        return True
    return follower in known or follower.isupper() or bool(re.search(rf"\b{follower}=", script))


def script_without_shell(subject: Subject) -> Iterator[Finding]:
    """The command is a line for a shell, and no shell is called.

    The cluster starts command and args as they are. A command that is one string with blanks is looked for as
    a program of that name. Put a shell before it, or make each word a member of the list.
    """
    command = subject.codespec.command
    if command and re.search(r"\s", command[0].strip()):
        words = command[0].split()
        is_plain = all(re.fullmatch(r"[\w./:=,@%+-]+|\$\([\w-]+\)", word) for word in words)
        members = ", ".join(f'"{word}"' for word in words)
        yield Finding(
            ("command", 0),
            "the cluster looks for a program whose name is this whole text, as no shell is called",
            f"make each word a member of the list: command: [{members}]"
            if is_plain
            else 'call a shell: command: ["sh", "-c", …] with this text as the third member'
            + (
                ", and what now follows written into it"
                if len(arguments_of(subject.codespec)) > 1
                else ""
            ),
        )


def _has_script(texts: list[str]) -> bool:
    shell = shell_in(texts)
    return shell is not None and shell.has_script


def operator_without_shell(subject: Subject) -> Iterator[Finding]:
    """An operator of the shell is an argument of a program that is no shell.

    Without a shell, the program itself gets `|` or `>` as an argument, and nothing is redirected.
    """
    arguments = arguments_of(subject.codespec)
    texts = [one.text for one in arguments]
    at = unwrapped(texts)
    if not subject.codespec.command or _has_script(texts) or at >= len(texts):
        return
    if program_name(texts[at]) in _TAKES_OPERATORS:
        return
    for before, one in zip(arguments[at:], arguments[at + 1 :], strict=False):
        is_operator = one.text in OPERATORS or _REDIRECTED.fullmatch(one.text)
        if is_operator and not before.text.startswith("-"):  # not the value of an option
            yield Finding(
                one.path,
                f"no shell is called, so {program_name(texts[at])} gets {one.written} as an argument",
                'write the command as one text for a shell: command: ["sh", "-c", "…"]',
            )
            return


def variable_without_shell(subject: Subject) -> Iterator[Finding]:
    """A variable is written as a shell would read it, and no shell is called.

    The cluster replaces `$(INPUT_PIPE)` in command and args, and nothing else: `$INPUT_PIPE` and
    `${INPUT_PIPE}` reach the program as they are. It is said of the variables of pipes and of `env`.
    """
    arguments = arguments_of(subject.codespec)
    if _has_script([one.text for one in arguments]) or (
        not subject.codespec.command and len(arguments) < 2
    ):
        return
    names = {one.variable for one in buffers_of(subject.codespec)} | set(subject.codespec.env)
    for one in arguments:
        found = re.fullmatch(r'([-\w]+=)?"?\$(\{)?(?P<name>[\w-]+)(?(2)\})"?', one.written)
        if found and found["name"] in names:
            yield Finding(
                one.path,
                f"no shell is called, so the program gets {one.written} and not the variable's value",
                f"write $({found['name']})",
            )


def option_with_value(subject: Subject) -> Iterator[Finding]:
    """An option and a pipe are one argument.

    Without a shell, nobody splits `-i $(INPUT_PIPE)` at the blank: the program gets it as one argument, and
    looks for a file whose name begins with a blank.
    """
    arguments = arguments_of(subject.codespec)
    if _has_script([one.text for one in arguments]):
        return
    paths = {one.path for one in buffers_of(subject.codespec)}
    for one in arguments:
        option, _, value = one.text.strip().partition(" ")
        if re.fullmatch(r"--?\w[\w-]*", option) and value.strip() in paths:
            name = one.written.strip().partition(" ")[2].strip()
            yield Finding(
                one.path,
                f"no shell is called, so nobody splits {one.written.strip()} at the blank",
                f'make two members of the list of it: "{option}", "{name}"',
            )


def pattern_without_shell(subject: Subject) -> Iterator[Finding]:
    """A `~` or a pattern of file names is an argument, and no shell is called.

    Nobody replaces `~/x` by a path or `*.dat` by names of files: the program gets them as they are.
    """
    arguments = arguments_of(subject.codespec)
    texts = [one.text for one in arguments]
    at = unwrapped(texts)
    if not subject.codespec.command or _has_script(texts) or at >= len(texts):
        return
    takes_files = program_name(texts[at]) in _FILE_PROGRAMS
    for one in arguments[at:]:
        is_pattern = takes_files and re.search(r"[*?]", one.text) and not one.text.startswith("-")
        if one.text.startswith("~/") or is_pattern:
            yield Finding(
                one.path,
                f"no shell is called, so {one.text} is taken as it is, and no file is found by it",
                "write whole paths, or the command as one text for a shell",
            )


def shell_without_c(subject: Subject) -> Iterator[Finding]:
    """A shell gets a script without `-c`.

    `sh "echo a"` looks for a file of that name. With `-c` before it, the text is the script.
    """
    for shell_at, argument in _shell_argument(subject, has_script=False):
        if re.search(r"\s", argument.text.strip()):
            yield Finding(
                argument.path,
                "the shell takes this text for the name of a file, as there is no -c before it",
                f"write -c between {shell_at} and the text",
            )


def _shell_argument(subject: Subject, *, has_script: bool) -> Iterator[tuple[str, Argument]]:
    """Yield the name of the shell that is called, and the argument that is its script or its script's "
    "file.
    """
    arguments = arguments_of(subject.codespec)
    texts = [one.text for one in arguments]
    shell = shell_in(texts) if subject.codespec.command else None
    if shell is not None and shell.has_script == has_script and shell.at < len(arguments):
        yield program_name(texts[unwrapped(texts)]), arguments[shell.at]


def shell_arguments_lost(subject: Subject) -> Iterator[Finding]:
    """Of several arguments after `sh -c`, only the first is the script.

    `sh -c cat x` runs `cat` without an argument: what follows the script is `$0`, `$1` … in it. Where it
    uses those, or nothing but a name follows, nothing is said.
    """
    script = script_of(subject)
    if script is None or not script.rest:
        return
    text = script.argument.text
    is_word = re.fullmatch(r"[\w./-]+", text) is not None
    if is_word or (len(script.rest) > 1 and not _POSITIONAL.search(text)):
        alone = text if is_word else "the first text after -c"
        yield Finding(
            script.argument.path,
            f"the shell's script is {alone} alone, and what follows it is not passed on",
            "write the script as one text, with its arguments in it, or call the program without a shell",
        )


def carriage_returns(subject: Subject) -> Iterator[Finding]:
    """A script has Windows' ends of lines.

    The shell takes the carriage return for a part of the last word: `set -e` fails, files get strange names.
    """
    script = script_of(subject)
    if script is not None and "\r\n" in script.argument.text:
        yield Finding(
            script.argument.path,
            "the script's lines end with a carriage return, which the shell takes for a part of "
            "the last word",
            "save the script with Unix' ends of lines (\\n instead of \\r\\n)",
        )


RULES = (
    Rule("process-id", Severity.WARNING, "$$ in a script", process_id),
    Rule("script-without-shell", Severity.ERROR, "a shell's line as a program's name", script_without_shell),
    Rule("operator-without-shell", Severity.WARNING, "| or > without a shell", operator_without_shell),
    Rule("variable-without-shell", Severity.WARNING, "$NAME without a shell", variable_without_shell),
    Rule("option-with-value", Severity.WARNING, "an option and a pipe in one argument", option_with_value),
    Rule("pattern-without-shell", Severity.WARNING, "~ or * without a shell", pattern_without_shell),
    Rule("shell-without-c", Severity.ERROR, "a shell's script without -c", shell_without_c),
    Rule("shell-arguments-lost", Severity.WARNING, "arguments after sh -c", shell_arguments_lost),
    Rule("carriage-returns", Severity.ERROR, "a script with Windows' ends of lines", carriage_returns),
)  # fmt: skip
