"""How many of something are listed at most."""

from __future__ import annotations

from tyger_local.cli.state import console
from tyger_local.errors import UsageError

DEFAULT_LIMIT = 1000


def asked_limit(limit: int | None) -> int:
    """Return how many to read: without a limit one more than is shown, to know whether there are more.

    Raises:
        UsageError: It is below zero.
    """
    if limit is not None and limit < 0:
        raise UsageError("Limit must be a non-negative integer.")
    return DEFAULT_LIMIT + 1 if limit is None else limit


def cut(documents: list[dict[str, object]], limit: int | None) -> list[dict[str, object]]:
    """Cut what `asked_limit` read too much, and say so."""
    if limit is None and len(documents) > DEFAULT_LIMIT:
        console().warn(
            "the output was truncated. Specify the --limit parameter to increase the number of elements."
        )
        return documents[:DEFAULT_LIMIT]
    return documents
