"""JSON Schemas of codespec and run files, made from the models, for editors.

Draft 7: that is what editors' YAML servers know best. Nothing refers to anything (``$ref``): what is small
may stand there twice, and hover texts and completions work in every editor.

A schema takes what a file is read as, field by field, and refuses what Tyger or every run of it would
refuse, where a schema can say so. It cannot say that names are unique across two lists, or that a socket's
buffer is one of the codespec's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import get_type_hints

from tyger_local.spec.decode import CODESPEC_FILE_READING, IN_PLACE_READING
from tyger_local.spec.descriptions import DESCRIPTIONS
from tyger_local.spec.fields import (
    INT32_MAX,
    INT32_MIN,
    IntegerMap,
    OptionalInteger,
    OptionalQuantity,
    Reading,
    Text,
    TextMap,
    Texts,
    Time,
)
from tyger_local.spec.models import (
    Buffers,
    CodespecFile,
    Model,
    Resources,
    RunFile,
    RunTarget,
    Socket,
    Sockets,
)
from tyger_local.spec.names import MAX_CODESPEC_NAME_LENGTH
from tyger_local.spec.patterns import (
    BUFFER_NAME,
    BUFFER_NAME_IN_ANY_CASE,
    CODESPEC_NAME,
    CODESPEC_REFERENCE,
    GPUS,
    QUANTITY,
    TAG_KEY,
    TAG_VALUE,
    TIME,
    TTL,
    VARIABLE_NAME,
    WORDS,
)
from tyger_local.spec.quantity import MAX_CHARACTERS
from tyger_local.spec.rules import HIGHEST_PORT, LONGEST_BUFFER_NAME
from tyger_local.spec.tags import MOST_TAGS
from tyger_local.spec.versions import JsonObject

DRAFT = "http://json-schema.org/draft-07/schema#"

ANY_CASE = "Tyger matches the names of fields without regard to case; this schema knows the usual spelling."

_LARGEST_PLAIN_NUMBER = 999_999
"""Beyond it, a number that becomes text has an exponent, and so a ``+``."""


def codespec_schema() -> JsonObject:
    """Return the schema of a codespec file."""
    writer = _Writer(CODESPEC_FILE_READING)
    is_worker = {"properties": {"kind": {"const": "worker"}}, "required": ["kind"]}
    without_buffers = {
        "properties": {
            "buffers": {"properties": {"inputs": {"maxItems": 0}, "outputs": {"maxItems": 0}}},
            "sockets": {"maxItems": 0},
        }
    }
    return {
        **_heading("codespec", "A codespec for jobs or workers, as 'codespec create -f' reads it."),
        **writer.mapping(CodespecFile),
        "if": is_worker,
        "then": without_buffers,
        "else": {"properties": {"endpoints": {"maxProperties": 0}}},
    }


def run_schema() -> JsonObject:
    """Return the schema of a run file."""
    return {
        **_heading("run", "A run of codespecs, as 'run exec -f' and 'run create -f' read it."),
        **_Writer(CODESPEC_FILE_READING).mapping(RunFile),
    }


SCHEMAS: Mapping[str, Callable[[], JsonObject]] = {"codespec": codespec_schema, "run": run_schema}
"""What there are schemas of."""


def _heading(what: str, description: str) -> JsonObject:
    return {
        "$schema": DRAFT,
        "$id": f"urn:tyger-local:schema:{what}",
        "$comment": f"Made by 'tyger-local schema {what}'.",
        "title": f"Tyger {what} file",
        "description": f"{description} {ANY_CASE}",
    }


def _inline(role: str) -> JsonObject:
    """Return the schema of a codespec that stands inside a run file, where its place says its kind."""
    schema = _Writer(IN_PLACE_READING, role).mapping(CodespecFile, without=_OF_THE_OTHER_KIND[role])
    return {**schema, "required": ["image"]}


_KINDS = ("job", "worker")
_OF_THE_OTHER_KIND = {"job": ("endpoints",), "worker": ("buffers", "sockets")}


def _like(pattern: str) -> JsonObject:
    """Return the schema of a text that fits `pattern`; the message is an extension that editors know."""
    return {"type": "string", "pattern": pattern, "patternErrorMessage": WORDS[pattern]}


def _nullable(schema: JsonObject) -> JsonObject:
    """Return `schema` for a field that may also be left empty, which means not given."""
    return {**schema, "type": [schema["type"], "null"]}


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes what a field takes.

    Attributes:
        reading: What becomes text.
        role: What a codespec is for by its place in a run file; empty in a file of its own.
    """

    reading: Reading
    role: str = ""

    def mapping(self, model: type[Model], without: tuple[str, ...] = ()) -> JsonObject:
        """Return the schema of a mapping that is a model, `without` some of its fields."""
        hints = get_type_hints(model, include_extras=True)
        properties: JsonObject = {}
        for name, (attribute, _) in model.known().items():
            if name not in without:
                write = _NARROWER.get((model, name)) or _BY_TYPE.get(hints[attribute])
                schema = write(self) if write else _nullable(self.mapping(hints[attribute]))
                properties[name] = {"description": DESCRIPTIONS[model][name], **schema}
        return {"type": "object", "additionalProperties": False, "properties": properties}

    def text(self) -> JsonObject:
        """Return the schema of any text."""
        others = ["number", "boolean"] if self.reading.numbers_become_text else []
        return {"type": ["string", *others, "null"]}

    def texts(self) -> JsonObject:
        return {"type": ["array", "null"], "items": self.text()}

    def text_map(self) -> JsonObject:
        return {"type": ["object", "null"], "additionalProperties": self.text()}

    def name(self, pattern: str) -> JsonObject:
        """Return the schema of a buffer's name, which has to be there."""
        text = {**_like(pattern), "maxLength": LONGEST_BUFFER_NAME}
        if not self.reading.numbers_become_text:
            return text
        number = {"type": "integer", "minimum": 0, "maximum": _LARGEST_PLAIN_NUMBER}
        return {"anyOf": [text, number]}

    def buffer_names(self) -> JsonObject:
        return {"type": ["array", "null"], "items": self.name(BUFFER_NAME), "uniqueItems": True}

    def socket_buffer(self) -> JsonObject:
        return self.name(BUFFER_NAME_IN_ANY_CASE)

    def sockets(self) -> JsonObject:
        one = {
            **self.mapping(Socket),
            "required": ["port"],
            "anyOf": [{"required": ["inputBuffer"]}, {"required": ["outputBuffer"]}],
        }
        return {"type": ["array", "null"], "items": one}

    def kind(self) -> JsonObject:
        left_out = {"type": ["string", "null"], "maxLength": 0}
        return {"anyOf": [{"enum": [self.role] if self.role else [*_KINDS]}, left_out]}

    def image(self) -> JsonObject:
        # A file of its own may leave it to --image.
        return {"type": "string", "pattern": "\\S"} if self.role else self.text()

    def target(self, role: str) -> JsonObject:
        return _nullable(_Writer(self.reading, role).mapping(RunTarget))

    def reference_or_codespec(self) -> JsonObject:
        return {"anyOf": [_like(CODESPEC_REFERENCE), _inline(self.role)]}

    def env(self) -> JsonObject:
        return {**self.text_map(), "propertyNames": {"pattern": VARIABLE_NAME}}

    def connections(self) -> JsonObject:
        return {
            "type": ["object", "null"],
            "propertyNames": {"pattern": BUFFER_NAME},
            "additionalProperties": self.text(),
        }


def _text_of(pattern: str, **more: object) -> Callable[[_Writer], JsonObject]:
    return lambda _: {**_nullable(_like(pattern)), **more}


def _integer_of(least: int, most: int = INT32_MAX) -> Callable[[_Writer], JsonObject]:
    return lambda _: {"type": ["integer", "null"], "minimum": least, "maximum": most}


def _quantity_of(pattern: str, number: str) -> Callable[[_Writer], JsonObject]:
    return lambda _: {
        "anyOf": [
            {**_like(pattern), "maxLength": MAX_CHARACTERS},
            {"type": number, "minimum": 0},
            {"type": "null"},
        ]
    }


def _port(_: _Writer) -> JsonObject:
    return {"type": "integer", "minimum": 1, "maximum": HIGHEST_PORT}


def _ports(writer: _Writer) -> JsonObject:
    return {
        "type": ["object", "null"],
        # The name is a part of a variable's; of nothing else, it may be empty.
        "propertyNames": {"anyOf": [{"maxLength": 0}, {"pattern": VARIABLE_NAME}]},
        "additionalProperties": _port(writer),
    }


def _tags(_: _Writer) -> JsonObject:
    number = {
        "type": "number",
        "minimum": -_LARGEST_PLAIN_NUMBER,
        "maximum": _LARGEST_PLAIN_NUMBER,
    }
    text = {**_like(TAG_VALUE), "type": ["string", "boolean", "null"]}
    return {
        "type": ["object", "null"],
        "maxProperties": MOST_TAGS,
        "propertyNames": {"pattern": TAG_KEY},
        "additionalProperties": {"anyOf": [text, number]},
    }


_BY_TYPE: Mapping[object, Callable[[_Writer], JsonObject]] = {
    Text: _Writer.text,
    Time: _text_of(TIME),
    OptionalInteger: _integer_of(INT32_MIN),
    OptionalQuantity: _quantity_of(QUANTITY, "number"),
    Texts: _Writer.texts,
    TextMap: _Writer.text_map,
    IntegerMap: _ports,
    Sockets: _Writer.sockets,
}
"""What a field takes, by its type. A type that is a model is not among them."""

_NARROWER: Mapping[tuple[type[Model], str], Callable[[_Writer], JsonObject]] = {
    (CodespecFile, "kind"): _Writer.kind,
    (CodespecFile, "image"): _Writer.image,
    (CodespecFile, "name"): _text_of(
        CODESPEC_NAME, maxLength=MAX_CODESPEC_NAME_LENGTH, **{"not": {"enum": [".", ".."]}}
    ),
    (CodespecFile, "env"): _Writer.env,
    (Buffers, "inputs"): _Writer.buffer_names,
    (Buffers, "outputs"): _Writer.buffer_names,
    (Socket, "port"): _port,
    (Socket, "inputBuffer"): _Writer.socket_buffer,
    (Socket, "outputBuffer"): _Writer.socket_buffer,
    (Resources, "gpu"): _quantity_of(GPUS, "integer"),
    (RunFile, "job"): lambda writer: writer.target("job"),
    (RunFile, "worker"): lambda writer: writer.target("worker"),
    (RunFile, "timeoutSeconds"): _integer_of(1),
    (RunFile, "tags"): _tags,
    (RunFile, "bufferAccessTtl"): _text_of(TTL),
    (RunFile, "kind"): lambda writer: {
        **writer.text(),
        "not": {"type": "string", "pattern": "^[sS][yY][sS][tT][eE][mM]$"},
    },
    (RunTarget, "codespec"): _Writer.reference_or_codespec,
    (RunTarget, "buffers"): _Writer.connections,
    (RunTarget, "tags"): _tags,
    (RunTarget, "bufferTtl"): _text_of(TTL),
    (RunTarget, "replicas"): _integer_of(0),
}
"""What is narrower than a field's type: rules that hold for the field alone."""
