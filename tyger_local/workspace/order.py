"""What a process needs to be told to carry out a run for another."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tyger_local.plan.model import Overrides
from tyger_local.runner.setup import Options
from tyger_local.spec.runs import RunRequest


@dataclass(frozen=True, slots=True)
class Order:
    """A run that another process shall carry out.

    Attributes:
        request: With the codespec itself in the place of its name, and paths that hold in any folder.
    """

    home: Path
    engine: str
    request: RunRequest
    overrides: Overrides
    options: Options
    strict: bool
