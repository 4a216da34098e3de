"""Run Tyger codespecs on your own machine, and learn what the cluster would do.

>>> from tyger_local import Workspace
>>> workspace = Workspace()
>>> workspace.codespecs.create("hello", {"image": "busybox", "args": ["echo", "hello"]})
CreatedVersion(name='hello', version=1, is_new=True)

`ExecOptions` says how a run is executed (`Workspace.runs.exec`). Both are loaded when they are first asked
for: every import of a part of this package passes here, also that of the command line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tyger_local.workspace import Workspace
    from tyger_local.workspace.execution import ExecOptions

__version__ = "0.1.0"

__all__ = ["ExecOptions", "Workspace", "__version__"]


def __getattr__(name: str) -> object:
    """Load a public name (PEP 562)."""
    if name == "Workspace":
        from tyger_local.workspace import Workspace  # noqa: PLC0415

        return Workspace
    if name == "ExecOptions":
        from tyger_local.workspace.execution import ExecOptions  # noqa: PLC0415

        return ExecOptions
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
