"""On which ports the programs of a container listen, looked at no oftener than that is worth."""

from __future__ import annotations

import time

from tyger_local.engine.docker.main_process import MainProcess
from tyger_local.outcome.sight import Listening

PAUSE_SHARE = 20
"""How many times as long as it took to list them they are not listed again."""

LONGEST_S = 1.0
"""How long they are not listed again while as many sockets are in use as before: they may be others."""


class Listeners:
    """The ports of one container.

    To list them takes the kernel 7 ms, since it goes through all connections of the machine. How many sockets
    of this network are in use it knows at once. So they are listed again when that has changed, and now and
    then.

    Args:
        process: The container's main process.
    """

    def __init__(self, process: MainProcess) -> None:
        self._process = process
        self._listed: Listening | None = None
        self._in_use: tuple[str, ...] = ()
        self._listed_at = self._pause_until = 0.0

    def look(self) -> Listening | None:
        """Return the ports; None where they are not shown."""
        in_use, now = self._process.sockets_in_use(), time.monotonic()
        if in_use is None:
            return None
        is_old = in_use != self._in_use or now >= self._listed_at + LONGEST_S
        if is_old and now >= self._pause_until:
            self._listed = self._process.listening()
            self._in_use, self._listed_at = in_use, now
            after = time.monotonic()
            self._pause_until = after + PAUSE_SHARE * (after - now)
        return self._listed
