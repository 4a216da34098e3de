"""Asking before something is removed for good."""

from __future__ import annotations

import sys

import click


def confirm(question: str, *, force: bool) -> bool:
    """Ask whether to go on, where somebody is there to answer; elsewhere the answer is yes.

    Args:
        question: With its question mark.
        force: Whether not to ask.
    """
    if force or not (_is_terminal(sys.stdin) and _is_terminal(sys.stderr)):
        return True
    return click.confirm(question, err=True)


def _is_terminal(stream: object) -> bool:
    return hasattr(stream, "isatty") and stream.isatty()
