"""Codespecs as documents: how one is written down, and when two are the same version.

Works on plain JSON values, so that neither the store nor ``codespec show`` needs the models.
Source: Tyger's normaliser and the equality of its model classes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from tyger_local.errors import QuantityError
from tyger_local.spec.quantity import parse_quantity

JsonObject = dict[str, object]

FIELD_ORDER = (
    "kind", "name", "version", "createdAt", "buffers", "sockets", "image", "command", "args",
    "workingDir", "env", "identity", "resources", "maxReplicas", "endpoints",
)  # fmt: skip
SYSTEM_FIELDS = ("name", "version", "createdAt")
SORTED_MAPS = ("env", "endpoints")


def normalised(document: Mapping[str, object]) -> JsonObject:
    """Return `document` in field order without what is empty.

    An empty string, list or mapping is the same as not given, an object of which nothing is left
    too; elements of lists and values of ``env`` and ``endpoints`` stay as they are. ``image`` stays.
    """
    known = [name for name in FIELD_ORDER if name in document]
    rest = [name for name in document if name not in FIELD_ORDER]
    kept: JsonObject = {}
    for name in (*known, *rest):
        value = document[name]
        if isinstance(value, Mapping) and name not in SORTED_MAPS:
            value = _without_empty(value)
        if name == "image" or not _is_empty(value):
            kept[name] = value
    return kept


def _without_empty(value: Mapping[str, object]) -> JsonObject:
    kept: JsonObject = {}
    for name, item in value.items():
        part = _without_empty(item) if isinstance(item, Mapping) else item
        if not _is_empty(part):
            kept[name] = part
    return kept


def _is_empty(value: object) -> bool:
    return value is None or (isinstance(value, (str, list, tuple, Mapping)) and not value)


def shown(document: Mapping[str, object]) -> JsonObject:
    """Return `document` as ``show`` and ``list`` print it: field order, maps sorted by their keys' bytes."""
    result = normalised(document)
    for name in SORTED_MAPS:
        value = result.get(name)
        if isinstance(value, dict):
            result[name] = {key: value[key] for key in sorted(value, key=_utf8)}
    return result


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def same_version(stored: Mapping[str, object], new: Mapping[str, object]) -> bool:
    """Return whether creating `new` on top of `stored` changes nothing.

    ``command``, ``args`` and sockets are ordered, ``env`` and ``endpoints`` are not, buffers are
    compared as multisets a list, quantities as numbers.
    """
    return _comparable(stored) == _comparable(new)


def _comparable(document: Mapping[str, object]) -> JsonObject:
    result = normalised(document)
    for name in SYSTEM_FIELDS:
        result.pop(name, None)
    buffers = result.get("buffers")
    if isinstance(buffers, Mapping):
        result["buffers"] = {name: _multiset(value) for name, value in buffers.items()}
    if "resources" in result:
        result["resources"] = _numeric(result["resources"])
    return result


def _multiset(value: object) -> object:
    return Counter(str(item) for item in value) if isinstance(value, (list, tuple)) else value


def _numeric(value: object) -> object:
    if isinstance(value, Mapping):
        return {name: _numeric(item) for name, item in value.items()}
    try:
        return parse_quantity(str(value)).nanos
    except QuantityError:  # a hand-edited file; whatever it means, it is only equal to itself
        return value
