from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from tyger_local.spec.fields import Misfit
from tyger_local.spec.models import (
    Buffers,
    CodespecFile,
    JobCodespec,
    Model,
    Resources,
    RunFile,
    RunTarget,
    Socket,
    WorkerCodespec,
)


def _message(model: type[Model], value: object) -> str:
    with pytest.raises(Misfit) as caught:
        model.read(value)
    return caught.value.problems[0].words


@pytest.mark.parametrize("name", ["image", "Image", "IMAGE", "iMaGe"])
def test_field_names_match_without_regard_to_case(name: str) -> None:
    assert CodespecFile.read({name: "x"}).image == "x"


@pytest.mark.parametrize("name", ["workingDir", "workingdir", "WORKINGDIR"])
def test_inner_capitals_do_not_matter_either(name: str) -> None:
    assert CodespecFile.read({name: "/a"}).working_dir == "/a"


@pytest.mark.parametrize("name", ["working_dir", "working-dir", "max_replicas", "imäge"])
def test_other_spellings_are_unknown(name: str) -> None:
    assert _message(CodespecFile, {name: "/a"}) == "unknown field"


def test_a_field_in_two_spellings_is_given_twice() -> None:
    assert (
        _message(CodespecFile, {"image": "a", "Image": "b"}) == "the field 'image' is given twice"
    )


@pytest.mark.parametrize("empty", [None, {}])
@pytest.mark.parametrize("model", [CodespecFile, RunFile, RunTarget, Buffers, Socket, Resources])
def test_nothing_is_an_empty_model(model: type[Model], empty: object) -> None:
    assert model.read(empty) == model()


def test_a_model_is_a_mapping() -> None:
    wrong = "a mapping is needed here, and this is a list"
    assert _message(CodespecFile, []) == wrong
    assert _message(RunFile, {"job": []}) == wrong


@pytest.mark.parametrize(
    ("field", "empty"),
    [
        ("buffers", Buffers()),
        ("resources", Resources()),
        ("sockets", ()),
        ("env", {}),
        ("endpoints", {}),
        ("args", ()),
        ("identity", ""),
        ("maxReplicas", None),
    ],
)
def test_null_is_the_same_as_not_given(field: str, empty: object) -> None:
    spec = CodespecFile.read({field: None})
    assert spec == CodespecFile()
    assert empty in vars(spec).values()


def test_every_field_of_a_codespec_file() -> None:
    spec = CodespecFile.read(
        {
            "kind": "job",
            "name": "a",
            "version": 3,
            "createdAt": "2025-03-14T06:43:18Z",
            "buffers": {"inputs": ["i"], "outputs": ["o"]},
            "sockets": [{"port": 80, "inputBuffer": "i", "outputBuffer": "o"}],
            "image": "x",
            "command": ["c"],
            "args": ["a"],
            "workingDir": "/w",
            "env": {"B": "1", "A": "2"},
            "identity": "me",
            "resources": {
                "requests": {"cpu": 1, "memory": "1Gi"},
                "limits": {"cpu": 2, "memory": "2Gi"},
                "gpu": 1,
                "shm": "1Gi",
            },
            "maxReplicas": 2,
            "endpoints": {"e": 80},
        }
    )
    assert (spec.kind, spec.name, spec.version, spec.image) == ("job", "a", 3, "x")
    assert spec.buffers == Buffers(inputs=("i",), outputs=("o",))
    (socket,) = spec.sockets
    assert (socket.port, socket.input_buffer, socket.output_buffer) == (80, "i", "o")
    assert (spec.command, spec.args, spec.working_dir) == (("c",), ("a",), "/w")
    assert list(spec.env) == ["B", "A"]
    assert (spec.identity, spec.max_replicas, spec.endpoints) == ("me", 2, {"e": 80})
    assert str(spec.resources.requests.memory) == "1Gi"
    assert str(spec.resources.limits.cpu) == "2"
    assert (str(spec.resources.gpu), str(spec.resources.shm)) == ("1", "1Gi")


def test_what_run_show_prints_is_a_run_file() -> None:
    run = RunFile.read(
        {
            "id": 7,
            "status": "Succeeded",
            "statusReason": "r",
            "runningCount": 1,
            "createdAt": "2025-03-14T06:43:18Z",
            "startedAt": "2025-03-14T06:43:18Z",
            "finishedAt": "2025-03-14T06:43:18Z",
            "kind": "user",
            "job": {
                "codespec": {"image": "x"},
                "buffers": {"i": "_"},
                "tags": {"a": "b"},
                "bufferTtl": "7.00:00",
                "nodePool": "gpu",
                "replicas": 2,
            },
            "worker": {"codespec": "w"},
            "cluster": "c",
            "timeoutSeconds": 60,
            "tags": {"k": "v"},
            "eTag": "1",
            "bufferAccessTtl": "1.00:00",
        }
    )
    assert run.job == RunTarget(
        codespec={"image": "x"},
        buffers={"i": "_"},
        tags={"a": "b"},
        buffer_ttl="7.00:00",
        node_pool="gpu",
        replicas=2,
    )
    assert run.worker == RunTarget(codespec="w")
    assert (run.cluster, run.timeout_seconds, run.tags) == ("c", 60, {"k": "v"})


@pytest.mark.parametrize("codespec", ["name", "name/versions/3", {"image": 5}, None])
def test_a_run_names_a_codespec_or_holds_one_still_undecoded(codespec: object) -> None:
    assert RunTarget.read({"codespec": codespec}).codespec == codespec


@pytest.mark.parametrize(
    ("codespec", "found"), [(5, "a number"), (True, "a boolean"), (["a"], "a list")]
)
def test_nothing_else_is_a_codespec(codespec: object, found: str) -> None:
    wrong = f"a codespec's name or a codespec is needed here, and this is {found}"
    assert _message(RunTarget, {"codespec": codespec}) == wrong


def test_models_are_frozen_and_have_their_kind() -> None:
    job = JobCodespec(image="x")
    assert (job.kind, WorkerCodespec(image="x").kind) == ("job", "worker")
    with pytest.raises(FrozenInstanceError):
        job.image = "y"  # type: ignore[misc]  # that it cannot be is what is tested


def test_everything_that_is_wrong_is_told() -> None:
    value = {
        "image": [],
        "foo": 1,
        "args": [1, "a", {}],
        "env": {"A": 1, "B": None},
        "buffers": {"x": 1},
    }
    with pytest.raises(Misfit) as caught:
        CodespecFile.read(value)
    assert [problem.path for problem in caught.value.problems] == [
        ("image",),
        ("foo",),
        ("args", 0),
        ("args", 2),
        ("env", "A"),
        ("buffers", "x"),
    ]
    known = [problem.known for problem in caught.value.problems if problem.known]
    assert known == [tuple(CodespecFile.known()), ("inputs", "outputs")]
