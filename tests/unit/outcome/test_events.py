from __future__ import annotations

import inspect
from dataclasses import FrozenInstanceError, is_dataclass
from typing import get_args

import pytest

from tyger_local.outcome import events
from tyger_local.outcome.verdict import Status


def test_every_event_is_one_of_event() -> None:
    defined = [
        cls
        for _, cls in inspect.getmembers(events, inspect.isclass)
        if cls.__module__ == events.__name__
    ]
    assert set(get_args(events.Event)) == set(defined)
    assert all(is_dataclass(cls) for cls in defined)


def test_events_are_frozen_values() -> None:
    event = events.StatusChanged(7, Status.RUNNING, 1)
    assert event == events.StatusChanged(7, Status.RUNNING, 1)
    with pytest.raises(FrozenInstanceError):
        event.run_id = 8  # type: ignore[misc]  # that it cannot be is what is tested
