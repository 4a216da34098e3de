"""Findings with the places in which people look for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tyger_local.errors import sentence
from tyger_local.lint.model import Finding
from tyger_local.lint.subjects import Target
from tyger_local.spec.decode import dotted
from tyger_local.spec.place import Path, Place


@dataclass(frozen=True, slots=True)
class Located:
    """A finding and where it is.

    Attributes:
        place: The file, line and column; or the codespec's name alone.
        begins: Where the value begins in which it is.
        path: Where it is in the document.
    """

    finding: Finding
    place: Place
    begins: Place
    path: Path

    @property
    def field(self) -> str:
        """Return the field as people write it: ``job.codespec.args[2]``."""
        return dotted(self.path)

    @property
    def text(self) -> str:
        """Return what is said of it: what happens, and what to do."""
        return sentence(self.finding.happens, self.finding.fix)


def located(target: Target, found: Iterable[Finding]) -> Iterator[Located]:
    """Yield what was found in a codespec with its places."""
    document = target.document
    for finding in found:
        path = (*target.prefix, *finding.path)
        begins = document.key_place(path) if finding.is_key else document.place(path)
        place = begins if finding.line is None else document.line_place(path, finding.line)
        yield Located(finding, place, begins, path)


def in_order(found: Iterable[Located]) -> list[Located]:
    """Return findings in the order of the file."""
    return sorted(
        found, key=lambda each: (each.place.source, each.place.line or 0, each.place.column or 0)
    )
