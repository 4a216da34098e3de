"""Documents for people and programs: JSON, YAML, tables, names. To stdout."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import click

from tyger_local.cli.commands import Choice
from tyger_local.cli.output import write_out
from tyger_local.outcome.words import printable
from tyger_local.spec.json_text import json_text

Document = Mapping[str, object]
Columns = Mapping[str, Callable[[Document], object]]

FORMATS = ("json", "yaml", "table", "name")

format_option = click.option(
    "--format",
    "output_format",
    type=Choice(*FORMATS),
    default="json",
    help="How the answer is printed (default: json).",
)

text_format_option = click.option(
    "--format",
    "output_format",
    type=Choice("text", "json"),
    default="text",
    help="How the answer is printed (default: text).",
)
"""For commands whose answer is no document in the first place."""


def print_documents(
    documents: Sequence[Document], output_format: str, *, name: str, columns: Columns
) -> None:
    """Print several documents.

    Args:
        documents: What to print.
        output_format: One of `FORMATS`.
        name: The field that ``name`` prints.
        columns: Titles of the table and what stands below them.
    """
    if output_format in ("table", "name"):
        write_out("".join(f"{line}\n" for line in _lines(documents, output_format, name, columns)))
    else:
        print_value(list(documents), output_format)


def print_document(document: Document, output_format: str, *, name: str, columns: Columns) -> None:
    """Print one document; see `print_documents`."""
    if output_format in ("table", "name"):
        print_documents([document], output_format, name=name, columns=columns)
    else:
        print_value(document, output_format)


def print_value(value: object, output_format: str) -> None:
    """Print a JSON-like value as JSON or YAML."""
    if output_format == "yaml":
        # Late: loads YAML.
        from tyger_local.cli.yaml_text import yaml_text  # noqa: PLC0415

        write_out(yaml_text(value))
    else:
        write_out(json_text(value))


def _lines(
    documents: Sequence[Document], output_format: str, name: str, columns: Columns
) -> list[str]:
    if output_format == "name":
        return [str(document.get(name, "")) for document in documents]
    rows = [list(columns), *([_cell(get(doc)) for get in columns.values()] for doc in documents)]
    widths = [max(len(row[index]) for row in rows) for index in range(len(columns))]
    return [
        "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _cell(value: object) -> str:
    return printable(" ".join(str(value).split())) if value not in (None, "") else "-"
