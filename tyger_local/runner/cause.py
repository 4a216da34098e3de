"""What ended a run."""

from __future__ import annotations

from dataclasses import dataclass

from tyger_local.errors import StartError, TygerLocalError
from tyger_local.outcome.facts import CancelReason, EndedBy, WorkerEnds


@dataclass(frozen=True, slots=True)
class Cause:
    """What ended a run.

    Attributes:
        error: For `START`, `ENGINE` and some of `BUFFER`: what happened.
        cancel_reason: For `CANCEL`: who wanted it.
        worker: For `WORKER`: which one has ended too often.
        label: Which container could not run; empty where that is any of the job.
    """

    ended_by: EndedBy
    error: TygerLocalError | None = None
    cancel_reason: CancelReason | None = None
    worker: WorkerEnds | None = None
    label: str = ""


def about(label: str, error: TygerLocalError) -> TygerLocalError:
    """Return an error that says which container it is about."""
    return type(error)(f"{label}: {error.what}", error.hint)


def failure(error: TygerLocalError, label: str = "") -> Cause:
    """Return what a container that cannot run ends the run with."""
    ended_by = EndedBy.START if isinstance(error, StartError) else EndedBy.ENGINE
    return Cause(ended_by, error, label=label)


def worker_ended(label: str, what: WorkerEnds | TygerLocalError | None) -> Cause | None:
    """Return what a worker's end ends the run with, if it does."""
    if isinstance(what, TygerLocalError):
        return failure(what, label)
    return None if what is None else Cause(EndedBy.WORKER, worker=what)
