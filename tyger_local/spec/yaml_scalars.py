"""What a YAML scalar means: the rules of go-yaml v2, by which Tyger's CLI reads its files.

They are not PyYAML's. Both follow YAML 1.1, but go-yaml also takes ``y`` and ``n`` for booleans,
``0o17`` for a number and ``1e3`` for a float, and leaves ``1:30`` and dates alone; and its order
of attempts shows: ``08`` is no octal number and therefore a float. So the resolver is written here
as go-yaml's ``resolve.go`` behaves (go.yaml.in/yaml/v2 2.4), oddities included.
"""

from __future__ import annotations

import base64
import math
import re

from tyger_local.spec.go_text import format_float

Scalar = str | int | float | bool | None

_YAML = "tag:yaml.org,2002:"
_BINARY = _YAML + "binary"
_RESOLVED_TAGS = {
    "": "",
    **{_YAML + name: name for name in ("str", "bool", "int", "float", "null", "timestamp")},
}

_BOOLEANS: dict[str, bool] = {
    **dict.fromkeys(
        ["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"], True
    ),
    **dict.fromkeys(
        ["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"], False
    ),
}
_NULLS = ("", "~", "null", "Null", "NULL")
_FLOATS: dict[str, float] = {
    **dict.fromkeys([".nan", ".NaN", ".NAN"], math.nan),
    **dict.fromkeys([".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"], math.inf),
    **dict.fromkeys(["-.inf", "-.Inf", "-.INF"], -math.inf),
}

_INTEGER = re.compile(
    r"(?P<sign>[-+]?)"
    r"(?:0[xX](?P<hex>[0-9a-fA-F]+)|0[bB](?P<bin>[01]+)|0[oO]?(?P<oct>[0-7]+)|(?P<dec>0|[1-9][0-9]*))"
)
_BASES = {"hex": 16, "bin": 2, "oct": 8, "dec": 10}
_SIGNED_BINARY = re.compile(r"0b([-+][01]+)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
# What begins with a point goes to Go's ParseFloat as it is, where underscores may stand between
# digits; everything else has lost its underscores before it is looked at.
_POINT_FLOAT = re.compile(r"\.[0-9]+(_[0-9]+)*([eE][-+]?[0-9]+(_[0-9]+)*)?")
_TIMESTAMP = re.compile(
    r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
    r"([Tt][0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}([.,][0-9]+)?(Z|[-+][0-9]{2}:[0-9]{2})"
    r"| [0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}([.,][0-9]+)?)?"
)
_LONGEST_DECIMAL = 20  # digits of the largest unsigned 64-bit number
_LARGEST_SIGNED = 2**63 - 1
_LARGEST_UNSIGNED = 2**64 - 1


class ScalarError(ValueError):
    """A scalar that cannot be what its tag says, or that cannot be a key."""


def resolve(text: str, tag: str = "", *, plain: bool = True) -> Scalar:
    """Say what the scalar `text` means.

    Args:
        text: The scalar, after quotes, escapes and folding.
        tag: Its tag in full (``tag:yaml.org,2002:int``), or empty.
        plain: It is written without quotes, and no block scalar.

    Raises:
        ScalarError: The text is not what its tag says.
    """
    if not tag:
        return _guess(text) if plain else text
    if tag == _BINARY:
        return _binary(text)
    wanted = _RESOLVED_TAGS.get(tag, "str")  # a tag that go-yaml does not know means nothing
    if wanted == "str":
        return text
    if wanted == "timestamp" and _TIMESTAMP.fullmatch(text):
        return text
    value = _guess(text)
    found = _kind(value)
    if wanted == "float" and isinstance(value, int) and found == "int" and value <= _LARGEST_SIGNED:
        return float(value)
    if wanted != found:
        raise ScalarError(f"cannot decode !!{found} `{text}` as a !!{wanted}")
    return value


def key_text(value: Scalar) -> str:
    """Write a mapping key as the text that it becomes in JSON.

    Raises:
        ScalarError: Null and integers above 2**63 - 1 cannot be keys.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        text = format_float(value)
        return {"+Inf": ".inf", "-Inf": "-.inf", "NaN": ".nan"}.get(text, text)
    if value is None or value > _LARGEST_SIGNED:
        raise ScalarError(f"unsupported map key: {'null' if value is None else value}")
    return str(value)


def _kind(value: Scalar) -> str:
    if value is None:
        return "null"
    return {bool: "bool", int: "int", float: "float", str: "str"}[type(value)]


def _guess(text: str) -> Scalar:
    """Resolve a plain scalar that has no tag; what nothing fits stays text."""
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if text in _FLOATS:
        return _FLOATS[text]
    if text[0] == ".":
        return _finite(text) if _POINT_FLOAT.fullmatch(text) else text
    if text[0] not in "+-0123456789":
        return text
    digits = text.replace("_", "")
    number = _integer(digits)
    if number is None and _FLOAT.fullmatch(digits):
        return _finite(digits, text)
    if number is None and (match := _SIGNED_BINARY.fullmatch(digits)):
        number = _in_range(int(match[1], 2), unsigned=False)
    return text if number is None else number


def _integer(digits: str) -> int | None:
    """Read a number of Go's base 0, when it is one and fits 64 bits."""
    match = _INTEGER.fullmatch(digits)
    if match is None:
        return None
    base = str(match.lastgroup)
    magnitude = match[base]
    if base == "dec" and len(magnitude) > _LONGEST_DECIMAL:
        return None  # Python would refuse to read thousands of digits
    number = int(match["sign"] + magnitude, _BASES[base])
    return _in_range(number, unsigned=not match["sign"])


def _in_range(number: int, *, unsigned: bool) -> int | None:
    largest = _LARGEST_UNSIGNED if unsigned else _LARGEST_SIGNED
    return number if -_LARGEST_SIGNED - 1 <= number <= largest else None


def _finite(digits: str, text: str | None = None) -> float | str:
    """Read a float; one that is out of range is no number but text."""
    value = float(digits)
    if math.isfinite(value):
        return value
    return digits if text is None else text


def _binary(text: str) -> str:
    """Decode ``!!binary``. Go would replace what is not UTF-8; damaged data is refused here."""
    try:
        return base64.b64decode(re.sub(r"[\r\n]", "", text), validate=True).decode()
    except UnicodeDecodeError as exc:
        raise ScalarError("!!binary value is not UTF-8 text") from exc
    except ValueError as exc:
        raise ScalarError("!!binary value contains invalid base64 data") from exc
