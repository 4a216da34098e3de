"""An input whose bytes are still being written by somebody else, as a `Source`.

A thread copies the growing file into a pipe, which is read like any other pipe. What a pipe cannot say is why
it ended: so a fault is noted before the pipe is closed, and whoever reads it asks for that at the end. Else
bytes that are missing would look like a clean end to the container.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress

from tyger_local.errors import ReaderClosedError, TygerLocalError
from tyger_local.streams.following import StoppedError
from tyger_local.streams.host import Source
from tyger_local.streams.wake import Wake

JOIN_TIMEOUT_S = 2.0


class RelayedSource(Source):
    """Something to read an input from that may end badly.

    Args:
        name: For messages.
        copy: Copies all bytes to a descriptor, as long as the given flag is not set; raises what is wrong.

    Raises:
        OSError: The system gives no pipe for it.
    """

    def __init__(self, name: str, copy: Callable[[int, Wake], object]) -> None:
        self._stop = Wake()
        try:
            reader, writer = os.pipe()
        except OSError:
            self._stop.close()
            raise
        super().__init__(reader, name, owned=True)
        self._copy = copy
        self._thread = threading.Thread(
            target=self._relay, args=(writer,), name=f"relay {name}", daemon=True
        )
        self._thread.start()

    def _relay(self, writer: int) -> None:
        try:
            with suppress(ReaderClosedError, StoppedError):  # nobody wants the bytes any more
                self._copy(writer, self._stop)
        except TygerLocalError as error:
            self.fault = error.what
        except Exception as error:  # noqa: BLE001  (in a thread, a bug would pass for the end of the bytes)
            self.fault = f"a bug in tyger-local: {error!r}"
        finally:
            os.close(writer)  # after the fault is noted

    def close(self) -> None:
        """Close the pipe and end the thread."""
        if self.fd < 0:
            return
        self._stop.set()
        super().close()  # before waiting: the thread may be held by the full pipe
        self._thread.join(JOIN_TIMEOUT_S)
        if not self._thread.is_alive():
            self._stop.close()
