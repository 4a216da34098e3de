from __future__ import annotations

import pytest

from tyger_local.errors import SpecError, UsageError
from tyger_local.spec.document import read_document
from tyger_local.spec.models import JobCodespec, WorkerCodespec
from tyger_local.spec.place import Place
from tyger_local.spec.runs import (
    DEFAULT_TIMEOUT_S,
    BufferArgument,
    CodespecRef,
    RunFlags,
    RunRequest,
    TargetFlags,
    check_tags,
    check_ttl,
    run_request,
)

NO_CODESPEC = "a codespec for the job must be specified"
NO_JOB = "The codespec for the job is required to be a job codespec"
REF_FORM = (
    "The codespec reference '{}' is invalid. It should be in the form "
    "'<codespec_name>' or '<codespec_name>/versions/<version_number>'."
)
KEY = "Tag keys must contain up to 128 letters (a-z, A-Z), numbers (0-9) and underscores (_): '{}'"
VALUE = (
    "Tag values can contain up to 256 letters (a-z, A-Z), numbers (0-9) and underscores (_): '{}'"
)
TTL = "invalid buffer TTL format: {} (should be D.HH:MM)"


def _request(text: str | None, flags: RunFlags | None = None) -> RunRequest:
    document = None if text is None else read_document(text, "run.yml")
    return run_request(document, flags or RunFlags())


def _fails(text: str | None, what: str, flags: RunFlags | None = None) -> UsageError:
    with pytest.raises(UsageError) as caught:
        _request(text, flags)
    assert caught.value.what == what
    return caught.value


def _job(**flags: object) -> RunFlags:
    """Flags of a run of the codespec ``c``."""
    return RunFlags(job=TargetFlags(codespec="c"), **flags)  # type: ignore[arg-type]  # a table's row


def test_a_codespec_by_name_and_nothing_else() -> None:
    request = _request("job: {codespec: c}")
    assert (request.timeout_s, request.cluster, request.tags, request.worker) == (
        43_200,
        "",
        {},
        None,
    )
    job = request.job
    assert (job.codespec, job.buffers, job.tags) == (CodespecRef("c"), {}, {})
    assert (job.buffer_ttl, job.node_pool, job.replicas) == ("", "", 1)


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        ("c", CodespecRef("c")),
        ("my-spec_1.0", CodespecRef("my-spec_1.0")),
        ("c/versions/3", CodespecRef("c", 3)),
        ("c/versions/2147483647", CodespecRef("c", 2147483647)),
    ],
)
def test_references(text: str, ref: CodespecRef) -> None:
    assert _request(f"job: {{codespec: {text}}}").job.codespec == ref
    assert _request(None, RunFlags(job=TargetFlags(codespec=text))).job.codespec == ref


@pytest.mark.parametrize("text", ["", "C", "c/3", "c/versions/", "c/versions/x", "c/versions/-1"])
def test_what_is_no_reference(text: str) -> None:
    _fails(f'job: {{codespec: "{text}"}}', REF_FORM.format(text))


def test_versions_have_32_bits() -> None:
    _fails(
        "job: {codespec: c/versions/2147483648}",
        "The codespec reference 'c/versions/2147483648' is invalid. "
        "The version number '2147483648' is not a valid integer.",
    )


@pytest.mark.parametrize(
    ("flags", "ref"),
    [
        (TargetFlags(), CodespecRef("file", 1)),
        (TargetFlags(codespec=""), CodespecRef("file", 1)),
        (TargetFlags(version="7"), CodespecRef("file", 1)),  # --version without -c
        (TargetFlags(codespec="flag"), CodespecRef("flag")),
        (TargetFlags(codespec="flag", version=""), CodespecRef("flag")),
        (TargetFlags(codespec="flag", version="7"), CodespecRef("flag", 7)),
        (TargetFlags(codespec="flag/versions/7"), CodespecRef("flag", 7)),
    ],
)
def test_the_flag_replaces_the_files_codespec(flags: TargetFlags, ref: CodespecRef) -> None:
    text = "job: {codespec: file/versions/1}\nworker: {codespec: file/versions/1}"
    request = _request(text, RunFlags(job=flags, worker=flags))
    assert request.job.codespec == ref
    assert request.worker is not None
    assert request.worker.codespec == ref


@pytest.mark.parametrize(
    ("codespec", "version", "whole"),
    [("c", "x", "c/versions/x"), ("c/versions/1", "2", "c/versions/1/versions/2")],
)
def test_a_wrong_version(codespec: str, version: str, whole: str) -> None:
    flags = RunFlags(job=TargetFlags(codespec=codespec, version=version))
    _fails(None, REF_FORM.format(whole), flags)


@pytest.mark.parametrize(
    "text",
    [None, "", "job: ~", "job: {}", "job: {codespec: ~}", "worker: {codespec: w}", "tags: {}"],
)
def test_a_codespec_is_required(text: str | None) -> None:
    assert _fails(text, NO_CODESPEC).hint == "name one with -c NAME or -f FILE"


def test_a_codespec_written_in_place() -> None:
    codespec = _request("job: {codespec: {image: x, args: [a], name: a, version: 3}}").job.codespec
    assert isinstance(codespec, JobCodespec)
    assert (codespec.image, codespec.args) == ("x", ("a",))


@pytest.mark.parametrize("kind", ["", "job", "worker", "nonsense"])
def test_the_place_decides_the_kind(kind: str) -> None:
    inline = f"{{codespec: {{image: x, kind: '{kind}'}}}}"
    request = _request(f"job: {inline}\nworker: {inline}")
    assert isinstance(request.job.codespec, JobCodespec)
    assert request.worker is not None
    assert isinstance(request.worker.codespec, WorkerCodespec)


@pytest.mark.parametrize(
    ("inline", "where", "problem"),
    [
        (
            "args: [1]",
            "1:26",
            "job.codespec.args[0]: a string is needed here, and this is a number",
        ),
        (
            "env: {A: 1}",
            "1:28",
            "job.codespec.env.A: a string is needed here, and this is a number",
        ),
        (
            "env: {A: yes}",
            "1:28",
            "job.codespec.env.A: a string is needed here, and this is a boolean",
        ),
        ("image: 5", "1:26", "job.codespec.image: a string is needed here, and this is a number"),
        ("foo: 5", "1:19", 'unknown field "foo" in job.codespec'),
    ],
)
def test_in_place_no_number_becomes_text(inline: str, where: str, problem: str) -> None:
    text = f"job: {{codespec: {{ {inline}}}}}"
    error = _fails(text, f"failed to parse file run.yml: {problem}")
    assert isinstance(error, SpecError)
    assert error.where == f"run.yml:{where}"


def test_quantities_are_numbers_in_place_too() -> None:
    codespec = _request("job: {codespec: {image: x, resources: {limits: {cpu: 0.5}}}}").job.codespec
    assert isinstance(codespec, JobCodespec)
    assert str(codespec.resources.limits.cpu) == "500m"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("job: {codespec: {args: [a]}}", "The image field is required"),
        (
            "job: {codespec: {image: x, endpoints: {a: 1}}}",
            "job codespecs cannot have endpoints",
        ),
        (
            "job: {codespec: c}\nworker: {codespec: {image: x, buffers: {inputs: [a]}}}",
            "worker codespecs cannot use buffers",
        ),
    ],
)
def test_codespecs_in_place_are_checked(text: str, what: str) -> None:
    _fails(text, what)


def test_a_codespec_file_is_run_as_an_inline_job() -> None:
    request = _request("name: a\nImage: x\nargs: [1]")
    assert isinstance(request.job.codespec, JobCodespec)
    assert request.job.codespec.args == ("1",)  # read as the codespec file that it is


def test_a_worker_file_is_no_job() -> None:
    assert _fails("image: x\nkind: worker", NO_JOB).hint == "this file holds a worker codespec"


def test_the_kind_in_a_codespec_file_is_checked() -> None:
    _fails(
        "image: x\nkind: Job",
        "codespec kind must be either 'job', 'worker' or empty (defaults to 'job')",
    )


def test_a_file_with_an_image_and_a_job_is_a_run_file() -> None:
    _fails("job: {codespec: c}\nimage: x", 'failed to parse file run.yml: unknown field "image"')


def test_a_flag_replaces_a_codespec_file() -> None:
    assert _request("image: x", _job()).job.codespec == CodespecRef("c")


@pytest.mark.parametrize("kind", ["system", "System"])
def test_system_runs(kind: str) -> None:
    _fails(f"kind: {kind}\njob: {{codespec: c}}", "System runs cannot be created directly")


def test_fields_of_the_system_are_ignored() -> None:
    text = "id: 5\nstatus: Failed\nkind: user\neTag: x\njob: {codespec: c}"
    assert _request(text) == _request("job: {codespec: c}")


@pytest.mark.parametrize(
    ("text", "flag", "timeout_s"),
    [
        ("", None, DEFAULT_TIMEOUT_S),
        ("timeoutSeconds: ~", None, 43_200),
        ("timeoutSeconds: 60", None, 60),
        ("timeoutSeconds: 60", 5, 5),
        ("timeoutSeconds: 60", 0, 0),
        ("timeoutSeconds: 0", None, 0),
        ("timeoutSeconds: -1", None, -1),
        ("", -1, -1),
    ],
)
def test_timeout(text: str, flag: int | None, timeout_s: int) -> None:
    assert _request(text, _job(timeout_s=flag)).timeout_s == timeout_s


@pytest.mark.parametrize(
    ("text", "flag", "cluster"),
    [
        ("", None, ""),
        ("cluster: a", None, "a"),
        ("cluster: a", "", "a"),
        ("cluster: a", "b", "b"),
    ],
)
def test_cluster(text: str, flag: str | None, cluster: str) -> None:
    assert _request(text, _job(cluster=flag)).cluster == cluster


@pytest.mark.parametrize("role", ["job", "worker"])
@pytest.mark.parametrize(
    ("text", "flags", "node_pool", "replicas"),
    [
        ("", TargetFlags(), "", 1),
        ("nodePool: a, replicas: 2", TargetFlags(), "a", 2),
        ("nodePool: a, replicas: 2", TargetFlags(node_pool="", replicas=1), "a", 1),
        ("nodePool: a", TargetFlags(node_pool="b", replicas=3), "b", 3),
        ("replicas: 0", TargetFlags(), "", 1),
        ("replicas: 2", TargetFlags(replicas=0), "", 1),
    ],
)
def test_node_pool_and_replicas(
    role: str, text: str, flags: TargetFlags, node_pool: str, replicas: int
) -> None:
    file = f"job: {{codespec: c, {text}}}\nworker: {{codespec: c, {text}}}"
    request = _request(file, RunFlags(job=flags) if role == "job" else RunFlags(worker=flags))
    target = request.job if role == "job" else request.worker
    assert target is not None
    assert (target.node_pool, target.replicas) == (node_pool, replicas)


@pytest.mark.parametrize(
    ("text", "flags", "role"),
    [
        ("job: {codespec: c, replicas: -1}", RunFlags(), "job"),
        ("", RunFlags(job=TargetFlags(codespec="c", replicas=-1)), "job"),
        ("", _job(worker=TargetFlags(codespec="c", replicas=-1)), "worker"),
    ],
)
def test_replicas_are_not_negative(text: str, flags: RunFlags, role: str) -> None:
    _fails(text, f"{role}: replicas must not be negative, got -1", flags)


@pytest.mark.parametrize(
    "flags",
    [TargetFlags(version="1"), TargetFlags(replicas=1), TargetFlags(node_pool="a")],
)
def test_any_worker_flag_makes_a_worker(flags: TargetFlags) -> None:
    what = "a codespec for the worker must be specified"
    assert _fails(None, what, _job(worker=flags)).hint == "name one with --worker-codespec"
    request = _request("worker: {codespec: w}", _job(worker=flags))
    assert request.worker is not None
    assert request.worker.codespec == CodespecRef("w")


def test_without_a_worker_flag_there_is_none() -> None:
    assert not TargetFlags().any_given()
    assert _request("", _job()).worker is None
    _fails("worker: {}", "a codespec for the worker must be specified", _job())


def test_buffers_merge_key_by_key() -> None:
    text = "job:\n  codespec: c\n  buffers:\n    a: fileA\n    b: fileB"
    request = _request(text, RunFlags(buffers={"b": "flagB", "c": "-"}))
    assert request.job.buffers == {
        "a": BufferArgument("fileA", Place("run.yml", 4, 8), in_file=True),
        "b": BufferArgument("flagB", Place("--buffer")),
        "c": BufferArgument("-", Place("--buffer")),
    }
    assert list(request.job.buffers) == ["a", "b", "c"]


def test_tags_merge_key_by_key() -> None:
    text = "tags: {a: 1, b: 2}\njob: {codespec: c, tags: {p: 1, q: 2}}"
    request = _request(text, RunFlags(tags={"b": "3", "c": "4"}, buffer_tags={"q": "5"}))
    assert request.tags == {"a": "1", "b": "3", "c": "4"}
    assert request.job.tags == {"p": "1", "q": "5"}


@pytest.mark.parametrize(
    ("text", "flag", "ttl"),
    [
        ("", None, ""),
        ("7.00:00", None, "7.00:00"),
        ("7.00:00", "", "7.00:00"),
        ("7.00:00", "1.00:00", "1.00:00"),
        ("nonsense", "1.00:00", "1.00:00"),
    ],
)
def test_times_to_live(text: str, flag: str | None, ttl: str) -> None:
    file = f"job: {{codespec: c, bufferTtl: '{text}'}}\nbufferAccessTtl: '{text}'"
    request = _request(file, RunFlags(buffer_ttl=flag, buffer_access_ttl=flag))
    assert (request.job.buffer_ttl, request.buffer_access_ttl) == (ttl, ttl)


@pytest.mark.parametrize(
    ("text", "flags", "where"),
    [
        ("job: {codespec: c, bufferTtl: x}", RunFlags(), "run.yml:1:31"),
        ("job: {codespec: c}\nbufferAccessTtl: x", RunFlags(), "run.yml:2:18"),
        ("job: {codespec: c}", RunFlags(buffer_ttl="x"), "--buffer-ttl"),
        ("job: {codespec: c}", RunFlags(buffer_access_ttl="x"), "--buffer-access-ttl"),
    ],
)
def test_a_wrong_time_to_live_is_named_with_its_place(
    text: str, flags: RunFlags, where: str
) -> None:
    error = _fails(text, TTL.format("x"), flags)
    assert isinstance(error, SpecError)
    assert (error.where, error.hint) == (where, "for example 7.00:00 for a week")


@pytest.mark.parametrize("text", ["", "7.00:00", "0.00:05", "365.23:59:59", "1.99:99"])
def test_check_ttl(text: str) -> None:
    check_ttl(text, Place("--buffer-ttl"))


@pytest.mark.parametrize(
    "text",
    ["7", "7d", "00:05", "7.0:00", "7.00:00:0", "-1.00:00", "7.00:00 ", "7.00:00\n", "7:00:00"],
)
def test_what_is_no_ttl(text: str) -> None:
    with pytest.raises(SpecError) as caught:
        check_ttl(text, Place("--buffer-ttl"))
    assert caught.value.what == TTL.format(text)


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"a": ""},
        {"A-b_c.9": "A-b_c.9"},
        {"k" * 128: "v" * 256},
        {f"k{i}": "v" for i in range(100)},
    ],
)
def test_check_tags(tags: dict[str, str]) -> None:
    check_tags(tags)


@pytest.mark.parametrize(
    ("tags", "what"),
    [
        ({"": "v"}, KEY.format("")),
        ({"a b": "v"}, KEY.format("a b")),
        ({"ä": "v"}, KEY.format("ä")),
        ({"a\n": "v"}, KEY.format("a\n")),
        ({"k" * 129: "v"}, KEY.format("k" * 129)),
        ({"a": "b c"}, VALUE.format("b c")),
        ({"a": "v" * 257}, VALUE.format("v" * 257)),
        ({f"k{i}": "v" for i in range(101)}, "No more than 100 tags can be set on a buffer"),
    ],
)
def test_wrong_tags(tags: dict[str, str], what: str) -> None:
    _fails(None, what, _job(tags=tags))
    assert _fails(None, what, _job(buffer_tags=tags)).hint


def test_what_a_file_connects_to_a_worker_is_remembered() -> None:
    request = _request("job: {codespec: c}\nworker: {codespec: w, buffers: {a: x}}")
    assert request.worker is not None
    (argument,) = request.worker.buffers.values()
    assert (list(request.worker.buffers), argument.text) == (["a"], "x")
    assert str(argument.where).endswith(":2:36")
    assert request.job.buffers == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("job: {codespec: c}", {"job": 1, "worker": 0}),
        ("job: {codespec: c, replicas: 2}\nworker: {codespec: w}", {"job": 2, "worker": 1}),
    ],
)
def test_how_many_containers_there_are_of_each_role(text: str, expected: dict[str, int]) -> None:
    assert _request(text).replicas == expected
