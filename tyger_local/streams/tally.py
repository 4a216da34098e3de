"""Counting bytes, and hashing them as long as they are few.

How many an output will have is not known beforehand, and hashing its first 64 MiB in vain took 6 % of the
CPU of moving 1 GiB. So what goes to a regular file passes unseen, and is read again and hashed at its end if
it turned out to be little enough.
"""

from __future__ import annotations

import hashlib
import os
from enum import Enum

READ_BYTES = 256 * 1024

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
        is_kept: Whether the bytes can be read again, from a file, with `hash_file`.
    """

    def __init__(self, policy: Checksum, expected_bytes: int = 0, *, is_kept: bool = False) -> None:
        self.bytes = 0
        self._policy = policy
        self._is_later = is_kept and policy is Checksum.AUTO
        too_many = policy is Checksum.AUTO and expected_bytes > CHECKSUM_LIMIT_BYTES
        self._hash = None if policy is Checksum.NEVER or too_many else hashlib.sha256()

    @property
    def looks(self) -> bool:
        """Return whether it wants to see the bytes and not only their number."""
        return self._hash is not None and not self._is_later

    def count(self, count: int) -> None:
        """Count bytes that nobody has looked at."""
        self.bytes += count
        if not self._is_later or self.bytes > CHECKSUM_LIMIT_BYTES:
            self._hash = None

    def hash_file(self, fd: int) -> None:
        """Hash what was counted, from the file that it went to, if that is wanted and was not done.

        Raises:
            OSError: It cannot be read.
        """
        computed = self._hash
        if computed is None or not self._is_later:
            return
        self._is_later = False
        place = 0
        while place < self.bytes and (data := os.pread(fd, READ_BYTES, place)):
            computed.update(data)
            place += len(data)

    def add(self, data: bytes | memoryview) -> None:
        """Count `data`."""
        self.bytes += len(data)
        if self._hash is None or (self._is_later and self.bytes <= CHECKSUM_LIMIT_BYTES):
            return
        if self._policy is Checksum.AUTO and self.bytes > CHECKSUM_LIMIT_BYTES:
            self._hash = None
            return
        self._hash.update(data)

    @property
    def sha256(self) -> str | None:
        """Return the sha256 of everything so far, or None when it is not computed."""
        computed = self._hash  # read once: the thread that adds may drop it meanwhile
        return None if computed is None or self._is_later else computed.hexdigest()
