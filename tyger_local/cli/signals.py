"""Signals that ask a run to end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from tyger_local.outcome.facts import CancelReason
from tyger_local.runner.cancel import Cancellation

REASONS = {
    signal.SIGINT: CancelReason.INTERRUPT,
    signal.SIGTERM: CancelReason.TERMINATE,
    signal.SIGHUP: CancelReason.HANG_UP,
}


class EndedBySignal(BaseException):
    """A signal came while nothing ran that could be canceled. No handler for errors shall stop it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.reason = REASONS[signal.Signals(number)]
        self.exit_code = 128 + number


@contextmanager
def canceling(cancellation: Cancellation, *, interrupt: bool = True) -> Iterator[None]:
    """Turn signals into requests to cancel, inside the block.

    A signal that is ignored (``nohup``) stays ignored. Before the run listens, a signal ends the command
    as it always would.

    Args:
        cancellation: The run's.
        interrupt: Whether Ctrl-C is ours; in a shell inside the container it is not.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, _: FrameType | None) -> None:
        if not cancellation.request(REASONS[signal.Signals(number)]):
            raise EndedBySignal(number)

    before = {number: signal.getsignal(number) for number in REASONS}
    for number, handler in before.items():
        if number == signal.SIGINT and not interrupt:
            # Not SIG_IGN, which a child would inherit: Ctrl-C is for what runs in the shell.
            signal.signal(number, lambda *_: None)
        elif handler != signal.SIG_IGN:
            signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
