"""Whether an output that is a buffer of the store ends complete or failed."""

from __future__ import annotations

from tyger_local.outcome.facts import BufferState, BufferStats
from tyger_local.outcome.verdict import VerdictKind

ENDED_BY_ITSELF = (VerdictKind.SUCCEEDED, VerdictKind.FAILED, VerdictKind.OUT_OF_MEMORY)
"""Verdicts over containers of which nobody ended one before it had ended."""


def came_whole(stats: BufferStats, kind: VerdictKind) -> bool:
    """Return whether an output came to an end of its own.

    As on the cluster, where nobody tells the reader of a pipe how the container ended: what a container wrote
    that then exits with an error is complete, and what it never opened is complete and empty. What was cut
    off is not, and neither is the output of a container that was ended before it had opened it.
    """
    if stats.state is BufferState.NEVER_OPENED:
        return kind in ENDED_BY_ITSELF
    return stats.state is BufferState.COMPLETE
