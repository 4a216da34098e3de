"""Asking before something is removed for good."""

from __future__ import annotations

import sys

import click

from tyger_local.errors import TygerLocalError


def can_ask() -> bool:
    """Return whether somebody is there to answer."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


def agrees(question: str, *, force: bool) -> bool:
    """Ask whether to go on, where somebody is there to answer; elsewhere the answer is yes.

    Args:
        question: With its question mark.
        force: Whether not to ask.
    """
    return force or not can_ask() or click.confirm(question, err=True)


def confirm(question: str, *, force: bool) -> None:
    """Ask like `agrees`, before anything is changed.

    Raises:
        TygerLocalError: The answer is no.
    """
    if not agrees(question, force=force):
        raise TygerLocalError("nothing was changed")
