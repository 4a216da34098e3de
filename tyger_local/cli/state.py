"""What the global flags of this call come to: a console and a workspace."""

from __future__ import annotations

import click

from tyger_local.cli.commands import Settings
from tyger_local.cli.console import Console
from tyger_local.workspace import Workspace


def settings() -> Settings:
    """Return what the global flags say, wherever they stood."""
    return click.get_current_context().ensure_object(Settings)


def console() -> Console:
    """Return what speaks to whoever called."""
    return Console(settings())


def workspace(engine: str | None = None) -> Workspace:
    """Return the workspace that the flags and the environment name."""
    return Workspace(settings().home, engine, warn=console().warn)
