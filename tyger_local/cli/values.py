"""Values of flags, converted as pflag does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import click

from tyger_local.cli.argv import invalid_argument
from tyger_local.spec.flag_values import parse_bool, split_int_map, split_list, split_map
from tyger_local.spec.go_text import parse_duration, parse_int

T = TypeVar("T")

NANOSECONDS = 10**9
DAY_S = 24 * 60 * 60


class Value(click.ParamType[T], Generic[T]):
    """A flag's value, converted by `convert_text`, whose ValueError says what is wrong.

    Args:
        name: What help calls it.
        convert_text: Makes the value of the text.
    """

    def __init__(self, name: str, convert_text: Callable[[str], T]) -> None:
        self.name = name
        self._convert_text = convert_text

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str | None:
        """Return what stands for the value in help."""
        del param, ctx
        return self.name

    def convert(
        self, value: T | str, param: click.Parameter | None, ctx: click.Context | None
    ) -> T:
        """Convert what stands on the command line; a default is left as it is."""
        del ctx
        if not isinstance(value, str):
            return value
        try:
            return self._convert_text(value)
        except ValueError as error:
            raise invalid_argument(value, shown_flag(param), str(error)) from error


def shown_flag(param: click.Parameter | None) -> str:
    """Return a flag as help shows it: ``-e, --env``."""
    return "" if param is None else ", ".join(sorted(param.opts, key=len))


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= DAY_S:
        raise ValueError(f"it must be a number of seconds from 0 to {DAY_S}")
    return seconds


def _count(text: str) -> int:
    number = parse_int(text, 0)
    if number < 0:
        raise ValueError("it must not be negative")
    return number


STATUS_NAMES = ("canceled", "canceling", "failed", "pending", "running", "succeeded")
"""Tyger's; ``canceling`` is one that no run is in."""

STATUSES_IN_USE = tuple(name for name in STATUS_NAMES if name != "canceling")


def _statuses(text: str) -> list[str]:
    names = [name.strip().lower() for name in split_list(text)]
    if not set(names) <= set(STATUS_NAMES):
        raise ValueError("must be " + ", ".join(f"'{name}'" for name in STATUS_NAMES))
    return names


LIST = Value("NAME[,NAME...]", split_list)
MAP = Value("KEY=VALUE[,...]", split_map)
INT_MAP = Value("NAME=PORT[,...]", split_int_map)
INT = Value("N", lambda text: parse_int(text, 0))
BOOL = Value("bool", parse_bool)
WHOLE_SECONDS = Value("DURATION", lambda text: int(parse_duration(text) / NANOSECONDS))
SECONDS = Value("SECONDS", _seconds)
STATUSES = Value("STATUS[,STATUS...]", _statuses)
COUNT = Value("N", _count)


def joined(values: tuple[list[str], ...]) -> tuple[str, ...] | None:
    """Join the lists of a repeated flag; None when it was not given."""
    return tuple(item for value in values for item in value) if values else None


def merged(values: tuple[dict[str, T], ...]) -> dict[str, T] | None:
    """Merge the mappings of a repeated flag, later ones winning; None when it was not given."""
    return {key: item for value in values for key, item in value.items()} if values else None
