"""Writes the list of rules in docs/lint.md from the code: python scripts/lint_docs.py."""

from __future__ import annotations

from pathlib import Path

from tyger_local.lint.pages import markdown
from tyger_local.lint.rules import RULES

PAGE = Path(__file__).parents[1] / "docs" / "lint.md"
MARK = "<!-- From here on written by scripts/lint_docs.py -->\n"


def with_rules(text: str) -> str:
    """Return the page with what stands below its mark made anew."""
    return text.partition(MARK)[0] + MARK + "\n" + markdown(RULES)


if __name__ == "__main__":
    PAGE.write_text(with_rules(PAGE.read_text("utf-8")), "utf-8")
