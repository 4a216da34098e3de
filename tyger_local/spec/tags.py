"""Tags of runs and buffers: what they may be, and choosing by them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tyger_local.errors import SpecError

MOST_TAGS = 100

_KEY = re.compile(r"[a-zA-Z0-9._-]{1,128}")
_VALUE = re.compile(r"[a-zA-Z0-9._-]{0,256}")


def check_tags(tags: Mapping[str, str]) -> None:
    """Check tags of a run or of a buffer.

    Raises:
        SpecError: Too many, or a key or value with other characters than Tyger allows.
    """
    if len(tags) > MOST_TAGS:
        raise SpecError("No more than 100 tags can be set on a buffer", f"these are {len(tags)}")
    for key, value in tags.items():
        if not _KEY.fullmatch(key):
            raise SpecError(
                "Tag keys must contain up to 128 letters (a-z, A-Z), numbers (0-9) "
                f"and underscores (_): '{key}'",
                "dashes and dots are allowed too",
            )
        if not _VALUE.fullmatch(value):
            raise SpecError(
                "Tag values can contain up to 256 letters (a-z, A-Z), numbers (0-9) "
                f"and underscores (_): '{value}'",
                "dashes and dots are allowed too",
            )


def has_tags(tags: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Return whether `tags` hold all of `wanted`, values included."""
    return wanted.items() <= tags.items()


def is_chosen(
    tags: Mapping[str, str], wanted: Mapping[str, str], excluded: Mapping[str, str]
) -> bool:
    """Return whether `tags` hold all of `wanted` and none of `excluded`."""
    return has_tags(tags, wanted) and not excluded.items() & tags.items()
