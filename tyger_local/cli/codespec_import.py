"""``tyger-local codespec import``."""

from __future__ import annotations

import click

from tyger_local.cli.commands import Command, boolean
from tyger_local.cli.completion import files
from tyger_local.cli.output import write_out
from tyger_local.cli.render import print_value, text_format_option
from tyger_local.cli.state import console, workspace
from tyger_local.errors import UsageError


@click.command("import", cls=Command)
@click.argument("paths", nargs=-1, metavar="FILE...", shell_complete=files)
@text_format_option
def import_(paths: tuple[str, ...], output_format: str, *, dry_run: bool) -> None:
    """Create codespecs from many files, or from what 'codespec list' of Tyger's client prints.

    Each file is what 'codespec create -f' reads, or a JSON or YAML array of such codespecs; - is standard
    input: 'tyger codespec list | tyger-local codespec import -'. Prints name and version of each. All are
    checked first: when one is wrong, nothing is stored.
    """
    if not paths:
        raise UsageError("codespec import needs at least one file", "name files, or - for stdin")
    # Late: loads YAML.
    from tyger_local.workspace.importing import read_imports, store_imports  # noqa: PLC0415

    codespecs = workspace().codespecs
    imports = read_imports(codespecs, paths)
    if dry_run:
        rows = [{"name": one.name, "isNew": one.is_new(codespecs)} for one in imports]
    else:
        rows = []
        for made in store_imports(codespecs, imports):
            if output_format == "text":  # at once: whatever happens next, this one is stored
                write_out(f"{made.name} {made.version}\n")
            rows.append({"name": made.name, "version": made.version, "isNew": made.is_new})
    new = sum(bool(row["isNew"]) for row in rows)
    if output_format == "json":
        print_value(rows, "json")
    elif dry_run:
        write_out("".join(f"{row['name']}\n" for row in rows))
    said = "Would be imported" if dry_run else "Imported"
    console().info(said, new=new, unchanged=len(rows) - new)


import_.params.append(
    boolean("--dry-run", help="Check them all and print their names; store nothing.")
)
