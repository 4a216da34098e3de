"""For a Kubernetes cluster without Tyger: what Tyger's server would make there, as documents to apply.

Source: Tyger's ``KubernetesRunCreator.cs``. A job is a pod for each replica, which never restarts (a ``Job``
would give the program another variable, ``JOB_COMPLETION_INDEX``); workers are a StatefulSet behind a
headless service. Left out is what only Tyger's own machinery understands: finalizers, annotations, the
service account, the node selector ``tyger=run``, the secrets with the addresses of buffers. Its sidecars,
which stream buffers from cloud storage, become containers that copy between the FIFOs and files of a volume.
"""

from __future__ import annotations

from collections.abc import Iterator

from tyger_local.errors import UsageError
from tyger_local.export import containers
from tyger_local.export.sheet import Sheet
from tyger_local.export.target import Target
from tyger_local.plan.build import plan_run
from tyger_local.plan.environment import cluster_order
from tyger_local.plan.model import ContainerPlan
from tyger_local.plan.resolved import ResolvedRun, ResolvedWorker
from tyger_local.plan.workers import worker_nodes, worker_variables
from tyger_local.spec.buffers import pipe_variable
from tyger_local.spec.models import AnyCodespec
from tyger_local.spec.versions import JsonObject

RUN_LABEL, JOB_LABEL, WORKER_LABEL = "tyger-run", "tyger-job", "tyger-worker"

STOP_GRACE_S = 2
"""From SIGTERM to SIGKILL, when Tyger deletes pods."""


def run_sheets(run: ResolvedRun, target: Target) -> tuple[Sheet, ...]:
    """Return the documents of a run, in the order in which they are to be applied.

    Raises:
        UsageError: The run makes no sense, on the cluster either.
    """
    # Any replica: what differs between them, their host names, the names of their pods give.
    job = plan_run(run, run_id=target.run_id).jobs[0]
    _refuse_shared_port(job)
    workers = () if run.worker is None else worker_sheets(run.worker, target)
    claim = tuple(_claim(run, target)) if _has_buffers(job) and not target.claim else ()
    return (*claim, *workers, *_job_sheets(run, job, target))


def worker_sheets(worker: ResolvedWorker, target: Target) -> tuple[Sheet, ...]:
    """Return the documents of workers."""
    labels = {RUN_LABEL: target.run_id, WORKER_LABEL: target.run_id}
    metadata = _metadata(target.worker, labels, target)
    service: JsonObject = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {"clusterIP": "None", "selector": labels},
    }
    main = containers.main_container(worker.codespec, target)
    workers: JsonObject = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": metadata,
        "spec": {
            "podManagementPolicy": "Parallel",
            "replicas": worker.replicas,
            "serviceName": target.worker,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": _pod(worker.codespec, main, worker.node_pool, "Always"),
            },
        },
    }
    about = (
        "The workers. Nothing ends them with the job: delete them, and their service, after it.",
    )
    return (
        Sheet((f"Gives each worker its name in {target.worker}.",), service),
        Sheet(about, workers),
    )


def _refuse_shared_port(job: ContainerPlan) -> None:
    ports = [socket.port for socket in job.sockets]
    for port in ports:
        if ports.count(port) > 1:
            raise UsageError(
                f"two sockets have the port {port}: on the cluster, their sidecars would have one name",
                "use another port for one of them",
            )


def _has_buffers(job: ContainerPlan) -> bool:
    return bool(job.pipes or job.sockets)


def _claim(run: ResolvedRun, target: Target) -> Iterator[Sheet]:
    several = run.replicas > 1
    yield Sheet(
        (
            "Stands for Tyger's buffers: a volume with a file for each, of the buffer's name. Choose a size,",
            "and a storage class if the cluster has no default; or name a claim that is there with --claim.",
        ),
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": _metadata(target.buffers_claim, {RUN_LABEL: target.run_id}, target),
            "spec": {
                "accessModes": ["ReadWriteMany" if several else "ReadWriteOnce"],
                "resources": {"requests": {"storage": "10Gi"}},
            },
        },
    )


def _job_sheets(run: ResolvedRun, job: ContainerPlan, target: Target) -> Iterator[Sheet]:
    """Yield a pod for each replica; they differ in name alone, which is the host name, too."""
    labels = {RUN_LABEL: target.run_id, JOB_LABEL: target.run_id}
    spec = _job_pod(run, job, target)
    for index in range(run.replicas):
        pod: JsonObject = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": _metadata(target.job_pod(index), labels, target),
            "spec": spec,
        }
        yield Sheet(() if index else _about_job(run, job, target), pod)


def _job_pod(run: ResolvedRun, job: ContainerPlan, target: Target) -> JsonObject:
    main = containers.main_container(run.codespec, target, _injected(run, job, target))
    pod = _pod(run.codespec, main, run.node_pool, "Never")
    pod["activeDeadlineSeconds"] = run.timeout_s
    before, beside, volumes = [], [], []
    if job.pipes:
        before.append(containers.pipe_maker(job.pipes, target))
        volumes.append({"name": containers.PIPE_VOLUME, "emptyDir": {}})
        _append(main, "volumeMounts", containers.pipe_mount())
    if _has_buffers(job):
        volumes.append(
            {
                "name": containers.BUFFER_VOLUME,
                "persistentVolumeClaim": {"claimName": target.buffers_claim},
            }
        )
    beside += [containers.buffer_sidecar(pipe, target) for pipe in job.pipes]
    beside += [containers.socket_sidecar(socket, target) for socket in job.sockets]
    if run.worker is not None:
        hosts = worker_nodes(target.run_id, run.worker.replicas, target.namespace)
        before.append(containers.worker_waiter(hosts, target))
    for field, added in (("initContainers", before), ("containers", beside), ("volumes", volumes)):
        _append(pod, field, *added)
    return pod


def _injected(run: ResolvedRun, job: ContainerPlan, target: Target) -> Iterator[tuple[str, str]]:
    for pipe in job.pipes:
        yield pipe_variable(pipe.buffer), pipe.path
    if run.worker is not None:
        endpoints = dict(cluster_order(run.worker.codespec.endpoints))
        yield from worker_variables(
            target.run_id, run.worker.replicas, endpoints, target.namespace
        ).items()


def _pod(codespec: AnyCodespec, main: JsonObject, node_pool: str, restart: str) -> JsonObject:
    pod: JsonObject = {
        "restartPolicy": restart,
        "terminationGracePeriodSeconds": STOP_GRACE_S,
        "tolerations": list(containers.tolerations(codespec)),
        "containers": [main],
    }
    if node_pool:
        pod["nodeSelector"] = {"agentpool": node_pool}
    if codespec.resources.shm is not None:
        memory = {"medium": "Memory", "sizeLimit": str(codespec.resources.shm)}
        _append(pod, "volumes", {"name": containers.SHM_VOLUME, "emptyDir": memory})
        _append(main, "volumeMounts", {"name": containers.SHM_VOLUME, "mountPath": "/dev/shm"})  # noqa: S108  (a mount point)
    return pod


def _append(document: JsonObject, field: str, *items: JsonObject) -> None:
    """Append to a list that is not there while it would be empty."""
    have = document.get(field)
    if items:
        document[field] = [*(have if isinstance(have, list) else ()), *items]


def _metadata(name: str, labels: dict[str, str], target: Target) -> JsonObject:
    return {"name": name, "namespace": target.namespace, "labels": labels}


def _about_job(run: ResolvedRun, job: ContainerPlan, target: Target) -> tuple[str, ...]:
    delete = f"kubectl -n {target.namespace} delete pod"
    inputs = [f"{containers.BUFFER_FOLDER}/{name}" for name in run.codespec.buffers.inputs]
    lines: list[str] = []
    if inputs:
        lines.append(f"Must be in the volume before this is applied: {', '.join(inputs)}")
    if job.pipes:
        lines += (
            "A sidecar waits until the program opens its pipe. One that never does keeps the pod until",
            "activeDeadlineSeconds; Tyger's own sidecars would notice the program's end.",
        )
    if job.sockets:
        lines += (
            "The pod is complete when every container has ended. A server that goes on waiting for the next",
            f"connection has to be ended by hand: {delete} {target.job_pod(0)}",
        )
    if run.codespec.identity:
        lines.append(
            f"The identity '{run.codespec.identity}' is not exported: add a serviceAccountName."
        )
    return (f"The run. TYGER_RUN_ID is {target.run_id}.", *lines)
