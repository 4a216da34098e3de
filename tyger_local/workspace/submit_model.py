"""How a run is submitted, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tyger_local.outcome.record import RunRecord
from tyger_local.submit.comparing import Comparison
from tyger_local.submit.model import Submitted, Told
from tyger_local.workspace.execution import ExecOptions


@dataclass(frozen=True, slots=True)
class SubmitOptions:
    """How a run is submitted.

    Attributes:
        execution: How the same run is executed here, if it is; its cancellation ends everything.
        tell: Is told how it goes there.
        show_log: Is given lines that the containers printed there, with their ends: the last ones of a run
            that failed.
        shows_whole_log: Whether all lines, also of a run that succeeded.
        timestamps: Whether each of them begins with its time.
        is_compared: Whether the same run is executed here first, and its outputs compared.
        compared_run: An earlier run whose outputs are compared instead.
        is_detached: Whether nobody waits for its end.
        client: The name of Tyger's client, or its path.
    """

    execution: ExecOptions = field(default_factory=ExecOptions)
    tell: Callable[[Told], None] = lambda _: None
    show_log: Callable[[str], None] = lambda _: None
    shows_whole_log: bool = False
    timestamps: bool = False
    is_compared: bool = False
    compared_run: int | None = None
    is_detached: bool = False
    client: str = "tyger"

    @property
    def compares(self) -> bool:
        """Return whether outputs are compared."""
        return self.is_compared or self.compared_run is not None


@dataclass(frozen=True, slots=True)
class SubmitResult:
    """What came of it.

    Attributes:
        run: On the cluster; None when the same run failed here first.
        here: The record of the run here, if there was one.
        comparisons: Of the outputs, where they were compared.
    """

    run: Submitted | None
    here: RunRecord | None = None
    comparisons: tuple[Comparison, ...] = ()
