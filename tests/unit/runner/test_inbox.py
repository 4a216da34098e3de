from __future__ import annotations

import threading
import time

import pytest

from tyger_local.outcome.facts import CancelReason
from tyger_local.runner.inbox import CanceledWaitingError, Inbox, WorkerReady

LONG_S = 30.0


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


def test_what_a_call_returns_or_raises(inbox: Inbox) -> None:
    def fail() -> None:
        raise ValueError("no")

    assert inbox.wait_for(lambda: 7) == 7
    with pytest.raises(ValueError, match="no"):
        inbox.wait_for(fail)


def test_other_messages_stay(inbox: Inbox) -> None:
    inbox.put(WorkerReady("worker-0"))
    inbox.wait_for(lambda: None)
    assert inbox.take(0) == WorkerReady("worker-0")


def test_a_call_that_is_under_way_is_waited_for_although_the_run_was_canceled(inbox: Inbox) -> None:
    made: list[str] = []
    may_go_on = threading.Event()

    def make() -> None:
        may_go_on.wait(LONG_S)
        made.append("container")

    inbox.cancel(CancelReason.INTERRUPT)
    threading.Timer(0.1, may_go_on.set).start()
    with pytest.raises(CanceledWaitingError) as caught:
        inbox.wait_for(make, patience_s=LONG_S)
    assert made == ["container"]
    assert caught.value.reason is CancelReason.INTERRUPT


@pytest.mark.parametrize(("cancels", "patience_s"), [(1, 0.0), (1, 0.2), (2, LONG_S)])
def test_one_that_hangs_is_left_alone(inbox: Inbox, cancels: int, patience_s: float) -> None:
    never = threading.Event()
    for _ in range(cancels):
        inbox.cancel(CancelReason.INTERRUPT)
    began = time.monotonic()
    with pytest.raises(CanceledWaitingError):
        inbox.wait_for(lambda: never.wait(LONG_S), patience_s=patience_s)
    assert time.monotonic() - began < LONG_S / 2
    never.set()
