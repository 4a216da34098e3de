"""Bytes for trials: always the same, quickly made, and nowhere the same as a little further on.

A mebibyte of noise, begun at another place each time: as quick as copying memory. Weighed and left: fresh
noise for all of it (a hash or a generator makes 0.4 GB/s here), and one block again and again (a program that
loses or swaps blocks would not be found out).
"""

from __future__ import annotations

import hashlib

from tyger_local.streams.copying import write_all

BLOCK_BYTES = 2**20

STRIDE = 412_943
"""How far each block is begun behind the one before; odd, so that it takes a tebibyte to come round."""


def generate(target: int, size_bytes: int) -> None:
    """Write `size_bytes` bytes to the descriptor `target`; fewer are the beginning of more.

    Raises:
        OSError: The target is broken.
    """
    noise = hashlib.shake_128(b"tyger-local").digest(BLOCK_BYTES)
    twice = memoryview(noise + noise)
    place = 0
    while size_bytes:
        count = min(size_bytes, BLOCK_BYTES)
        write_all(target, twice[place : place + count])
        size_bytes -= count
        place = (place + STRIDE) % BLOCK_BYTES
