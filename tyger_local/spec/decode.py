"""From a document with positions to a model; pydantic's errors become ours here, and only here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from tyger_local.errors import SpecError
from tyger_local.spec.document import Document, Path, Place, Value
from tyger_local.spec.fields import Reading
from tyger_local.spec.flags import check_text
from tyger_local.spec.models import CodespecFile, Model, RunFile
from tyger_local.spec.names import nearest

M = TypeVar("M", bound=Model)

CODESPEC_FILE_READING = Reading(numbers_become_text=True)
IN_PLACE_READING = Reading(numbers_become_text=False)

OUR_ERRORS = ("mismatch", "range", "time", "quantity", "twice")
"""Types of the errors that our own field types raise; their messages are ready to show."""

FOREIGN_ERRORS: Mapping[str, str] = {"extra_forbidden": "unknown field"}
"""Types of pydantic's own errors that the models can give, in our words."""


def decode(model: type[M], document: Document, reading: Reading, *, prefix: Path = ()) -> M:
    """Make a `model` of the value at `prefix` in `document`.

    Args:
        model: The model.
        document: What was read, with its positions.
        reading: Whether numbers become text.
        prefix: The path in `document` of the part to decode.

    Raises:
        SpecError: The first thing that does not fit, with its place and, for an unknown field, the
            nearest legal name.
    """
    try:
        return model.model_validate(_part(document.value, prefix), context=reading)
    except ValidationError as error:
        found = error.errors(include_url=False)
        raise min(
            (_translated(model, document, prefix, details) for details in found), key=_order
        ).error from error


def _part(value: Value, path: Path) -> Value:
    """Return the part of `value` below the keys of `path`, which match as field names do."""
    for part in path:
        names = value if isinstance(value, dict) else {}
        value = next(
            (item for key, item in names.items() if key.lower() == str(part).lower()), None
        )
    return value


@dataclass(frozen=True, slots=True)
class _Translated:
    error: SpecError
    place: Place


def _order(translated: _Translated) -> tuple[int, int]:
    """Pydantic reports in the order of the model's fields; people read in the order of the file."""
    return translated.place.line or 0, translated.place.column or 0


def _translated(
    model: type[Model], document: Document, prefix: Path, details: ErrorDetails
) -> _Translated:
    location = prefix + details["loc"]
    source = document.place(()).source
    if details["type"] == "extra_forbidden":
        place = document.key_place(location)
        problem = FOREIGN_ERRORS["extra_forbidden"] + f' "{location[-1]}"'
        problem += f" in {dotted(location[:-1])}" if location[:-1] else ""
        hint = _nearest_field(_owner(model, details["loc"][:-1]), str(location[-1]))
    else:
        place = document.place(location)
        problem = f"{dotted(location)}: {details['msg']}" if location else details["msg"]
        context: dict[str, object] = details.get("ctx", {})
        hint = str(context.get("hint", ""))
    error = SpecError(f"failed to parse file {source}: {problem}", hint, where=str(place))
    return _Translated(error, place)


def _nearest_field(owner: type[Model], name: str) -> str:
    """Return what to do about the unknown field `name` of `owner`."""
    legal = _names(owner)
    if owner is RunFile and name.lower() in map(str.lower, _names(CodespecFile)):
        return "this looks like a codespec; a run file has it under job.codespec"
    close = nearest(name, legal)
    return f'did you mean "{close}"?' if close else f"known here: {', '.join(legal)}"


def _names(model: type[Model]) -> list[str]:
    return [field.alias or key for key, field in model.model_fields.items()]


def _owner(model: type[Model], path: Path) -> type[Model]:
    """Return the model that `path`, which leads through models and lists of them, ends at."""
    owner = model
    for name in path:
        for key, field in owner.model_fields.items():
            if (field.alias or key) == name:
                inside = (field.annotation, *get_args(field.annotation))
                owner = next(c for c in inside if isinstance(c, type) and issubclass(c, Model))
                break
    return owner


def dotted(path: Path) -> str:
    """Return `path` as people write it: ``job.codespec.args[2]``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def plain_document(value: object, source: str) -> Document:
    """Make a document of a value that was read from no file.

    Args:
        value: JSON-like: mappings, lists, strings, numbers, booleans and None.
        source: What messages shall call it.

    Raises:
        SpecError: A text in it cannot be stored.
    """
    return Document(_plain(value, source), {(): Place(source)}, {})


def _plain(value: object, source: str) -> Value:
    if isinstance(value, Mapping):
        return {_plain_text(key, source): _plain(item, source) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, source) for item in value]
    if value is None or isinstance(value, (int, float)):
        return value
    return _plain_text(value, source)


def _plain_text(value: object, source: str) -> str:
    text = str(value)
    check_text({source: (text,)})
    return text


def decode_codespec_file(document: Document) -> CodespecFile:
    """Decode a codespec file.

    Raises:
        SpecError: It is no codespec.
    """
    return decode(CodespecFile, document, CODESPEC_FILE_READING)
