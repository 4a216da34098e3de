"""``tyger-local run``: the group of commands, which are defined by what they have in common."""

from __future__ import annotations

from tyger_local.cli.commands import Group
from tyger_local.cli.report import report
from tyger_local.cli.run_execution import create, exec_, supervise
from tyger_local.cli.run_following import cancel, logs, watch
from tyger_local.cli.run_records import counts, delete, list_, set_, show

run = Group(
    "run",
    help="Run codespecs and look at runs.",
    aliases={"get": "show", "stop": "cancel", "count": "counts"},
)
for command in (
    exec_, create, supervise, show, list_, counts, watch, logs, report, cancel, set_, delete,
):  # fmt: skip
    run.add_command(command)
