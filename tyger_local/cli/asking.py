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
    return force or not can_ask() or _answer(question)


def confirm(question: str, *, force: bool) -> None:
    """Ask like `agrees`, before anything is changed.

    Raises:
        TygerLocalError: The answer is no.
    """
    if not agrees(question, force=force):
        raise TygerLocalError("nothing was changed")


def _answer(question: str) -> bool:
    """Return whether the answer is yes; who ends the input (Ctrl-D) has not said so."""
    try:
        return click.confirm(question, err=True)
    except click.Abort as error:
        if not isinstance(error.__context__, EOFError):
            raise  # Ctrl-C, which click makes the same of
        click.echo(err=True)  # ends the question's line
        return False
