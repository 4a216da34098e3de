"""Sizes as Tyger's client takes them: ``512``, ``100MB``, ``10G``; 1 KB and 1 KiB are both 1024 bytes.

Source: ``ParseBase2Bytes`` of alecthomas/units, to which Tyger's client adds a ``B`` where there is none.
"""

from __future__ import annotations

import re

from tyger_local.errors import UsageError
from tyger_local.spec.go_text import quote

LARGEST_SIZE_BYTES = 2**63 - 1

_PART = re.compile(r"([0-9]{0,30})(?:\.([0-9]{0,30}))?([KMGTPE]i?)?B", re.ASCII)
_POWERS = {letter: 1024**power for power, letter in enumerate("KMGTPE", start=1)}


def parse_size(text: str) -> int:
    """Return how many bytes `text` means; parts are added (``1GB512MB``).

    Raises:
        UsageError: It is no size, or does not fit 63 bits.
    """
    rest = text if text.endswith("B") else f"{text}B"
    total = 0
    while rest:
        match = _PART.match(rest)
        if match is None or not (match[1] or match[2]):
            raise UsageError(f"invalid size {quote(text)}", "write it as 512, 100MB or 10G")
        factor = _POWERS.get((match[3] or " ")[0], 1)
        total += int(match[1] or 0) * factor
        total += int(int(match[2] or 0) * factor / 10 ** len(match[2] or ""))
        rest = rest[match.end() :]
    if total > LARGEST_SIZE_BYTES:
        raise UsageError(f"the size {quote(text)} is too large", "it must fit in 63 bits")
    return total
