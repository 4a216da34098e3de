"""From a document with positions to a model; what does not fit becomes an error that says where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from tyger_local.errors import SpecError
from tyger_local.spec.document import Document, Path, Place, Value
from tyger_local.spec.fields import Misfit, Problem, Reading
from tyger_local.spec.flags import check_text
from tyger_local.spec.models import CodespecFile, Model, RunFile
from tyger_local.spec.names import nearest

M = TypeVar("M", bound=Model)

CODESPEC_FILE_READING = Reading(numbers_become_text=True)
IN_PLACE_READING = Reading(numbers_become_text=False)


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
        return model.read(part_of(document.value, prefix), reading)
    except Misfit as misfit:
        found = (_translated(model, document, prefix, problem) for problem in misfit.problems)
        raise min(found, key=_order).error from misfit


def part_of(value: Value, path: Path) -> Value:
    """Return the part of `value` below the keys of `path`, which match as field names do; None for none."""
    for part in path:
        if isinstance(part, int):
            value = value[part] if isinstance(value, list) else None
            continue
        names = value if isinstance(value, dict) else {}
        value = next((item for key, item in names.items() if key.lower() == part.lower()), None)
    return value


@dataclass(frozen=True, slots=True)
class _Translated:
    error: SpecError
    place: Place


def _order(translated: _Translated) -> tuple[int, int]:
    """Models know no lines; people read in the order of the file."""
    return translated.place.line or 0, translated.place.column or 0


def _translated(
    model: type[Model], document: Document, prefix: Path, problem: Problem
) -> _Translated:
    location = prefix + problem.path
    source = document.place(()).source
    if problem.known:
        place = document.key_place(location)
        words = f'{problem.words} "{location[-1]}"'
        words += f" in {dotted(location[:-1])}" if location[:-1] else ""
        is_run = model is RunFile and len(problem.path) == 1
        hint = _nearest_field(problem, str(location[-1]), is_run=is_run)
    else:
        place = document.place(location)
        words = f"{dotted(location)}: {problem.words}" if location else problem.words
        hint = problem.hint
    error = SpecError(f"failed to parse file {source}: {words}", hint, where=str(place))
    return _Translated(error, place)


def _nearest_field(problem: Problem, name: str, *, is_run: bool) -> str:
    """Return what to do about the unknown field `name`."""
    if is_run and name.lower() in map(str.lower, CodespecFile.known()):
        return "this looks like a codespec; a run file has it under job.codespec"
    close = nearest(name, problem.known)
    return f'did you mean "{close}"?' if close else f"known here: {', '.join(problem.known)}"


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
