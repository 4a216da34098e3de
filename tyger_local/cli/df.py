"""``tyger-local df``: how much room the store takes."""

from __future__ import annotations

from collections.abc import Mapping

import click

from tyger_local.cli.commands import Choice, Command
from tyger_local.cli.positionals import no_positionals
from tyger_local.cli.render import print_documents, print_value
from tyger_local.cli.state import workspace
from tyger_local.outcome.words import counted, human_bytes

COLUMNS = {
    "KIND": lambda doc: doc.get("name"),
    "COUNT": lambda doc: doc.get("count"),
    "SIZE": lambda doc: human_bytes(int(str(doc.get("bytes")))),
    "": lambda doc: doc.get("notes"),
}


@click.command("df", cls=Command)
@click.argument("extra", nargs=-1, metavar="")
@click.option(
    "--format",
    "output_format",
    type=Choice("table", "json", "yaml"),
    default="table",
    help="How the answer is printed (default: table).",
)
def df(extra: tuple[str, ...], output_format: str) -> None:
    """Show how much room the store takes."""
    no_positionals(extra, "df")
    sizes = workspace().housekeeping.sizes()
    if output_format != "table":
        print_value(sizes, output_format)
        return
    rows = [_row(name, part) for name, part in sizes.items() if isinstance(part, dict)]
    total = {"name": "total", "count": "", "notes": sizes["home"], "bytes": sizes["totalBytes"]}
    print_documents([*rows, total], "table", name="name", columns=COLUMNS)


def _row(name: str, part: Mapping[str, int]) -> Mapping[str, object]:
    notes = {
        "versions": counted(part.get("versions", 0), "version"),
        "active": f"{part.get('active')} not ended",
        "logBytes": f"{human_bytes(part.get('logBytes', 0))} of it logs",
        "softDeleted": f"{part.get('softDeleted')} soft-deleted",
    }
    shown = [text for key, text in notes.items() if key in part]
    return {"name": name, **part, "notes": ", ".join(shown)}
