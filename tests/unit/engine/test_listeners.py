"""How often ports are listed, of real processes and of one whose network is in our hand."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable

from tyger_local.engine.docker.listeners import LONGEST_S, PAUSE_SHARE, Listeners
from tyger_local.engine.docker.main_process import MainProcess
from tyger_local.outcome.sight import Listening

DEADLINE_S = 20
WEB = Listening(frozenset({80}))


class Process(MainProcess):
    """A process whose network is in our hand."""

    def __init__(self, takes_s: float = 0) -> None:
        super().__init__(os.getpid(), "/")
        self.found = Listening()
        self.in_use: tuple[str, ...] | None = ("0", "0")
        self.listings = 0
        self._takes_s = takes_s

    def listening(self) -> Listening:
        threading.Event().wait(self._takes_s)
        self.listings += 1
        return self.found

    def sockets_in_use(self) -> tuple[str, ...] | None:
        return self.in_use


def _until(condition: Callable[[], object]) -> float:
    """Wait for it; return how long that took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() < began + DEADLINE_S
    return time.monotonic() - began


def _local_ports(listeners: Listeners) -> frozenset[int]:
    found = listeners.look()
    assert found is not None
    return found.local_ports


def test_what_a_real_process_opens_and_closes_is_seen() -> None:
    listeners = Listeners(MainProcess(os.getpid(), "/"))
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        _until(lambda: port in _local_ports(listeners))
    _until(lambda: port not in _local_ports(listeners))


def test_as_long_as_nothing_changes_nothing_is_listed() -> None:
    process = Process()
    listeners, began = Listeners(process), time.monotonic()
    looks = [listeners.look() for _ in range(100)]
    assert process.listings <= 1 + (time.monotonic() - began) / LONGEST_S
    assert looks == [Listening()] * 100


def test_a_change_is_seen_at_once() -> None:
    process = Process()
    listeners = Listeners(process)
    listeners.look()
    process.found, process.in_use = WEB, ("1", "0")
    assert _until(lambda: listeners.look() == WEB) < LONGEST_S / 2


def test_a_change_that_does_not_show_is_seen_later() -> None:
    process = Process()
    listeners = Listeners(process)
    listeners.look()
    process.found = WEB
    assert _until(lambda: listeners.look() == WEB) > LONGEST_S / 2


def test_however_often_it_changes_little_time_goes_into_listing() -> None:
    process = Process(takes_s=0.005)
    listeners = Listeners(process)
    began = time.monotonic()
    while time.monotonic() < began + 0.5:
        process.in_use = (str(time.monotonic()), "0")
        listeners.look()
    taken_s = time.monotonic() - began
    assert 2 <= process.listings <= 1 + taken_s / (0.005 * PAUSE_SHARE)


def test_nothing_is_told_of_one_that_is_gone() -> None:
    process = Process()
    listeners = Listeners(process)
    assert listeners.look() == Listening()
    process.in_use = None
    assert listeners.look() is None
