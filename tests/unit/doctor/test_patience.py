from __future__ import annotations

import os
import signal
import subprocess
import threading

import pytest

from tyger_local.doctor.patience import within
from tyger_local.errors import StoreError, TygerLocalError


def test_an_answer_is_returned() -> None:
    assert within(10, "somebody", lambda: 3) == 3


def test_an_error_is_raised_where_somebody_waits() -> None:
    def fail() -> None:
        raise StoreError("broken", "mend it")

    with pytest.raises(StoreError, match="broken"):
        within(10, "somebody", fail)


def test_whoever_does_not_answer_is_named_and_left_behind() -> None:
    never = threading.Event()
    with pytest.raises(TygerLocalError, match=r"somebody did not answer within 0\.05 s"):
        within(0.05, "somebody", never.wait)
    never.set()


class Interrupted(BaseException):
    """What a signal raises."""


def test_a_signal_lets_it_end_what_it_has_begun() -> None:
    released = threading.Event()
    ended: list[str] = []

    def interrupt(*_: object) -> None:
        released.set()
        raise Interrupted

    def ask() -> None:
        os.kill(os.getpid(), signal.SIGUSR1)
        released.wait()
        subprocess.run(("sleep", "0.1"), check=True)
        ended.append("here")

    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with pytest.raises(Interrupted):
            within(10, "somebody", ask)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert ended == ["here"]
