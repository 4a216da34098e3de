"""What the containers of a run are called: in its logs, and by whoever asks for one of them.

``job-0`` is a container's label: it names its log, its samples and its part of the record. How many there are
of each role is a mapping: ``{"job": 1, "worker": 3}``.
"""

from __future__ import annotations

from collections.abc import Mapping

ROLES = ("job", "worker")


def replicas_in(record: Mapping[str, object]) -> dict[str, int]:
    """Return how many containers of each role a record's run has; where it does not say, one of the job."""
    counts = {"job": 1, "worker": 0}
    for role in ROLES:
        target = record.get(role)
        if isinstance(target, Mapping):
            replicas = target.get("replicas")
            counts[role] = replicas if isinstance(replicas, int) else 1
    return counts


def labels_of(replicas: Mapping[str, int], role: str) -> tuple[str, ...]:
    """Return the labels of the containers of one role."""
    return tuple(f"{role}-{index}" for index in range(replicas.get(role, 0)))


def shown_labels(replicas: Mapping[str, int]) -> str:
    """Return which containers there are, in words: ``job-0, worker-0 to worker-2``."""
    shown: list[str] = []
    for role in ROLES:
        labels = labels_of(replicas, role)
        shown += [f"{labels[0]} to {labels[-1]}"] if len(labels) > 1 else labels
    return ", ".join(shown)


def labels_named(replicas: Mapping[str, int], name: str) -> tuple[str, ...]:
    """Return whom `name` means, by their labels: one container, or all of a role; perhaps none."""
    labels = labels_of(replicas, name.partition("-")[0])
    return labels if name in ROLES else tuple(label for label in labels if label == name)


def log_prefix(label: str, replicas: Mapping[str, int]) -> str:
    """Return what stands before each line of a container's log, as on the cluster.

    Nothing where it is the only container, the role where it is the only one of that (``[job] ``), or else
    its label (``[worker-1] ``).
    """
    if sum(replicas.values()) == 1:
        return ""
    role, _, _ = label.partition("-")
    return f"[{role}] " if replicas.get(role) == 1 else f"[{label}] "
