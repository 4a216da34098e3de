"""Counting bytes, and hashing them as long as they are few."""

from __future__ import annotations

import hashlib
from enum import Enum

CHECKSUM_LIMIT_BYTES = 64 * 2**20
"""Up to here a checksum is free beside the stream; above, hashing is slower than moving the bytes."""


class Checksum(str, Enum):
    """Whether a buffer's sha256 is computed."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class Tally:
    """How many bytes went by, and their sha256 if `policy` wants it.

    Args:
        policy: Whether to hash.
        expected_bytes: How many there will be, if that is known: too many are not even begun with.
    """

    def __init__(self, policy: Checksum, expected_bytes: int = 0) -> None:
        self.bytes = 0
        self._policy = policy
        too_many = policy is Checksum.AUTO and expected_bytes > CHECKSUM_LIMIT_BYTES
        self._hash = None if policy is Checksum.NEVER or too_many else hashlib.sha256()

    @property
    def looks(self) -> bool:
        """Return whether it wants to see the bytes and not only their number."""
        return self._hash is not None

    def count(self, count: int) -> None:
        """Count bytes that nobody has looked at."""
        self.bytes += count
        self._hash = None

    def add(self, data: bytes | memoryview) -> None:
        """Count `data`."""
        self.bytes += len(data)
        if self._hash is None:
            return
        if self._policy is Checksum.AUTO and self.bytes > CHECKSUM_LIMIT_BYTES:
            self._hash = None
            return
        self._hash.update(data)

    @property
    def sha256(self) -> str | None:
        """Return the sha256 of everything so far, or None when it is not computed."""
        computed = self._hash  # read once: the thread that adds may drop it meanwhile
        return None if computed is None else computed.hexdigest()
