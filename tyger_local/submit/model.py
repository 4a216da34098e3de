"""What is submitted, what is told meanwhile, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tyger_local.errors import TygerLocalError
from tyger_local.outcome.facts import CancelReason
from tyger_local.runner.ends import Connection
from tyger_local.spec.buffers import Direction
from tyger_local.spec.models import AnyCodespec
from tyger_local.spec.versions import JsonObject

SUCCEEDED = "Succeeded"
FAILED = "Failed"
CANCELED = "Canceled"
ENDED = (SUCCEEDED, FAILED, CANCELED)
"""Tyger's statuses that no other follows."""


class StoppedError(TygerLocalError):
    """Somebody wanted it to end.

    Attributes:
        reason: Who.
    """

    def __init__(self, reason: CancelReason) -> None:
        super().__init__(f"ended by {reason.value}")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Part:
    """The job of a run, or its workers.

    Attributes:
        name: Of the codespec, to be created under it; None of one that stands in the run file.
        node_pool: Where it runs; empty leaves that to the cluster.
    """

    codespec: AnyCodespec
    name: str | None = None
    replicas: int = 1
    node_pool: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """A run for the cluster, everything about it known.

    Attributes:
        connections: What each buffer of the job is connected to here, by its name.
        buffer_tags: Of the buffers that are made for it.
        buffer_ttl: How long these are kept; empty for ever.
    """

    job: Part
    worker: Part | None
    connections: Mapping[str, Connection]
    timeout_s: int
    cluster: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    buffer_tags: Mapping[str, str] = field(default_factory=dict)
    buffer_ttl: str = ""
    buffer_access_ttl: str = ""

    def connected(self, direction: Direction) -> dict[str, Connection]:
        """Return the connections of the inputs or of the outputs."""
        return {n: c for n, c in self.connections.items() if c.direction is direction}


@dataclass(frozen=True, slots=True)
class Told:
    """Something worth a line.

    Attributes:
        fields: What belongs to it, by name.
        is_warning: Whether it is a warning.
    """

    text: str
    fields: Mapping[str, object] = field(default_factory=dict)
    is_warning: bool = False


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of a run on the cluster.

    Attributes:
        status: Tyger's; empty when nobody waited for its end.
        reason: Why it failed, in the cluster's words.
        record: Its document, as Tyger's client shows it.
    """

    run_id: int
    status: str = ""
    reason: str = ""
    record: JsonObject = field(default_factory=dict)
