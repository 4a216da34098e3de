from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tyger_local.errors import SpecError
from tyger_local.spec.decode import (
    CODESPEC_FILE_READING,
    IN_PLACE_READING,
    decode,
    decode_codespec_file,
    dotted,
    plain_document,
)
from tyger_local.spec.document import Path, read_document
from tyger_local.spec.fields import Misfit, Reading
from tyger_local.spec.models import CodespecFile, Model, RunFile

A_LIST = "write each element on a line of its own behind '- '"
A_MAPPING = "write it as 'name: value' lines"
CODESPEC_FIELDS = (
    "known here: image, command, args, workingDir, env, identity, resources, maxReplicas, kind, name, "
    "version, createdAt, buffers, sockets, endpoints"
)


def _error(text: str, model: type[Model] = CodespecFile, prefix: Path = ()) -> SpecError:
    with pytest.raises(SpecError) as caught:
        decode(model, read_document(text, "f.yml"), CODESPEC_FILE_READING, prefix=prefix)
    return caught.value


def _fails(
    text: str, where: str, problem: str, hint: str = "", model: type[Model] = CodespecFile
) -> None:
    error = _error(text, model)
    assert (error.where, error.what, error.hint) == (
        f"f.yml:{where}",
        f"failed to parse file f.yml: {problem}",
        hint,
    )


@pytest.mark.parametrize("text", ["", "{}", "null", "# nothing", "---\n---\nimage: x"])
def test_an_empty_document_is_an_empty_codespec(text: str) -> None:
    assert decode_codespec_file(read_document(text, "f.yml")) == CodespecFile()


@pytest.mark.parametrize(
    "text", ["image: x\nargs: [a]", '{"image": "x", "args": ["a"]}', "IMAGE: x\nArgs: [a]"]
)
def test_a_codespec_file_is_yaml_or_json(text: str) -> None:
    spec = decode_codespec_file(read_document(text, "f.yml"))
    assert (spec.image, spec.args) == ("x", ("a",))


@pytest.mark.parametrize("text", ["a: &a {B: 1}\nenv: *a", "x-env: {}\nimage: x"])
def test_a_field_that_only_holds_an_anchor_is_unknown(text: str) -> None:
    assert 'unknown field "' in _error(text).what


def test_merge_keys_are_followed() -> None:
    text = "resources:\n  requests: &r {cpu: 1}\n  limits:\n    <<: *r\n    memory: 1Gi"
    limits = decode_codespec_file(read_document(text, "f.yml")).resources.limits
    assert (str(limits.cpu), str(limits.memory)) == ("1", "1Gi")


@pytest.mark.parametrize(
    ("text", "where", "problem", "hint"),
    [
        ("[]", "1:1", "a mapping is needed here, and this is a list", A_MAPPING),
        ("x", "1:1", "a mapping is needed here, and this is a string", A_MAPPING),
        (
            "image: x\nargs: one two",
            "2:7",
            "args: a list is needed here, and this is a string",
            A_LIST,
        ),
        ("command: date", "1:10", "command: a list is needed here, and this is a string", A_LIST),
        ("env: [A=1]", "1:6", "env: a mapping is needed here, and this is a list", A_MAPPING),
        (
            "buffers: {inputs: a}",
            "1:19",
            "buffers.inputs: a list is needed here, and this is a string",
            A_LIST,
        ),
        (
            "name: 123",
            "1:7",
            "name: a string is needed here, and this is a number",
            "put it in quotes",
        ),
        ("env:\n  A: [1]", "2:6", "env.A: a string is needed here, and this is a list", ""),
        ("args:\n- a\n- [b]", "3:3", "args[1]: a string is needed here, and this is a list", ""),
        (
            'env: {"[key]": [1]}',
            "1:16",
            "env.[key]: a string is needed here, and this is a list",
            "",
        ),
        (
            "maxReplicas: '2'",
            "1:14",
            "maxReplicas: an integer is needed here, and this is a string",
            "remove the quotes",
        ),
        (
            "maxReplicas: 2.5",
            "1:14",
            "maxReplicas: an integer is needed here, and this is a number",
            "",
        ),
        ("maxReplicas: 3000000000", "1:14", "maxReplicas: 3000000000 does not fit in 32 bits", ""),
        (
            'endpoints: {e: "1"}',
            "1:16",
            "endpoints.e: an integer is needed here, and this is a string",
            "remove the quotes",
        ),
        (
            'sockets:\n- port: "80"',
            "2:9",
            "sockets[0].port: an integer is needed here, and this is a string",
            "remove the quotes",
        ),
        (
            "sockets: [5]",
            "1:11",
            "sockets[0]: a mapping is needed here, and this is a number",
            A_MAPPING,
        ),
        (
            "createdAt: now",
            "1:12",
            "createdAt: 'now' is no RFC 3339 time",
            "write it like 2025-03-14T06:43:18Z, or leave it out",
        ),
        (
            "resources:\n  gpu: 1K",
            "2:8",
            "resources.gpu: unable to parse quantity's suffix",
            "write 1k or 1Ki",
        ),
        ("image: x\nImage: y", "1:1", "the field 'image' is given twice", ""),
    ],
)
def test_what_does_not_fit_is_named_with_its_place(
    text: str, where: str, problem: str, hint: str
) -> None:
    _fails(text, where, problem, hint)


@pytest.mark.parametrize(
    ("text", "where", "problem", "hint"),
    [
        ("image: x\nimgae: y", "2:1", 'unknown field "imgae"', 'did you mean "image"?'),
        ("working_dir: /a", "1:1", 'unknown field "working_dir"', 'did you mean "workingDir"?'),
        ("foo: 1", "1:1", 'unknown field "foo"', CODESPEC_FIELDS),
        (
            "buffers:\n  inptus: [a]",
            "2:3",
            'unknown field "inptus" in buffers',
            'did you mean "inputs"?',
        ),
        (
            "Resources: {Limits: {cppu: 1}}",
            "1:22",
            'unknown field "cppu" in resources.limits',
            'did you mean "cpu"?',
        ),
        (
            "resources: {gpus: 1}",
            "1:13",
            'unknown field "gpus" in resources',
            'did you mean "gpu"?',
        ),
        (
            "sockets:\n- port: 1\n- Prt: 1",
            "3:3",
            'unknown field "Prt" in sockets[1]',
            'did you mean "port"?',
        ),
        (
            "resources: {requests: {disk: 1}}",
            "1:24",
            'unknown field "disk" in resources.requests',
            "known here: cpu, memory",
        ),
    ],
)
def test_an_unknown_field_comes_with_the_nearest_legal_name(
    text: str, where: str, problem: str, hint: str
) -> None:
    _fails(text, where, problem, hint)


@pytest.mark.parametrize(
    ("text", "where", "problem", "hint"),
    [
        (
            "job: {cdespec: a}",
            "1:7",
            'unknown field "cdespec" in job',
            'did you mean "codespec"?',
        ),
        (
            "worker:\n  replica: 1",
            "2:3",
            'unknown field "replica" in worker',
            'did you mean "replicas"?',
        ),
        ("timeout: 5", "1:1", 'unknown field "timeout"', 'did you mean "timeoutSeconds"?'),
        *[
            (
                f"{field}: x",
                "1:1",
                f'unknown field "{field}"',
                "this looks like a codespec; a run file has it under job.codespec",
            )
            for field in ("image", "buffers", "Args", "sockets", "endpoints", "workingDir")
        ],
    ],
)
def test_an_unknown_field_of_a_run_file(text: str, where: str, problem: str, hint: str) -> None:
    _fails(text, where, problem, hint, RunFile)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("args: x\nimage: [1]", "1:7"),  # in the model, image comes before args
        ("image: [1]\nargs: x", "1:8"),
        ("foo: 1\nimage: [1]", "1:1"),
        ("image: [1]\nfoo: 1", "1:8"),
        ("env: {A: [], B: []}", "1:10"),
    ],
)
def test_the_first_of_several_is_the_first_in_the_file(text: str, where: str) -> None:
    assert _error(text).where == f"f.yml:{where}"


def test_a_part_of_a_document_keeps_its_places() -> None:
    document = read_document("Job:\n  Codespec:\n    image: x\n    agrs: [a]", "run.yml")
    with pytest.raises(SpecError) as caught:
        decode(CodespecFile, document, IN_PLACE_READING, prefix=("job", "codespec"))
    error = caught.value
    assert (error.where, error.what, error.hint) == (
        "run.yml:4:5",
        'failed to parse file run.yml: unknown field "agrs" in job.codespec',
        'did you mean "args"?',
    )


def test_a_part_of_a_list_has_its_own_place() -> None:
    assert _error("- image: x\n- imag: y\n", prefix=(1,)).where == "f.yml:2:3"
    document = read_document("- image: a\n- image: b\n", "f.yml")
    assert decode(CodespecFile, document, CODESPEC_FILE_READING, prefix=(1,)).image == "b"


@pytest.mark.parametrize(
    "prefix", [("worker", "codespec"), ("job", "image", "more"), (1,), ("job", 1)]
)
def test_a_part_that_is_not_there_is_empty(prefix: Path) -> None:
    document = read_document("job: {image: x}", "run.yml")
    assert decode(CodespecFile, document, IN_PLACE_READING, prefix=prefix) == CodespecFile()


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("args",), "args"),
        (("job", "codespec", "args", 2), "job.codespec.args[2]"),
        (("sockets", 0, "port"), "sockets[0].port"),
    ],
)
def test_dotted(path: Path, text: str) -> None:
    assert dotted(path) == text


def test_a_plain_document_is_what_json_can_hold() -> None:
    class Other:
        def __str__(self) -> str:
            return "other"

    value = {"a": (1, 2.5, None), "b": {3: True}, "c": Other()}
    document = plain_document(value, "the codespec")
    assert document.value == {"a": [1, 2.5, None], "b": {"3": True}, "c": "other"}
    assert str(document.place(("a", 0))) == "the codespec"


def test_an_error_in_a_plain_document_names_its_source() -> None:
    with pytest.raises(SpecError) as caught:
        decode_codespec_file(plain_document({"imgae": "x"}, "the codespec"))
    assert caught.value.where == "the codespec"


@pytest.mark.parametrize("value", [{"image": "\udcff"}, {"\udcff": 1}, [["\udcff"]], "\udcff"])
def test_a_plain_document_holds_only_text_that_can_be_stored(value: object) -> None:
    with pytest.raises(SpecError) as caught:
        plain_document(value, "the codespec")
    assert str(caught.value) == 'the codespec: "\\xff" is not valid UTF-8 text.'


FIELDS = [
    "image", "Image", "args", "env", "resources", "limits", "requests", "cpu", "gpu", "maxReplicas",
    "endpoints", "buffers", "inputs", "sockets", "port", "inputBuffer", "name", "kind", "version",
    "createdAt", "job", "worker", "codespec", "tags", "replicas", "bufferTtl", "timeoutSeconds", "id",
    "status", "foo", "", "[key]",
]  # fmt: skip
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=3)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | TEXTS
    | st.sampled_from(["1Gi", "1K", "2025-03-14T06:43:18Z", "2", "a/b"])
)
KEYS = st.sampled_from(FIELDS) | TEXTS
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)
NESTED = st.sampled_from(FIELDS).flatmap(
    lambda a: st.sampled_from(FIELDS).flatmap(
        lambda b: st.builds(lambda value: {a: {b: value}}, VALUES)
    )
)
DOCUMENTS = VALUES | st.dictionaries(KEYS, VALUES, max_size=4) | NESTED


@pytest.mark.parametrize("model", [CodespecFile, RunFile])
@pytest.mark.parametrize("reading", [CODESPEC_FILE_READING, IN_PLACE_READING])
@given(value=DOCUMENTS)
@settings(deadline=None)
def test_whatever_a_document_holds_it_is_a_model_or_an_error_of_ours(
    model: type[Model], reading: Reading, value: object
) -> None:
    document = plain_document(value, "s")
    try:
        model.read(document.value, reading)
    except Misfit:
        with pytest.raises(SpecError):
            decode(model, document, reading)
    else:
        decode(model, document, reading)
