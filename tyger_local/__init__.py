"""Run Tyger codespecs on your own machine, and learn what the cluster would do.

>>> from tyger_local import Workspace
>>> workspace = Workspace()
>>> workspace.codespecs.create("hello", {"image": "busybox", "args": ["echo", "hello"]})
CreatedVersion(name='hello', version=1, is_new=True)

`ExecOptions` says how a run is executed (`Workspace.runs.exec`), `Selection` which runs are meant
(`Workspace.runs.list`), `LogQuery` which part of a log (`Workspace.runs.logs`). They are loaded when they are
first asked for: every import of a part of this package passes here, also that of the command line.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tyger_local.workspace import Workspace
    from tyger_local.workspace.execution import ExecOptions
    from tyger_local.workspace.records import Selection
    from tyger_local.workspace.run_logs import LogQuery

__version__ = "0.1.0"

__all__ = ["ExecOptions", "LogQuery", "Selection", "Workspace", "__version__"]

_HOMES = {
    "ExecOptions": "execution",
    "LogQuery": "run_logs",
    "Selection": "records",
    "Workspace": "workspace",
}
"""Modules of the workspace by the public name that each defines."""


def __getattr__(name: str) -> object:
    """Load a public name (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"tyger_local.workspace.{_HOMES[name]}"), name)
