"""What is exported for a cluster: valid to Kubernetes, and the same to the program as Tyger's own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tyger_local.errors import UsageError
from tyger_local.export.kubernetes import run_sheets, worker_sheets
from tyger_local.export.sheet import Sheet
from tyger_local.export.target import Target
from tyger_local.plan.build import plan_run
from tyger_local.plan.resolved import ResolvedRun, ResolvedWorker
from tyger_local.spec.decode import decode_codespec_file
from tyger_local.spec.document import read_document
from tyger_local.spec.expansion import expand
from tyger_local.spec.flags import CodespecFlags, codespec_from
from tyger_local.spec.models import JobCodespec, WorkerCodespec
from tyger_local.spec.quantity import parse_quantity

Document = dict[str, Any]

VERSION = kubernetes_validate.latest_version()
FOLDER = Path(__file__).parents[3] / "examples"
EXAMPLES = sorted(path for path in FOLDER.glob("*/*.yml") if path.name != "run.yml")
BOTH = {"inputs": ["input"], "outputs": ["output"]}
FULL = {
    "image": "x",
    "buffers": {"inputs": ["in", "mask"], "outputs": ["out-1"]},
    "command": ["c", "$(OUT-1_PIPE)"],
    "args": ["$(IN_PIPE)", "$$(IN_PIPE)", "$(NOBODY)", ""],
    "workingDir": "/w",
    "env": {"LONGER": "$(A)", "A": "x$$", "B": "$(LONGER)"},
    "resources": {
        "requests": {"cpu": "500m", "memory": "1Gi"},
        "limits": {"cpu": 1.5, "memory": "2Gi"},
        "gpu": 2,
        "shm": "64Mi",
    },
}


def _job(fields: Mapping[str, object] | None = None, **more: Any) -> ResolvedRun:
    return ResolvedRun(JobCodespec.read({"image": "x", **(fields or {})}), **more)


def _workers(replicas: int = 2, **fields: object) -> ResolvedWorker:
    return ResolvedWorker(WorkerCodespec.read({"image": "w", **fields}), replicas)


def _documents(sheets: tuple[Sheet, ...]) -> dict[str, Document]:
    """Return the documents by kind; each is valid to Kubernetes, and is JSON."""
    for sheet in sheets:
        kubernetes_validate.validate(sheet.document, VERSION, strict=True)
        assert json.loads(json.dumps(sheet.document)) == sheet.document
    return {str(sheet.document["kind"]): sheet.document for sheet in sheets}


def _pod(run: ResolvedRun, target: Target | None = None) -> Document:
    found: Document = _documents(run_sheets(run, target or Target()))["Pod"]["spec"]
    return found


def _main(pod: Document) -> Document:
    (main,) = (each for each in pod["containers"] if each["name"] == "main")
    return dict(main)


def _kubelet(main: Document) -> tuple[dict[str, str], list[str], list[str]]:
    """Return variables, command and arguments as the kubelet makes them of a container."""
    variables: dict[str, str] = {}
    for each in main.get("env", ()):
        variables[each["name"]] = expand(each["value"], variables)
    command, args = (
        [expand(text, variables) for text in main.get(name, ())] for name in ("command", "args")
    )
    return variables, command, args


def test_a_whole_job() -> None:
    documents = _documents(run_sheets(_job(FULL, timeout_s=60), Target("7")))
    assert list(documents) == ["PersistentVolumeClaim", "Pod"]
    labels = {"tyger-run": "7", "tyger-job": "7"}
    metadata = {"name": "run-7-job-0", "namespace": "tyger", "labels": labels}
    assert documents["Pod"]["metadata"] == metadata
    pod = documents["Pod"]["spec"]
    assert (pod["restartPolicy"], pod["activeDeadlineSeconds"]) == ("Never", 60)
    assert pod["terminationGracePeriodSeconds"] == 2
    assert [(t["key"], t["value"]) for t in pod["tolerations"]] == [
        ("tyger", "run"),
        ("sku", "gpu"),
    ]
    assert "nodeSelector" not in pod
    assert pod["volumes"] == [
        {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}},
        {"name": "pipevolume", "emptyDir": {}},
        {"name": "buffers", "persistentVolumeClaim": {"claimName": "run-7-buffers"}},
    ]
    main = _main(pod)
    assert main["volumeMounts"] == [
        {"name": "shm", "mountPath": "/dev/shm"},
        {"name": "pipevolume", "mountPath": "/etc/buffer-fifos"},
    ]
    assert main["command"] == FULL["command"]
    assert main["args"] == FULL["args"]
    assert "workingDir" not in main
    assert main["resources"] == {
        "requests": {"cpu": "500m", "memory": "1Gi", "nvidia.com/gpu": "2"},
        "limits": {"cpu": "1500m", "memory": "2Gi", "nvidia.com/gpu": "2"},
    }
    names = [each["name"] for each in main["env"]]
    pipes = ["IN_PIPE", "MASK_PIPE", "OUT-1_PIPE"]
    assert names == ["TYGER_RUN_ID", "A", "B", "LONGER", *pipes]
    variables, command, args = _kubelet(main)
    assert (variables["B"], variables["LONGER"]) == ("$(LONGER)", "x$")
    assert command == ["c", "/etc/buffer-fifos/out-1"]
    assert args == ["/etc/buffer-fifos/in", "$(IN_PIPE)", "$(NOBODY)", ""]


def test_the_pipes_and_who_moves_the_bytes() -> None:
    pod = _pod(_job(FULL))
    (maker,) = pod["initContainers"]
    paths = "/etc/buffer-fifos/in /etc/buffer-fifos/mask /etc/buffer-fifos/out-1"
    assert maker["command"][-1] == f"mkfifo {paths}\nchmod 666 {paths}\n"
    sidecars = {each["name"]: each["command"][-1] for each in pod["containers"][1:]}
    assert sidecars == {
        "in-buffer-sidecar": "exec cat /buffers/in > /etc/buffer-fifos/in\n",
        "mask-buffer-sidecar": "exec cat /buffers/mask > /etc/buffer-fifos/mask\n",
        "out-1-buffer-sidecar": "exec cat /etc/buffer-fifos/out-1 > /buffers/out-1\n",
    }


def test_a_job_without_anything_is_a_container_and_no_more() -> None:
    sheets = run_sheets(_job(), Target())
    assert [sheet.document["kind"] for sheet in sheets] == ["Pod"]
    pod = _pod(_job())
    assert set(pod) == {
        "restartPolicy",
        "terminationGracePeriodSeconds",
        "tolerations",
        "containers",
        "activeDeadlineSeconds",
    }
    assert _main(pod) == {
        "name": "main",
        "image": "x",
        "env": [{"name": "TYGER_RUN_ID", "value": "1"}],
    }


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({"gpu": 1}, {"requests": {"nvidia.com/gpu": "1"}, "limits": {"nvidia.com/gpu": "1"}}),
        ({"gpu": 0}, {"requests": {"nvidia.com/gpu": "0"}, "limits": {"nvidia.com/gpu": "0"}}),
        ({"limits": {"memory": 2e9}}, {"limits": {"memory": "2G"}}),
        ({"requests": {"cpu": 0.1}}, {"requests": {"cpu": "100m"}}),
        ({"shm": "1Gi"}, None),
    ],
)
def test_resources(resources: Document, expected: Document | None) -> None:
    pod = _pod(_job({"resources": resources}))
    assert _main(pod).get("resources") == expected
    tolerated = [each["key"] for each in pod["tolerations"]]
    assert tolerated == (["tyger", "sku"] if "gpu" in resources else ["tyger"])


def test_workers() -> None:
    worker = _workers(
        2, env={"AA": "$(B)", "B": "x"}, args=["8000"], endpoints={"zeta": 80, "up": 81}
    )
    run = replace(_job({"buffers": BOTH, "args": ["$(TYGER_WORKER_NODES)"]}), worker=worker)
    documents = _documents(run_sheets(run, Target("7", namespace="mine")))
    assert list(documents) == ["PersistentVolumeClaim", "Service", "StatefulSet", "Pod"]
    labels = {"tyger-run": "7", "tyger-worker": "7"}
    metadata = {"name": "run-7-worker", "namespace": "mine", "labels": labels}
    assert documents["Service"]["metadata"] == metadata
    assert documents["Service"]["spec"] == {"clusterIP": "None", "selector": labels}
    assert documents["StatefulSet"]["metadata"] == metadata
    spec = documents["StatefulSet"]["spec"]
    assert (spec["podManagementPolicy"], spec["replicas"]) == ("Parallel", 2)
    assert (spec["serviceName"], spec["selector"]) == ("run-7-worker", {"matchLabels": labels})
    pod = spec["template"]["spec"]
    assert spec["template"]["metadata"]["labels"] == labels
    assert pod["restartPolicy"] == "Always"
    assert "activeDeadlineSeconds" not in pod
    assert _kubelet(_main(pod)) == ({"TYGER_RUN_ID": "7", "B": "x", "AA": "x"}, [], ["8000"])

    job = documents["Pod"]["spec"]
    hosts = [f"run-7-worker-{i}.run-7-worker.mine.svc.cluster.local" for i in range(2)]
    env = [(each["name"], each["value"]) for each in _main(job)["env"]]
    assert env[3:] == [
        ("TYGER_WORKER_NODES", json.dumps(hosts, separators=(",", ":"))),
        ("TYGER_UP_WORKER_ENDPOINT_ADDRESSES", f'["{hosts[0]}:81","{hosts[1]}:81"]'),
        ("TYGER_ZETA_WORKER_ENDPOINT_ADDRESSES", f'["{hosts[0]}:80","{hosts[1]}:80"]'),
    ]
    assert [each["name"] for each in job["initContainers"]] == ["mkfifo", "waitforworker"]
    waited = job["initContainers"][1]["command"][-1]
    assert waited == "".join(f"until nslookup -type=a {host}; do sleep 1; done\n" for host in hosts)


def test_workers_alone() -> None:
    assert list(_documents(worker_sheets(_workers(), Target()))) == ["Service", "StatefulSet"]


def test_sockets_are_connected_to_files() -> None:
    run = _job(
        {
            "buffers": {"inputs": ["input", "more"], "outputs": ["output"]},
            "sockets": [
                {"port": 9000, "inputBuffer": "input"},
                {"port": 9001, "outputBuffer": "output"},
            ],
        }
    )
    pod = _pod(run)
    assert [each["name"] for each in _main(pod)["env"]] == ["TYGER_RUN_ID", "MORE_PIPE"]
    names = [each["name"] for each in pod["containers"][1:]]
    assert names == ["more-buffer-sidecar", "socket-9000-sidecar", "socket-9001-sidecar"]
    scripts = [each["command"][-1] for each in pod["containers"][2:]]
    assert "nc localhost 9000 < /buffers/input > /dev/null" in scripts[0]
    assert "nc localhost 9001 < /dev/null > /buffers/output" in scripts[1]


def test_only_sockets_need_no_folder_of_pipes() -> None:
    run = _job({"buffers": {"outputs": ["o"]}, "sockets": [{"port": 1, "outputBuffer": "o"}]})
    pod = _pod(run)
    assert [each["name"] for each in pod["volumes"]] == ["buffers"]
    assert "initContainers" not in pod


def test_what_is_refused() -> None:
    sockets = [{"port": 1, "inputBuffer": "input"}, {"port": 1, "outputBuffer": "output"}]
    with pytest.raises(UsageError, match="two sockets have the port 1"):
        run_sheets(_job({"buffers": BOTH, "sockets": sockets}), Target())
    with pytest.raises(UsageError, match="replicas would all write"):
        run_sheets(_job({"buffers": BOTH}, replicas=2), Target())


@pytest.mark.parametrize(
    "names",
    [
        {"run_id": ""},
        {"run_id": "A"},
        {"run_id": "-1"},
        {"run_id": "1-"},
        {"run_id": "1.2"},
        {"run_id": "1" * 41},
        {"namespace": "my_space"},
        {"namespace": "n" * 64},
        {"claim": "My_claim"},
        {"claim": "a..b"},
        {"claim": "c" * 254},
    ],
)
def test_names_that_no_cluster_takes(names: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="is no name on a cluster"):
        Target(**names)


def test_what_the_command_line_chooses() -> None:
    target = Target("r-1", claim="my.claim-1", copying_image="registry/tools:1")
    run = _job({"buffers": BOTH}, node_pool="gpunp", replicas=1)
    assert list(_documents(run_sheets(run, target))) == ["Pod"]
    pod = _pod(run, target)
    assert pod["nodeSelector"] == {"agentpool": "gpunp"}
    assert pod["volumes"][-1]["persistentVolumeClaim"] == {"claimName": "my.claim-1"}
    assert {each["image"] for each in (*pod["initContainers"], *pod["containers"][1:])} == {
        "registry/tools:1"
    }


def test_several_replicas_read_one_volume() -> None:
    sheets = run_sheets(_job({"buffers": {"inputs": ["i"]}}, replicas=3), Target())
    claim = _documents(sheets)["PersistentVolumeClaim"]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    first, *others = (sheet.document for sheet in sheets if sheet.document["kind"] == "Pod")
    for index, other in enumerate(others, 1):
        metadata = {**first["metadata"], "name": f"run-1-job-{index}"}  # type: ignore[dict-item]
        assert other == {**first, "metadata": metadata}
    assert len(others) == 2


def test_what_is_said_above_the_run() -> None:
    buffers = {"inputs": ["a", "b", "c"], "outputs": []}
    run = _job({"buffers": buffers, "sockets": [{"port": 9, "inputBuffer": "c"}], "identity": "me"})
    *_, sheet = run_sheets(run, Target("7"))
    said = "\n".join(sheet.comment)
    assert "/buffers/a, /buffers/b, /buffers/c" in said
    assert "kubectl -n tyger delete pod run-7-job-0" in said
    assert "'me'" in said
    *_, quiet = run_sheets(_job(), Target("7"))
    assert quiet.comment == ("The run. TYGER_RUN_ID is 7.",)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_example_codespec_is_valid(path: Path) -> None:
    file = decode_codespec_file(read_document(path.read_text(), path.name))
    codespec = codespec_from(file, CodespecFlags())
    if isinstance(codespec, WorkerCodespec):
        _documents(worker_sheets(ResolvedWorker(codespec), Target()))
    else:
        _same_as_planned(ResolvedRun(codespec))


def _same_as_planned(run: ResolvedRun) -> None:
    """Check that the cluster gives the program what the plan says of the cluster."""
    plan = plan_run(run, run_id="1")
    (planned,) = plan.jobs
    main = _main(_pod(run))
    variables, command, args = _kubelet(main)
    different = {
        name
        for d in plan.differences
        for name in NAMES
        if f"env {name} " in d.text or f"env sets {name}:" in d.text
    }
    there, here = (
        {name: value for name, value in each.items() if name not in different}
        for each in (variables, dict(planned.env))
    )
    assert there == here
    for difference in plan.differences:
        if difference.code == "env-order":
            name = difference.text.split()[1]
            assert f"'{variables[name]}' on the cluster" in difference.text
    if not different:
        assert (command, args) == ([*(planned.entrypoint or ())], [*(planned.arguments or ())])
    limits = main.get("resources", {}).get("limits", {})
    if "memory" in limits:
        assert parse_quantity(limits["memory"]).value == planned.limits.memory_bytes
    if "cpu" in limits:
        quota = planned.limits.cpu_quota_us
        assert quota is not None
        assert parse_quantity(limits["cpu"]).milli_value * 100 == quota


NAMES = ("A", "B", "AA", "AB", "LONGER", "IN_PIPE", "TYGER_RUN_ID", "b")
ENV_NAMES = st.sampled_from(NAMES)
VALUES = st.lists(
    st.sampled_from(
        ("$(A)", "$(B)", "$(AA)", "$(LONGER)", "$(IN_PIPE)", "$(TYGER_RUN_ID)", "$$", "$", "x", ")")
    ),
    max_size=4,
).map("".join)


@given(st.dictionaries(ENV_NAMES, VALUES, max_size=5), st.lists(VALUES, max_size=3), VALUES)
def test_env_command_and_arguments_are_what_the_plan_says_of_the_cluster(
    env: dict[str, str], args: list[str], command: str
) -> None:
    fields = {"buffers": {"inputs": ["in"]}, "env": env, "args": args, "command": [command]}
    _same_as_planned(_job(fields))
