from __future__ import annotations

import os
import select
import threading
from collections.abc import Iterator

import pytest

from tyger_local.streams.wake import Wake


@pytest.fixture
def wake() -> Iterator[Wake]:
    made = Wake()
    yield made
    made.close()


def _is_readable(fd: int, timeout_ms: int = 0) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(timeout_ms))


def test_it_is_not_set_at_first(wake: Wake) -> None:
    assert not wake.is_set
    assert not _is_readable(wake.fd)


def test_it_stays_set_for_everybody(wake: Wake) -> None:
    wake.set()
    assert wake.is_set
    assert [_is_readable(wake.fd) for _ in range(3)] == [True] * 3


def test_setting_it_again_writes_nothing_more(wake: Wake) -> None:
    for _ in range(100_000):  # more than a pipe holds
        wake.set()
    assert os.read(wake.fd, 10) == b"!"


def test_it_wakes_a_thread_that_waits(wake: Wake) -> None:
    waiting = threading.Event()
    woken: list[bool] = []

    def wait() -> None:
        waiting.set()
        woken.append(_is_readable(wake.fd, 10_000))

    thread = threading.Thread(target=wait)
    thread.start()
    waiting.wait()
    wake.set()
    thread.join()
    assert woken == [True]


def test_children_do_not_inherit_it(wake: Wake) -> None:
    assert not os.get_inheritable(wake.fd)
    assert not os.get_inheritable(wake._set_fd)


def test_closing_it_again_does_not_close_somebody_elses_descriptor() -> None:
    wake = Wake()
    wake.close()
    others = os.pipe()
    try:
        wake.close()
        wake.set()
        assert wake.is_set
        assert not _is_readable(others[0])
        os.fstat(others[0])
    finally:
        for fd in others:
            os.close(fd)
