"""``tyger-local schema``: what codespec and run files may hold, for editors."""

from __future__ import annotations

import click

from tyger_local.cli.commands import Command
from tyger_local.cli.completion import only_one, words
from tyger_local.cli.render import print_value
from tyger_local.errors import UsageError
from tyger_local.spec.names import nearest

KINDS = ("codespec", "run")


@click.command("schema", cls=Command)
@click.argument(
    "kinds", nargs=-1, metavar="codespec|run", shell_complete=only_one(words("codespec", "run"))
)
def schema(kinds: tuple[str, ...]) -> None:
    """Print the JSON Schema of codespec files or of run files.

    Editors complete and check a file whose first line is '# yaml-language-server: $schema=' and the path of
    what is printed here.
    """
    if len(kinds) != 1 or kinds[0] not in KINDS:
        close = nearest(kinds[0], KINDS) if len(kinds) == 1 else None
        raise UsageError(
            "a schema is of 'codespec' files or of 'run' files"
            + (f", and not of {' '.join(kinds)}" if kinds else ""),
            f"did you mean '{close}'?" if close else "say which: tyger-local schema codespec",
        )
    from tyger_local.spec.schema import SCHEMAS  # noqa: PLC0415  (late: loads YAML)

    print_value(SCHEMAS[kinds[0]](), "json")
