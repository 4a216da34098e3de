"""Kubernetes quantities: exact numbers such as ``500m``, ``1Gi`` or ``1e3``.

The rules are those of Kubernetes' apimachinery (``pkg/api/resource/quantity.go``), which both Tyger
and the cluster use: what is accepted, how it is rounded, and the canonical text that is shown.
A value is held as a whole number of nanos, the finest step that Kubernetes keeps. A `Decimal`
was weighed and left aside: it rounds by a context that belongs to the whole process.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum

from tyger_local.errors import QuantityError

FORMAT_WRONG = (
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
)
SUFFIX_WRONG = "unable to parse quantity's suffix"
NUMERIC_WRONG = "unable to parse numeric part of quantity"

# Kubernetes sets no such limit. Its exponents wrap at 32 bits and may ask for gigabytes of digits.
MAX_EXPONENT = 1000
MAX_CHARACTERS = 1000

_NANOS = 10**9
_NANO_EXPONENT = -9
_MAX_BINARY_NANOS = (2**63 - 1) * _NANOS
_DECIMAL_SUFFIXES = {
    "n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18,
}  # fmt: skip
_BINARY_SUFFIXES = {"": 0, "Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL_SUFFIX_OF_POWER = {power: suffix for suffix, power in _DECIMAL_SUFFIXES.items()}
_BINARY_SUFFIX_OF_POWER = {power: suffix for suffix, power in _BINARY_SUFFIXES.items()}
_MAX_BINARY_POWER = 60

# Looser than that sentence in the number, which may be empty; stricter in its dots: one at most.
_PARTS = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*[+-]?[0-9]*)")
_EXPONENT = re.compile(r"[eE]([+-]?[0-9]+)")


class QuantityFormat(str, Enum):
    """The family of suffixes that a quantity was written with and is shown with again."""

    DECIMAL_SI = "DecimalSI"
    """``n u m k M G T P E``, or no suffix."""
    BINARY_SI = "BinarySI"
    """``Ki Mi Gi Ti Pi Ei``."""
    DECIMAL_EXPONENT = "DecimalExponent"
    """``e3``, ``E-6``."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """An exact number; ``1``, ``1000m`` and ``1e0`` are equal. ``str()`` is its canonical text.

    Attributes:
        nanos: The number, in billionths of its unit (a core, a byte, a GPU).
        format: The family of suffixes that `str` uses; it takes no part in comparisons.
    """

    nanos: int
    format: QuantityFormat = field(compare=False)

    @property
    def value(self) -> int:
        """Whole units, rounded away from zero (``Value()`` in Kubernetes): bytes, cores, GPUs."""
        return _divide_away_from_zero(self.nanos, _NANOS)

    @property
    def milli_value(self) -> int:
        """Thousandths, rounded away from zero (``MilliValue()`` in Kubernetes): millicores."""
        return _divide_away_from_zero(self.nanos, _NANOS // 1000)

    def __str__(self) -> str:
        if self.format is QuantityFormat.BINARY_SI and self._has_binary_text():
            return self._binary_text()
        return self._decimal_text()

    def _has_binary_text(self) -> bool:
        # Below 1024, or with a fraction of a unit, Kubernetes shows decimal text to lose nothing.
        return abs(self.nanos) >= 1024 * _NANOS and self.nanos % _NANOS == 0

    def _binary_text(self) -> str:
        number, power = self.nanos // _NANOS, 0
        while number % 1024 == 0 and power < _MAX_BINARY_POWER:
            number, power = number // 1024, power + 10
        return f"{number}{_BINARY_SUFFIX_OF_POWER[power]}"

    def _decimal_text(self) -> str:
        number, power = self.nanos, _NANO_EXPONENT
        while number and number % 1000 == 0:
            number, power = number // 1000, power + 3
        if not number or not power:
            return str(number)
        suffix = _DECIMAL_SUFFIX_OF_POWER.get(power, f"e{power}")
        if self.format is QuantityFormat.DECIMAL_EXPONENT:
            suffix = f"e{power}"
        return f"{number}{suffix}"


def positive(quantity: Quantity | None) -> Quantity | None:
    """Return `quantity`, or None for zero, which Kubernetes takes for no limit."""
    return quantity if quantity is not None and quantity.nanos > 0 else None


def parse_quantity(text: str) -> Quantity:
    """Read `text` as Kubernetes' ``ParseQuantity`` does.

    Digits are ASCII. A non-zero value finer than a nano is rounded away from zero, and a binary one
    beyond 2^63-1 becomes 2^63-1. A number without digits is zero, as in Kubernetes: ``.``, ``+``
    and ``Ki`` are all ``0``.

    Raises:
        QuantityError: With Kubernetes' sentence, and what to write instead as its hint; or with
            ours for a text or an exponent so long that only a mistake explains it.
    """
    try:
        return _parse(text)
    except QuantityError as error:
        raise QuantityError(error.what, _hint(text)) from None


def _parse(text: str) -> Quantity:
    if len(text) > MAX_CHARACTERS:
        raise QuantityError(f"a quantity of more than {MAX_CHARACTERS} characters is not supported")
    parts = _PARTS.fullmatch(text)
    if not text or parts is None:
        raise QuantityError(FORMAT_WRONG)
    sign, whole, fraction, suffix = parts.groups(default="")
    shown_as, exponent = _read_suffix(suffix)
    binary = shown_as is QuantityFormat.BINARY_SI
    # Kubernetes reads a number without digits as 0 on its way for small numbers only.
    if not whole + fraction and (exponent >= 50 if binary else exponent < _NANO_EXPONENT):
        raise QuantityError(NUMERIC_WRONG)
    scaled = int(f"0{whole}{fraction}") * _NANOS
    divisor = 10 ** len(fraction)
    if binary:
        scaled <<= exponent
    elif exponent >= 0:
        scaled *= 10**exponent
    else:
        divisor *= 10**-exponent
    nanos = _divide_away_from_zero(scaled, divisor)
    if binary:
        nanos = min(nanos, _MAX_BINARY_NANOS)
        shown_as = QuantityFormat.DECIMAL_SI if 0 < nanos < _NANOS else shown_as
    return Quantity(-nanos if sign == "-" else nanos, shown_as)


def _read_suffix(suffix: str) -> tuple[QuantityFormat, int]:
    """The suffix's family and its power, of 2 for the binary family and else of 10."""
    if suffix in _DECIMAL_SUFFIXES:
        return QuantityFormat.DECIMAL_SI, _DECIMAL_SUFFIXES[suffix]
    if suffix in _BINARY_SUFFIXES:
        return QuantityFormat.BINARY_SI, _BINARY_SUFFIXES[suffix]
    exponent = _EXPONENT.fullmatch(suffix)
    if exponent is None or not -(2**63) <= int(exponent[1]) < 2**63:
        raise QuantityError(SUFFIX_WRONG)
    if abs(int(exponent[1])) > MAX_EXPONENT:
        raise QuantityError(f"a quantity's exponent beyond {MAX_EXPONENT} is not supported")
    return QuantityFormat.DECIMAL_EXPONENT, int(exponent[1])


def _divide_away_from_zero(number: int, divisor: int) -> int:
    quotient = -(-abs(number) // divisor)
    return -quotient if number < 0 else quotient


def _hint(text: str) -> str:
    candidates = [re.sub(r"[\s_]", "", text)]
    unit = re.fullmatch(r"\s*([+-]?[0-9.]+)\s*([kmgtpe]?)(i?)(?:b|bytes?)?\s*", text, re.IGNORECASE)
    if unit is not None:
        number, letter, binary = unit.groups()
        decimal = "k" if letter in "kK" else letter.upper()
        candidates += [f"{number}{letter and decimal}"] * (not binary)
        candidates += [f"{number}{letter.upper()}i"] * bool(letter)
    legal = list(dict.fromkeys(each for each in candidates if _is_legal(each)))
    if legal:
        return f"write {' or '.join(legal)}"
    return (
        "write a number and a suffix, such as 500m, 2, 1.5G or 1Gi; the suffixes are "
        f"{' '.join(suffix for suffix in [*_DECIMAL_SUFFIXES, *_BINARY_SUFFIXES] if suffix)}"
    )


def _is_legal(text: str) -> bool:
    try:
        _parse(text)
    except QuantityError:
        return False
    return True
