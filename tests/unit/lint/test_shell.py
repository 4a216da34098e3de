"""Shell scripts: where they are found, what is understood of them, and that nothing makes the rules fail."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tyger_local.lint.argv import Argument, arguments_of, buffers_of, shell_in
from tyger_local.lint.model import Subject
from tyger_local.lint.rules import RULES
from tyger_local.lint.run import findings
from tyger_local.lint.shell import commands_of, nested, pipe_named, program_of, script_of
from tyger_local.lint.shell_parse import parse
from tyger_local.lint.shell_tree import MARK, UNKNOWN, Simple, nodes
from tyger_local.lint.shell_words import NotUnderstood
from tyger_local.spec.buffers import Direction
from tyger_local.spec.models import Buffers, JobCodespec, Socket, WorkerCodespec

V = f"{MARK}x{MARK}"


def _commands(script: str) -> list[list[str]]:
    return [
        [word.text for word in (*one.assignments, *one.words)]
        + [f"{each.descriptor}{each.operator}{each.target.text}" for each in one.redirections]
        for one in nodes(parse(script))
        if isinstance(one, Simple)
    ]


@pytest.mark.parametrize(
    ("script", "commands"),
    [
        ("", []),
        (" \n# nothing\n\n", []),
        ("echo a  b", [["echo", "a", "b"]]),
        ("echo 'a $x' \"b $x\" c\\ d e'f'g", [["echo", "a $x", f"b {V}", "c d", "efg"]]),
        ("echo \"\\$x \\\\ \\n\" $'a' $\"b\" ''", [["echo", "$x \\ \\n", "a", "b", ""]]),
        ('echo "a\\\nb" c\\\nd', [["echo", "ab", "cd"]]),
        ("echo $x ${x} ${x:-y} ${x?no}", [["echo", V, V, V, V]]),
        ('echo ${x%y} ${#x} ${x:-${y}} ${x:+"$y"} ${x+\\}}', [["echo", UNKNOWN, UNKNOWN, V, UNKNOWN, UNKNOWN]]),
        ('echo $ $1 $@ $$ "$"', [["echo", "$", f"{MARK}1{MARK}", f"{MARK}@{MARK}", f"{MARK}${MARK}", "$"]]),
        ('echo $((1 + (2))) $(a b) "$(c)"', [["echo", UNKNOWN, UNKNOWN, UNKNOWN], ["a", "b"], ["c"]]),
        ('echo `a b` "`c`"', [["echo", UNKNOWN, UNKNOWN], ["a", "b"], ["c"]]),
        ("a <(b) >(c)", [["a", UNKNOWN, UNKNOWN], ["b"], ["c"]]),
        ("a#b # c", [["a#b"]]),
        ("x=1 y+=2 a z=3", [["x=1", "y+=2", "a", "z=3"]]),
        ("x=(a $(b)\n c) d", [[f"x={UNKNOWN}", "d"]]),
        ("a > f 2>> g < h 3<> i >| j 2>&1 &> k &>> l <<< m", [["a", "1>f", "2>>g", "0<h", "3<>i", "1>|j", "2>&1", "1&>k", "1&>>l", "0<<<m"]]),
        ("{fd}> f", [["{fd}>f"]]),
        ("a | b |& c && d || e; f & g", [["a"], ["b"], ["c"], ["d"], ["e"], ["f"], ["g"]]),
        ("a &&\n b |\n c", [["a"], ["b"], ["c"]]),
        ("! time a", [["a"]]),
        ("{ a; b; }; (c; d)", [["a"], ["b"], ["c"], ["d"]]),
        ("if a; then b; elif c\nthen d; else e; fi", [["a"], ["b"], ["c"], ["d"], ["e"]]),
        ("while a; do b; done; until c; do d; done", [["a"], ["b"], ["c"], ["d"]]),
        ("for i in 1 $(a); do b; done; for i; do c; done; for i\ndo d; done", [["a"], ["b"], ["c"], ["d"]]),
        ("for ((i = 0; i < 3; i++)); do a; done", [["a"]]),
        ("case $x in a | b) c ;; (*) d; esac", [["c"], ["d"]]),
        ("case x in esac; a", [["a"]]),
        ("f() { a; }; function g { b; }; function h() ( c ); f", [["a"], ["b"], ["c"], ["f"]]),
        ("[[ $x =~ ^(a|b)$ && ( -f y ) ]]; a", [["[[", V, "=~", "^", "a", "b", "$", "-f", "y", "]]"], ["a"]]),
        ("((i++)); a", [["(("], ["a"]]),
        ("cat <<E\na > b\nE\nc", [["cat", "0<<E"], ["c"]]),
        ("cat <<-'E' <<F\n\ta\n\tE\nb\nF\nc", [["cat", "0<<-E", "0<<F"], ["c"]]),
        ("a=$(cat <<E\n)\nE\n)", [[f"a={UNKNOWN}"], ["cat", "0<<E"]]),
        ("cat <<E\nE", [["cat", "0<<E"]]),
        ("echo if then { done }", [["echo", "if", "then", "{", "done", "}"]]),
        ("a\r\nb\r\n", [["a"], ["b"]]),
    ],
)  # fmt: skip
def test_scripts_that_are_understood(script: str, commands: list[list[str]]) -> None:
    assert _commands(script) == commands


@pytest.mark.parametrize(
    "script",
    [
        "echo 'a",
        'echo "a',
        "echo `a",
        "echo `a \\`b\\``",
        "echo $(a",
        "echo ${a",
        "echo ${a:-'b'}",
        "echo $'a\\n'",
        "echo $((a) + 1)",
        "echo $((a",
        "echo $(('a'))",
        "a >",
        "a > > b",
        "a | ",
        "a && ; b",
        "a ;; b",
        "; a",
        "& a",
        ") a",
        "a )",
        "(a",
        "{ a }",
        "if a; then b",
        "if a; b; fi",
        "for 1 in a; do b; done",
        "for i in a ) ; do b; done",
        "for i in a; b; done",
        "case x in a) b ;& c) d ;; esac",
        "case x in a) b ;;& c) d ;; esac",
        "case x in",
        "case x in a b) c;; esac",
        "[[ a",
        "function f a",
        "select x in a; do b; done",
        "a @(b|c)",
        "cat <<E\na",
        "x=(a",
        "a\fb",
        "a\f",
        MARK,
        UNKNOWN,
        "( " * 100 + "a" + ")" * 100,
        "a " + "&& a " * 100,
        "f() " * 100 + "a",
        'a "${' * 1000,
        "a=(" * 1000,
        "$(" * 1000,
        "`" * 1001,
    ],
)
def test_scripts_that_are_not_understood(script: str) -> None:
    with pytest.raises(NotUnderstood):
        parse(script)


def test_lines_are_those_of_the_script() -> None:
    script = "a\\\n b\nc 'd\ne' f\n$(g\nh) `\ni`\ncat <<E\nx\nE\nj"
    lines = {
        one.words[0].plain: one.line for one in nodes(parse(script)) if isinstance(one, Simple)
    }
    assert lines == {"a": 1, "c": 3, "": 5, "g": 5, "h": 6, "i": 7, "cat": 8, "j": 11}


@pytest.mark.parametrize(
    ("argv", "found"),
    [
        ("sh -c X", "X"),
        ("/bin/sh -ec X", "X"),
        ("bash -euo pipefail -c X", "X"),
        ("bash -ceuo pipefail X", "X"),
        ("bash -eoc pipefail X", "X"),
        ("bash --norc +x -lc X y", "X"),
        ("bash --rcfile f -c X", "X"),
        ("sh -c -- X", "X"),
        ("env bash -c X", "X"),
        ("/usr/bin/env -i A=b nice -n 5 timeout -k 3 10s sh -c X", "X"),
        ("busybox sh -c X", "X"),
        ("tini -- dash -c X", "X"),
        ("sh X", None),
        ("sh", None),
        ("sh -c", None),
        ("python3 -c X", None),
        ("env", None),
    ],
)
def test_where_the_script_is(argv: str, found: str | None) -> None:
    words = argv.split()
    for at in range(1, len(words) + 1):
        script = script_of(Subject(JobCodespec(command=tuple(words[:at]), args=tuple(words[at:]))))
        assert (script and script.argument.text) == found


def test_a_script_among_args_alone_may_be_for_anything() -> None:
    assert script_of(Subject(JobCodespec(args=("sh", "-c", "a")))) is None


def test_how_a_shell_is_called_with_a_file() -> None:
    shell = shell_in(["bash", "-e", "-", "file"])
    assert shell is not None
    assert (shell.at, shell.has_script) == (3, False)


def test_arguments_are_as_the_container_gets_them() -> None:
    codespec = JobCodespec(
        command=("sh", "-c"),
        args=("$(IN_PIPE) $(A) $(B) $$(A)", "x"),
        env={"A": "a", "B": "$(A)"},
        buffers=Buffers(inputs=("in",)),
    )
    assert arguments_of(codespec)[2] == Argument(
        ("args", 0), "$(IN_PIPE) $(A) $(B) $$(A)", "/etc/buffer-fifos/in a $(B) $(A)"
    )


def test_buffers_of_sockets_are_no_pipes() -> None:
    codespec = JobCodespec(
        buffers=Buffers(inputs=("a", "b"), outputs=("c", "d")),
        sockets=(Socket(port=1, input_buffer="A", output_buffer="c"),),
    )
    assert [(one.name, one.direction) for one in buffers_of(codespec)] == [
        ("b", Direction.INPUT), ("d", Direction.OUTPUT),
    ]  # fmt: skip
    assert buffers_of(WorkerCodespec()) == ()


def test_which_words_are_pipes() -> None:
    codespec = JobCodespec(
        command=("sh", "-c", "a=$IN_PIPE; readonly b=$a; c=$(IN_PIPE); d=x; for e in $IN_PIPE; do :; done"),
        buffers=Buffers(inputs=("in",)),
    )  # fmt: skip
    script = script_of(Subject(codespec))
    assert script is not None
    named = [
        name for name in ("IN_PIPE", *"abcdef") if pipe_named(f"{MARK}{name}{MARK}", script.pipes)
    ]
    assert named == ["IN_PIPE", "a", "b", "c"]
    assert pipe_named("/etc/buffer-fifos/in", script.pipes)
    assert not pipe_named("IN_PIPE", script.pipes)


def test_scripts_inside_scripts_and_programs_behind_wrappers() -> None:
    tree = parse("a; sh -c 'b\nc'; env X=1 /bin/d e; exec 3>x; sh -c \"$x\"; sh -c 'if'")
    assert [program_of(one)[0] for one in commands_of(tree)] == [
        "a", "sh", "b", "c", "d", "", "sh", "sh",
    ]  # fmt: skip
    assert [nested(one) is not None for one in commands_of(tree)].count(True) == 1


def test_nested_lines_go_on_from_the_command() -> None:
    (tree,) = (nested(one) for one in commands_of(parse("\n\nsh -c 'a\nb'")) if nested(one))
    assert [one.line for one in commands_of(tree)] == [3, 4]


PIECES = st.sampled_from(
    [
        "a",
        "echo",
        "cat",
        ">",
        ">>",
        "<",
        "<>",
        "|",
        "&",
        "&&",
        "||",
        ";",
        ";;",
        "(",
        ")",
        "{",
        "}",
        "$IN_PIPE",
        "$OUT_PIPE",
        "$(IN_PIPE)",
        '"$OUT_PIPE"',
        "'",
        '"',
        "`",
        "$(",
        "$((",
        "))",
        "${",
        "}",
        "$$",
        "if",
        "then",
        "elif",
        "else",
        "fi",
        "for",
        "in",
        "do",
        "done",
        "while",
        "until",
        "case",
        "esac",
        "function",
        "f()",
        "[",
        "[[",
        "]]",
        "!",
        "exit",
        "return",
        "break",
        "wait",
        "exec",
        "3>",
        "3>&-",
        "<<E",
        "E",
        "tee",
        "mv",
        "rm",
        "dd",
        "of=$OUT_PIPE",
        "head",
        "-c",
        "ffmpeg",
        "-i",
        "-y",
        "-f",
        "mp4",
        "sh",
        "-c",
        "\\",
        "#",
        "\n",
        "\r\n",
        "=",
        "x=",
        "x=(",
        "*",
        "~",
        "-f",
        "-e",
        "stat",
        "%s",
    ]
)


@given(st.one_of(st.text(), st.lists(PIECES).map(" ".join), st.lists(PIECES).map("".join)))
@settings(max_examples=600, deadline=None)
def test_no_text_makes_the_rules_fail(script: str) -> None:
    buffers = Buffers(inputs=("in",), outputs=("out",))
    for codespec in (
        JobCodespec(image="x", command=("sh", "-c", script), buffers=buffers),
        JobCodespec(image="ffmpeg", command=tuple(script.split(" ")), buffers=buffers),
        JobCodespec(image="ffmpeg", args=tuple(script.split(" ")), buffers=buffers),
    ):
        found = findings(Subject(codespec), RULES)
        assert all(one.happens and one.fix for one in found)
