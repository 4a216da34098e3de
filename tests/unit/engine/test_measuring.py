"""The measuring of a container where something is in its way."""

from __future__ import annotations

import errno
import os
import threading
import time

import pytest

from tyger_local.engine.docker import measuring as measuring_module
from tyger_local.engine.docker import meter as meter_module
from tyger_local.engine.docker.api import Api
from tyger_local.engine.docker.measuring import Measuring
from tyger_local.outcome.record import Usage
from tyger_local.outcome.sight import UsageSample


class SomeMeter:
    """Counts how often it is stopped; stands for a `Meter`, of which only that matters here."""

    def __init__(self, *_: object) -> None:
        self.stops: list[float] = []

    def run(self) -> None:
        pass

    def engine_has_started(self) -> None:
        pass

    def stop(self, patience_s: float) -> None:
        self.stops.append(patience_s)

    def sample(self) -> UsageSample | None:
        return None


class Unreachable:
    """An engine that is not asked anything."""


def _measuring() -> Measuring:
    return Measuring(Api(Unreachable(), 1), "c0ffee", {})  # type: ignore[arg-type]  # see there


def test_a_run_is_not_held_up_where_the_system_gives_no_descriptors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse() -> tuple[int, int]:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr("os.pipe", refuse)
    monkeypatch.delattr("os.pipe2")
    measuring = _measuring()
    began = time.monotonic()
    measuring.begin()
    measuring.engine_has_started()
    measuring.end()
    assert time.monotonic() - began < measuring_module.LOAD_TIMEOUT_S
    assert (measuring.sample(), measuring.usage(), measuring.oom_kills) == (None, Usage(), None)


def test_a_system_without_pipe2_is_measured_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("os.pipe2")
    meter = meter_module.Meter(Api(Unreachable(), 1), "c0ffee", {})  # type: ignore[arg-type]  # see there
    thread = threading.Thread(target=meter.run)
    thread.start()
    meter.stop(0)
    thread.join()
    assert meter.usage() == Usage()


class SlowToSay(Measuring):
    """Takes a moment to say whether it is over, so that two who ask at once get the same answer."""

    _said = False

    @property
    def _is_over(self) -> bool:  # type: ignore[override]  # an attribute there
        before = self._said
        threading.Event().wait(0.05)
        return before

    @_is_over.setter
    def _is_over(self, said: bool) -> None:
        self._said = said


def test_two_may_say_at_once_that_it_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    meter = SomeMeter()
    monkeypatch.setattr(meter_module, "Meter", lambda *_: meter)
    measuring, together = SlowToSay(Api(Unreachable(), 1), "c0ffee", {}), threading.Barrier(2)  # type: ignore[arg-type]  # see there
    measuring.begin()
    measuring.engine_has_started()

    def end() -> None:
        together.wait()
        measuring.end()

    threads = [threading.Thread(target=end) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(meter.stops) == 1
