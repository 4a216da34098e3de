from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from tyger_local.errors import ClusterDifferenceError, TygerLocalError
from tyger_local.spec.decode import decode_codespec_file, plain_document
from tyger_local.spec.descriptions import DESCRIPTIONS
from tyger_local.spec.document import Document, read_document
from tyger_local.spec.flags import CodespecFlags, codespec_from
from tyger_local.spec.models import AnyCodespec, Model
from tyger_local.spec.names import check_codespec_name
from tyger_local.spec.rules import cluster_refusals
from tyger_local.spec.runs import CodespecRef, RunFlags, run_request
from tyger_local.spec.schema import SCHEMAS

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("examples/*/*.yml"))
MODELINE = "# yaml-language-server: $schema=../../schemas/"

VALIDATORS = {name: Draft7Validator(make()) for name, make in SCHEMAS.items()}

BEYOND_A_SCHEMA = re.compile(
    r"The image field is required"  # of a file of its own: --image may give it
    r"|All buffer names must be unique"
    r"|is not among the codespec's"
    r"|is used by multiple sockets"
    r"|is used by a socket"
    r"|request \(.*\) is above the .* limit"
    r"|is no RFC 3339 time"  # the 30th of February
    r"|a codespec for the (job|worker) must be specified"  # --codespec may give it
    r"|version number '\d+' is not a valid integer"
    r"|codespec names must not be"
)
"""What is refused although it has the form that a schema can ask for."""


def _refuse(codespec: CodespecRef | AnyCodespec) -> None:
    if not isinstance(codespec, CodespecRef):
        for reason in cluster_refusals(codespec):
            raise ClusterDifferenceError(reason)


def _codespec(document: Document) -> None:
    file = decode_codespec_file(document)
    if file.name:
        check_codespec_name(file.name)
    _refuse(codespec_from(file, CodespecFlags()))


def _run(document: Document) -> None:
    request = run_request(document, RunFlags())
    _refuse(request.job.codespec)
    if request.worker is not None:
        _refuse(request.worker.codespec)


READERS = {"codespec": _codespec, "run": _run}


def _read(kind: str, text: str) -> None:
    READERS[kind](read_document(text, "file"))


def _value(text: str) -> object:
    return read_document(text, "file").value


def _complaints(kind: str, text: str) -> list[str]:
    return [error.message for error in VALIDATORS[kind].iter_errors(_value(text))]


@pytest.mark.parametrize("kind", SCHEMAS)
def test_a_schema_is_one(kind: str) -> None:
    schema = SCHEMAS[kind]()
    Draft7Validator.check_schema(schema)
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert schema["title"] == f"Tyger {kind} file"


@pytest.mark.parametrize("kind", SCHEMAS)
def test_the_files_in_the_repository_are_those_that_the_command_prints(kind: str) -> None:
    # Made again by: tyger-local schema KIND > schemas/KIND.json
    file = ROOT / "schemas" / f"{kind}.json"
    assert json.loads(file.read_text()) == SCHEMAS[kind]()


@pytest.mark.parametrize("model", DESCRIPTIONS, ids=lambda model: model.__name__)
def test_every_field_is_described_and_nothing_else(model: type[Model]) -> None:
    assert set(DESCRIPTIONS[model]) == set(model.known())
    for text in DESCRIPTIONS[model].values():
        assert text.strip() == text
        assert text.endswith(".")


def _objects(schema: object) -> list[dict[str, Any]]:
    """Return everything in a schema that lists the fields of a mapping."""
    if isinstance(schema, list):
        return [found for item in schema for found in _objects(item)]
    if not isinstance(schema, dict):
        return []
    below = [found for name, item in schema.items() if name != "else" for found in _objects(item)]
    return [schema, *below] if schema.get("additionalProperties") is False else below


@pytest.mark.parametrize("kind", SCHEMAS)
def test_each_field_of_each_mapping_has_a_description(kind: str) -> None:
    objects = _objects(SCHEMAS[kind]())
    assert len(objects) > 4
    for found in objects:
        for name, field in found["properties"].items():
            assert field["description"], name


@pytest.mark.parametrize("path", EXAMPLES)
def test_the_examples_name_the_schema_that_they_obey(path: str) -> None:
    text = (ROOT / path).read_text()
    first = text.splitlines()[0]
    kind = "run" if path.endswith("run.yml") else "codespec"
    assert first == f"{MODELINE}{kind}.json"
    assert ((ROOT / path).parent / first.partition("=")[2]).resolve().is_file()
    assert _complaints(kind, text) == []


GOOD = {
    "codespec": [
        "image: x",
        "{image: x, args: [1, 1.5, true, null, a], env: {A: 1, B: yes, C: }}",
        "{image: x, command: , args: , env: , buffers: , sockets: , resources: , endpoints: }",
        "{image: x, buffers: {inputs: [a, a--b, 3d, 0], outputs: [7]}}",
        "{image: x, resources: {limits: {cpu: 500m, memory: 2Gi}, requests: {cpu: .5, memory: 2e9}}}",
        "{image: x, resources: {limits: {cpu: +1.5, memory: 128974848}, gpu: 1, shm: 64M}}",
        "{image: x, resources: {gpu: '2', limits: {cpu: 1e-1, memory: 1E3}, requests: }}",
        "{image: x, kind: worker, endpoints: {A: 80, b-c: 65535}}",
        "{image: x, kind: worker, endpoints: {'': 80}}",
        "{image: x, kind: worker, buffers: {inputs: [], outputs: []}, sockets: []}",
        "{image: x, kind: , endpoints: {}}",
        "{image: x, kind: ''}",
        "{image: x, name: a.b-c_d, version: 3, createdAt: '2025-03-14T06:43:18.5+01:00'}",
        "{image: x, maxReplicas: 2.0, identity: me, workingDir: /w}",
        "{image: x, buffers: {inputs: [a]}, sockets: [{port: 1, inputBuffer: A}]}",
        "{image: x, buffers: {outputs: [b]}, sockets: [{port: 65535, outputBuffer: b}]}",
    ],
    "run": [
        "job: {codespec: a}",
        "job: {codespec: a.b_c-d/versions/12, replicas: 3, nodePool: n, bufferTtl: '7.00:00'}",
        "{job: {codespec: {image: x, args: ['1'], resources: {limits: {cpu: 1}}}}}",
        "{job: {codespec: a, buffers: {in: in.bin, out: -, x: _, n: 5}, tags: {a: 1, b-c: yes}}}",
        "{job: {codespec: a}, worker: {codespec: b, replicas: 0}, timeoutSeconds: 60}",
        "{job: {codespec: a}, worker: {codespec: {image: x, kind: worker, endpoints: {e: 1}}}}",
        "{job: {codespec: a}, id: 7, kind: user, status: Running, eTag: x, runningCount: 1}",
        "{job: {codespec: a}, createdAt: '2025-03-14T06:43:18Z', tags: , cluster: , worker: }",
        "{job: {codespec: {image: x, name: me, version: 1, kind: job, buffers: {inputs: [a]}}}}",
    ],
}


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind in GOOD for text in GOOD[kind]])
def test_what_is_good_is_taken_by_both(kind: str, text: str) -> None:
    assert _complaints(kind, text) == []
    _read(kind, text)


def test_an_image_may_come_from_the_command_line() -> None:
    assert _complaints("codespec", "command: [sh]") == []


BAD = {
    "codespec": [
        "[]",
        "text",
        "{image: x, foo: 1}",
        "{image: x, args: one two}",
        "{image: x, command: date}",
        "{image: x, args: [[a]]}",
        "{image: x, env: [A=1]}",
        "{image: x, env: {A: {B: 1}}}",
        "{image: x, env: {'': a}}",
        "{image: x, env: {'a=b': a}}",
        "{image: [x]}",
        "{image: x, buffers: {inputs: a}}",
        "{image: x, buffers: {input: [a]}}",
        "{image: x, buffers: {inputs: [A]}}",
        "{image: x, buffers: {inputs: [a_b]}}",
        "{image: x, buffers: {inputs: [-a]}}",
        "{image: x, buffers: {inputs: [a-]}}",
        "{image: x, buffers: {inputs: ['']}}",
        "{image: x, buffers: {inputs: [null]}}",
        "{image: x, buffers: {inputs: [1.5]}}",
        "{image: x, buffers: {inputs: [-1]}}",
        "{image: x, buffers: {inputs: [a, a]}}",
        f"{{image: x, buffers: {{outputs: [{'a' * 49}]}}}}",
        "{image: x, sockets: {port: 1}}",
        "{image: x, buffers: {inputs: [a]}, sockets: [{inputBuffer: a}]}",
        "{image: x, buffers: {inputs: [a]}, sockets: [{port: 0, inputBuffer: a}]}",
        "{image: x, buffers: {inputs: [a]}, sockets: [{port: 65536, inputBuffer: a}]}",
        "{image: x, buffers: {inputs: [a]}, sockets: [{port: '80', inputBuffer: a}]}",
        "{image: x, sockets: [{port: 80}]}",
        "{image: x, sockets: [null]}",
        "{image: x, kind: Job}",
        "{image: x, kind: system}",
        "{image: x, endpoints: {a: 1}}",
        "{image: x, kind: job, endpoints: {a: 1}}",
        "{image: x, kind: worker, buffers: {inputs: [a]}}",
        "{image: x, kind: worker, buffers: {outputs: [a]}}",
        "{image: x, kind: worker, sockets: [{port: 1, inputBuffer: a}]}",
        "{image: x, kind: worker, endpoints: {a: 0}}",
        "{image: x, kind: worker, endpoints: {a: 65536}}",
        "{image: x, kind: worker, endpoints: {a=b: 1}}",
        "{image: x, kind: worker, endpoints: {ü: 1}}",
        "{image: x, kind: worker, endpoints: {a: '1'}}",
        "{image: x, kind: worker, endpoints: {a: 1.5}}",
        "{image: x, maxReplicas: '2'}",
        "{image: x, maxReplicas: 2.5}",
        "{image: x, maxReplicas: 2147483648}",
        "{image: x, name: 123}",
        "{image: x, name: Abc}",
        "{image: x, createdAt: yesterday}",
        "{image: x, createdAt: '2025-13-14T06:43:18Z'}",
        "{image: x, resources: {cpu: 1}}",
        "{image: x, resources: {limits: {cpu: true}}}",
        "{image: x, resources: {limits: {cpu: ''}}}",
        "{image: x, resources: {limits: {cpu: abc}}}",
        "{image: x, resources: {limits: {memory: 1GB}}}",
        "{image: x, resources: {limits: {memory: 1gi}}}",
        "{image: x, resources: {limits: {cpu: 1 }, requests: [cpu]}}",
        "{image: x, resources: {limits: {memory: -1}}}",
        "{image: x, resources: {limits: {memory: -1Gi}}}",
        "{image: x, resources: {gpu: 0.5}}",
        "{image: x, resources: {gpu: '0.5'}}",
        "{image: x, resources: {gpu: 500m}}",
        "{image: x, resources: {shm: [1]}}",
        "{image: x, version: a}",
    ],
    "run": [
        "[]",
        "job: a",
        "job: {codespec: A}",
        "job: {codespec: a/versions/x}",
        "job: {codespec: 5}",
        "job: {codespec: [a]}",
        "job: {codespec: {image: 5}}",
        "job: {codespec: {image: ' '}}",
        "job: {codespec: {command: [a]}}",
        "job: {codespec: {image: x, args: [1]}}",
        "job: {codespec: {image: x, env: {A: 1}}}",
        "job: {codespec: {image: x, env: {A: yes}}}",
        "job: {codespec: {image: x, buffers: {inputs: [1]}}}",
        "job: {codespec: {image: x, endpoints: {a: 1}}}",
        "job: {codespec: a, replicas: -1}",
        "job: {codespec: a, bufferTtl: 7d}",
        "job: {codespec: a, buffer: {a: b}}",
        "job: {codespec: a, buffers: [a]}",
        "job: {codespec: a, tags: {'a b': c}}",
        "job: {codespec: a, tags: {a: 'b c'}}",
        "{job: {codespec: a}, worker: {codespec: {image: x, buffers: {inputs: [a]}}}}",
        "{job: {codespec: a}, worker: {codespec: B}}",
        "{job: {codespec: a}, timeoutSeconds: '60'}",
        "{job: {codespec: a}, timeout: 60}",
        "{job: {codespec: a}, tags: {a/b: c}}",
        "{job: {codespec: a}, tags: {a: 1e30}}",
        "{job: {codespec: a}, kind: System}",
        "{job: {codespec: a}, bufferAccessTtl: x}",
        "{job: {codespec: a}, startedAt: x}",
        "{job: {codespec: a}, id: x}",
    ],
}


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind in BAD for text in BAD[kind]])
def test_what_is_bad_is_refused_by_both(kind: str, text: str) -> None:
    assert _complaints(kind, text) != []
    with pytest.raises(TygerLocalError):
        _read(kind, text)


def _strategy(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Return what makes values of the form that a schema asks for; conditions across fields are left out."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "anyOf" in schema and "properties" not in schema:
        return st.one_of([_strategy(choice) for choice in schema["anyOf"]])
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return st.one_of([_OF_TYPE[name](schema) for name in types])


def _mapping(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    if "properties" not in schema:
        keys = _text(schema.get("propertyNames", {}))
        return st.dictionaries(keys, _strategy(schema["additionalProperties"]), max_size=3)
    fields = {name: _strategy(field) for name, field in schema["properties"].items()}
    required = {name: fields.pop(name) for name in schema.get("required", ())}
    return st.fixed_dictionaries(required, optional=fields)


def _text(schema: dict[str, Any]) -> st.SearchStrategy[str]:
    if "pattern" in schema:
        return st.from_regex(schema["pattern"], fullmatch=True)
    return st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=9)


def _number(schema: dict[str, Any]) -> st.SearchStrategy[float]:
    return _integer(schema) | st.floats(
        schema.get("minimum"), schema.get("maximum"), allow_nan=False, allow_infinity=False
    )


def _integer(schema: dict[str, Any]) -> st.SearchStrategy[int]:
    return st.integers(schema.get("minimum", -(10**20)), schema.get("maximum", 10**20))


_OF_TYPE: dict[str, Callable[[dict[str, Any]], st.SearchStrategy[Any]]] = {
    "null": lambda _: st.none(),
    "boolean": lambda _: st.booleans(),
    "integer": _integer,
    "number": _number,
    "string": _text,
    "array": lambda schema: st.lists(_strategy(schema["items"]), max_size=3),
    "object": _mapping,
}
STRATEGIES = {kind: _strategy(SCHEMAS[kind]()) for kind in SCHEMAS}


@pytest.mark.parametrize("kind", SCHEMAS)
@settings(deadline=None)
@given(data=st.data())
def test_what_a_schema_takes_can_be_read(kind: str, data: st.DataObject) -> None:
    value = data.draw(STRATEGIES[kind])
    assume(VALIDATORS[kind].is_valid(value))
    refusal = ""
    try:
        READERS[kind](plain_document(value, "file"))
    except TygerLocalError as error:
        refusal = str(error)
    assert not refusal or BEYOND_A_SCHEMA.search(refusal), value
