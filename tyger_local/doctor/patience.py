"""No question may hang: whoever does not answer in time has answered."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from tyger_local.errors import TygerLocalError

LEAVE_LIMIT_S = 0.5
"""How long somebody who asks may take to end when we do."""

_Answer = TypeVar("_Answer")


def within(limit_s: float, who: str, ask: Callable[[], _Answer]) -> _Answer:
    """Return what `ask` returns, unless it takes longer than `limit_s`; it is then left to itself.

    Args:
        limit_s: How long it may take.
        who: Who does not answer, for the message.
        ask: Asks; must leave nothing behind.

    Raises:
        TygerLocalError: It took too long, or `ask` raised it.
    """
    answers: list[_Answer] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            answers.append(ask())
        except BaseException as error:  # noqa: BLE001  (raised again by whoever waits)
            errors.append(error)

    thread = threading.Thread(target=work, name=f"doctor: {who}", daemon=True)
    try:
        thread.start()
        thread.join(limit_s)
    except (
        BaseException
    ):  # a signal; what the thread has made for a moment shall be gone before we are
        if thread.is_alive():
            thread.join(LEAVE_LIMIT_S)
        raise
    if answers:
        return answers[0]
    if errors:
        raise errors[0]
    raise TygerLocalError(
        f"{who} did not answer within {limit_s:g} s", "see whether it is overloaded or hangs"
    )
