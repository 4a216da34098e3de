"""The files that Tyger's client reads."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tyger_local.plan.model import Role
from tyger_local.spec.decode import decode_codespec_file, plain_document
from tyger_local.spec.document import read_document
from tyger_local.spec.flags import CodespecFlags, codespec_from
from tyger_local.spec.json_text import json_text
from tyger_local.spec.models import AnyCodespec
from tyger_local.spec.runs import RunFlags, run_request
from tyger_local.spec.versions import same_version
from tyger_local.spec.written import written
from tyger_local.submit.documents import buffer_tags, codespec_file, run_file
from tyger_local.submit.model import Order, Part

CODESPECS: dict[str, dict[str, Any]] = {
    "the least": {"image": "x"},
    "what YAML would change": {
        "image": "0777",
        "args": ["yes", "1e6", "~", "", "2023-01-01", "0x1F", "- a", "{b}"],
        "env": {"Y": "n", "1": "off", "B": "a: b # c", "EMPTY": ""},
    },
    "what JSON and YAML write differently": {
        "image": "x",
        "args": [
            "\x7f\x85\u2028\ufeff",
            "\U0001f600",
            '"\\/',
            "\t\n\r\b\f\x1b",
            "$(INPUT_PIPE) $$",
        ],
        "buffers": {"inputs": ["input"]},
    },
    "everything of a job": {
        "image": "x",
        "command": ["sh"],
        "workingDir": "/",
        "identity": "someone",
        "buffers": {"inputs": ["b", "a"], "outputs": ["out"]},
        "sockets": [{"port": 80, "inputBuffer": "a", "outputBuffer": "out"}],
        "resources": {
            "requests": {"cpu": 0.5, "memory": "1.5Gi"},
            "limits": {"cpu": "1500m", "memory": 2e9},
            "gpu": 0,
            "shm": "1Gi",
        },
        "maxReplicas": 3,
    },
    "a worker": {"kind": "worker", "image": "x", "endpoints": {"b": 1, "a": 2}, "env": {"A": "1"}},
}


def _codespec(document: dict[str, Any]) -> AnyCodespec:
    return codespec_from(decode_codespec_file(plain_document(document, "test")), CodespecFlags())


@pytest.mark.parametrize("name", CODESPECS)
def test_a_codespec_comes_back_the_same(name: str) -> None:
    codespec = _codespec(CODESPECS[name])
    text = codespec_file("recon", codespec)
    read = decode_codespec_file(read_document(text, "job.json"))
    assert read.name == "recon"
    assert same_version(written(codespec), written(codespec_from(read, CodespecFlags())))
    assert json.loads(text)["name"] == "recon"


@pytest.mark.parametrize("name", [name for name in CODESPECS if name != "a worker"])
def test_a_codespec_in_a_run_file_comes_back_the_same(name: str) -> None:
    codespec = _codespec(CODESPECS[name])
    text = run_file(Order(Part(codespec), None, {}, 60), {}, {})
    read = run_request(read_document(text, "run.json"), RunFlags()).job.codespec
    assert read == codespec


def test_a_run_comes_back_the_same() -> None:
    order = Order(
        job=Part(_codespec({"image": "x"}), "recon", 1, "cpu"),
        worker=Part(_codespec({"kind": "worker", "image": "y"}), "serving", 3),
        connections={},
        timeout_s=90,
        cluster="west",
        tags={"a": "b"},
        buffer_tags={"c": "d"},
        buffer_ttl="1.00:00",
        buffer_access_ttl="2.00:00",
    )
    references = {Role.JOB: "recon/versions/2", Role.WORKER: "serving/versions/7"}
    document = json.loads(run_file(order, references, {"input": "id"}))
    assert document == {
        "job": {
            "codespec": "recon/versions/2",
            "nodePool": "cpu",
            "replicas": 1,
            "buffers": {"input": "id"},
            "tags": {"c": "d"},
            "bufferTtl": "1.00:00",
        },
        "worker": {"codespec": "serving/versions/7", "replicas": 3},
        "cluster": "west",
        "timeoutSeconds": 90,
        "tags": {"a": "b"},
        "bufferAccessTtl": "2.00:00",
    }
    assert buffer_tags(order, "input") == {"c": "d", "bufferName": "input"}


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@given(st.dictionaries(TEXT, TEXT))
def test_json_is_read_as_yaml(value: dict[str, str]) -> None:
    text = json_text(value)
    assert json.loads(text) == value
    assert read_document(text, "x.json").value == value
