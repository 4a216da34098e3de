"""Containers that misuse their pipes and containers that do not: the tables of scripts/soak, in haste."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from soak.case import Case
from soak.legal import LEGAL
from soak.misuses import MISUSES
from soak.trial import BRISK, Trial, start_all

from tyger_local.runner import stalls

pytestmark = pytest.mark.docker

AT_ONCE = 6
"""Most cases wait more than they work."""


@pytest.fixture(scope="module")
def trials(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[Case, Trial]]:
    """All cases that were asked for, running side by side."""
    items = [item for item in request.session.items if isinstance(item, pytest.Function)]
    chosen = [item.callspec.params["case"] for item in items if item.module is request.module]
    with pytest.MonkeyPatch.context() as haste:
        for name, seconds in (("FIRST_LOOK_S", 3.0), ("FIRST_LINE_S", 5.0), ("BELIEVED_S", 5.0)):
            haste.setattr(stalls, name, seconds)
        started = start_all(chosen, "docker", tmp_path_factory.mktemp("trials"), BRISK, AT_ONCE)
        yield started
        for trial in started.values():  # also those that nobody asked for
            trial.faults()


@pytest.mark.parametrize("case", MISUSES, ids=str)
def test_a_misuse_is_told_by_its_code(trials: dict[Case, Trial], case: Case) -> None:
    assert trials[case].faults() == []


@pytest.mark.parametrize("case", LEGAL, ids=str)
def test_a_legal_use_raises_no_alarm(trials: dict[Case, Trial], case: Case) -> None:
    assert trials[case].faults() == []
