"""ETags: short texts that differ when what they stand for does.

Whoever changes something with ``--etag`` says which state it has seen, and is refused when there is another.
"""

from __future__ import annotations

import hashlib
import json

DIGEST_BYTES = 8


ANY = (None, "", "*")
"""What stands for no condition, as in HTTP."""


def is_met(condition: str | None, tag: str) -> bool:
    """Return whether a state with the ETag `tag` may be changed by who gave `condition`."""
    return condition in ANY or condition == tag


def etag(parts: object) -> str:
    """Return the ETag of a state: up to twenty decimal digits, as Tyger's look.

    Args:
        parts: Everything that makes it another state, JSON-like. The order of mappings does not count.
    """
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True)
    digest = hashlib.blake2b(text.encode(), digest_size=DIGEST_BYTES).digest()
    return str(int.from_bytes(digest, "big"))
