"""The measuring of one container as it sees it: a thread that loads what measures only when there is time."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

from tyger_local.engine.docker.api import Api
from tyger_local.outcome.record import Usage
from tyger_local.outcome.sight import UsageSample

if TYPE_CHECKING:  # loaded while the engine starts the container, in whose way it would be before
    from tyger_local.engine.docker.meter import Meter

LAST_READ_TIMEOUT_S = 0.5
LOAD_TIMEOUT_S = 5.0


class Measuring:
    """Measures one container, from the moment at which the engine is asked to start it.

    Args:
        api: The engine.
        container: Its id.
        info: What the engine says of itself.
    """

    def __init__(self, api: Api, container: str, info: Mapping[str, object]) -> None:
        self._api = api
        self._container = container
        self._info = info
        self._meter: Meter | None = None
        self._is_loaded = threading.Event()
        self._thread = threading.Thread(target=self._work, name="meter", daemon=True)
        self._ending = threading.Lock()  # whoever waits and whoever removes may be two threads
        self._is_over = False

    def begin(self) -> None:
        """Begin: the engine is about to be asked to start the container."""
        self._thread.start()

    def _work(self) -> None:
        try:
            # Late: see above.
            from tyger_local.engine.docker.meter import Meter  # noqa: PLC0415

            meter = self._meter = Meter(self._api, self._container, self._info)
        except (
            OSError
        ):  # the system gives no more descriptors; a run goes on without being measured
            return
        finally:
            self._is_loaded.set()
        meter.run()

    def engine_has_started(self) -> None:
        """Say that the engine has started the container."""
        meter = self._loaded()
        if meter is not None:
            meter.engine_has_started()

    def end(self, patience_s: float = LAST_READ_TIMEOUT_S) -> None:
        """Say that the container has ended; wait so long for what there is to read. May be called again."""
        with self._ending:
            is_over, self._is_over = self._is_over, True
        meter = None if is_over else self._loaded()
        if meter is not None:
            meter.stop(patience_s)

    def fail(self) -> None:
        """Say that the engine could not start it: what was measured is the engine's own attempt."""
        self.end(0)
        self._meter = None

    def _loaded(self) -> Meter | None:
        if self._thread.ident is not None:
            self._is_loaded.wait(LOAD_TIMEOUT_S)
        return self._meter

    def sample(self) -> UsageSample | None:
        """Return what is used now; None when that cannot be seen."""
        return None if self._meter is None else self._meter.sample()

    @property
    def oom_kills(self) -> int | None:
        """Return how many processes the kernel has killed for want of memory; None where that is not seen."""
        return None if self._meter is None else self._meter.oom_kills

    def usage(self) -> Usage:
        """Return what the container has cost, once `end` was called."""
        return Usage() if self._meter is None else self._meter.usage()
