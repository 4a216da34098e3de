"""The record of a run: the document that ``run show`` prints and ``--record`` writes.

The shape is Tyger's (field order of its client's model), followed by fields of this tool's own once
the run has ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tyger_local.outcome.etag import etag
from tyger_local.outcome.facts import BufferStats, Fate
from tyger_local.outcome.verdict import Status, Verdict
from tyger_local.spec.versions import JsonObject


@dataclass(frozen=True, slots=True)
class EngineIdentity:
    """The engine that ran it."""

    name: str
    version: str | None


@dataclass(frozen=True, slots=True)
class ImageIdentity:
    """The image that ran.

    Attributes:
        digest: The registry's digest, or the engine's id of an image that no registry knows; None
            when there is no image.
        platform: What it was built for: ``linux/amd64``; None when that is not known.
    """

    reference: str
    digest: str | None
    platform: str | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What a run or one container of it cost; None where it cannot be known, and never 0 for that.

    Attributes:
        peak_memory_bytes: The most memory that was used at a time; of several containers the largest.
        cpu_seconds: User's and system's, of all processes and containers.
        throttled_seconds: How long the containers were kept from running by their CPU limits.
        method: Where these come from and what they mean, in words.
    """

    peak_memory_bytes: int | None = None
    cpu_seconds: float | None = None
    throttled_seconds: float | None = None
    method: str | None = None


@dataclass(frozen=True, slots=True)
class Phases:
    """How long each phase of a run took, in seconds of wall time; None for one that was not reached.

    Attributes:
        pull_s: Finding the image, or pulling it.
        create_s: Making pipes and containers.
        start_s: The engine's starting of the containers.
        run_s: From then to the end of the job's last container.
        drain_s: From there until its workers had ended and the last byte had arrived.
    """

    pull_s: float | None = None
    create_s: float | None = None
    start_s: float | None = None
    run_s: float | None = None
    drain_s: float | None = None


@dataclass(frozen=True, slots=True)
class ContainerRecord:
    """One container of a run of several.

    Attributes:
        label: Which one (``job-0``).
        host_name: A worker's with its domain.
        exit_code: None when it was stopped or never started.
        restarts: How often it was started again.
        usage: What it cost, over all its starts.
        buffers: What went through its own pipes and sockets.
    """

    label: str
    host_name: str
    fate: Fate
    exit_code: int | None = None
    restarts: int = 0
    image: ImageIdentity | None = None
    usage: Usage = Usage()
    buffers: tuple[BufferStats, ...] = ()

    def document(self) -> JsonObject:
        """Return this as a document."""
        return {
            "hostName": self.host_name,
            "verdict": self.fate.value,
            "exitCode": self.exit_code,
            "restarts": self.restarts,
            "image": _image(self.image),
            "bufferStats": _buffer_stats(self.buffers),
            "usage": _usage(self.usage),
        }


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run.

    Attributes:
        job: The document of the job: resolved codespec, buffers, tags, replicas.
        worker: The same of its workers; None when it has none.
        created_at: RFC 3339, as are `started_at` and `finished_at`.
        usage: What it cost, once it has ended.
        phases: Where its time went, once it has ended.
        notes: What the engine wants to be said of every run; not written down.
        warnings: What was worth a warning, in the order in which it was told.
        containers: What became of each, in a run of several.
    """

    id: int
    status: Status
    created_at: str
    job: Mapping[str, object]
    timeout_s: int
    cluster: str = ""
    tags: Mapping[str, str] | None = None
    status_reason: str = ""
    started_at: str | None = None
    finished_at: str | None = None
    running_count: int | None = None
    verdict: Verdict | None = None
    engine: EngineIdentity | None = None
    image: ImageIdentity | None = None
    buffers: tuple[BufferStats, ...] = ()
    usage: Usage | None = None
    phases: Phases | None = None
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    worker: Mapping[str, object] | None = None
    containers: tuple[ContainerRecord, ...] = ()

    def started(self, at: str, running: int) -> RunRecord:
        """Return the record of the run once `running` containers run."""
        return replace(self, status=Status.RUNNING, started_at=at, running_count=running)

    def ended(self, verdict: Verdict, at: str, buffers: tuple[BufferStats, ...]) -> RunRecord:
        """Return the record of the run after its end."""
        return replace(
            self,
            status=verdict.status,
            status_reason=verdict.reason,
            finished_at=at,
            running_count=None,
            verdict=verdict,
            buffers=buffers,
        )

    def document(self) -> JsonObject:
        """Return the record as a document in Tyger's field order; what is empty is left out."""
        tyger: JsonObject = {
            "id": self.id,
            "status": self.status.value,
            "statusReason": self.status_reason,
            "runningCount": self.running_count,
            "createdAt": self.created_at,
            "startedAt": self.started_at,
            "finishedAt": self.finished_at,
            "kind": "user",
            "job": dict(self.job),
            "worker": None if self.worker is None else dict(self.worker),
            "cluster": self.cluster,
            "timeoutSeconds": self.timeout_s,
            "tags": dict(self.tags or {}),
        }
        document = {name: value for name, value in tyger.items() if value not in (None, "", {})}
        if self.verdict is not None:
            document.update(self._own_fields(self.verdict))
        elif self.warnings:
            document["warnings"] = list(self.warnings)
        return with_etag(document)

    def _own_fields(self, verdict: Verdict) -> JsonObject:
        phases = self.phases or Phases()
        own: JsonObject = {
            "verdict": verdict.kind.value,
            "exitCode": verdict.exit_code if verdict.is_main_ended else None,
            "hint": verdict.hint or None,
            "engine": None
            if self.engine is None
            else {"name": self.engine.name, "version": self.engine.version},
            "image": _image(self.image),
            "bufferStats": _buffer_stats(self.buffers),
            "usage": _usage(self.usage or Usage()),
            "phases": {
                "pullSeconds": _rounded(phases.pull_s, 3),
                "createSeconds": _rounded(phases.create_s, 3),
                "startSeconds": _rounded(phases.start_s, 3),
                "runSeconds": _rounded(phases.run_s, 3),
                "drainSeconds": _rounded(phases.drain_s, 3),
            },
            "warnings": [*self.warnings, *verdict.notes],
        }
        if self.containers:
            own["containers"] = {one.label: one.document() for one in self.containers}
        return own


ETAG_FIELDS = (
    "id", "status", "statusReason", "runningCount", "createdAt", "startedAt", "finishedAt", "cluster",
    "job", "tags",
)  # fmt: skip
"""What a run's ETag depends on."""


OWN_FIELDS = (
    "verdict", "exitCode", "hint", "engine", "image", "bufferStats", "usage", "phases", "warnings",
)  # fmt: skip
"""What the record of an ended run has beside Tyger's fields; that of a run of several containers also has
``containers``."""


def with_etag(record: Mapping[str, object]) -> JsonObject:
    """Return the document of a record with the ETag of its state behind the tags; no empty tags."""
    tag = etag([record.get(name) for name in ETAG_FIELDS])
    shown: JsonObject = {}
    for name, value in record.items():
        if name not in ("eTag", "tags"):
            shown[name] = value
        if name == "timeoutSeconds":  # what comes before it in Tyger's order
            shown.update({"tags": record["tags"]} if record.get("tags") else {}, eTag=tag)
    return {**shown, "eTag": tag}


def _image(image: ImageIdentity | None) -> JsonObject | None:
    if image is None:
        return None
    return {"reference": image.reference, "digest": image.digest, "platform": image.platform}


def _usage(usage: Usage) -> JsonObject:
    return {
        "peakMemoryBytes": usage.peak_memory_bytes,
        "cpuSeconds": _rounded(usage.cpu_seconds, 6),
        "throttledSeconds": _rounded(usage.throttled_seconds, 6),
        "method": usage.method,
    }


def _buffer_stats(buffers: tuple[BufferStats, ...]) -> JsonObject:
    return {stats.buffer: _stats(stats) for stats in buffers}


def _stats(stats: BufferStats) -> JsonObject:
    return {
        "direction": stats.direction.value,
        "bytes": stats.bytes,
        "sha256": stats.sha256,
        "seconds": round(stats.seconds, 6),
        "state": stats.state.value,
        **({} if stats.port is None else {"port": stats.port}),
        "bytesPerSecond": _rounded(stats.bytes_per_second, 1),
        "waitedSeconds": {
            "opening": round(stats.waited_opening_s, 6),
            "container": round(stats.waited_container_s, 6),
            "host": round(stats.waited_host_s, 6),
        },
    }


def _rounded(number: float | None, digits: int) -> float | None:
    return None if number is None else round(number, digits)
