from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from tyger_local.errors import EngineError, UsageError
from tyger_local.plan.build import SHELL, plan_run
from tyger_local.plan.model import (
    Capacity,
    Difference,
    EndpointPlan,
    Limits,
    MountPlan,
    NetworkPlan,
    Overrides,
    RunPlan,
)
from tyger_local.plan.resolved import ResolvedRun, ResolvedWorker
from tyger_local.spec.models import JobCodespec, WorkerCodespec

GI = 2**30
MACHINE = Capacity(
    nano_cpus=4 * 10**9, memory_bytes=8 * GI, gpus=2, smallest_memory_bytes=6 * 2**20
)
DOMAIN = "run-7-worker.tyger.svc.cluster.local"


def _run(
    worker: Mapping[str, object] | None = None,
    job: Mapping[str, object] | None = None,
    *,
    replicas: int = 1,
    workers: int = 1,
    node_pool: str = "",
) -> ResolvedRun:
    codespec = WorkerCodespec.read({"image": "w", "maxReplicas": 9, **(worker or {})})
    return ResolvedRun(
        JobCodespec.read({"image": "j", "maxReplicas": 9, **(job or {})}),
        replicas,
        worker=ResolvedWorker(codespec, workers, node_pool),
    )


def _plan(
    run: ResolvedRun, overrides: Overrides | None = None, capacity: Capacity | None = None
) -> RunPlan:
    return plan_run(
        run, run_id="7", overrides=overrides, capacity=capacity, labels={"whose": "mine"}
    )


def test_the_containers_of_a_distributed_run() -> None:
    plan = _plan(_run({"endpoints": {"http": 80, "tcp": 81}}, replicas=2, workers=2))
    assert [c.label for c in plan.containers] == ["job-0", "job-1", "worker-0", "worker-1"]
    assert (plan.jobs, plan.workers) == (plan.containers[:2], plan.containers[2:])
    assert [c.host_name for c in plan.workers] == ["run-7-worker-0", "run-7-worker-1"]
    assert [c.image for c in plan.containers] == ["j", "j", "w", "w"]
    assert plan.private_network == NetworkPlan("run-7", (("whose", "mine"),))
    for index, worker in enumerate(plan.workers):
        assert (worker.index, worker.domain) == (index, DOMAIN)
        assert worker.endpoints == (EndpointPlan("http", 80), EndpointPlan("tcp", 81))
        assert worker.labels == (("whose", "mine"),)
        assert (worker.pipes, worker.sockets) == ((), ())
        assert worker.aliases == (
            f"run-7-worker-{index}.{DOMAIN}",
            f"run-7-worker-{index}.run-7-worker.tyger.svc",
            f"run-7-worker-{index}.run-7-worker.tyger",
            f"run-7-worker-{index}.run-7-worker",
            DOMAIN,
            "run-7-worker.tyger.svc",
            "run-7-worker.tyger",
            "run-7-worker",
        )
    for job in plan.jobs:
        assert (job.domain, job.aliases, job.endpoints) == ("", (), ())
    assert plan.differences == ()


def test_a_run_without_workers_needs_no_network() -> None:
    plan = plan_run(ResolvedRun(JobCodespec.read({"image": "j"})), run_id="7")
    assert (plan.private_network, plan.workers) == (None, ())


def test_the_job_is_told_where_its_workers_are() -> None:
    run = _run(
        {"endpoints": {"TestWorker": 5000, "a-b": 1}},
        {"env": {"MINE": "$(TYGER_WORKER_NODES)"}, "args": ["$(TYGER_WORKER_NODES)"]},
        workers=2,
    )
    plan = _plan(run)
    (job,) = plan.jobs
    env = dict(job.env)
    hosts = [f"run-7-worker-0.{DOMAIN}", f"run-7-worker-1.{DOMAIN}"]
    assert [name for name, _ in job.env] == [
        "TYGER_RUN_ID",
        "MINE",
        "TYGER_WORKER_NODES",
        "TYGER_TESTWORKER_WORKER_ENDPOINT_ADDRESSES",
        "TYGER_A-B_WORKER_ENDPOINT_ADDRESSES",
    ]
    assert json.loads(env["TYGER_WORKER_NODES"]) == hosts
    addresses = json.loads(env["TYGER_TESTWORKER_WORKER_ENDPOINT_ADDRESSES"])
    assert addresses == [f"{host}:5000" for host in hosts]
    # They are defined last, here and on the cluster; arguments see everything.
    assert env["MINE"] == "$(TYGER_WORKER_NODES)"
    assert job.arguments == (env["TYGER_WORKER_NODES"],)
    assert plan.differences == ()
    assert dict(plan.workers[0].env) == {"TYGER_RUN_ID": "7"}


def test_the_codespec_cannot_say_where_they_are() -> None:
    (job,) = _plan(_run(job={"env": {"TYGER_WORKER_NODES": "mine", "Z": "z"}})).jobs
    assert json.loads(dict(job.env)["TYGER_WORKER_NODES"]) == [f"run-7-worker-0.{DOMAIN}"]


def test_a_worker_has_its_own_command_and_environment() -> None:
    worker = {
        "env": {"A": "1", "BB": "$(A)"},
        "command": ["serve", "$(BB)"],
        "args": ["$(TYGER_RUN_ID)"],
        "workingDir": "/w",
        "resources": {"limits": {"cpu": 1}},
    }
    overrides = Overrides(
        mounts=(MountPlan("/a", "/b"),), user="1000", platform="linux/arm64", shell=SHELL
    )
    plan = _plan(_run(worker), overrides)
    (container,) = plan.workers
    assert container.env == (("TYGER_RUN_ID", "7"), ("A", "1"), ("BB", "1"))
    assert (container.entrypoint, container.arguments) == (("serve", "1"), ("7",))
    assert container.limits == Limits(cpu_quota_us=100_000, cpu_shares=1024)
    assert container.working_dir == "/w"
    assert (container.mounts, container.user) == ((MountPlan("/a", "/b"),), "1000")
    assert container.platform == "linux/arm64"
    assert plan.jobs[0].entrypoint == SHELL


@pytest.mark.parametrize(
    ("run", "overrides", "code", "text", "strict"),
    [
        (
            _run({"workingDir": "/w"}),
            None,
            "working-dir",
            "the worker: workingDir is honoured here and ignored by the cluster (/w)",
            True,
        ),
        (
            _run({"identity": "me"}),
            None,
            "identity",
            "the worker: the identity 'me' is ignored here",
            True,
        ),
        (
            _run(node_pool="big"),
            None,
            "placement",
            "the worker: the node pool 'big' is ignored here",
            False,
        ),
        (
            _run({"maxReplicas": 1}, workers=2),
            None,
            "max-replicas",
            "the worker: 2 replicas are more than maxReplicas (1); the cluster does not enforce it either",
            False,
        ),
        (
            _run({"resources": {"gpu": 1}}),
            Overrides(no_gpu=True),
            "no-gpu",
            "the worker: runs without the GPUs that it asks for (1)",
            False,
        ),
    ],
)
def test_each_difference_says_that_it_is_the_workers(
    run: ResolvedRun, overrides: Overrides | None, code: str, text: str, strict: bool
) -> None:
    assert _plan(run, overrides).differences == (Difference(code, text, strict),)


def test_its_environment_is_compared_too() -> None:
    (difference,) = _plan(_run({"env": {"LONG": "x", "B": "$(LONG)"}})).differences
    assert (difference.code, difference.strict) == ("env-order", True)
    assert difference.text.startswith("the worker: env B would be '$(LONG)' on the cluster")


def test_more_than_the_machine_has_is_said_of_the_worker() -> None:
    run = _run({"resources": {"limits": {"cpu": 8}}})
    with pytest.raises(EngineError, match=r"the worker: the cpu limit is 8 and this machine has 4"):
        _plan(run, Overrides(no_clamp=True), MACHINE)


CPU = {"resources": {"requests": {"cpu": "1500m"}}}
MEMORY = {"resources": {"limits": {"memory": "3Gi"}}}


@pytest.mark.parametrize(
    ("run", "texts"),
    [
        (_run(CPU, CPU), []),  # 3 of 4
        (
            _run(CPU, CPU, workers=2),
            [
                (
                    "the 3 containers request 4.5 CPUs in all and this machine has 4: "
                    "they share them, and are slower than on the cluster"
                )
            ],
        ),
        (_run(MEMORY, MEMORY), []),  # 6 of 8
        (
            _run(MEMORY, replicas=3, workers=3),
            [
                (
                    "the 6 containers request 9216Mi of memory in all and this machine has 8192Mi: used as a "
                    "whole, it does not suffice"
                )
            ],
        ),
        (_run({"resources": {"limits": {"cpu": 4}, "requests": {"cpu": 0}}}, CPU), []),
    ],
)
def test_requests_are_added_up(run: ResolvedRun, texts: list[str]) -> None:
    differences = _plan(run, capacity=MACHINE).differences
    assert [d.text for d in differences if d.code == "requests-in-all"] == texts
    assert not [d for d in _plan(run).differences if d.code == "requests-in-all"]
    unlimited = Capacity(1, 1, limits_apply=False)
    assert _plan(run, capacity=unlimited).differences == ()


def test_requests_of_the_jobs_replicas_are_added_up() -> None:
    run = ResolvedRun(JobCodespec.read({"image": "j", "maxReplicas": 9, **CPU}), replicas=3)
    (difference,) = _plan(run, capacity=MACHINE).differences
    assert difference.text.startswith("the 3 containers request 4.5 CPUs in all")


def test_gpus_are_added_up() -> None:
    run = _run({"resources": {"gpu": 1}}, {"resources": {"gpu": 1}}, workers=2)
    with pytest.raises(EngineError) as caught:
        _plan(run, capacity=MACHINE)
    assert caught.value.what == ("the 3 containers ask for 3 GPUs in all and the engine has 2")
    _plan(run, Overrides(no_gpu=True), MACHINE)


@pytest.mark.parametrize("network", ["host", "none", "default", "container:abc"])
def test_networks_that_cannot_be_joined(network: str) -> None:
    with pytest.raises(UsageError, match=f"cannot use --network {network}"):
        _plan(_run(), Overrides(network=network))


def test_another_network_is_joined_as_well() -> None:
    assert _plan(_run(), Overrides(network="mine")).network == "mine"


def test_buffers_of_a_worker_are_told_to_be_ignored() -> None:
    run = _run()
    assert run.worker is not None
    plan = _plan(replace(run, worker=replace(run.worker, buffers=("a",))))
    assert plan.differences == (
        Difference(
            "worker-buffer",
            "the worker: the buffer 'a' is ignored: only the job has buffers, here and on the cluster",
        ),
    )


def test_more_containers_than_one_machine_has_addresses_for() -> None:
    with pytest.raises(UsageError, match="would have 1001 containers"):
        _plan(_run(workers=1000))
    assert len(_plan(_run(workers=999)).containers) == 1000
