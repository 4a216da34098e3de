"""What rules find in a run's codespecs, said while its container works."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from types import TracebackType

from tyger_local.outcome.events import Event, StatusChanged, Warned
from tyger_local.outcome.verdict import Status


class Remarks:
    """Looks for remarks once a run's container has started, in a thread, so that no run waits for them.

    As a context manager, it has said everything when its block ends.

    Args:
        emit: Is told what is to be said, and every event that `watch` is told.

    Attributes:
        source: Makes the remarks.
    """

    def __init__(self, emit: Callable[[Event], None]) -> None:
        self.source: Callable[[], Iterable[str]] = tuple
        self._emit = emit
        self._thread: threading.Thread | None = None

    def watch(self, event: Event) -> None:
        """Pass an event on, and begin if it says that a container runs."""
        is_running = isinstance(event, StatusChanged) and event.status is Status.RUNNING
        if is_running and self._thread is None:
            self._thread = threading.Thread(target=self._say, name="remarks", daemon=True)
            self._thread.start()
        self._emit(event)

    def _say(self) -> None:
        try:
            texts = [*self.source()]
        except Exception as error:  # noqa: BLE001  (whatever it is, the run beside it goes on)
            texts = [f"the codespec could not be looked at: {error}"]
        for text in texts:
            self._emit(Warned(text))

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._thread is not None and error is None:
            self._thread.join()
