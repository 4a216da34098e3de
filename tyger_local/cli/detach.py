"""``run create``, and the process that it leaves behind to carry the run out (``run supervise``)."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from tyger_local.cli.console import Console
from tyger_local.cli.execute import conclude
from tyger_local.cli.narrator import Narrator
from tyger_local.cli.run_values import options_from, request_from
from tyger_local.cli.signals import canceling
from tyger_local.cli.watchdog import Watchdog
from tyger_local.outcome.events import Event, RunCreated
from tyger_local.runner.cancel import Cancellation
from tyger_local.workspace import Workspace
from tyger_local.workspace.detached import accepting
from tyger_local.workspace.execution import ExecOptions


def create_run(given: Mapping[str, Any], workspace: Workspace) -> int:
    """Start the run that the flags ask for, and return its id."""
    request = request_from(given, workspace)
    with canceling(Cancellation()):  # whichever signal ends this, nobody would learn of the run
        return workspace.runs.create(
            request, options=options_from(given), file=given["file"] or None
        )


def supervise_run(answer_fd: int, console: Console, watchdog: Watchdog | None) -> int:
    """Carry out the run of the order on standard input; return the exit code of its verdict.

    Whoever ordered it hears of the run's id, or why there is none, and need not live on. From then on what
    there is to say goes to a file beside the run's record.

    Args:
        answer_fd: Where it is waited for that.
        console: Says the rest.
        watchdog: Cleans up if this process is killed.
    """
    with accepting(answer_fd) as (order, accept):
        workspace = Workspace(order.home, order.engine, warn=console.warn)
        if watchdog is not None:
            watchdog.guard(str(workspace.home.absolute()))
        narrator = Narrator(console, order.request.replicas, timestamps=False, live=False)
        cancellation = Cancellation()

        def tell(event: Event) -> None:
            if isinstance(event, RunCreated):
                _speak_into(workspace.runs.open_notes(event.run_id))
                accept(event.run_id)
            narrator.tell(event)

        options = ExecOptions(
            overrides=order.overrides,
            options=order.options,
            strict=order.strict,
            emit=tell,
            cancellation=cancellation,
            is_detached=True,
        )
        with closing(narrator), canceling(cancellation):
            record = workspace.runs.exec(order.request, options=options)
    conclude(record, narrator, console)
    return record.verdict.exit_code if record.verdict else 0


def _speak_into(fd: int) -> None:
    """Let what is said from now on go to `fd`, which is taken over."""
    sys.stderr.flush()
    os.dup2(fd, sys.stderr.fileno())
    os.close(fd)
