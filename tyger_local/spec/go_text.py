"""Go's conventions for numbers, durations and quoted text, where Tyger's behaviour shows them.

Tyger's command line is written in Go; these are the parts of its ``strconv``, ``encoding/json`` and
``time`` that decide what a codespec means or what an error says. Undecodable bytes in an argument
are expected as Python hands them over, as surrogate escapes.
"""

from __future__ import annotations

import math
import re
import struct

from tyger_local.spec.float_text import fixed, scientific, shortest_32, shortest_64

_INT64 = range(-(2**63), 2**63)
_DECIMAL = re.compile(r"[+-]?(?P<d>[0-9]+)")
_LITERAL = re.compile(
    r"[+-]?(?:0[bB](?P<b>(?:_?[01])+)|0[oO](?P<o>(?:_?[0-7])+)|0[xX](?P<x>(?:_?[0-9a-fA-F])+)"
    r"|(?P<zero>0(?:_?[0-7])*)|(?P<d>[1-9](?:_?[0-9])*))"
)
_BASES = {"b": 2, "o": 8, "x": 16, "zero": 8, "d": 10}

_DURATION_PART = re.compile(r"([0-9]*)(?:\.([0-9]*))?([^0-9.]*)")
_UNIT_NS = {
    "ns": 1,
    "us": 10**3,
    "\u00b5s": 10**3,  # micro sign
    "\u03bcs": 10**3,  # Greek mu
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}

_ESCAPES = {
    '"': '\\"', "\\": "\\\\", "\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r",
    "\t": "\\t", "\v": "\\v",
}  # fmt: skip


def format_float(value: float) -> str:
    """Write `value` as ``strconv.FormatFloat(value, 'g', -1, 32)`` does.

    That is the fewest digits that name the nearest 32-bit float, with an exponent from 1e6 up and
    below 1e-4. sigs.k8s.io/yaml writes a YAML float like this where text is wanted.
    """
    if math.isnan(value):
        return "NaN"
    try:
        packed = struct.pack("<f", value)
    except OverflowError:
        packed = struct.pack("<f", math.copysign(math.inf, value))
    single: float = struct.unpack("<f", packed)[0]
    sign = "-" if math.copysign(1, single) < 0 else ""
    if math.isinf(single):
        return f"{sign or '+'}Inf"
    digits = shortest_32(abs(single))
    return sign + (fixed if -4 < digits[1] <= 6 else scientific)(digits)


def json_number(value: float) -> str:
    """Write an integer or a 64-bit float as Go's ``encoding/json`` does.

    That is the fewest digits that name the float, with an exponent below 1e-6 and from 1e21 up.

    Raises:
        ValueError: NaN or an infinity, which JSON cannot hold.
    """
    if isinstance(value, int):
        return str(value)
    if not math.isfinite(value):
        raise ValueError(f"json: unsupported value: {format_float(value)}")
    sign = "-" if math.copysign(1, value) < 0 else ""
    digits = shortest_64(abs(value))
    if value == 0 or 1e-6 <= abs(value) < 1e21:
        return sign + fixed(digits)
    return sign + scientific(digits).replace("e-0", "e-")


def parse_int(text: str, base: int) -> int:
    """Read a 64-bit integer as ``strconv.ParseInt`` does; a sign is allowed, blanks are not.

    Args:
        text: The digits, ASCII.
        base: 10, for decimal digits alone; or 0, for Go's literals: ``0x``, ``0o``, ``0b``, a
            leading 0 for octal, and ``_`` between digits.

    Raises:
        ValueError: The text is no such integer, or does not fit in 64 bits. The words are ours.
    """
    match = (_LITERAL if base == 0 else _DECIMAL).fullmatch(text)
    if match is None:
        raise ValueError(f"{quote(text)} is not an integer")
    kind, written = next((name, found) for name, found in match.groupdict().items() if found)
    digits = written.replace("_", "").lstrip("0") or "0"
    # Python refuses to convert thousands of digits; 64 hold every 64-bit number in any base.
    number = int(digits, _BASES[kind]) if len(digits) <= 64 else 2**64
    number = -number if text.startswith("-") else number
    if number not in _INT64:
        raise ValueError(f"{quote(text)} does not fit in 64 bits")
    return number


def parse_duration(text: str) -> int:
    """Read a duration such as ``300s``, ``1.5h`` or ``-2h45m`` as ``time.ParseDuration`` does.

    Returns:
        Nanoseconds, each part cut off towards zero, within 64 bits.

    Raises:
        ValueError: With Go's sentence: ``time: invalid duration "abc"``,
            ``time: missing unit in duration "10"``, ``time: unknown unit "d" in duration "1d"``.
    """
    unsigned = text[1:] if text.startswith(("-", "+")) else text
    if unsigned == "0":
        return 0
    parts = [part for part in _DURATION_PART.finditer(unsigned) if part[0]]
    total = 0
    for part in parts:
        total += _part_ns(part, text)
        if total > 2**63:
            raise _invalid_duration(text)
    total = -total if text.startswith("-") else total
    if not parts or total not in _INT64:
        raise _invalid_duration(text)
    return total


def quote(text: str) -> str:
    r"""Write `text` in double quotes as ``strconv.Quote`` and ``%q`` do.

    What cannot be printed becomes ``\n``, ``\x1b``, ``\u200b`` or ``\U000e0001``; an undecodable
    byte becomes ``\xff``.
    """
    return f'"{"".join(map(_quoted_character, text))}"'


def _part_ns(part: re.Match[str], text: str) -> int:
    """The nanoseconds of one number with its unit. The checks stand in the order of Go's."""
    whole, fraction, unit = part.groups(default="")
    digits = whole.lstrip("0") or "0"
    if not whole + fraction or len(digits) > 19 or int(digits) > 2**63:
        raise _invalid_duration(text)
    if not unit:
        raise ValueError(f"time: missing unit in duration {_quote_bytes(text)}")
    if unit not in _UNIT_NS:
        raise ValueError(
            f"time: unknown unit {_quote_bytes(unit)} in duration {_quote_bytes(text)}"
        )
    # Go counts the fraction's digits as far as 64 bits go, and divides as 64-bit floats.
    numerator, denominator = 0, 1.0
    for digit in fraction:
        longer = numerator * 10 + int(digit)
        if longer > 2**63:
            break
        numerator, denominator = longer, denominator * 10
    return int(digits) * _UNIT_NS[unit] + int(numerator * (_UNIT_NS[unit] / denominator))


def _invalid_duration(text: str) -> ValueError:
    return ValueError(f"time: invalid duration {_quote_bytes(text)}")


def _quote_bytes(text: str) -> str:
    r"""Quote as Go's ``time`` does: bytes below a blank and outside ASCII become ``\x1b``."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').encode("utf-8", "surrogateescape")
    characters = (chr(byte) if 0x20 <= byte < 0x80 else f"\\x{byte:02x}" for byte in escaped)
    return f'"{"".join(characters)}"'


def _quoted_character(character: str) -> str:
    code = ord(character)
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    if 0xDC80 <= code <= 0xDCFF:  # a surrogate escape: an undecodable byte
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x20 or code == 0x7F:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
