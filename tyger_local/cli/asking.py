"""Asking before something is removed for good."""

from __future__ import annotations

import sys

import click

from tyger_local.errors import TygerLocalError


def can_ask() -> bool:
    """Return whether somebody is there to answer."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


def confirm(question: str, *, force: bool) -> None:
    """Ask whether to go on, where somebody is there to answer; elsewhere the answer is yes.

    Args:
        question: With its question mark.
        force: Whether not to ask.

    Raises:
        TygerLocalError: The answer is no.
    """
    if not force and can_ask() and not click.confirm(question, err=True):
        raise TygerLocalError("nothing was changed")
