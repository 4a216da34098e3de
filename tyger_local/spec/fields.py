"""Field types of the models: what Go's JSON decoder makes of a value, as pydantic validators.

Tyger's client decodes files with Go's ``encoding/json`` after a YAML step that knows the target
type: a number or boolean meant for a string becomes text, but only in a codespec file, not in a
codespec written inside a run file. That difference is the validation context, `Reading`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import BeforeValidator, ValidationInfo
from pydantic_core import PydanticCustomError

from tyger_local.errors import QuantityError
from tyger_local.spec.go_text import format_float, json_number
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


def mismatch(wanted: str, value: object, hint: str = "") -> PydanticCustomError:
    """Return the error for a value of another type than `wanted`."""
    return PydanticCustomError(
        "mismatch",
        "{wanted} is needed here, and this is {found}",
        {"wanted": wanted, "found": kind_of(value), "hint": hint},
    )


def _text(value: object, info: ValidationInfo[object]) -> str:
    if value is None:
        return ""  # null leaves a Go string at its zero value
    if isinstance(value, str):
        return value
    reading = info.context if isinstance(info.context, Reading) else Reading()
    if reading.numbers_become_text:
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int):
            return str(value)
        if isinstance(value, float):
            return format_float(value)
    raise mismatch("a string", value, "put it in quotes" if _is_number(value) else "")


def _exact_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    raise mismatch("a string", value, "put it in quotes" if _is_number(value) else "")


def _is_number(value: object) -> bool:
    return isinstance(value, (bool, int, float))


def _time(value: object) -> str:
    text = _exact_text(value)
    if value is not None and not _is_rfc_3339(text):
        raise PydanticCustomError(
            "time",
            "'{text}' is no RFC 3339 time",
            {"text": text, "hint": "write it like 2025-03-14T06:43:18Z, or leave it out"},
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


def _integer(value: object) -> int:
    if value is None:
        return 0  # null leaves a Go int at its zero value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        value = int(value)  # Go's encoder writes 2.0 as 2, and in full up to 1e21
    if isinstance(value, bool) or not isinstance(value, int):
        quoted = isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value)
        raise mismatch("an integer", value, "remove the quotes" if quoted else "")
    if not fits_32_bits(value):
        raise PydanticCustomError("range", "{value} does not fit in 32 bits", {"value": value})
    return value


def fits_32_bits(value: int) -> bool:
    """Return whether Tyger's server, where integers have 32 bits, can hold `value`."""
    return INT32_MIN <= value <= INT32_MAX


def _optional_integer(value: object) -> int | None:
    return None if value is None else _integer(value)


def _is_finite(value: float) -> bool:
    return isinstance(value, int) or math.isfinite(value)


def _quantity(value: object) -> Quantity | None:
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
        raise PydanticCustomError(
            "quantity", "{reason}", {"reason": error.what, "hint": error.hint}
        ) from error


def _list(value: object) -> object:
    if value is None:
        return ()
    if not isinstance(value, (list, tuple)):
        raise mismatch("a list", value, "write each element on a line of its own behind '- '")
    return value


def _mapping(value: object) -> object:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise mismatch("a mapping", value, "write it as 'name: value' lines")
    return value


Text = Annotated[str, BeforeValidator(_text)]
ExactText = Annotated[str, BeforeValidator(_exact_text)]
Time = Annotated[str, BeforeValidator(_time)]
Integer = Annotated[int, BeforeValidator(_integer)]
OptionalInteger = Annotated[int | None, BeforeValidator(_optional_integer)]
OptionalQuantity = Annotated[Quantity | None, BeforeValidator(_quantity)]
Texts = Annotated[tuple[Text, ...], BeforeValidator(_list)]
TextMap = Annotated[dict[str, Text], BeforeValidator(_mapping)]
IntegerMap = Annotated[dict[str, Integer], BeforeValidator(_mapping)]
List = BeforeValidator(_list)
