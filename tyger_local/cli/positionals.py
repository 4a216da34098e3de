"""Positional arguments: of which there must be just one or none, and what may be a number."""

from __future__ import annotations

from tyger_local.errors import UsageError

LONGEST_NUMBER = 18
"""Digits; a longer number is that of nothing, and Python may refuse to read it."""


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


def no_positionals(extra: tuple[str, ...], command: str) -> None:
    """Refuse positional arguments of a command that has none.

    Raises:
        UsageError: There are some.
    """
    if extra:
        raise UsageError(
            f'unknown command "{extra[0]}" for "tyger-local {command}"',
            f"see 'tyger-local {command} --help'",
        )


def is_number(text: str) -> bool:
    """Return whether `text` can be the number of a version or run."""
    return text.isascii() and text.isdecimal() and len(text) <= LONGEST_NUMBER
