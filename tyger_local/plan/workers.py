"""How a job finds its workers: the names that the cluster gives them, and the variables that hold these.

Source: Tyger's ``KubernetesRunCreator.cs``. Workers are a StatefulSet behind a headless service, so the name
of each lies in the service's domain, and the service's own name leads to all of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

NAMESPACE = "tyger"
"""The cluster's namespace in which Tyger runs things, unless it was installed into another."""

CLUSTER_DOMAIN = "svc.cluster.local"
NODES_VARIABLE = "TYGER_WORKER_NODES"


def worker_domain(run_id: str, namespace: str = NAMESPACE) -> str:
    """Return the domain in which the host names of a run's workers lie."""
    return f"run-{run_id}-worker.{namespace}.{CLUSTER_DOMAIN}"


def worker_host(run_id: str, index: int) -> str:
    """Return a worker's host name without its domain."""
    return f"run-{run_id}-worker-{index}"


def worker_aliases(run_id: str, index: int) -> tuple[str, ...]:
    """Return the names by which a worker is reached, the full one first.

    The cluster's resolver searches the namespace's domains, so it knows shorter forms too. The service's name
    is every worker's.
    """
    return (
        *_forms(f"{worker_host(run_id, index)}.run-{run_id}-worker"),
        *_forms(f"run-{run_id}-worker"),
    )


def _forms(name: str) -> Iterator[str]:
    yield f"{name}.{NAMESPACE}.{CLUSTER_DOMAIN}"
    yield f"{name}.{NAMESPACE}.svc"
    yield f"{name}.{NAMESPACE}"
    yield name


def worker_nodes(run_id: str, replicas: int, namespace: str = NAMESPACE) -> list[str]:
    """Return the workers' full host names, in the order of their indices."""
    domain = worker_domain(run_id, namespace)
    return [f"{worker_host(run_id, index)}.{domain}" for index in range(replicas)]


def worker_variables(
    run_id: str, replicas: int, endpoints: Mapping[str, int], namespace: str = NAMESPACE
) -> dict[str, str]:
    """Return what tells the job where its workers are, as JSON arrays in the order of their indices."""
    hosts = worker_nodes(run_id, replicas, namespace)
    variables = {NODES_VARIABLE: _array(hosts)}
    for name, port in endpoints.items():
        addresses = [f"{host}:{port}" for host in hosts]
        variables[f"TYGER_{name.upper()}_WORKER_ENDPOINT_ADDRESSES"] = _array(addresses)
    return variables


def _array(texts: list[str]) -> str:
    return json.dumps(texts, separators=(",", ":"))
