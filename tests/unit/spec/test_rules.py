from __future__ import annotations

import pytest

from tyger_local.errors import SpecError
from tyger_local.spec.models import AnyCodespec, JobCodespec, WorkerCodespec
from tyger_local.spec.rules import check_codespec, cluster_refusals

EMPTY = "A buffer name cannot be empty"
DUPLICATED = (
    "All buffer names must be unique across inputs and outputs. "
    "Buffer names are case-insensitive. '{}' is duplicated"
)
INVALID = (
    "The name of buffer '{}' is invalid. Buffer names must consist of lower case alphanumeric "
    "characters or '-', and must start and end with an alphanumeric character."
)
PORT = "Port must be between 1 and 65535"
NEITHER = "At least one of the input or output buffer must be specified for socket 80"
REFERENCE = "The buffer reference '$({})' is not valid because it is used by a socket"


def _job(**fields: object) -> JobCodespec:
    return JobCodespec.read({"image": "x", **fields})


def _buffers(inputs: list[str], outputs: list[str]) -> dict[str, object]:
    return {"buffers": {"inputs": inputs, "outputs": outputs}}


def _socket(port: int = 80, inp: str = "", out: str = "") -> dict[str, object]:
    return {"port": port, "inputBuffer": inp, "outputBuffer": out}


def _fails(codespec: AnyCodespec, what: str) -> None:
    with pytest.raises(SpecError) as caught:
        check_codespec(codespec)
    assert caught.value.what == what


@pytest.mark.parametrize("image", ["", " ", "\t\n"])
@pytest.mark.parametrize("model", [JobCodespec, WorkerCodespec])
def test_an_image_is_required(model: type[AnyCodespec], image: str) -> None:
    _fails(model.read({"image": image}), "The image field is required")


@pytest.mark.parametrize(
    "fields",
    [
        {"image": "not // an : image"},
        {"maxReplicas": -3},
        {"env": {"": "x", "A=B": "y"}},
        {"workingDir": "not absolute"},
        {"identity": "nobody"},
        {"resources": {"limits": {"cpu": -1}, "requests": {"cpu": 2}, "gpu": 0.5}},
        _buffers(["a", "0", "3d", "a--b", "x" * 100], []),
        {"args": ["$(NOPE)", "$("]},
    ],
)
def test_what_is_not_checked_at_creation(fields: dict[str, object]) -> None:
    check_codespec(_job(**fields))


@pytest.mark.parametrize("endpoints", [{"a": -1}, {"": 99999999}, {}])
def test_endpoints_are_not_checked_at_creation(endpoints: dict[str, int]) -> None:
    check_codespec(WorkerCodespec.read({"image": "x", "endpoints": endpoints}))


@pytest.mark.parametrize(
    ("inputs", "outputs", "what"),
    [
        (["a", ""], [], EMPTY),
        ([" "], [], EMPTY),
        (["a"], ["a"], DUPLICATED.format("a")),
        (["a"], ["A"], DUPLICATED.format("a")),
        (["A", "a"], [], DUPLICATED.format("A")),
        *[([bad], [], INVALID.format(bad)) for bad in ("FOO", "foo_bar", "-foo", "bar-", " a")],
        ([], ["FOO"], INVALID.format("FOO")),
        # In order of appearance, inputs first; each name is checked as a whole.
        (["FOO"], [""], INVALID.format("FOO")),
        (["", "FOO"], ["FOO"], EMPTY),
        (["b", "FOO"], ["b"], DUPLICATED.format("b")),
    ],
)
def test_buffer_names(inputs: list[str], outputs: list[str], what: str) -> None:
    _fails(_job(**_buffers(inputs, outputs)), what)


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_ports_of_sockets(port: int) -> None:
    _fails(_job(**_buffers(["a"], []), sockets=[_socket(port, "a")]), PORT)


@pytest.mark.parametrize(
    "sockets",
    [
        [_socket(1, "a")],
        [_socket(65535, "a", "b")],
        [_socket(80, "A"), _socket(80, "", "B")],  # case apart; two may share a port
    ],
)
def test_sockets(sockets: list[object]) -> None:
    check_codespec(_job(**_buffers(["a"], ["b"]), sockets=sockets))


@pytest.mark.parametrize(
    ("sockets", "what"),
    [
        (
            [_socket(80, "x")],
            "The input buffer 'x' for socket 80 is not among the codespec's input buffer parameters",
        ),
        (
            [_socket(80, "b")],
            "The input buffer 'b' for socket 80 is not among the codespec's input buffer parameters",
        ),
        (
            [_socket(80, "", "a")],
            "The output buffer 'a' for socket 80 is not among the codespec's output buffer parameters",
        ),
        ([_socket(1, "a"), _socket(2, "A")], "The input buffer 'A' is used by multiple sockets"),
        (
            [_socket(1, "a", "b"), _socket(2, "", "b")],
            "The output buffer 'b' is used by multiple sockets",
        ),
        ([_socket(80)], NEITHER),
        ([None], PORT),
        # Per socket in list order: port, input, output, neither.
        ([_socket(80), _socket(0)], NEITHER),
        ([_socket(0), _socket(80)], PORT),
        ([_socket(0, "x")], PORT),
        (
            [_socket(80, "x", "y")],
            "The input buffer 'x' for socket 80 is not among the codespec's input buffer parameters",
        ),
    ],
)
def test_wrong_sockets(sockets: list[object], what: str) -> None:
    _fails(_job(**_buffers(["a"], ["b"]), sockets=sockets), what)


def test_buffers_are_checked_before_sockets() -> None:
    _fails(_job(**_buffers(["FOO"], []), sockets=[_socket(0)]), INVALID.format("FOO"))


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"args": ["cat $(A_PIPE)"]}, "A_PIPE"),
        ({"command": ["$(A_PIPE)"]}, "A_PIPE"),
        ({"env": {"X": "$(MY-OUT_PIPE)"}}, "MY-OUT_PIPE"),
        ({"args": ["$$$(A_PIPE)"]}, "A_PIPE"),
        ({"env": {"X": "$(MY-OUT_PIPE)"}, "args": ["$(A_PIPE)"]}, "A_PIPE"),
    ],
)
def test_references_to_buffers_of_sockets(fields: dict[str, object], name: str) -> None:
    sockets = [_socket(80, "a", "my-out")]
    _fails(_job(**_buffers(["a"], ["my-out"]), sockets=sockets, **fields), REFERENCE.format(name))


@pytest.mark.parametrize(
    "fields",
    [
        {"args": ["$$(A_PIPE)"]},
        {"args": ["$(B_PIPE)"]},
        {"args": ["$(a_PIPE)", "$A_PIPE", "${A_PIPE}"]},
        {"env": {"A_PIPE": "x"}},
    ],
)
def test_other_references_are_allowed(fields: dict[str, object]) -> None:
    check_codespec(_job(**_buffers(["a", "b"], []), sockets=[_socket(80, "a")], **fields))


def _refusals(codespec: AnyCodespec) -> list[str]:
    check_codespec(codespec)  # Tyger stores it
    return list(cluster_refusals(codespec))


@pytest.mark.parametrize(
    ("resources", "reasons"),
    [
        ({}, []),
        ({"requests": {"cpu": 1, "memory": "1Gi"}, "limits": {"cpu": 1, "memory": "1Gi"}}, []),
        ({"requests": {"cpu": "1000m"}, "limits": {"cpu": 1}, "gpu": 0}, []),
        ({"requests": {"cpu": 5}}, []),
        ({"limits": {"cpu": 0}, "shm": 0}, []),
        (
            {"requests": {"cpu": 2}, "limits": {"cpu": "1500m"}},
            ["the cpu request (2) is above the cpu limit (1500m)"],
        ),
        (
            {"requests": {"memory": "1Gi"}, "limits": {"memory": "1G"}},
            ["the memory request (1Gi) is above the memory limit (1G)"],
        ),
        ({"gpu": 0.5}, ["the number of GPUs is not an integer (500m)"]),
        ({"gpu": -1}, ["the gpu is negative (-1)"]),
        (
            {"gpu": -0.5},
            ["the gpu is negative (-500m)", "the number of GPUs is not an integer (-500m)"],
        ),
        ({"shm": "-1Gi"}, ["the shm is negative (-1Gi)"]),
        (
            {"requests": {"cpu": -1, "memory": -1}, "limits": {"cpu": -1, "memory": -1}},
            [
                "the cpu request is negative (-1)",
                "the memory request is negative (-1)",
                "the cpu limit is negative (-1)",
                "the memory limit is negative (-1)",
            ],
        ),
    ],
)
@pytest.mark.parametrize("model", [JobCodespec, WorkerCodespec])
def test_quantities_that_the_cluster_refuses_later(
    model: type[AnyCodespec], resources: object, reasons: list[str]
) -> None:
    codespec = model.read({"image": "x", "resources": resources})
    assert _refusals(codespec) == reasons


def test_long_buffer_names_are_refused_later() -> None:
    longest, longer = "a" * 48, "b" * 49
    assert _refusals(_job(**_buffers([longest], []))) == []
    reason = f"the buffer name '{longer}' has 49 characters, more than 48"
    assert _refusals(_job(**_buffers([longest, longer], []))) == [reason]
    assert _refusals(_job(**_buffers([longest], [longer]))) == [reason]


@pytest.mark.parametrize(
    ("port", "is_refused"), [(1, False), (65535, False), (0, True), (-1, True), (65536, True)]
)
def test_ports_of_endpoints_are_refused_later(port: int, is_refused: bool) -> None:
    codespec = WorkerCodespec.read({"image": "x", "endpoints": {"a": port}})
    reason = f"the port of endpoint 'a' is not between 1 and 65535 ({port})"
    assert _refusals(codespec) == [reason] * is_refused


@pytest.mark.parametrize(
    ("name", "is_refused"),
    [
        ("A", False),
        ("3D_PIPE", False),
        ("a-b.c d!", False),
        ("", True),
        ("A=B", True),
        ("Ä", True),
        ("A\n", True),
        ("A\x7f", True),
    ],
)
def test_names_of_variables_are_refused_later(name: str, is_refused: bool) -> None:
    reason = f"'{name}' is no name for an environment variable"
    assert _refusals(_job(env={name: "x"})) == [reason] * is_refused


@pytest.mark.parametrize(
    ("name", "is_refused"), [("my-port", False), ("", False), ("a=b", True), ("ü", True)]
)
def test_endpoints_whose_variables_are_no_names_are_refused_later(
    name: str, is_refused: bool
) -> None:
    codespec = WorkerCodespec.read({"image": "x", "endpoints": {name: 80}})
    variable = f"TYGER_{name.upper()}_WORKER_ENDPOINT_ADDRESSES"
    reason = f"the endpoint '{name}' makes {variable}, which is no name for an environment variable"
    assert _refusals(codespec) == [reason] * is_refused
