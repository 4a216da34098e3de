from __future__ import annotations

import importlib.resources
import inspect
import re
import subprocess
from collections.abc import Callable, Iterator

import click
import pytest

import tyger_local
from tyger_local.cli.commands import Group
from tyger_local.cli.main import root

Cli = Callable[..., subprocess.CompletedProcess[str]]
GLOBAL = {"--home", "--log-level", "--log-format", "--quiet", "--no-progress", "--help"}


def _below(group: click.Group) -> Iterator[tuple[str, click.Command]]:
    ctx = click.Context(group)
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        assert command is not None
        yield name, command


def _commands(
    command: click.Command, *path: str
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name, below in _below(command):
            yield from _commands(below, *path, name)


COMMANDS = dict(_commands(root))


def _options(command: click.Command) -> list[click.Option]:
    found = command.get_params(click.Context(command))
    return [option for option in found if isinstance(option, click.Option)]


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(cli: Cli, path: tuple[str, ...]) -> None:
    command = COMMANDS[path]
    assert command.help
    assert command.help.strip().endswith((".", "!"))
    answer = cli(*path, "--help")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert cli(*path, "-h").stdout == answer.stdout
    words = " ".join(["tyger-local", *path])
    assert answer.stdout.startswith(f"Usage: {words} ")
    assert "  ".join(command.help.split("\n\n")[0].split()[:3]).split()[0] in answer.stdout
    for option in _options(command):
        if not option.hidden:
            assert option.help, option.opts
            assert option.help.endswith("."), option.opts
            for name in option.opts:
                assert re.search(rf"(^|[ ,]){re.escape(name)}\b", answer.stdout, re.MULTILINE), name
    for name, below in _below(command) if isinstance(command, click.Group) else ():
        if not below.hidden:
            assert re.search(rf"^  {name} +{re.escape(below.get_short_help_str()[:20])}", answer.stdout,
                         re.MULTILINE)  # fmt: skip


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_has_the_global_flags(path: tuple[str, ...]) -> None:
    assert {name for option in _options(COMMANDS[path]) for name in option.opts} >= GLOBAL


def test_aliases_lead_somewhere() -> None:
    for path, command in COMMANDS.items():
        if isinstance(command, Group):
            for alias, name in command._aliases.items():
                assert name in dict(_below(command)), path
                assert alias not in dict(_below(command)), path


def test_choices_are_shown_as_they_are_typed(cli: Cli) -> None:
    shown = cli("run", "exec", "--help").stdout
    for words in ("docker|process", "auto|always|never", "pretty|plain|json", "[=always|missing|"):
        assert words in shown


def test_public_names() -> None:
    assert set(tyger_local.__all__) == {
        *("ExecOptions", "LogQuery", "Selection", "Workspace", "__version__")
    }
    for name in tyger_local.__all__:
        assert getattr(tyger_local, name) is not None
    namespace: dict[str, object] = {}
    exec("from tyger_local import *", namespace)
    assert set(tyger_local.__all__) <= set(namespace)


def test_public_methods_are_documented() -> None:
    workspace = tyger_local.Workspace("/nonexistent")
    parts = (workspace, workspace.codespecs, workspace.runs, workspace.buffers)
    for thing in map(type, parts):
        assert thing.__doc__
        for name, member in inspect.getmembers(thing, inspect.isfunction):
            if not name.startswith("_"):
                assert member.__doc__, name


def test_types_are_shipped() -> None:
    assert importlib.resources.files("tyger_local").joinpath("py.typed").is_file()
