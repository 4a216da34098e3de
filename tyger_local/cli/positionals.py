"""Positional arguments of which there must be just one."""

from __future__ import annotations

from tyger_local.errors import UsageError


def the_one(given: tuple[str, ...], what: str, hint: str) -> str:
    """Return the one positional argument.

    Args:
        given: All of them.
        what: What it is (``buffer ID``).
        hint: What to do where there is none.

    Raises:
        UsageError: There are more or none.
    """
    if not given:
        raise UsageError(f"one {what} positional argument is required", hint)
    if len(given) > 1:
        raise UsageError(
            f"unexpected positional arguments after the {what}: [{' '.join(given[1:])}]"
        )
    return given[0]


def buffer_id(given: tuple[str, ...]) -> str:
    """Return the one buffer's id.

    Raises:
        UsageError: There are more or none.
    """
    return the_one(given, "buffer ID", "see 'tyger-local buffer list'")
