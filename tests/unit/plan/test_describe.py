from __future__ import annotations

import json
import shlex
from dataclasses import replace

import pytest

from tyger_local.plan.build import SHELL, plan_run
from tyger_local.plan.describe import described
from tyger_local.plan.docker_lines import docker_run_line
from tyger_local.plan.model import MountPlan, Overrides, RunPlan
from tyger_local.plan.resolved import ResolvedRun, ResolvedWorker
from tyger_local.spec.models import JobCodespec, WorkerCodespec
from tyger_local.spec.versions import JsonObject

ROOT = "/etc/buffer-fifos"


def _plan(overrides: Overrides | None = None, /, **fields: object) -> RunPlan:
    codespec = JobCodespec.read({"image": "x", **fields})
    return plan_run(ResolvedRun(codespec), run_id="7", overrides=overrides)


def _line(overrides: Overrides | None = None, /, **fields: object) -> list[str]:
    plan = _plan(overrides, **fields)
    return shlex.split(docker_run_line(plan, plan.containers[0]))


def _container(document: JsonObject) -> JsonObject:
    """Return the only container of a described plan."""
    containers = document["containers"]
    assert isinstance(containers, list)
    (container,) = containers
    assert isinstance(container, dict)
    return container


FULL = {
    "buffers": {"inputs": ["in"], "outputs": ["out"]},
    "command": ["c", "d e"],
    "args": ["$(IN_PIPE)"],
    "workingDir": "/w",
    "env": {"A": 'say "hi"; $(X)'},
    "resources": {
        "requests": {"cpu": 1, "memory": "1Gi"},
        "limits": {"cpu": 1.5, "memory": "2Gi"},
        "gpu": 1,
        "shm": "64Mi",
    },
}
OVERRIDES = Overrides(
    network="net",
    mounts=(MountPlan("/a", "/b"), MountPlan("/c", "/d", read_only=True)),
    user="1000:1000",
    platform="linux/amd64",
)


def test_the_document_of_a_whole_plan() -> None:
    document = described(_plan(OVERRIDES, **FULL), {"in": "in.bin", "out": "standard output"})
    line = str(_container(document).pop("dockerRun"))
    warnings = document.pop("warnings")
    assert "PIPES" in str(document.pop("note"))
    assert line.startswith("docker run --rm --hostname=run-7-job-0 ")
    assert isinstance(warnings, list)
    assert len(warnings) == 4
    assert document == {
        "runId": "7",
        "timeoutSeconds": 43_200,
        "network": "net",
        "privateNetwork": None,
        "containers": [
            {
                "name": "job-0",
                "role": "job",
                "hostName": "run-7-job-0",
                "image": "x",
                "entrypoint": ["c", "d e"],
                "arguments": [f"{ROOT}/in"],
                "env": {
                    "TYGER_RUN_ID": "7",
                    "IN_PIPE": f"{ROOT}/in",
                    "OUT_PIPE": f"{ROOT}/out",
                    "A": 'say "hi"; $(X)',
                },
                "buffers": {
                    "in": {"direction": "input", "pipe": f"{ROOT}/in", "host": "in.bin"},
                    "out": {
                        "direction": "output",
                        "pipe": f"{ROOT}/out",
                        "host": "standard output",
                    },
                },
                "sockets": [],
                "limits": {
                    "cpus": 1.5,
                    "cpuShares": 1024,
                    "memoryBytes": 2**31,
                    "memoryReservationBytes": 2**30,
                    "shmBytes": 64 * 2**20,
                    "gpus": 1,
                    "capacity": "not checked",
                },
                "mounts": [f"PIPES:{ROOT}", "/a:/b", "/c:/d:ro"],
                "workingDir": "/w",
                "user": "1000:1000",
            }
        ],
    }


def test_what_only_the_engine_knows_is_shown_as_such() -> None:
    document = described(_plan(), {})
    assert list(document) == [
        "runId", "timeoutSeconds", "network", "privateNetwork", "containers", "note", "warnings",
    ]  # fmt: skip
    assert (document["network"], document["warnings"]) == ("[engine's default]", [])
    container = _container(document)
    assert list(container) == [
        "name", "role", "hostName", "image", "entrypoint", "arguments", "env", "buffers", "sockets", "limits",
        "mounts", "workingDir", "user", "dockerRun",
    ]  # fmt: skip
    assert container["entrypoint"] == "[image's ENTRYPOINT]"
    assert container["arguments"] == "[image's CMD]"
    assert container["workingDir"] == "[image's WORKDIR]"
    assert container["user"] == "[image's USER]"
    assert container["limits"] == {"capacity": "not checked"}
    assert (container["buffers"], container["sockets"], container["mounts"]) == ({}, [], [])


@pytest.mark.parametrize(
    ("fields", "entrypoint", "arguments"),
    [
        ({"args": ["a"]}, "[image's ENTRYPOINT]", ["a"]),
        ({"command": ["c"]}, ["c"], []),  # the image's CMD is dropped
        ({"command": ["c"], "args": ["a"]}, ["c"], ["a"]),
    ],
)
def test_entrypoint_and_arguments(
    fields: dict[str, object], entrypoint: object, arguments: object
) -> None:
    container = _container(described(_plan(None, **fields), {}))
    assert (container["entrypoint"], container["arguments"]) == (entrypoint, arguments)


def test_a_checked_capacity_is_not_mentioned() -> None:
    assert _container(described(_plan(), {}, capacity_checked=True))["limits"] == {}


def test_a_buffer_without_a_word_on_its_connection() -> None:
    container = _container(described(_plan(buffers={"inputs": ["in"]}), {}))
    assert container["buffers"] == {"in": {"direction": "input", "pipe": f"{ROOT}/in", "host": ""}}


def test_what_goes_through_sockets() -> None:
    plan = _plan(
        buffers={"inputs": ["in", "mask"], "outputs": ["out"]},
        sockets=[{"port": 80, "inputBuffer": "in"}, {"port": 81, "outputBuffer": "out"}],
    )
    container = _container(described(plan, {"in": "in.bin", "mask": "m"}))
    assert list(container["buffers"]) == ["mask"]  # type: ignore[call-overload]  # a document
    assert container["sockets"] == [
        {"port": 80, "input": {"buffer": "in", "host": "in.bin"}, "output": None},
        {"port": 81, "input": None, "output": {"buffer": "out", "host": ""}},
    ]


def _distributed(overrides: Overrides | None = None) -> RunPlan:
    worker = WorkerCodespec.read({"image": "w", "endpoints": {"http": 80}, "maxReplicas": 2})
    run = ResolvedRun(
        JobCodespec(image="j", max_replicas=2), replicas=2, worker=ResolvedWorker(worker, 2)
    )
    return plan_run(run, run_id="7", overrides=overrides)


def test_a_distributed_run_in_the_order_in_which_it_starts() -> None:
    document = described(_distributed(), {})
    containers = document["containers"]
    assert isinstance(containers, list)
    assert [each["name"] for each in containers] == ["worker-0", "worker-1", "job-0", "job-1"]
    assert (document["privateNetwork"], document["dockerNetwork"]) == (
        "run-7",
        "docker network create run-7",
    )
    worker, job = containers[1], containers[2]
    full = "run-7-worker-1.run-7-worker.tyger.svc.cluster.local"
    assert (worker["hostName"], worker["aliases"][0]) == (full, full)
    assert (worker["role"], worker["image"], worker["endpoints"]) == ("worker", "w", {"http": 80})
    assert not {"buffers", "sockets"} & set(worker)
    assert (job["role"], job["hostName"]) == ("job", "run-7-job-0")
    assert not {"aliases", "endpoints"} & set(job)
    assert "TYGER_WORKER_NODES" in job["env"]


def test_the_docker_lines_of_a_distributed_run_find_each_other() -> None:
    plan = _distributed(Overrides(network="net"))
    job, worker = plan.jobs[0], plan.workers[0]
    assert shlex.split(docker_run_line(plan, worker)) == [
        "docker",
        "run",
        "--rm",
        "--detach",
        "--hostname=run-7-worker-0",
        "--domainname=run-7-worker.tyger.svc.cluster.local",
        "--network=run-7",
        *(f"--network-alias={alias}" for alias in worker.aliases),
        "--network=net",
        "--env=TYGER_RUN_ID=7",
        "w",
    ]
    assert docker_run_line(plan, job).startswith(
        "docker run --rm --hostname=run-7-job-0 --network=run-7 --network=net --env="
    )


def test_warnings_are_the_plans_differences() -> None:
    plan = _plan(identity="me")
    assert described(plan, {})["warnings"] == ["the identity 'me' is ignored here"]


def test_the_document_is_json() -> None:
    json.dumps(described(_plan(OVERRIDES, **FULL), {}))


def test_the_whole_docker_run_line() -> None:
    assert _line(OVERRIDES, **FULL) == [
        "docker",
        "run",
        "--rm",
        "--hostname=run-7-job-0",
        "--network=net",
        f"--volume=PIPES:{ROOT}",
        "--volume=/a:/b",
        "--volume=/c:/d:ro",
        "--env=TYGER_RUN_ID=7",
        f"--env=IN_PIPE={ROOT}/in",
        f"--env=OUT_PIPE={ROOT}/out",
        '--env=A=say "hi"; $(X)',
        "--cpu-period=100000",
        "--cpu-quota=150000",
        "--cpu-shares=1024",
        "--memory=2147483648",
        "--memory-swap=2147483648",
        "--memory-reservation=1073741824",
        "--shm-size=67108864",
        "--gpus=1",
        "--workdir=/w",
        "--user=1000:1000",
        "--platform=linux/amd64",
        "--entrypoint=c",
        "x",
        "d e",
        f"{ROOT}/in",
    ]


START = ["docker", "run", "--rm", "--hostname=run-7-job-0", "--env=TYGER_RUN_ID=7"]


@pytest.mark.parametrize(
    ("fields", "rest"),
    [
        ({}, ["x"]),
        ({"args": ["a", ""]}, ["x", "a", ""]),
        ({"command": ["c"]}, ["--entrypoint=c", "x"]),
        ({"command": ["c", "d"], "args": ["a"]}, ["--entrypoint=c", "x", "d", "a"]),
        ({"resources": {"requests": {"cpu": 1}}}, ["--cpu-shares=1024", "x"]),
    ],
)
def test_a_docker_run_line_has_what_was_asked_for(
    fields: dict[str, object], rest: list[str]
) -> None:
    assert _line(None, **fields) == [*START, *rest]


def test_the_docker_run_line_of_a_shell() -> None:
    assert _line(Overrides(shell=SHELL), args=["a"]) == [
        *START,
        "--entrypoint=/bin/sh",
        "x",
        *SHELL[1:],
    ]


def test_the_docker_run_line_can_be_pasted() -> None:
    plan = _plan(args=["it's", "a b", "$HOME"])
    line = docker_run_line(plan, replace(plan.containers[0], env=()))
    assert line.endswith("""x 'it'"'"'s' 'a b' '$HOME'""")
