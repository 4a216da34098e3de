from __future__ import annotations

from collections.abc import Callable

import pytest

Document = dict[str, object]


@pytest.fixture
def record() -> Callable[..., Document]:
    """Makes the record of a run that ended; `changes` replace its fields."""

    def make(**changes: object) -> Document:
        codespec = {
            "kind": "job",
            "image": "mri:1.2",
            "command": ["recon"],
            "args": ["--input", "$(INPUT_PIPE)"],
            "resources": {"limits": {"cpu": "2", "memory": "512Mi"}, "gpu": "1"},
        }
        return {
            "id": 7,
            "status": "Succeeded",
            "createdAt": "2025-03-14T06:43:00.000000Z",
            "startedAt": "2025-03-14T06:43:01.500000Z",
            "finishedAt": "2025-03-14T06:43:14.000000Z",
            "kind": "user",
            "job": {"codespec": codespec, "replicas": 1},
            "verdict": "succeeded",
            "exitCode": 0,
            "engine": {"name": "docker", "version": "28.0"},
            "image": {"reference": "mri:1.2", "digest": "sha256:1"},
            "bufferStats": {
                "input": {
                    "direction": "input",
                    "bytes": 120_000_000,
                    "sha256": None,
                    "seconds": 10.0,
                    "state": "complete",
                    "bytesPerSecond": 12e6,
                    "waitedSeconds": {"opening": 0.5, "container": 2.0, "host": 0.0},
                },
                "output": {
                    "direction": "output",
                    "bytes": 0,
                    "sha256": None,
                    "seconds": 12.0,
                    "state": "never-opened",
                    "bytesPerSecond": None,
                    "waitedSeconds": {"opening": 12.0, "container": None, "host": 0.0},
                },
            },
            "usage": {
                "peakMemoryBytes": 400 * 2**20,
                "cpuSeconds": 12.0,
                "throttledSeconds": 0.3,
                "method": "cgroup v1",
            },
            "phases": {
                "pullSeconds": None,
                "createSeconds": 0.5,
                "startSeconds": 1.0,
                "runSeconds": 12.0,
                "drainSeconds": 0.0,
            },
            **changes,
        }

    return make


@pytest.fixture
def distributed(record: Callable[..., Document]) -> Callable[..., Document]:
    """Makes the record of a run of two workers; `workers` are changes of each, `changes` of the record."""

    def make(
        workers: tuple[Document, ...] = ({}, {}), jobs: int = 1, **changes: object
    ) -> Document:
        whole = record()
        job = {**whole["job"], "replicas": jobs}  # type: ignore[dict-item]  # a document
        codespec = {
            "kind": "worker",
            "image": "gridder:2",
            "command": ["serve"],
            "args": ["--port", "80"],
            "resources": {"limits": {"memory": "1Gi"}},
        }
        containers = {
            f"job-{index}": _container(100 + 10 * index, 6.0, bufferStats=whole["bufferStats"])
            for index in range(jobs)
        }
        for index, worker in enumerate(workers):
            one = _container(800 + 10 * index, 12.0, "stopped", exitCode=None)
            containers[f"worker-{index}"] = {**one, **worker}
        return {
            **whole,
            "job": job,
            "worker": {"codespec": codespec, "replicas": len(workers)},
            "usage": {**_usage(810, 30.0), "method": "of all"},
            "containers": containers,
            **changes,
        }

    return make


def _container(
    peak_mi: int, cpu_s: float, verdict: str = "succeeded", **changes: object
) -> Document:
    return {
        "hostName": "h",
        "verdict": verdict,
        "exitCode": 0,
        "restarts": 0,
        "image": {"reference": "x", "digest": "sha256:2", "platform": None},
        "bufferStats": {},
        "usage": _usage(peak_mi, cpu_s),
        **changes,
    }


def _usage(peak_mi: int, cpu_s: float) -> Document:
    return {
        "peakMemoryBytes": peak_mi * 2**20,
        "cpuSeconds": cpu_s,
        "throttledSeconds": 0.0,
        "method": "cgroup v1",
    }


@pytest.fixture
def samples() -> Callable[..., Document]:
    """Makes a samples document of `count` samples, 0.5 s apart; the input stalls between 4 s and 8 s."""

    def make(count: int = 24, labels: tuple[str, ...] = ("job-0",)) -> Document:
        seconds = [index / 2 for index in range(count)]
        one = {
            "seconds": seconds,
            "memoryBytes": [(100 + 20 * second) * 2**20 for second in seconds],
            "ownMemoryBytes": [(90 + 10 * second) * 2**20 for second in seconds],
            "cpuSeconds": list(seconds),
            "buffers": {
                "input": [int(1e7 * (min(s, 4) + max(0, s - 8))) for s in seconds],
                "output": [0 for _ in seconds],
            },
        }
        return {"intervalSeconds": 0.5, "containers": dict.fromkeys(labels, one)}

    return make
