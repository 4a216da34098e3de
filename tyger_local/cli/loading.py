"""What Ctrl-C does while code is loaded and nothing is under way."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

EXIT_INTERRUPTED = 130


@contextmanager
def leaving_on_interrupt() -> Iterator[None]:
    """Let Ctrl-C end the process at once, inside the block.

    Not by an exception, as elsewhere: importing runs callbacks of Python's own in which one is lost, and then
    a run began that somebody had interrupted. A signal that is ignored (``nohup``) stays ignored.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, _leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _leave(_: int, __: FrameType | None) -> NoReturn:
    with suppress(OSError):
        os.write(2, b"Error: ended by Ctrl-C.\n")
    os._exit(EXIT_INTERRUPTED)
