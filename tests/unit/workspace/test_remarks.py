"""What rules find in a run's codespecs, said beside the run."""

from __future__ import annotations

import threading

import pytest

from tyger_local import Workspace
from tyger_local.outcome.events import Event, RunCreated, StatusChanged, Warned
from tyger_local.outcome.verdict import Status
from tyger_local.workspace.execution import ExecOptions
from tyger_local.workspace.remarks import Remarks

TIMEOUT_S = 10
CREATED = RunCreated(1)
RUNNING = StatusChanged(1, Status.RUNNING)
BAD = {"image": "x", "command": ["true"], "env": {"P": "$(NO_SUCH)"}}


def _texts(told: list[Event]) -> list[str]:
    return [event.text for event in told if isinstance(event, Warned)]


def test_remarks_are_made_once_and_before_the_end() -> None:
    told: list[Event] = []
    remarks = Remarks(told.append)
    remarks.source = lambda: ["one", "two"]
    with remarks:
        for event in (CREATED, RUNNING, RUNNING):
            remarks.watch(event)
    assert _texts(told) == ["one", "two"]
    assert [event for event in told if not isinstance(event, Warned)] == [CREATED, RUNNING, RUNNING]


def test_remarks_do_not_wait_for_the_end() -> None:
    said = threading.Event()
    remarks = Remarks(lambda event: said.set() if isinstance(event, Warned) else None)
    remarks.source = lambda: ["one"]
    with remarks:
        remarks.watch(CREATED)
        assert said.wait(TIMEOUT_S)


def test_none_are_made_of_a_run_that_has_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tyger_local.workspace.remarks.PAUSE_S", TIMEOUT_S)
    told: list[Event] = []
    remarks = Remarks(told.append)
    remarks.source = lambda: ["one"]
    with remarks:
        remarks.watch(CREATED)
        remarks.watch(StatusChanged(1, Status.FAILED))
    assert _texts(told) == []


def test_a_run_does_not_fail_by_them() -> None:
    def fail() -> list[str]:
        raise ZeroDivisionError("oh no")

    told: list[Event] = []
    remarks = Remarks(told.append)
    remarks.source = fail
    with remarks:
        remarks.watch(CREATED)
        remarks.watch(RUNNING)
    assert _texts(told) == ["the codespec could not be looked at: oh no"]


def test_who_leaves_by_an_error_does_not_wait() -> None:
    goes_on = threading.Event()
    remarks = Remarks(lambda _: None)
    remarks.source = lambda: [str(goes_on.wait())]
    remarks.watch(CREATED)
    remarks.watch(RUNNING)
    with pytest.raises(ZeroDivisionError), remarks:
        raise ZeroDivisionError
    goes_on.set()


@pytest.mark.parametrize("is_detached", [False, True])
def test_who_has_heard_them_does_not_hear_them_again(*, is_detached: bool) -> None:
    told: list[Event] = []
    options = ExecOptions(emit=told.append, is_detached=is_detached)
    Workspace(engine="process").runs.exec({"job": {"codespec": BAD}}, options=options)
    said = [text for text in _texts(told) if text.endswith("[undefined-reference]")]
    assert len(said) == (0 if is_detached else 1)
