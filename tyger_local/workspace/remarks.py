"""What rules find in a run's codespecs, said while the run goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from types import TracebackType

from tyger_local.outcome.events import Event, RunCreated, StatusChanged, Warned
from tyger_local.outcome.verdict import Status

PAUSE_S = 0.1
"""How long after a run is created its codespecs are looked at: by then the run waits for the engine.

To load and apply the rules takes some 20 ms of Python's one lock. At once, they delayed the question for a
container by that; while its container runs, they delayed the end of the shortest runs.
"""


class Remarks:
    """Makes remarks beside a run, in a thread, so that the run does not wait for them.

    As a context manager, it has said everything when its block ends, unless no container ran.

    Args:
        emit: Is told what is to be said, and every event that `watch` is told.

    Attributes:
        source: Makes the remarks.
    """

    def __init__(self, emit: Callable[[Event], None]) -> None:
        self.source: Callable[[], Iterable[str]] = tuple
        self._emit = emit
        self._thread: threading.Thread | None = None
        self._has_ended = threading.Event()
        self._has_run = False

    def watch(self, event: Event) -> None:
        """Pass an event on, and begin if it says that there is a run."""
        self._emit(event)
        if isinstance(event, RunCreated):
            self._thread = threading.Thread(target=self._say, name="remarks", daemon=True)
            self._thread.start()
        elif isinstance(event, StatusChanged) and event.status is Status.RUNNING:
            self._has_run = True

    def _say(self) -> None:
        if self._has_ended.wait(PAUSE_S) and not self._has_run:
            return  # nothing has come of the run, for reasons of its own
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
        self._has_ended.set()
        if self._thread is not None and error is None:
            self._thread.join()
