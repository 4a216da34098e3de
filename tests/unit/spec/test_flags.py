from __future__ import annotations

from collections.abc import Mapping

import pytest

from tyger_local.errors import SpecError
from tyger_local.spec.decode import decode_codespec_file
from tyger_local.spec.document import read_document
from tyger_local.spec.flags import QUANTITY_FLAGS, CodespecFlags, check_text, codespec_from
from tyger_local.spec.models import CodespecFile, JobCodespec, WorkerCodespec
from tyger_local.spec.written import written

IMAGE_REQUIRED = "The image field is required"
KIND = "codespec kind must be either 'job', 'worker' or empty (defaults to 'job')"
FORMAT = (
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
)
SUFFIX = "unable to parse quantity's suffix"


def _file(text: str) -> CodespecFile:
    return decode_codespec_file(read_document(text, "f.yml"))


def _check(file: str, flags: CodespecFlags, expected: Mapping[str, object]) -> None:
    """`file`, an image and `flags` make the codespec `expected` (its image apart)."""
    document = written(codespec_from(_file(f"image: x\n{file}"), flags))
    assert document.pop("image") == "x"
    kind = expected.get("kind", "job")
    assert document == {"kind": kind, **expected}


def _fails(file: str, flags: CodespecFlags, what: str) -> SpecError:
    with pytest.raises(SpecError) as caught:
        codespec_from(_file(file), flags)
    assert caught.value.what == what
    return caught.value


def _quantities(**texts: str) -> CodespecFlags:
    return CodespecFlags(quantities={name.replace("_", "-"): text for name, text in texts.items()})


@pytest.mark.parametrize(
    ("file", "flags", "expected"),
    [
        # Replaced.
        ("identity: a", CodespecFlags(identity="b"), {"identity": "b"}),
        ("identity: a", CodespecFlags(identity=""), {}),
        ("identity: a", CodespecFlags(), {"identity": "a"}),
        # --env replaces the whole map.
        ("env: {A: 1, B: 2}", CodespecFlags(env={"C": "3"}), {"env": {"C": "3"}}),
        ("env: {A: 1, B: 2}", CodespecFlags(env={}), {}),
        ("env: {A: 1, B: 2}", CodespecFlags(), {"env": {"A": "1", "B": "2"}}),
        # --input and --output replace their own list only.
        (
            "buffers: {inputs: [a], outputs: [b]}",
            CodespecFlags(inputs=("c", "d")),
            {"buffers": {"inputs": ["c", "d"], "outputs": ["b"]}},
        ),
        (
            "buffers: {inputs: [a], outputs: [b]}",
            CodespecFlags(outputs=("c",)),
            {"buffers": {"inputs": ["a"], "outputs": ["c"]}},
        ),
        (
            "buffers: {inputs: [a], outputs: [b]}",
            CodespecFlags(inputs=()),
            {"buffers": {"outputs": ["b"]}},
        ),
        # --endpoint replaces the whole map.
        (
            "kind: worker\nendpoints: {a: 1, b: 2}",
            CodespecFlags(endpoints={"c": 3}),
            {"kind": "worker", "endpoints": {"c": 3}},
        ),
        # --max-replicas replaces if it is not empty.
        ("maxReplicas: 2", CodespecFlags(max_replicas="3"), {"maxReplicas": 3}),
        ("maxReplicas: 2", CodespecFlags(max_replicas=""), {"maxReplicas": 2}),
        # --cpu-request and the like replace their field only.
        (
            "resources: {requests: {cpu: 1, memory: 1Gi}, limits: {cpu: 2}, gpu: 1}",
            _quantities(cpu_request="4"),
            {
                "resources": {
                    "requests": {"cpu": "4", "memory": "1Gi"},
                    "limits": {"cpu": "2"},
                    "gpu": "1",
                }
            },
        ),
        (
            "resources: {requests: {memory: 1Gi}}",
            _quantities(cpu_limit="2", memory_limit="2Gi", memory_request="1Mi"),
            {
                "resources": {
                    "requests": {"memory": "1Mi"},
                    "limits": {"cpu": "2", "memory": "2Gi"},
                }
            },
        ),
        (
            "resources: {gpu: 1, shm: 1Gi}",
            _quantities(gpu="2"),
            {"resources": {"gpu": "2", "shm": "1Gi"}},
        ),
        (
            "resources: {gpu: 1, shm: 1Gi}",
            _quantities(shm="2Gi"),
            {"resources": {"gpu": "1", "shm": "2Gi"}},
        ),
        # What stands behind -- replaces args, with --command command.
        ("args: [a]\ncommand: [c]", CodespecFlags(args=("b",)), {"args": ["b"], "command": ["c"]}),
        (
            "args: [a]\ncommand: [c]",
            CodespecFlags(command=("d",)),
            {"args": ["a"], "command": ["d"]},
        ),
        ("args: [a]\ncommand: [c]", CodespecFlags(args=()), {"command": ["c"]}),
        ("args: [a]\ncommand: [c]", CodespecFlags(command=()), {"args": ["a"]}),
        ("args: [a]", CodespecFlags(args=("-e", "B=2")), {"args": ["-e", "B=2"]}),
        # There is no flag for these.
        (
            "workingDir: /a\nbuffers: {inputs: [i]}\nsockets: [{port: 1, inputBuffer: i}]",
            CodespecFlags(),
            {
                "buffers": {"inputs": ["i"]},
                "sockets": [{"port": 1, "inputBuffer": "i"}],
                "workingDir": "/a",
            },
        ),
    ],
)
def test_each_flag_overrides_in_its_own_way(
    file: str, flags: CodespecFlags, expected: Mapping[str, object]
) -> None:
    _check(file, flags, expected)


def test_the_image_is_replaced_even_by_nothing() -> None:
    assert codespec_from(_file("image: a"), CodespecFlags(image="b")).image == "b"
    _fails("image: a", CodespecFlags(image=""), IMAGE_REQUIRED)


@pytest.mark.parametrize(
    ("file", "flag", "kind"),
    [
        ("", None, JobCodespec),
        ("kind: ''", None, JobCodespec),
        ("kind: ~", None, JobCodespec),
        ("kind: job", None, JobCodespec),
        ("kind: worker", None, WorkerCodespec),
        ("", "job", JobCodespec),
        ("", "worker", WorkerCodespec),
        ("", "WORKER", WorkerCodespec),
        ("kind: worker", "job", JobCodespec),
        ("kind: job", "worker", WorkerCodespec),
        ("kind: nonsense", "worker", WorkerCodespec),
    ],
)
def test_kind(file: str, flag: str | None, kind: type) -> None:
    codespec = codespec_from(_file(f"image: x\n{file}"), CodespecFlags(kind=flag))
    assert type(codespec) is kind


@pytest.mark.parametrize(
    ("file", "flag", "shown", "where"),
    [
        ("kind: Job", None, "Job", ""),
        ("kind: foo", None, "foo", ""),
        ("", "foo", "foo", "--kind"),
        ("", "", "", "--kind"),
        ("kind: job", "", "", "--kind"),
    ],
)
def test_other_kinds(file: str, flag: str | None, shown: str, where: str) -> None:
    error = _fails(file, CodespecFlags(kind=flag), KIND)
    assert (error.hint, error.where) == (f"this one is '{shown}'", where)


def test_the_place_in_a_run_file_decides_the_kind() -> None:
    file = _file("image: x\nkind: nonsense")
    assert codespec_from(file, CodespecFlags(), kind="job").kind == "job"
    assert codespec_from(file, CodespecFlags(), kind="worker").kind == "worker"


@pytest.mark.parametrize(
    ("file", "flags", "what"),
    [
        ("endpoints: {a: 1}", CodespecFlags(), "job codespecs cannot have endpoints"),
        ("", CodespecFlags(endpoints={"a": 1}), "job codespecs cannot have endpoints"),
        (
            "kind: worker\nbuffers: {inputs: [a]}",
            CodespecFlags(),
            "worker codespecs cannot use buffers",
        ),
        (
            "kind: worker\nbuffers: {outputs: [a]}",
            CodespecFlags(),
            "worker codespecs cannot use buffers",
        ),
        ("", CodespecFlags(kind="worker", inputs=("a",)), "worker codespecs cannot use buffers"),
        (
            "kind: worker\nimage: x\nsockets: [{port: 1}]",
            CodespecFlags(),
            "worker codespecs cannot have sockets",
        ),
    ],
)
def test_what_a_kind_cannot_have(file: str, flags: CodespecFlags, what: str) -> None:
    assert _fails(file, flags, what).hint


@pytest.mark.parametrize(
    ("file", "flags"),
    [
        ("endpoints: {a: 1}", CodespecFlags(endpoints={})),
        ("kind: worker\nbuffers: {inputs: [a]}", CodespecFlags(inputs=())),
        ("kind: worker\nsockets: []", CodespecFlags()),
    ],
)
def test_what_is_cleared_does_not_disturb(file: str, flags: CodespecFlags) -> None:
    codespec_from(_file(f"image: x\n{file}"), flags)


@pytest.mark.parametrize(
    ("text", "number"), [("-3", -3), ("+4", 4), ("007", 7), ("0", 0), (str(2**31 - 1), 2**31 - 1)]
)
def test_max_replicas(text: str, number: int) -> None:
    _check("", CodespecFlags(max_replicas=text), {"maxReplicas": number})


@pytest.mark.parametrize("text", ["x", "1.5", "1e3", " 1", "1_0", "0x1", str(2**63)])
def test_max_replicas_must_be_an_integer(text: str) -> None:
    flags = CodespecFlags(max_replicas=text)
    error = _fails("", flags, f"max-replicas must be an integer, got {text}")
    assert error.where == "--max-replicas"


@pytest.mark.parametrize(
    ("flags", "what", "where"),
    [
        (
            CodespecFlags(max_replicas="2147483648"),
            "2147483648 does not fit in 32 bits",
            "--max-replicas",
        ),
        (
            CodespecFlags(kind="worker", endpoints={"a": 1, "b": -(2**31) - 1}),
            "b: -2147483649 does not fit in 32 bits",
            "--endpoint",
        ),
    ],
)
def test_integers_have_32_bits_as_in_a_file(flags: CodespecFlags, what: str, where: str) -> None:
    assert _fails("", flags, what).where == where


@pytest.mark.parametrize("port", [-1, 0, 80, 99999999])
def test_ports_of_endpoints_are_not_checked_at_creation(port: int) -> None:
    codespec_from(_file("image: x\nkind: worker"), CodespecFlags(endpoints={"a": port}))


@pytest.mark.parametrize(("flag", "name"), list(QUANTITY_FLAGS.items()))
@pytest.mark.parametrize(
    ("text", "problem"), [("abc", FORMAT), ("", FORMAT), (" 1", FORMAT), ("1K", SUFFIX)]
)
def test_bad_quantities(flag: str, name: str, text: str, problem: str) -> None:
    error = _fails(
        "", CodespecFlags(quantities={flag: text}), f"{name} value is invalid: {problem}"
    )
    assert error.where == f"--{flag}"
    assert error.hint.startswith("write ")


def test_quantities_are_checked_in_one_order() -> None:
    order = ["cpu request", "memory request", "cpu limit", "memory limit", "gpu", "shm"]
    given = dict.fromkeys(reversed(QUANTITY_FLAGS), "x")
    for flag, name in zip(QUANTITY_FLAGS, order, strict=True):
        _fails("", CodespecFlags(quantities=given), f"{name} value is invalid: {FORMAT}")
        del given[flag]


@pytest.mark.parametrize(
    ("file", "flags", "what"),
    [
        # Each is wrong in two ways; the first way is reported.
        (
            "kind: foo",
            CodespecFlags(max_replicas="x"),
            "max-replicas must be an integer, got x",
        ),
        ("kind: foo\nendpoints: {a: 1}", _quantities(gpu="x"), KIND),
        ("endpoints: {a: 1}", _quantities(gpu="x"), "job codespecs cannot have endpoints"),
        (
            "kind: worker\nbuffers: {inputs: [a]}",
            _quantities(gpu="x"),
            "worker codespecs cannot use buffers",
        ),
        (
            "kind: worker\nsockets: [{port: 0}]",
            _quantities(gpu="x"),
            f"gpu value is invalid: {FORMAT}",
        ),
        (
            "kind: worker\nsockets: [{port: 0}]",
            CodespecFlags(),
            "worker codespecs cannot have sockets",
        ),
        ("", _quantities(gpu="x"), f"gpu value is invalid: {FORMAT}"),
        ("buffers: {inputs: ['']}", CodespecFlags(), IMAGE_REQUIRED),
    ],
)
def test_the_order_of_checks(file: str, flags: CodespecFlags, what: str) -> None:
    _fails(file, flags, what)


@pytest.mark.parametrize("value", ["", "plain", "ümläut", "line\nline", "\u2028", "\U0001f600"])
def test_text_that_can_be_stored(value: str) -> None:
    check_text({"--env": (value,), "--": ()})


@pytest.mark.parametrize(
    ("value", "shown"), [("a\udcff", '"a\\xff"'), ("\ud800", '"\\ud800"'), ("a\0b", '"a\\x00b"')]
)
def test_text_that_cannot(value: str, shown: str) -> None:
    with pytest.raises(SpecError) as caught:
        check_text({"--image": ("x",), "--env": ("fine", value)})
    assert str(caught.value) == f"--env: {shown} is not valid UTF-8 text."
