from __future__ import annotations

import pytest

from tyger_local.doctor.model import Check, Section, State, exit_code


def _check(state: State) -> Check:
    return Check("id", Section.ENGINE, "title", state, ("more",), "mend it")


@pytest.mark.parametrize(
    ("states", "code"),
    [
        ((), 0),
        ((State.OK, State.WARNING, State.SKIPPED), 0),
        ((State.OK, State.PROBLEM, State.WARNING), 1),
    ],
)
def test_only_problems_keep_runs_from_working(states: tuple[State, ...], code: int) -> None:
    assert exit_code([_check(state) for state in states]) == code


def test_a_check_is_a_document() -> None:
    assert _check(State.WARNING).document() == {
        "id": "id",
        "section": "The engine",
        "title": "title",
        "state": "warning",
        "details": ["more"],
        "fix": "mend it",
    }
