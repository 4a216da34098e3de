from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from tyger_local.plan.build import plan_run
from tyger_local.plan.explain import Explained, explain
from tyger_local.plan.explanation import Explanation, Row
from tyger_local.plan.model import MountPlan, Overrides, Role
from tyger_local.plan.origins import Origin, OriginKind, Origins
from tyger_local.plan.resolved import ResolvedRun, ResolvedWorker
from tyger_local.spec.document import read_document
from tyger_local.spec.models import JobCodespec, WorkerCodespec
from tyger_local.spec.runs import CodespecRef, RunFlags, TargetFlags, run_request

CODESPEC = """\
image: x
buffers:
  inputs: [in]
  outputs: [out]
command: [sh, -c]
args: [cat $(IN_PIPE) > $(OUT_PIPE), "$(LONG)"]
env:
  LONG: word
  B: $(LONG)
"""


def _explained(
    text: str | None,
    flags: RunFlags | None = None,
    overrides: Overrides | None = None,
    *,
    stored: Mapping[str, Mapping[str, object]] | None = None,
    pipe_root: str = "/etc/buffer-fifos",
) -> Explained:
    """Return what is to be explained of a file; `stored` has codespecs by role, all in version 3."""
    document = None if text is None else read_document(text, "f.yml")
    flags, overrides, stored = flags or RunFlags(), overrides or Overrides(), stored or {}
    request = run_request(document, flags)
    job, worker = request.job.codespec, None
    if isinstance(job, CodespecRef):
        job = JobCodespec.read(stored["job"])
    assert isinstance(job, JobCodespec)
    if request.worker is not None:
        codespec = request.worker.codespec
        if isinstance(codespec, CodespecRef):
            codespec = WorkerCodespec.read(stored["worker"])
        assert isinstance(codespec, WorkerCodespec)
        worker = ResolvedWorker(codespec, request.worker.replicas)
    run = ResolvedRun(job, request.job.replicas, request.timeout_s, worker=worker)
    buffers = (*job.buffers.inputs, *job.buffers.outputs)
    return Explained(
        request=request,
        run=run,
        plan=plan_run(run, run_id="7", overrides=overrides, pipe_root=lambda _: pipe_root),
        overrides=overrides,
        origins=Origins(document, flags, {Role(role): f"{role}/versions/3" for role in stored}),
        connections={name: f"{name}.bin" for name in buffers},
    )


def _rows(explanation: Explanation, part: str = "job") -> dict[str, Row]:
    (rows,) = (found.rows for found in explanation.parts if found.name == part)
    return {row.name: row for row in rows}


def _said(rows: Mapping[str, Row], *names: str) -> list[tuple[str, str, str | None]]:
    """Return value, origin and the cluster's value of rows."""
    return [(rows[n].value, str(rows[n].origin), rows[n].cluster) for n in names]


def test_each_value_of_a_file_has_its_place() -> None:
    rows = _rows(explain(_explained(CODESPEC)))
    assert _said(rows, "image", "command[1]", "buffers.inputs[0]", "buffers.in") == [
        ("x", "f.yml:1:8", None),
        ("-c", "f.yml:5:15", None),
        ("in", "f.yml:3:12", None),
        ("in.bin", "default", None),
    ]
    assert _said(rows, "replicas", "workingDir", "user", "resources.limits.cpu") == [
        ("1", "default", None),
        ("[image's WORKDIR]", "the image", None),
        ("[image's USER]", "the image", None),
        ("[no limit]", "default", None),
    ]


def test_what_variables_become_is_shown_beside_what_was_written_and_what_the_cluster_has() -> None:
    rows = _rows(explain(_explained(CODESPEC)))
    assert rows["args[0]"] == Row(
        "args[0]",
        "cat /etc/buffer-fifos/in > /etc/buffer-fifos/out",
        Origin(OriginKind.FILE, "f.yml:6:8"),
        written="cat $(IN_PIPE) > $(OUT_PIPE)",
    )
    assert rows["env.B"] == Row(
        "env.B",
        "word",
        Origin(OriginKind.FILE, "f.yml:9:6"),
        cluster="$(LONG)",
        written="$(LONG)",
    )
    assert _said(rows, "env.TYGER_RUN_ID", "env.IN_PIPE", "env.LONG") == [
        ("7", "added to every run", None),
        ("/etc/buffer-fifos/in", "added to every run", None),
        ("word", "f.yml:8:9", None),
    ]


def test_what_the_cluster_has_passes_on_through_references() -> None:
    text = "{image: x, args: [say $(B)], env: {LONG: word, B: $(LONG)}}"
    row = _rows(explain(_explained(text)))["args[0]"]
    assert (row.value, row.cluster, row.written) == ("say word", "say $(LONG)", "say $(B)")


def test_pipes_elsewhere_than_on_the_cluster_are_told() -> None:
    rows = _rows(explain(_explained(CODESPEC, pipe_root="/tmp/p")))
    assert _said(rows, "env.IN_PIPE") == [
        ("/tmp/p/in", "added to every run", "/etc/buffer-fifos/in")
    ]


def test_an_injected_name_in_env() -> None:
    text = "{image: x, buffers: {inputs: [in]}, env: {TYGER_RUN_ID: mine, IN_PIPE: mine}}"
    rows = _rows(explain(_explained(text)))
    assert _said(rows, "env.TYGER_RUN_ID", "env.IN_PIPE") == [
        ("7", "added to every run", "mine"),
        ("/etc/buffer-fifos/in", "added to every run", None),
    ]


@pytest.mark.parametrize(
    ("fields", "command", "args"),
    [
        ("", "[image's ENTRYPOINT]", "[image's CMD]"),
        ("command: [a], ", None, "[none]"),
        ("args: [a], ", "[image's ENTRYPOINT]", None),
        ("command: [a], args: [b], ", None, None),
    ],
)
def test_what_is_left_to_the_image(fields: str, command: str | None, args: str | None) -> None:
    rows = _rows(explain(_explained(f"{{{fields}image: x}}")))
    assert [rows[n].value if n in rows else None for n in ("command", "args")] == [command, args]


def test_what_holds_only_here_or_only_there() -> None:
    text = "{image: x, workingDir: /w, identity: me, maxReplicas: 2, resources: {gpu: 2}}"
    overrides = Overrides(
        network="net",
        mounts=(MountPlan("/a", "/b", read_only=True),),
        user="1:1",
        platform="linux/arm64",
        no_gpu=True,
    )
    explanation = explain(_explained(text, overrides=overrides))
    rows = _rows(explanation)
    assert _said(rows, "workingDir", "identity", "user", "platform", "mount", "resources.gpu") == [
        ("/w", "f.yml:1:24", "[image's WORKDIR]"),
        ("[ignored]", "f.yml:1:38", "me"),
        ("1:1", "--user", "[image's USER]"),
        ("linux/arm64", "--platform", "[the node's]"),
        ("/a:/b:ro", "--mount", "[none]"),
        ("[none]", "--no-gpu", "2"),
    ]
    assert _said(rows, "maxReplicas") == [("2", "f.yml:1:55", None)]
    assert _said(_rows(explanation, "run"), "network") == [
        ("net", "--network", "[the cluster's network]")
    ]
    assert {found.code for found in explanation.differences} >= {"working-dir", "no-gpu"}


@pytest.mark.parametrize(
    ("resources", "name", "said"),
    [
        ("{limits: {cpu: 2}}", "requests.cpu", ("2", "file", None)),
        ("{limits: {memory: 1Gi}}", "requests.memory", ("[none]", "default", "1Gi")),
        ("{requests: {cpu: 500m}}", "requests.cpu", ("500m", "file", None)),
        ("{requests: {cpu: 500m}}", "limits.cpu", ("[no limit]", "default", None)),
        ("{limits: {memory: 1024Mi}}", "limits.memory", ("1Gi", "file", None)),
        ("{gpu: 1}", "gpu", ("1", "file", None)),
        ("{shm: 1Gi}", "shm", ("1Gi", "file", None)),
        ("{}", "shm", ("[engine's default]", "default", None)),
    ],
)
def test_amounts(resources: str, name: str, said: tuple[str, str, str | None]) -> None:
    rows = _rows(explain(_explained(f"{{image: x, resources: {resources}}}")))
    row = rows[f"resources.{name}"]
    assert (row.value, row.origin.kind.value, row.cluster) == said


def test_gpus_that_nobody_asked_for_are_not_told_of() -> None:
    rows = _rows(explain(_explained("image: x", overrides=Overrides(no_gpu=True))))
    assert _said(rows, "resources.gpu") == [("[none]", "default", None)]


RUN = """\
timeoutSeconds: 60
cluster: west
tags: {a: b}
job:
  codespec:
    image: x
    buffers: {inputs: [in], outputs: [out]}
    sockets: [{port: 80, inputBuffer: in}, {port: 81, outputBuffer: out}]
  buffers: {in: in.bin}
  tags: {c: d}
  bufferTtl: 1.00:00
  nodePool: cpus
worker:
  codespec:
    image: w
    endpoints: {Recon: 8000}
  replicas: 2
"""


def test_a_run_file() -> None:
    explanation = explain(_explained(RUN))
    assert _said(_rows(explanation, "run"), "timeoutSeconds", "cluster", "tags.a") == [
        ("60", "f.yml:1:17", None),
        ("[ignored]", "f.yml:2:10", "west"),
        ("b", "f.yml:3:11", None),
    ]
    rows = _rows(explanation)
    names = ("image", "buffers.in", "buffers.out", "nodePool", "bufferTags.c", "bufferTtl")
    assert _said(rows, *names) == [
        ("x", "f.yml:6:12", None),
        ("in.bin", "f.yml:9:17", None),
        ("out.bin", "default", None),
        ("[ignored]", "f.yml:12:13", "cpus"),
        ("d", "f.yml:10:13", None),
        ("1.00:00", "f.yml:11:14", None),
    ]
    assert _said(rows, "sockets[0]", "sockets[1]") == [
        ("port 80, takes in", "f.yml:8:15", None),
        ("port 81, gives out", "f.yml:8:44", None),
    ]
    assert "env.IN_PIPE" not in rows
    assert rows["env.TYGER_RECON_WORKER_ENDPOINT_ADDRESSES"].origin.kind is OriginKind.ADDED
    workers = _rows(explanation, "worker")
    assert _said(workers, "replicas", "image", "endpoints.Recon") == [
        ("2", "f.yml:17:13", None),
        ("w", "f.yml:15:12", None),
        ("8000", "f.yml:16:24", None),
    ]
    assert "env.TYGER_WORKER_NODES" not in workers
    lines = explanation.docker_lines
    assert [line.split()[1] for line in lines] == ["network", "run", "run", "run"]
    assert " x" in lines[-1]


FLAGS = RunFlags(
    job=TargetFlags(codespec="job", replicas=1, node_pool="p"),
    worker=TargetFlags(codespec="worker", replicas=3, node_pool="q"),
    buffers={"in": "x"},
    buffer_tags={"c": "e"},
    buffer_ttl="2.00:00",
    cluster="east",
    timeout_s=9,
    tags={"a": "c"},
)
STORED: dict[str, dict[str, object]] = {
    "job": {"image": "x", "args": ["a"], "buffers": {"inputs": ["in"]}},
    "worker": {"image": "w", "endpoints": {"e": 1}},
}


@pytest.mark.parametrize("text", [None, RUN])
def test_flags_and_stored_codespecs(text: str | None) -> None:
    explanation = explain(_explained(text, FLAGS, stored=STORED))
    assert _said(_rows(explanation, "run"), "timeoutSeconds", "cluster", "tags.a") == [
        ("9", "--timeout", None),
        ("[ignored]", "--cluster", "east"),
        ("c", "--tag", None),
    ]
    rows = _rows(explanation)
    assert _said(rows, "image", "args[0]", "replicas", "nodePool", "buffers.in") == [
        ("x", "job/versions/3", None),
        ("a", "job/versions/3", None),
        ("1", "--replicas", None),
        ("[ignored]", "--node-pool", "p"),
        ("in.bin", "--buffer", None),
    ]
    assert _said(rows, "bufferTags.c", "bufferTtl") == [
        ("e", "--buffer-tag", None),
        ("2.00:00", "--buffer-ttl", None),
    ]
    assert _said(_rows(explanation, "worker"), "image", "replicas", "nodePool") == [
        ("w", "worker/versions/3", None),
        ("3", "--worker-replicas", None),
        ("[ignored]", "--worker-node-pool", "q"),
    ]


def test_workers_alone() -> None:
    explanation = explain(replace(_explained(RUN), roles=(Role.WORKER,)))
    assert [part.name for part in explanation.parts] == ["run", "worker"]
    assert [line.split()[1] for line in explanation.docker_lines] == ["network", "run", "run"]


def test_the_document_for_programs() -> None:
    document = explain(_explained(CODESPEC)).document()
    assert list(document) == ["run", "job", "dockerLines", "warnings"]
    assert document["run"] == [
        {"name": "timeoutSeconds", "value": "43200", "origin": {"kind": "default"}}
    ]
    rows = document["job"]
    assert isinstance(rows, list)
    assert {
        "name": "env.B",
        "value": "word",
        "origin": {"kind": "file", "where": "f.yml:9:6"},
        "written": "$(LONG)",
        "cluster": "$(LONG)",
    } in rows
    warnings = document["warnings"]
    assert isinstance(warnings, list)
    assert [(found["code"], found["strict"]) for found in warnings] == [("env-order", True)]


def test_what_cannot_be() -> None:
    subject = _explained(RUN)
    with pytest.raises(AssertionError, match="were asked for"):
        explain(replace(subject, request=replace(subject.request, worker=None)))
    with pytest.raises(AssertionError, match="is in the file"):
        Origins().of_codespec(Role.JOB, ("image",))
