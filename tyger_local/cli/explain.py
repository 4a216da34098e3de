"""``tyger-local explain``: what would run, value by value."""

from __future__ import annotations

import os

import click

from tyger_local.cli.commands import Command
from tyger_local.cli.completion import codespec_names_and_files, only_one
from tyger_local.cli.loading import leaving_on_interrupt
from tyger_local.cli.output import write_out
from tyger_local.cli.render import print_value, text_format_option
from tyger_local.cli.run_flags import buffer_option, run_flags
from tyger_local.cli.state import workspace
from tyger_local.errors import UsageError

FILE_ENDINGS = (".yml", ".yaml", ".json")


@run_flags
@click.command("explain", cls=Command)
@click.argument(
    "names",
    nargs=-1,
    metavar="[FILE|NAME]",
    shell_complete=only_one(codespec_names_and_files),
)
@buffer_option(", NAME=- for stdin or stdout.")
@text_format_option
def explain(names: tuple[str, ...], output_format: str, **given: object) -> None:
    """Explain what a codespec file, a run file or a codespec becomes; no engine is asked.

    Shows every value that would hold, with the line, flag or image that it comes from, and what the cluster
    would have instead where that differs; then the same as docker commands, and the warnings. Takes the flags
    of 'run exec'.
    """
    _name(names, given)
    here = workspace(str(given["engine"] or "") or None)
    with leaving_on_interrupt():
        # Late: these load YAML.
        from tyger_local.cli.explain_text import explanation_text  # noqa: PLC0415
        from tyger_local.cli.run_values import flags_from, overrides_from  # noqa: PLC0415

    file = str(given["file"] or "") or None
    explanation = here.runs.explain(file, flags_from(given), overrides_from(given))
    if output_format == "json":
        print_value(explanation.document(), "json")
    else:
        write_out(explanation_text(explanation))


def _name(names: tuple[str, ...], given: dict[str, object]) -> None:
    """Take what is named without a flag for ``--file`` or ``--codespec``."""
    if len(names) > 1:
        raise UsageError(
            f"unexpected positional arguments after the first: [{' '.join(names[1:])}]",
            "explain one at a time",
        )
    for name in names:
        flag = "file" if _is_file(name) else "codespec"
        if given[flag]:
            raise UsageError(f"'{name}' and --{flag} {given[flag]} are two of a kind", "name one")
        given[flag] = name


def _is_file(name: str) -> bool:
    """Return whether a file is meant, and no codespec of the store."""
    looks_like_one = name.endswith(FILE_ENDINGS) or ("/" in name and "/versions/" not in name)
    return name == "-" or looks_like_one or (os.path.exists(name) and not os.path.isdir(name))
