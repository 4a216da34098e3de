"""What `explain` answers: rows of values, each with where it comes from; and the same as a document."""

from __future__ import annotations

from dataclasses import dataclass

from tyger_local.plan.model import Difference
from tyger_local.plan.origins import Origin
from tyger_local.spec.versions import JsonObject


@dataclass(frozen=True, slots=True)
class Row:
    """One value.

    Attributes:
        name: What it is called in files: ``args[2]``, ``env.GREETING``.
        value: What holds here. In square brackets stands what is no value but a word for one.
        cluster: What holds on the cluster; None where that is the same.
        written: How it was written, where variables have been put in since.
    """

    name: str
    value: str
    origin: Origin
    cluster: str | None = None
    written: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of the run, or of what runs.

    Attributes:
        name: ``run``, ``job`` or ``worker``.
    """

    name: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A plan, explained.

    Attributes:
        docker_lines: The commands that would do the same by hand, in the order in which they are given.
        differences: What is worth a warning.
    """

    parts: tuple[Part, ...]
    docker_lines: tuple[str, ...]
    differences: tuple[Difference, ...]

    def document(self) -> JsonObject:
        """Return it as a document for programs."""
        return {
            **{part.name: [_row(row) for row in part.rows] for part in self.parts},
            "dockerLines": list(self.docker_lines),
            "warnings": [
                {"code": found.code, "text": found.text, "strict": found.strict}
                for found in self.differences
            ],
        }


def _row(row: Row) -> JsonObject:
    where = {"where": row.origin.where} if row.origin.where else {}
    document: JsonObject = {
        "name": row.name,
        "value": row.value,
        "origin": {"kind": row.origin.kind.value, **where},
    }
    if row.written is not None:
        document["written"] = row.written
    if row.cluster is not None:
        document["cluster"] = row.cluster
    return document
