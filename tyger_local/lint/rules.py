"""All rules, in the order in which they are run and listed."""

from __future__ import annotations

from tyger_local.lint import (
    environment,
    ignores,
    names,
    pipe_files,
    pipes,
    placement,
    programs,
    resources,
    scalars,
    shells,
    unused,
)
from tyger_local.lint.model import Rule

RULES: tuple[Rule, ...] = (
    *environment.RULES,
    *names.RULES,
    *resources.RULES,
    *placement.RULES,
    *scalars.RULES,
    *shells.RULES,
    *pipes.RULES,
    *pipe_files.RULES,
    *programs.RULES,
    *unused.RULES,
    *ignores.RULES,
)
