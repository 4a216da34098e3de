"""What an export is made of, before it is text."""

from __future__ import annotations

from dataclasses import dataclass

from tyger_local.spec.versions import JsonObject


@dataclass(frozen=True, slots=True)
class Sheet:
    """A YAML document, and what is said above it.

    Attributes:
        comment: Lines, without the mark that makes comments of them.
    """

    comment: tuple[str, ...]
    document: JsonObject
