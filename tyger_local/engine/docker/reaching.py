"""How one container is reached, and where it listens, while it runs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tyger_local.engine.docker.api import Api
from tyger_local.engine.sights import PROC
from tyger_local.errors import EngineError
from tyger_local.outcome.sight import Listening, Reach

if TYPE_CHECKING:  # most runs neither listen nor are reached, and shall not wait for it
    from tyger_local.engine.docker.listeners import Listeners
    from tyger_local.engine.docker.main_process import MainProcess

LOCALHOST = ("127.0.0.1", "::1")

Document = Mapping[str, Any]


class Reaching:
    """Looks at the network of one container; see sentences 16 and 17 of `tyger_local.engine.base`.

    Args:
        api: The engine.
        container: Its id.
        network: The first network that it joined; None is the engine's default.
        proc: Where the kernel shows processes.
    """

    def __init__(self, api: Api, container: str, network: str | None, proc: Path = PROC) -> None:
        self._api = api
        self._container = container
        self._network = network
        self._proc = proc
        self._is_up = False
        self._process: MainProcess | None = None
        self._listeners: Listeners | None = None
        self._may_enter: bool | None = None

    def begin(self) -> None:
        """Say that the engine has started the container."""
        self._is_up = True

    def end(self) -> None:
        """Say that the container has ended. May be called again."""
        self._is_up = False

    def address(self) -> str | None:
        """Return where the other containers of its first network reach it."""
        found = self._inspect()
        return None if found is None else _address(found, self._network)

    def listening(self) -> Listening | None:
        """Return on which TCP ports it accepts connections. Asks the engine for its process, once."""
        process = self._main_process()
        if process is None:
            return None
        if self._listeners is None:
            # Late: see above.
            from tyger_local.engine.docker.listeners import Listeners  # noqa: PLC0415

            self._listeners = Listeners(process)
        return self._listeners.look()

    def reach(self) -> Reach | None:
        """Return how to connect to it: from inside where we may enter, or else from here."""
        process = self._main_process()
        inside = None if process is None else self._inside(process)
        if inside is not None:
            return Reach(LOCALHOST, inside, is_inside=True)
        found = self._inspect()
        if found is None:
            return None
        if _part(found, "HostConfig").get("NetworkMode") == "host":
            return Reach(LOCALHOST, is_inside=True)
        address = _address(found, self._network)
        return None if address is None else Reach((address,))

    def _inside(self, process: MainProcess) -> int | None:
        network = process.network()
        if network is None:
            return None
        if self._may_enter is None:
            # Late: see above.
            from tyger_local.engine.docker.main_process import may_enter  # noqa: PLC0415

            self._may_enter = may_enter(network)
        if not self._may_enter:
            os.close(network)
            return None
        return network

    def _main_process(self) -> MainProcess | None:
        if not self._is_up:
            return None
        if self._process is None:
            # Late: see above.
            from tyger_local.engine.docker.main_process import MainProcess  # noqa: PLC0415

            pid = _part(self._inspect() or {}, "State").get("Pid")
            self._process = MainProcess(pid, self._container, self._proc) if pid else None
        return self._process

    def _inspect(self) -> Document | None:
        """Ask the engine; None when the container does not run, or the engine does not say."""
        if not self._is_up:
            return None
        try:
            found = self._api.container(self._container)
        except EngineError:
            return None
        return found if _part(found, "State").get("Running") else None


def _address(container: Document, network: str | None) -> str | None:
    return next(_addresses(container, network), None)


def _addresses(container: Document, network: str | None) -> Iterator[str]:
    """Yield the addresses of a container, those in `network` first."""
    networks = _part(_part(container, "NetworkSettings"), "Networks")
    for name in sorted(networks, key=lambda name: name != network):
        for kind in ("IPAddress", "GlobalIPv6Address"):
            address = _part(networks, name).get(kind)
            if address:
                yield str(address)


def _part(whole: Document, name: str) -> Document:
    part = whole.get(name)
    return part if isinstance(part, Mapping) else {}
