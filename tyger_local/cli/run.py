"""``tyger-local run``: the group of commands, which are defined by what they have in common."""

from __future__ import annotations

from tyger_local.cli.commands import Group

run = Group(
    "run",
    help="Run codespecs and look at runs.",
    modules={
        "exec": "run_execution:exec_",
        "create": "run_execution:create",
        "supervise": "run_execution:supervise",
        "show": "run_records:show",
        "list": "run_records:list_",
        "counts": "run_records:counts",
        "set": "run_records:set_",
        "delete": "run_records:delete",
        "watch": "run_following:watch",
        "logs": "run_following:logs",
        "cancel": "run_following:cancel",
        "report": "report:report",
    },
    aliases={"get": "show", "stop": "cancel", "count": "counts"},
)
