"""``tyger-local completion`` prints a shell's script; ``tyger-local __complete`` is what that asks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tyger_local.cli.commands import Choice, Command, Reading
from tyger_local.cli.completion import FILE, words
from tyger_local.cli.output import write_out
from tyger_local.errors import UsageError

if TYPE_CHECKING:  # takes a moment to load, which only a TAB is to pay for
    from click.shell_completion import CompletionItem

SHELLS = ("bash", "zsh", "fish")


@click.command("completion", cls=Command)
@click.argument("shells", nargs=-1, metavar="bash|zsh|fish", shell_complete=words(*SHELLS))
def completion(shells: tuple[str, ...]) -> None:
    """Print the script that teaches a shell to complete commands, flags, names, versions and ids.

    \b
    bash, in this shell:    source <(tyger-local completion bash)
    in every shell:         put that line into ~/.bashrc

    \b
    zsh, in this shell:     source <(tyger-local completion zsh)
    in every shell:         put that line into ~/.zshrc

    \b
    fish, in this shell:    tyger-local completion fish | source
    in every shell:         tyger-local completion fish > ~/.config/fish/completions/tyger-local.fish

    What there is of codespecs and runs is looked up at each TAB.
    """  # noqa: D301  (click's mark for lines that stay as they are)
    if len(shells) != 1 or shells[0] not in SHELLS:
        raise UsageError(
            "the name of one shell is required: bash, zsh or fish",
            "see 'tyger-local completion --help'",
        )
    # Late: only here.
    from tyger_local.cli.completion_scripts import SCRIPTS  # noqa: PLC0415

    write_out(SCRIPTS[shells[0]])


@click.command("__complete", cls=Command, hidden=True)
@click.argument("lines", nargs=-1, metavar="-- LINE")
@click.option("--shell", type=Choice(*SHELLS), required=True, help="Who asks.")
@click.option(
    "--breaks", default="", metavar="CHARACTERS", help="Where bash begins a new word in a word."
)
def complete(lines: tuple[str, ...], shell: str, breaks: str) -> None:
    """Print what may stand at the end of a line. Whatever goes wrong, it says nothing."""
    # Late: only a TAB needs it.
    from tyger_local.cli.complete import candidates, split  # noqa: PLC0415

    root = click.get_current_context().find_root().command
    try:
        typed, incomplete = split(lines[0])
        found = candidates(root, typed[1:], incomplete) if isinstance(root, Reading) else []
        cut = _cut(lines[0], incomplete, breaks)
        rows = [row for each in found for row in _rows(each, shell, incomplete)]
    except Exception:  # noqa: BLE001  (somebody is typing: an error in the middle of the line helps nobody)
        return
    write_out("".join(f"{kind}\t{value[cut:]}\t{about}\n" for kind, value, about in rows))


def _cut(line: str, incomplete: str, breaks: str) -> int:
    """Return how much of the word under the cursor bash takes for another word: ``input=`` of ``input=x``."""
    if (
        f" {line}".rpartition(" ")[2] != incomplete
    ):  # it has quotes, within which bash breaks nothing
        return 0
    return 1 + max(
        (incomplete.rfind(character) for character in breaks if character in "=:"), default=-1
    )


def _rows(each: CompletionItem, shell: str, incomplete: str) -> Iterator[tuple[str, str, str]]:
    about = " ".join((each.help or "").split())
    if each.type != FILE or shell == "zsh":  # which knows files better
        yield each.type, each.value, about
        return
    before = each.value
    for path in _files(incomplete[len(before) :]):
        # bash puts the slash behind a folder itself.
        yield FILE, before + (path if shell == "fish" else path.rstrip("/")), ""


def _files(beginning: str) -> list[str]:
    """Return the paths that begin so, in order; those of folders end in a slash."""
    folder, slash, name = beginning.rpartition("/")
    with os.scandir(Path(folder + slash or ".").expanduser()) as entries:
        found = sorted(
            f"{folder}{slash}{entry.name}{'/' if entry.is_dir() else ''}"
            for entry in entries
            if entry.name.startswith(name) and (name or not entry.name.startswith("."))
        )
    return [path for path in found if "\n" not in path and "\t" not in path]
