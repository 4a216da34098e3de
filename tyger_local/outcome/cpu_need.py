"""How many cores to ask for after a run.

The rules:

- The request is what one container kept busy on average, the limit the most that was seen of it, both rounded
  up to a tenth of a core. Too small a limit only makes slow, so there is no headroom on top.
- Whoever was held back by the limit for more than 5 % of its time would use more, and nobody knows how much
  more: twice as much.
- Whoever reached the limit and was hardly held back keeps it.
- Without samples there is no peak, and the codespec's limit stays.
- A run of less than a second says nothing: its start alone keeps some cores busy for most of it.
- After a run that says little (`Measured.doubt`) nothing is lowered.
"""

from __future__ import annotations

import math

from tyger_local.outcome.needs import SHORTEST_RUN_S, Measured, Proposal, limit_after, not_measured
from tyger_local.outcome.words import human_cores, human_seconds
from tyger_local.spec.models import Resources
from tyger_local.spec.quantity import Quantity, QuantityFormat

STEP_NANOS = 10**8
"""A tenth of a core."""

THROTTLED_SHARE = 0.05


def cpu_proposal(measured: Measured, asked: Resources) -> Proposal:
    """Propose request and limit of CPU after a run of a codespec that has `asked`."""
    average = measured.average_cores
    if average is None:
        unknown = (
            not_measured("CPU: the time that it used", measured)
            if measured.cpu_seconds is None
            else "CPU: how long the run took is not known, so nothing is proposed."
        )
        return Proposal(asked.requests.cpu, asked.limits.cpu, (unknown,), is_known=False)
    if (measured.run_seconds or 0) < SHORTEST_RUN_S:
        short = "CPU: the run was too short to tell how many cores it keeps busy, so nothing is proposed."
        return Proposal(asked.requests.cpu, asked.limits.cpu, (short,), is_known=False)
    request = rounded_cores(average)
    reason = (
        f"CPU: one container kept {human_cores(average)} cores busy on average over "
        f"{human_seconds(measured.run_seconds or 0)}; the request is that, rounded up."
    )
    limit, why = _limit(measured, average, asked.limits.cpu)
    return Proposal(request, limit, (reason, why))


def _limit(
    measured: Measured, average: float, limit: Quantity | None
) -> tuple[Quantity | None, str]:
    share = measured.throttled_share
    if limit is not None and share is not None and share > THROTTLED_SHARE:
        doubled = rounded_cores(2 * limit.nanos / 10**9)
        return doubled, (
            f"CPU: the limit ({limit}) held it back for {human_seconds(measured.throttled_seconds or 0)} "
            f"({100 * share:.0f} % of its time). What it would use is not known: twice as much ({doubled}) "
            "is the next to try."
        )
    if measured.peak_cores is None:
        stays = "the codespec's limit stays" if limit is not None else "no limit is proposed"
        return limit, f"CPU: there are no samples to see its peak in, so {stays}."
    peak = max(measured.peak_cores, average)
    # Above it only as far as sampling is not exact. Where nobody knows who was held back, no limit applied.
    if limit is not None and share is not None and peak * 10**9 >= limit.nanos:
        return (
            limit,
            f"CPU: at times it used all of its limit ({limit}), hardly held back; the limit stays.",
        )
    proposed = rounded_cores(peak)
    kept = "" if limit is None else f" (the codespec has {limit})"
    words = (
        f"CPU: the most that was seen of one container is {human_cores(peak)} cores; a limit of that, "
        f"rounded up, is {proposed}{kept}."
    )
    return limit_after(measured, proposed, limit), words


def rounded_cores(cores: float) -> Quantity:
    """Round cores up to a tenth of one, at least one tenth."""
    # A nano less: 0.3 in binary is a little more than three tenths.
    steps = max(1, math.ceil(cores * 10 - 1e-9))
    return Quantity(steps * STEP_NANOS, QuantityFormat.DECIMAL_SI)
