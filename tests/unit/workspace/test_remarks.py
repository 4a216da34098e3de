"""What rules find in a run's codespecs, said beside the run."""

from __future__ import annotations

import pytest

from tyger_local import Workspace
from tyger_local.outcome.events import Event, StatusChanged, Warned
from tyger_local.outcome.verdict import Status
from tyger_local.workspace.execution import ExecOptions
from tyger_local.workspace.remarks import Remarks

RUNNING = StatusChanged(1, Status.RUNNING)
BAD = {"image": "x", "command": ["true"], "env": {"P": "$(NO_SUCH)"}}


def _texts(told: list[Event]) -> list[str]:
    return [event.text for event in told if isinstance(event, Warned)]


def test_remarks_wait_until_a_container_runs_and_are_made_once() -> None:
    told: list[Event] = []
    remarks = Remarks(told.append)
    remarks.source = lambda: ["one", "two"]
    with remarks:
        remarks.watch(Warned("other"))
        remarks.watch(StatusChanged(1, Status.PENDING))
        assert _texts(told) == ["other"]
        remarks.watch(RUNNING)
        remarks.watch(RUNNING)
    assert _texts(told) == ["other", "one", "two"]
    assert told.count(RUNNING) == 2


def test_a_run_does_not_fail_by_them() -> None:
    def fail() -> list[str]:
        raise ZeroDivisionError("oh no")

    told: list[Event] = []
    remarks = Remarks(told.append)
    remarks.source = fail
    with remarks:
        remarks.watch(RUNNING)
    assert _texts(told) == ["the codespec could not be looked at: oh no"]


def test_who_leaves_by_an_error_hears_none() -> None:
    remarks = Remarks(lambda _: None)
    with pytest.raises(ZeroDivisionError), remarks:
        raise ZeroDivisionError


@pytest.mark.parametrize("is_detached", [False, True])
def test_who_has_heard_them_does_not_hear_them_again(*, is_detached: bool) -> None:
    told: list[Event] = []
    options = ExecOptions(emit=told.append, is_detached=is_detached)
    Workspace(engine="process").runs.exec({"job": {"codespec": BAD}}, options=options)
    said = [text for text in _texts(told) if text.endswith("[undefined-reference]")]
    assert len(said) == (0 if is_detached else 1)
