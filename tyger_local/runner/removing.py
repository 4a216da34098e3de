"""What becomes of containers and networks when their run is over."""

from __future__ import annotations

import threading
from collections.abc import Callable

from tyger_local.engine.base import Container, Network
from tyger_local.errors import EngineError
from tyger_local.outcome.events import Warned
from tyger_local.runner.setup import Setup

REMOVE_TIMEOUT_S = 20.0
"""How long the engine may take to remove a container; it kills what still runs of it first."""


def let_go(container: Container, setup: Setup) -> None:
    """Remove a container, unless it is to be kept.

    An engine that hangs is not waited for; the next run removes the container then.
    """
    _let_go(container.remove, f"the container {container.id[:12]}", setup)


def let_go_of_network(network: Network, setup: Setup) -> None:
    """Remove a network, unless its containers are kept; the same holds."""
    _let_go(network.remove, f"the network {network.name}", setup)


def _let_go(remove: Callable[[], None], what: str, setup: Setup) -> None:
    if setup.options.keep:
        setup.emit(Warned(f"{what} is kept; remove it yourself"))
        return
    found: list[str] = [f"the engine has not removed it within {REMOVE_TIMEOUT_S:.0f} s"]

    def work() -> None:
        try:
            remove()
            found.clear()
        except EngineError as error:
            found[:] = [str(error)]

    thread = threading.Thread(target=work, name="remove", daemon=True)
    thread.start()
    thread.join(REMOVE_TIMEOUT_S)
    for problem in found:
        setup.note_left()
        setup.emit(Warned(f"{what} may be left: {problem}"))
