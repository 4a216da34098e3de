"""Field types of the models: what Go's JSON decoder makes of a value.

Tyger's client decodes files with Go's ``encoding/json`` after a YAML step that knows the target
type: a number or boolean meant for a string becomes text, but only in a codespec file, not in a
codespec written inside a run file. That difference is the `Reading`.

A field's type carries what reads it: ``Text`` is ``Annotated[str, read_text]``. A reader returns what the
field holds, or raises `Misfit` with everything that is wrong with the value.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, TypeVar

from tyger_local.errors import QuantityError
from tyger_local.spec.go_text import format_float, json_number
from tyger_local.spec.place import Path
from tyger_local.spec.quantity import Quantity, parse_quantity

INT32_MAX = 2**31 - 1
INT32_MIN = -(2**31)

_RFC_3339 = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)", re.ASCII
)
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]+")


@dataclass(frozen=True, slots=True)
class Reading:
    """How a document is read.

    Attributes:
        numbers_become_text: Whether a number or boolean where text is wanted is turned into text.
    """

    numbers_become_text: bool = False


AS_IT_IS = Reading()

T = TypeVar("T")
Key = TypeVar("Key", str, int)
Reader = Callable[[object, Reading], T]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that does not fit.

    Attributes:
        path: Where it is, below the value that was read.
        words: What is wrong.
        hint: What to do about it.
        known: Only for an unknown field: the names that are known in its place.
    """

    path: Path
    words: str
    hint: str = ""
    known: tuple[str, ...] = ()


class Misfit(Exception):  # noqa: N818  (it is told, and not an error of ours)
    """A value does not fit its field; `problems` says why, and is never empty."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__(*problems)
        self.problems = problems

    def below(self, key: str | int) -> tuple[Problem, ...]:
        """Return the problems as seen from the value that holds this one under `key`."""
        return tuple(replace(found, path=(key, *found.path)) for found in self.problems)


def misfit(words: str, hint: str = "") -> Misfit:
    """Return the exception for a value in which one thing is wrong."""
    return Misfit(Problem((), words, hint))


def kind_of(value: object) -> str:
    """Return what a person would call `value`: ``a list``, ``a number``, ``a boolean``..."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "a list" if isinstance(value, (list, tuple)) else "a mapping"


def mismatch(wanted: str, value: object, hint: str = "") -> Misfit:
    """Return the exception for a value of another type than `wanted`."""
    return misfit(f"{wanted} is needed here, and this is {kind_of(value)}", hint)


def read_text(value: object, reading: Reading) -> str:
    """Read a text; what else becomes one depends on `reading`."""
    if reading.numbers_become_text:
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int):
            return str(value)
        if isinstance(value, float):
            return format_float(value)
    return read_exact_text(value, reading)


def read_exact_text(value: object, _: Reading) -> str:
    """Read a text that is never made of anything else."""
    if value is None:
        return ""  # null leaves a Go string at its zero value
    if isinstance(value, str):
        return value
    raise mismatch("a string", value, "put it in quotes" if _is_number(value) else "")


def _is_number(value: object) -> bool:
    return isinstance(value, (bool, int, float))


def read_time(value: object, reading: Reading) -> str:
    """Read a time, which stays text."""
    text = read_exact_text(value, reading)
    if value is not None and not _is_rfc_3339(text):
        raise misfit(
            f"'{text}' is no RFC 3339 time",
            "write it like 2025-03-14T06:43:18Z, or leave it out",
        )
    return text


def _is_rfc_3339(text: str) -> bool:
    match = _RFC_3339.fullmatch(text)
    if match is None:
        return False
    try:
        datetime.fromisoformat(match[1])
    except ValueError:  # the 30th of February
        return False
    return True


def read_integer(value: object, _: Reading) -> int:
    """Read an integer of 32 bits."""
    if value is None:
        return 0  # null leaves a Go int at its zero value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        value = int(value)  # Go's encoder writes 2.0 as 2, and in full up to 1e21
    if isinstance(value, bool) or not isinstance(value, int):
        quoted = isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value)
        raise mismatch("an integer", value, "remove the quotes" if quoted else "")
    if not fits_32_bits(value):
        raise misfit(f"{value} does not fit in 32 bits")
    return value


def fits_32_bits(value: int) -> bool:
    """Return whether Tyger's server, where integers have 32 bits, can hold `value`."""
    return INT32_MIN <= value <= INT32_MAX


def read_optional_integer(value: object, reading: Reading) -> int | None:
    """Read an integer that may be absent."""
    return None if value is None else read_integer(value, reading)


def _is_finite(value: float) -> bool:
    return isinstance(value, int) or math.isfinite(value)


def read_quantity(value: object, _: Reading) -> Quantity | None:
    """Read a quantity that may be absent."""
    if value is None:
        return None
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, (int, float)):
        # Go cannot put .inf and .nan into JSON; as text they are no quantities either.
        text = json_number(value) if _is_finite(value) else format_float(value)
    elif isinstance(value, str):
        text = value
    else:
        raise mismatch("a quantity", value, "write it like 500m, 2 or 1Gi")
    try:
        return parse_quantity(text)
    except QuantityError as error:
        raise misfit(error.what, error.hint) from error


def list_of(read: Reader[T]) -> Reader[tuple[T, ...]]:
    """Return what reads a list of what `read` reads."""

    def read_list(value: object, reading: Reading) -> tuple[T, ...]:
        if value is None:
            return ()
        if not isinstance(value, (list, tuple)):
            raise mismatch("a list", value, "write each element on a line of its own behind '- '")
        return tuple(item for _, item in _each(enumerate(value), read, reading))

    return read_list


def map_of(read: Reader[T]) -> Reader[dict[str, T]]:
    """Return what reads a mapping to what `read` reads."""

    def read_map(value: object, reading: Reading) -> dict[str, T]:
        return dict(_each(mapping(value).items(), read, reading))

    return read_map


def mapping(value: object) -> dict[str, object]:
    """Return `value`, which must be a mapping or absent."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise mismatch("a mapping", value, "write it as 'name: value' lines")
    return value


def _each(
    items: Iterable[tuple[Key, object]], read: Reader[T], reading: Reading
) -> list[tuple[Key, T]]:
    """Read each of `items`; what is wrong with one shall not hide what is wrong with the next."""
    found: list[tuple[Key, T]] = []
    problems: list[Problem] = []
    for key, item in items:
        try:
            found.append((key, read(item, reading)))
        except Misfit as misfit:  # noqa: PERF203  (what is slow about it is the raising)
            problems += misfit.below(key)
    if problems:
        raise Misfit(*problems)
    return found


Text = Annotated[str, read_text]
ExactText = Annotated[str, read_exact_text]
Time = Annotated[str, read_time]
Integer = Annotated[int, read_integer]
OptionalInteger = Annotated[int | None, read_optional_integer]
OptionalQuantity = Annotated[Quantity | None, read_quantity]
Texts = Annotated[tuple[str, ...], list_of(read_text)]
TextMap = Annotated[dict[str, str], map_of(read_text)]
IntegerMap = Annotated[dict[str, int], map_of(read_integer)]
