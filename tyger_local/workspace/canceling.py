"""Canceling a run from another process.

The request is a file beside the run's record, which the run's owner looks out for. So it needs no right to
signal the owner, reaches one that is about to begin, cannot hit a stranger that got the owner's process
number, and stays there to tell who asked.
"""

from __future__ import annotations

import os
import platform
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from tyger_local.errors import StateError, StoreError
from tyger_local.outcome.facts import CancelReason
from tyger_local.runner.cancel import Cancellation
from tyger_local.store.runs import RunStore
from tyger_local.workspace.clock import now
from tyger_local.workspace.following import states
from tyger_local.workspace.records import Records
from tyger_local.workspace.truth import has_ended

JsonObject = dict[str, object]

CANCELED = "Canceled"

LOOK_S = 0.2
"""How often the owner looks for a request. Not by inotify: a user has no more than 128 of these, and letting
go of one takes the kernel 13 ms, by which every run would be longer."""

PATIENCE_S = 20.0
"""How long the end of a run is waited for: `--stop-grace` and the engine take their time."""


@contextmanager
def listening(store: RunStore, run_id: int, cancellation: Cancellation) -> Iterator[None]:
    """Pass on a request to cancel the run `run_id`, inside the block."""
    is_over = threading.Event()

    def listen() -> None:
        while not is_over.wait(LOOK_S):
            with suppress(StoreError):  # whoever writes it sees to it that it can be read
                asked = store.cancel_request(run_id)
                if asked is not None:
                    cancellation.request(CancelReason.USER, str(asked.get("by", "")))
                    return

    thread = threading.Thread(target=listen, name="cancel", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def cancel(records: Records, run_id: int) -> JsonObject:
    """Ask the owner of a run to end it, and wait for that.

    Returns:
        The record: canceled, or not ended yet if its owner takes its time.

    Raises:
        NotFoundError: There is no such run.
        StateError: It has ended, and not by being canceled.
    """
    record = records.get(run_id)
    if not has_ended(record):
        records.store.request_cancel(run_id, {"by": _who(), "at": now()})
        folder = records.store.folder(run_id)
        for state in states(folder, lambda: records.get(run_id), PATIENCE_S):
            record = state
    if has_ended(record) and record["status"] != CANCELED:
        raise _over(record)
    return record


def _who() -> str:
    """Return who asks, for people."""
    # Not getpass, whose import takes 5 ms and whose answer a number does as well.
    user = os.environ.get("USER") or f"user {os.getuid()}"
    return f"{user} on {platform.node()} (tyger-local run cancel, process {os.getpid()})"


def _over(record: Mapping[str, object]) -> StateError:
    reason = record.get("statusReason")
    return StateError(
        f"unable to cancel job {record['id']} because its status is {record['status']}"
        + (f" ({reason})" if reason else ""),
        f"see 'tyger-local run show {record['id']}'",
    )
