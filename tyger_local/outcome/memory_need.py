"""How much memory to ask for after a run.

The rules:

- The limit is the peak plus a quarter, the request the peak, both rounded up. The next input may be larger,
  and who exceeds the limit is killed.
- A peak that reaches the limit and is mostly file cache says nothing about the need: the kernel lets the
  cache grow until the limit, and drops it when memory is short. The limit stays, and the request counts
  what is the program's own.
- Whoever was killed for want of memory needs more than the limit, and nobody knows how much more: twice as
  much.
- After a run that says little (`Measured.doubt`) nothing is lowered.
"""

from __future__ import annotations

from tyger_local.outcome.needs import (
    Measured,
    Proposal,
    larger,
    limit_after,
    not_measured,
    smaller,
)
from tyger_local.outcome.verdict import VerdictKind
from tyger_local.outcome.words import human_memory
from tyger_local.spec.models import Resources
from tyger_local.spec.quantity import Quantity, QuantityFormat

MEBIBYTE = 2**20
GIBIBYTE = 2**30
NANO = 10**9

HEADROOM_PERCENT = 25
TOUCHING_PERCENT = 95
"""A peak from this part of the limit on has reached it."""

SMALLEST_BYTES = 16 * MEBIBYTE
"""Engines take no limit below 6 MiB, and a container's start alone takes some."""


def memory_proposal(measured: Measured, asked: Resources) -> Proposal:
    """Propose request and limit of memory after a run of a codespec that has `asked`."""
    limit, peak = asked.limits.memory, measured.peak_memory_bytes
    if measured.verdict is VerdictKind.OUT_OF_MEMORY:
        return _after_kill(peak, asked)
    if peak is None:
        unknown = not_measured("Memory: the peak", measured)
        return Proposal(asked.requests.memory, limit, (unknown,), is_known=False)
    if limit is not None and _touches(peak, limit) and _is_mostly_cache(measured):
        return _after_cache(measured, peak, limit)
    proposed = rounded_memory(_with_headroom(peak))
    reasons = [
        (
            f"Memory: one container's peak was {human_memory(peak)}. The request is that, rounded up; a "
            f"limit with {HEADROOM_PERCENT} % of headroom is {proposed}{_instead_of(limit)}"
            f"{_at_least(proposed)}."
        )
    ]
    if limit is not None and _touches(peak, limit):
        reasons.append(
            "Memory: the peak reaches the limit, which may have held it back; a run with the "
            "new limit tells more."
        )
    elif _is_mostly_cache(measured) and proposed.value > SMALLEST_BYTES:
        reasons.append(f"Memory: {_own_words(measured)}, so less may do as well.")
    return Proposal(rounded_memory(peak), limit_after(measured, proposed, limit), tuple(reasons))


def _after_kill(peak: int | None, asked: Resources) -> Proposal:
    limit = asked.limits.memory
    known = larger(limit, None if peak is None else rounded_memory(peak))
    if known is None:
        reason = (
            "Memory: it was killed for want of memory, and neither a limit nor its peak is known; set "
            "limits.memory and run it again."
        )
        return Proposal(asked.requests.memory, None, (reason,), is_known=False)
    doubled = rounded_memory(2 * known.value)
    reason = (
        f"Memory: it was killed for want of memory at {human_memory(known.value)}. What it needs is not "
        f"known, only that it is more: twice as much ({doubled}) is the next to try."
    )
    return Proposal(known, doubled, (reason,))


def _after_cache(measured: Measured, peak: int, limit: Quantity) -> Proposal:
    own = measured.own_memory_bytes or 0
    request = smaller(rounded_memory(own), limit)
    enough = rounded_memory(_with_headroom(own))
    reason = (
        f"Memory: the peak of {human_memory(peak)} reaches the limit ({limit}), but {_own_words(measured)}. "
        "The kernel lets that cache grow until the limit and drops it when memory is short, so the peak says "
        f"neither that more is needed nor that all of it is. The limit stays; {enough} may do as well, with "
        "files read again more often."
    )
    return Proposal(request, limit, (reason,))


def _touches(peak_bytes: int, limit: Quantity) -> bool:
    return peak_bytes * 100 >= limit.value * TOUCHING_PERCENT


def _is_mostly_cache(measured: Measured) -> bool:
    own, peak = measured.own_memory_bytes, measured.peak_memory_bytes
    return own is not None and peak is not None and own * 2 <= peak


def _own_words(measured: Measured) -> str:
    own = human_memory(measured.own_memory_bytes or 0)
    return f"at most {own} of it was the program's own and the rest file cache"


def _instead_of(limit: Quantity | None) -> str:
    return "" if limit is None else f" (the codespec has {limit})"


def _at_least(proposed: Quantity) -> str:
    return ", and less is not proposed" if proposed.value <= SMALLEST_BYTES else ""


def _with_headroom(count: int) -> int:
    return -(-count * (100 + HEADROOM_PERCENT) // 100)


def rounded_memory(count: int) -> Quantity:
    """Round bytes up to a number that people write: an eighth of a power of two, whole Gi from 4Gi on."""
    count = max(count, SMALLEST_BYTES)
    step = max(MEBIBYTE, 2 ** (count.bit_length() - 1) // 8)
    if count > 4 * GIBIBYTE:
        step = GIBIBYTE
    return Quantity(-(-count // step) * step * NANO, QuantityFormat.BINARY_SI)
