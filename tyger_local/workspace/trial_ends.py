"""How a trial of the doctor ends: by itself, after too long, or because somebody wants it to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from tyger_local.doctor.model import CanceledError
from tyger_local.errors import EngineError, TygerLocalError
from tyger_local.outcome.facts import CancelReason
from tyger_local.outcome.record import RunRecord
from tyger_local.outcome.verdict import CANCELED
from tyger_local.runner.cancel import Cancellation

RUN_LIMIT_S = 20.0
END_LIMIT_S = 5.0
"""How long a run may take to end that was asked to. An engine that hangs holds one up for minutes."""


@contextmanager
def uninterrupted(cancellation: Cancellation) -> Iterator[None]:
    """Keep what somebody wants until the block is over: what is made or removed in it is so wholly.

    Raises:
        CanceledError: Somebody wanted the examination to end.
    """
    asked: list[CancelReason] = []
    cancellation.listen(asked.append)
    try:
        yield
    finally:
        cancellation.ignore()
    if asked:
        raise _ended(asked[0])


@dataclass(frozen=True, slots=True)
class Ended:
    """What came of a run.

    Attributes:
        answer: Its record, or the error that it raised.
    """

    answer: RunRecord | BaseException


def wait_for(heard: SimpleQueue[Ended | CancelReason], end: Cancellation) -> RunRecord:
    """Return what comes of a run, once it is over or was given up.

    Args:
        heard: Gets that, and before it the wishes of whoever wants the run to end.
        end: Ends the run.

    Raises:
        CanceledError: Somebody wanted the examination to end.
        EngineError: It took too long.
        TygerLocalError: The run raised it.
    """
    reason: CancelReason | None = None
    limit_s = RUN_LIMIT_S
    while True:
        try:
            said = heard.get(timeout=limit_s)
        except Empty:
            if reason is not None:
                raise _ended(reason) from None
            said = CancelReason.USER
        if isinstance(said, Ended):
            break
        reason = reason or said
        limit_s = END_LIMIT_S
        end.request(said)
    if reason is not None:  # the run may have been over before it heard of that
        raise _ended(reason)
    if isinstance(said.answer, BaseException):
        raise said.answer
    return said.answer


def _ended(reason: CancelReason) -> TygerLocalError:
    """Return what ended a run that was asked to end: somebody, or its limit of time."""
    if reason is CancelReason.USER:
        return EngineError(
            f"a run of a moment was not over after {RUN_LIMIT_S:g} s",
            "see whether the engine is overloaded or hangs (docker info); tyger-local prune removes what "
            "is left",
        )
    code, words = CANCELED[reason]
    return CanceledError(words, code)
