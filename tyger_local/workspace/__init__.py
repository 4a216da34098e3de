"""The Python API: a workspace is a store, an engine to run on, and what can be done with both."""

from tyger_local.workspace.workspace import Workspace

__all__ = ["Workspace"]
