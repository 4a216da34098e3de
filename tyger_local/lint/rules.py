"""All rules, in the order in which they are run and listed."""

from __future__ import annotations

from tyger_local.lint import placement
from tyger_local.lint.model import Rule

RULES: tuple[Rule, ...] = (*placement.RULES,)
