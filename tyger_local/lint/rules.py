"""All rules, in the order in which they are run and listed."""

from __future__ import annotations

from tyger_local.lint import pipe_files, pipes, placement, programs, shells, unused
from tyger_local.lint.model import Rule

RULES: tuple[Rule, ...] = (
    *placement.RULES,
    *shells.RULES,
    *pipes.RULES,
    *pipe_files.RULES,
    *programs.RULES,
    *unused.RULES,
)
