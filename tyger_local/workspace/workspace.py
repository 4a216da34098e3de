"""`Workspace`: where everything that the tool can do begins."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tyger_local.store.home import Home
from tyger_local.workspace.codespecs import Codespecs

if TYPE_CHECKING:  # each is loaded when it is asked for
    from tyger_local.workspace.buffers import Buffers
    from tyger_local.workspace.housekeeping import Housekeeping
    from tyger_local.workspace.linting import Linting
    from tyger_local.workspace.runs import Runs

HOME_VARIABLE = "TYGER_LOCAL_HOME"
ENGINE_VARIABLE = "TYGER_LOCAL_ENGINE"
DEFAULT_ENGINE = "docker"


class Workspace:
    """A store of codespecs, runs and buffers, and an engine to run on.

    Args:
        home: The store's root folder; by default ``$TYGER_LOCAL_HOME``, else the user's data folder. It is
            created when something is first written.
        engine: ``docker`` or ``process``; by default ``$TYGER_LOCAL_ENGINE``, else ``docker``.
        warn: Is told, in a sentence, of what is wrong but no error (a damaged file that was passed over).
            By default Python's `warnings.warn`.
    """

    def __init__(
        self,
        home: str | os.PathLike[str] | None = None,
        engine: str | None = None,
        warn: Callable[[str], None] | None = None,
    ) -> None:
        self._warn = warn or _warn
        self.home = Path(home) if home else default_home()
        self.engine = engine or os.environ.get(ENGINE_VARIABLE) or DEFAULT_ENGINE

    @cached_property
    def codespecs(self) -> Codespecs:
        """The codespecs in the store."""
        return Codespecs(Home(self.home), self._warn)

    @cached_property
    def buffers(self) -> Buffers:
        """The buffers in the store."""
        from tyger_local.workspace.buffers import Buffers  # noqa: PLC0415  (see above)

        return Buffers(Home(self.home), self._warn)

    @cached_property
    def housekeeping(self) -> Housekeeping:
        """How much room the store takes, and removing what is old."""
        from tyger_local.workspace.housekeeping import Housekeeping  # noqa: PLC0415  (see above)

        return Housekeeping(Home(self.home), self._warn)

    @cached_property
    def linting(self) -> Linting:
        """What would surprise on the cluster, found in files and in the codespecs in the store."""
        from tyger_local.workspace.linting import Linting  # noqa: PLC0415  (see above)

        return Linting(self.codespecs, self._warn)

    @cached_property
    def runs(self) -> Runs:
        """The runs in the store, and running more."""
        from tyger_local.workspace.runs import Runs  # noqa: PLC0415  (see above)

        return Runs(Home(self.home), self._warn, self.codespecs, self.engine)


def default_home() -> Path:
    """Return the store's root when nobody names one."""
    named = os.environ.get(HOME_VARIABLE)
    if named:
        return Path(named)
    import platformdirs  # noqa: PLC0415  (late: most calls name a home or need nothing else of it)

    return Path(platformdirs.user_data_dir("tyger-local", appauthor=False))


def _warn(text: str) -> None:
    warnings.warn(text, stacklevel=3)
