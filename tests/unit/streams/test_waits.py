from __future__ import annotations

import os
import select
import threading
from collections.abc import Iterator

import pytest

from tyger_local.outcome.sight import WaitsFor
from tyger_local.streams.waits import Waits

PAUSE_S = 0.05
PAUSE_MS = PAUSE_S * 1000


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for fd in ends:
        os.close(fd)


def _poll(fd: int) -> select.poll:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return poll


@pytest.mark.parametrize("whom", WaitsFor)
def test_a_wait_counts_for_whom_it_is(pipe: tuple[int, int], whom: WaitsFor) -> None:
    waits = Waits()
    assert waits.wait(whom, _poll(pipe[0]), PAUSE_MS) == {}
    assert waits.whom is whom
    assert waits.seconds[whom] >= 0.9 * PAUSE_S
    assert sum(waits.seconds.values()) == waits.seconds[whom]


def test_what_is_ready_is_told_at_once(pipe: tuple[int, int]) -> None:
    waits = Waits()
    os.write(pipe[1], b"!")
    assert waits.wait(WaitsFor.HOST, _poll(pipe[0])) == {pipe[0]: select.POLLIN}
    assert waits.seconds[WaitsFor.HOST] < PAUSE_S


@pytest.mark.parametrize("is_regular", [True, False])
def test_what_lies_between_is_the_host_files_if_it_is_one(
    pipe: tuple[int, int], is_regular: bool
) -> None:
    waits = Waits()
    waits.host_is_regular = is_regular
    waits.begin()
    threading.Event().wait(PAUSE_S)
    waits.wait(WaitsFor.CONTAINER, _poll(pipe[0]), 0)
    assert (waits.seconds[WaitsFor.HOST] >= 0.9 * PAUSE_S) is is_regular
    assert waits.seconds[WaitsFor.CONTAINER] < PAUSE_S


def test_bytes_move_from_the_end_of_a_wait_on(pipe: tuple[int, int]) -> None:
    waits = Waits()
    assert waits.moving_s == 0
    waits.wait(WaitsFor.OPENING, _poll(pipe[0]), PAUSE_MS)
    waits.moved()
    assert 0 <= waits.moving_s < PAUSE_S
    waits.wait(WaitsFor.CONTAINER, _poll(pipe[0]), PAUSE_MS)
    waits.moved()
    assert waits.moving_s >= 0.9 * PAUSE_S
