"""The rules of names: codespecs, buffers, references to a codespec; and the nearest legal name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from itertools import chain

from tyger_local.errors import SpecError, UsageError

MAX_CODESPEC_NAME_LENGTH = 200  # a name is a folder of the store, and 255 bytes is where those end
LARGEST_VERSION = 2**31 - 1

_CODESPEC_NAME = re.compile(r"[a-z0-9\-._]*")
_CODESPEC_REF = re.compile(r"(?P<name>[a-z0-9\-._]+)(?:/versions/(?P<version>[0-9]+))?")
_BUFFER_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SIMILARITY = 0.6


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """Find the candidate that `name` was most likely meant to be, case aside; None if none is."""
    by_folded: dict[str, str] = {}
    for candidate in candidates:
        by_folded.setdefault(candidate.casefold(), candidate)
    close = get_close_matches(name.casefold(), by_folded, n=1, cutoff=_SIMILARITY)
    return by_folded[close[0]] if close else None


def check_codespec_name(name: str) -> None:
    """Check a codespec's name.

    Raises:
        UsageError: It is empty, ``.``, ``..``, too long, or has other characters than it may.
    """
    if name in ("", ".", ".."):
        raise UsageError("codespec names must not be empty, '.' or '..'", "choose another name")
    if len(name) > MAX_CODESPEC_NAME_LENGTH:
        raise UsageError(
            f"codespec names must not be longer than {MAX_CODESPEC_NAME_LENGTH} characters",
            f"this one has {len(name)}",
        )
    if not _CODESPEC_NAME.fullmatch(name):
        legal = re.sub(r"[^a-z0-9\-._]+", "-", name.lower())
        raise UsageError(
            "codespec names must contain only lower case letters (a-z), numbers (0-9), "
            "dashes (-), underscores (_), and dots (.)",
            f"'{legal}' would do",
        )


def parse_codespec_ref(ref: str) -> tuple[str, int | None]:
    """Read ``<name>`` or ``<name>/versions/<n>``.

    Returns:
        The name, and the version or None for the newest.

    Raises:
        SpecError: It has neither form, or the version does not fit 32 bits.
        UsageError: The name is one that no codespec can have.
    """
    match = _CODESPEC_REF.fullmatch(ref)
    if match is None:
        raise SpecError(
            f"The codespec reference '{ref}' is invalid. It should be in the form "
            "'<codespec_name>' or '<codespec_name>/versions/<version_number>'."
        )
    check_codespec_name(match["name"])
    if match["version"] is None:
        return match["name"], None
    digits = match["version"].lstrip("0") or "0"
    if len(digits) > len(str(LARGEST_VERSION)) or int(digits) > LARGEST_VERSION:
        raise SpecError(
            f"The codespec reference '{ref}' is invalid. "
            f"The version number '{match['version']}' is not a valid integer.",
            f"versions end at {LARGEST_VERSION}",
        )
    return match["name"], int(digits)


def check_buffer_names(inputs: Iterable[str], outputs: Iterable[str]) -> None:
    """Check the names of a codespec's buffers, as Tyger's server does and in its order.

    Names are looked at in order of appearance, inputs first, equal ones (case aside) together.

    Raises:
        SpecError: The first rule that is broken.
    """
    spellings: dict[str, list[str]] = {}
    for name in chain(inputs, outputs):
        spellings.setdefault(name.lower(), []).append(name)
    for name, *others in spellings.values():
        if not name.strip():
            raise SpecError("A buffer name cannot be empty", "give every buffer a name")
        if others:
            raise SpecError(
                "All buffer names must be unique across inputs and outputs. "
                f"Buffer names are case-insensitive. '{name}' is duplicated",
                "rename one of them",
            )
        if not _BUFFER_NAME.fullmatch(name):
            raise SpecError(
                f"The name of buffer '{name}' is invalid. Buffer names must consist of lower case "
                "alphanumeric characters or '-', and must start and end with an alphanumeric "
                "character.",
                _legal_buffer_name(name),
            )


def _legal_buffer_name(name: str) -> str:
    legal = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return f"'{legal}' would do" if legal else "choose another name"
