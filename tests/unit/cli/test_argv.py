from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import click
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tyger_local.cli.argv import Flag, Parsed, Parser, invalid_argument
from tyger_local.cli.commands import ContainerCommand, Settings, after_dashes, boolean
from tyger_local.errors import UsageError

INPUT, IMAGE, FILE = Flag("input"), Flag("image"), Flag("file")
COMMAND, QUIET, HELP = Flag("command", "true"), Flag("quiet", "true"), Flag("help", is_switch=True)
FLAGS = (INPUT, IMAGE, FILE, COMMAND, QUIET, HELP)
LETTERS = {"i": INPUT, "f": FILE, "q": QUIET, "h": HELP}
PARSER = Parser({flag.name: flag for flag in FLAGS}, LETTERS)

FlagList = list[tuple[str, str | None]]


@pytest.mark.parametrize(
    ("argv", "flags", "positionals", "after"),
    [
        ([], [], [], None),
        # one value, every spelling
        (["-i=input"], [("input", "input")], [], None),
        (["-iinput"], [("input", "input")], [], None),
        (["-i", "input"], [("input", "input")], [], None),
        (["--input=input"], [("input", "input")], [], None),
        (["--input", "input"], [("input", "input")], [], None),
        (["--image=x"], [("image", "x")], [], None),
        # empty and strange values
        (["--image="], [("image", "")], [], None),
        (["--image", ""], [("image", "")], [], None),
        (["-i", ""], [("input", "")], [], None),
        (["-i="], [("input", "=")], [], None),
        (["-i=="], [("input", "=")], [], None),
        (["-i=-x"], [("input", "-x")], [], None),
        (["--image=a=b"], [("image", "a=b")], [], None),
        (["-ia=b"], [("input", "a=b")], [], None),
        (["-i", "a\nb"], [("input", "a\nb")], [], None),
        # a value may look like a flag, and like the end of flags
        (["--image", "-x"], [("image", "-x")], [], None),
        (["--image", "--input=a"], [("image", "--input=a")], [], None),
        (["--image", "--"], [("image", "--")], [], None),
        (["-i", "--", "--", "a"], [("input", "--")], [], ["a"]),
        (["-i", "-"], [("input", "-")], [], None),
        (["-f-"], [("file", "-")], [], None),
        (["-f", "-"], [("file", "-")], [], None),
        # what stands behind --
        (["--"], [], [], []),
        (["a", "--"], [], ["a"], []),
        (["--", "-i", "b"], [], [], ["-i", "b"]),
        (["--", "--", "--image"], [], [], ["--", "--image"]),
        (["a", "--", "b", "--", "c"], [], ["a"], ["b", "--", "c"]),
        (["--image", "x", "a", "--", ""], [("image", "x")], ["a"], [""]),
        # flags that may stand alone never take the next word
        (["--command", "a"], [("command", "true")], ["a"], None),
        (["--command=false"], [("command", "false")], [], None),
        (["--command="], [("command", "")], [], None),
        (["--command", "--", "a"], [("command", "true")], [], ["a"]),
        (["-q", "false"], [("quiet", "true")], ["false"], None),
        (["-q=false"], [("quiet", "false")], [], None),
        # short ones in a group
        (["-qq"], [("quiet", "true"), ("quiet", "true")], [], None),
        (["-qia"], [("quiet", "true"), ("input", "a")], [], None),
        (["-qi=a"], [("quiet", "true"), ("input", "a")], [], None),
        (["-qi", "a"], [("quiet", "true"), ("input", "a")], [], None),
        (["-qq=false"], [("quiet", "true"), ("quiet", "false")], [], None),
        (["-iq"], [("input", "q")], [], None),
        (["-hq"], [("help", None), ("quiet", "true")], [], None),
        # positionals anywhere, repeated flags in order
        (["a", "-i", "x", "b"], [("input", "x")], ["a", "b"], None),
        (["-i", "x", "-i", "y"], [("input", "x"), ("input", "y")], [], None),
        (["-", "a"], [], ["-", "a"], None),
        (["", "a"], [], ["", "a"], None),
    ],
)
def test_reading(
    argv: list[str], flags: FlagList, positionals: list[str], after: list[str] | None
) -> None:
    assert PARSER.parse(argv) == Parsed(flags, positionals, after)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--image"], "flag needs an argument: --image."),
        (["a", "-i"], "flag needs an argument: 'i' in -i."),
        (["-qi"], "flag needs an argument: 'i' in -i."),
        (["-v"], "unknown shorthand flag: 'v' in -v. See --help."),
        (["-qvx"], "unknown shorthand flag: 'v' in -vx. See --help."),
        (["-q="], "unknown shorthand flag: '=' in -=. See --help."),
        (["-é"], "unknown shorthand flag: 'é' in -é. See --help."),
        (["--unknown"], "unknown flag: --unknown. See --help."),
        (["--unknown=1"], "unknown flag: --unknown. See --help."),
        (["--imag"], "unknown flag: --imag. Did you mean --image?"),
        (["--INPUT", "a"], "unknown flag: --INPUT. Did you mean --input?"),
        (["--i"], "unknown flag: --i. See --help."),
        (["---"], "bad flag syntax: ---."),
        (["---image"], "bad flag syntax: ---image."),
        (["--=x"], "bad flag syntax: --=x."),
        (["--help=true"], "the flag --help takes no value."),
    ],
)
def test_errors(argv: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        PARSER.parse(argv)
    assert str(caught.value) == message


def test_a_group_leaves_everything_from_its_command_on_alone() -> None:
    parser = Parser(PARSER.by_name, LETTERS, interspersed=False)
    argv = ["-q", "--image", "x", "create", "-q", "--nope", "--", "a"]
    flags: FlagList = [("quiet", "true"), ("image", "x")]
    assert parser.parse(argv) == Parsed(flags, argv[3:], None)
    assert parser.parse(["-q", "--", "create"]) == Parsed([("quiet", "true")], [], ["create"])


def test_the_canonical_spelling() -> None:
    parsed = Parsed([("input", ""), ("help", None), ("image", "-x")], ["-", "--input"], ["b"])
    canonical = ["--input=", "--help", "--image=-x", "--", "-", "--input"]
    assert parsed.canonical() == canonical
    assert PARSER.parse(["-q"]).canonical() == ["--quiet=true"]


def test_the_error_for_a_bad_value() -> None:
    error = invalid_argument('a"b', "-i, --input", "no")
    assert str(error) == 'invalid argument "a\\"b" for "-i, --input" flag: no.'


# Whatever is rendered in a legal way is received as it was meant.


@dataclass
class Meant:
    flags: list[tuple[str, str]] = field(default_factory=list)
    positionals: list[str] = field(default_factory=list)
    after: list[str] | None = None


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.sampled_from(
    ["", "-", "--", "=", "==x", "-i", "--image=x", "a,b", 'a"b', "true", "q"]
)
POSITIONALS = TEXTS.filter(lambda text: text in ("", "-") or not text.startswith("-"))
VALUED = {"input": "i", "file": "f", "image": ""}
ALONE = {"quiet": "q", "command": ""}
BOOLEANS = st.sampled_from(["true", "false", "1", "F"])


@st.composite
def _spelled(draw: st.DrawFn) -> tuple[list[tuple[str, str]], list[str]]:
    """A flag and its value in one legal spelling: what it means, and its words."""
    name = draw(st.sampled_from([*VALUED, *ALONE]))
    letter = VALUED.get(name) or ALONE.get(name)
    group = "q" * draw(st.integers(0, 2))  # short ones that may stand before another
    meant = [("quiet", "true")] * len(group)
    if name in ALONE:
        value = draw(BOOLEANS)
        spellings = [[f"--{name}={value}"]]
        if value == "true":
            spellings.append([f"--{name}"])
        if letter:
            spellings += [[f"-{group}{letter}={value}"]]
            if value == "true":
                spellings.append([f"-{group}{letter}"])
    else:
        value = draw(TEXTS)
        spellings = [[f"--{name}={value}"], [f"--{name}", value]]
        if letter:
            spellings.append([f"-{group}{letter}", value])
            if value:
                spellings.append([f"-{group}{letter}={value}"])
            if value and not (value.startswith("=") and len(value) > 1):
                spellings.append([f"-{group}{letter}{value}"])
    words = draw(st.sampled_from(spellings))
    is_grouped = not words[0].startswith("--") and bool(letter)
    return [*(meant if is_grouped else []), (name, value)], words


@st.composite
def _command_lines(draw: st.DrawFn) -> tuple[Meant, list[str]]:
    spelled = draw(st.lists(_spelled(), max_size=6))
    positionals = draw(st.lists(POSITIONALS, max_size=4))
    after = draw(st.none() | st.lists(TEXTS, max_size=4))
    kinds = draw(st.permutations(["flag"] * len(spelled) + ["word"] * len(positionals)))
    flags, words = iter(spelled), iter(positionals)
    argv: list[str] = []
    meant = Meant(positionals=positionals, after=after)
    for kind in kinds:
        if kind == "flag":
            means, rendered = next(flags)
            meant.flags += means
            argv += rendered
        else:
            argv.append(next(words))
    return meant, argv + ([] if after is None else ["--", *after])


def _command(received: list[dict[str, Any]]) -> click.Command:
    def note(**given: Any) -> None:
        received.append({**given, "after": after_dashes()})

    options: list[click.Parameter] = [
        click.Option(["-i", "--input"], multiple=True),
        click.Option(["-f", "--file"], multiple=True),
        click.Option(["--image"], multiple=True),
        boolean("--command"),
        click.Argument(["words"], nargs=-1),
    ]
    return ContainerCommand("x", params=options, callback=note)


@settings(max_examples=2000, deadline=None)
@given(_command_lines())
def test_every_legal_spelling_is_received(line: tuple[Meant, list[str]]) -> None:
    meant, argv = line
    assert PARSER.parse(argv) == Parsed([*meant.flags], meant.positionals, meant.after)
    received: list[dict[str, Any]] = []
    chosen = Settings()
    _command(received).main(argv, "x", standalone_mode=False, obj=chosen)
    truths = {"true": True, "1": True, "false": False, "F": False}
    quiet = [truths[value] for name, value in meant.flags if name == "quiet"]
    command = [truths[value] for name, value in meant.flags if name == "command"]
    assert received == [
        {
            **{name: tuple(v for n, v in meant.flags if n == name) for name in VALUED},
            "command": command[-1] if command else False,
            "words": tuple(meant.positionals),
            "after": None if meant.after is None else tuple(meant.after),
        }
    ]
    assert chosen.quiet is (quiet[-1] if quiet else False)
