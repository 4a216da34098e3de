from __future__ import annotations

import json

import pytest

from tyger_local.spec.decode import decode_codespec_file
from tyger_local.spec.document import read_document
from tyger_local.spec.flags import CodespecFlags, codespec_from
from tyger_local.spec.versions import FIELD_ORDER, SYSTEM_FIELDS, shown
from tyger_local.spec.written import written

JOB = {
    "kind": "job",
    "buffers": {"inputs": ["b", "a"], "outputs": ["o"]},
    "sockets": [{"port": 1, "inputBuffer": "b"}, {"port": 1, "outputBuffer": "o"}],
    "image": "x",
    "command": ["c"],
    "args": ["", "a"],
    "workingDir": "/w",
    "env": {"B": "", "A": "1"},
    "identity": "me",
    "resources": {
        "requests": {"cpu": "500m", "memory": "1Gi"},
        "limits": {"cpu": "1", "memory": "1536Mi"},
        "gpu": "0",
        "shm": "64Mi",
    },
    "maxReplicas": 0,
}
WORKER = {"kind": "worker", "image": "x", "env": {"A": "1"}, "endpoints": {"b": 2, "a": 1}}


def _written(document: object) -> dict[str, object]:
    file = decode_codespec_file(read_document(json.dumps(document), "f.json"))
    return written(codespec_from(file, CodespecFlags()))


@pytest.mark.parametrize("document", [JOB, WORKER])
def test_a_whole_codespec(document: dict[str, object]) -> None:
    assert json.dumps(_written(document)) == json.dumps(document)


def test_fields_are_in_order() -> None:
    names = list(_written(dict(reversed(JOB.items()))))
    assert names == [n for n in FIELD_ORDER if n not in (*SYSTEM_FIELDS, "endpoints")]


@pytest.mark.parametrize("kind", ["job", "worker"])
def test_the_smallest_codespec(kind: str) -> None:
    assert _written({"image": "x", "kind": kind}) == {"kind": kind, "image": "x"}


def test_name_version_and_time_are_the_stores() -> None:
    system = {"name": "a", "version": 3, "createdAt": "2025-03-14T06:43:18Z"}
    assert _written({"image": "x", **system}) == {"kind": "job", "image": "x"}


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (1, "1"),
        ("1.0", "1"),
        ("1000m", "1"),
        (1.5, "1500m"),
        (0.1, "100m"),
        (1000, "1k"),
        ("1024Mi", "1Gi"),
        ("1.1Ki", "1126400m"),
        ("1E3", "1e3"),
        ("-1", "-1"),
        (0, "0"),
    ],
)
def test_quantities_are_canonical(given: object, text: str) -> None:
    document = _written({"image": "x", "resources": {"requests": {"cpu": given}}})
    assert document["resources"] == {"requests": {"cpu": text}}


@pytest.mark.parametrize("document", [JOB, WORKER])
def test_what_show_prints_can_be_created_again(document: dict[str, object]) -> None:
    stored = {**_written(document), "name": "a", "version": 1, "createdAt": "2025-03-14T06:43:18Z"}
    assert _written(shown(stored)) == _written(document)
