"""Buffers: which way they go, and the variables that name their pipes."""

from __future__ import annotations

from enum import Enum


class Direction(str, Enum):
    """Which way a buffer's bytes go, seen from the container."""

    INPUT = "input"
    OUTPUT = "output"


def pipe_variable(buffer: str) -> str:
    """Return the name of the variable that holds the path of `buffer`'s pipe; dashes stay."""
    return f"{buffer.upper()}_PIPE"
