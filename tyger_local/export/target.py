"""What an exported Kubernetes document needs to know of the cluster that it is for."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tyger_local.errors import UsageError
from tyger_local.plan.workers import NAMESPACE

COPYING_IMAGE = "busybox:1.36"
"""Has a shell, ``cat``, ``mkfifo``, ``nc``, and an ``nslookup`` that can ask for addresses alone."""

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_LONGEST_LABEL = 63
_LONGEST_NAME = 253
_LONGEST_RUN_ID = 40
"""Of it, ``run-<id>-worker-<index>`` is made, which is a host name."""


@dataclass(frozen=True, slots=True)
class Target:
    """Names on the cluster.

    Attributes:
        run_id: The run's id: part of all names, and ``TYGER_RUN_ID``.
        namespace: Where everything is put; part of the workers' host names.
        claim: The PersistentVolumeClaim with the buffers' files; empty for a new one.
        copying_image: The image of the containers that make FIFOs and copy.

    Raises:
        UsageError: A name is not legal.
    """

    run_id: str = "1"
    namespace: str = NAMESPACE
    claim: str = ""
    copying_image: str = COPYING_IMAGE

    def __post_init__(self) -> None:
        for what, name, longest in (
            ("run id", self.run_id, _LONGEST_RUN_ID),
            ("namespace", self.namespace, _LONGEST_LABEL),
        ):
            if len(name) > longest or not _LABEL.fullmatch(name):
                raise UsageError(
                    f"the {what} '{name}' is no name on a cluster",
                    f"use up to {longest} small letters, digits and dashes, a dash at neither end",
                )
        labels = self.claim.split(".") if self.claim else ()
        if len(self.claim) > _LONGEST_NAME or not all(map(_LABEL.fullmatch, labels)):
            raise UsageError(
                f"the claim '{self.claim}' is no name on a cluster",
                "see what there is with 'kubectl get persistentvolumeclaims'",
            )

    def job_pod(self, index: int) -> str:
        """Return the name of the pod of one of the job's replicas."""
        return f"run-{self.run_id}-job-{index}"

    @property
    def worker(self) -> str:
        """Return the name of the workers' StatefulSet and Service."""
        return f"run-{self.run_id}-worker"

    @property
    def buffers_claim(self) -> str:
        """Return the name of the claim with the buffers' files."""
        return self.claim or f"run-{self.run_id}-buffers"
