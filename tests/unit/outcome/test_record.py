from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tyger_local.outcome.facts import BufferState, BufferStats, Fate
from tyger_local.outcome.record import (
    OWN_FIELDS,
    ContainerRecord,
    EngineIdentity,
    ImageIdentity,
    Phases,
    RunRecord,
    Usage,
    with_etag,
)
from tyger_local.outcome.verdict import Status, Verdict, VerdictKind
from tyger_local.spec.buffers import Direction

CREATED = "2025-03-14T06:43:18.958490Z"
JOB = {"codespec": {"kind": "job", "image": "x"}, "replicas": 1}
NEW = RunRecord(7, Status.PENDING, CREATED, JOB, 43_200)
STATS = (
    BufferStats(
        "in",
        Direction.INPUT,
        BufferState.COMPLETE,
        5,
        "abc",
        1.23456789,
        moving_s=2.0,
        waited_opening_s=0.12345678,
        waited_container_s=0.25,
        waited_host_s=3.0,
    ),
    BufferStats("out", Direction.OUTPUT, BufferState.NEVER_OPENED),
)
ENDED = NEW.started("t1", 1).ended(
    Verdict(VerdictKind.FAILED, 3, "Main exited with code 3"), "t2", STATS
)
UNKNOWN_USAGE = {
    "peakMemoryBytes": None,
    "cpuSeconds": None,
    "throttledSeconds": None,
    "method": None,
}


def _without_etag(record: RunRecord) -> dict[str, object]:
    document = record.document()
    assert str(document.pop("eTag")).isdecimal()
    return document


UNKNOWN_PHASES = {
    "pullSeconds": None,
    "createSeconds": None,
    "startSeconds": None,
    "runSeconds": None,
    "drainSeconds": None,
}
NOT_WAITED = {"opening": 0.0, "container": 0.0, "host": 0.0}


def test_a_new_run() -> None:
    assert _without_etag(NEW) == {
        "id": 7,
        "status": "Pending",
        "createdAt": CREATED,
        "kind": "user",
        "job": JOB,
        "timeoutSeconds": 43_200,
    }


def test_a_running_run() -> None:
    document = _without_etag(NEW.started("2025-03-14T06:43:19Z", 2))
    assert document == {
        **_without_etag(NEW),
        "status": "Running",
        "runningCount": 2,
        "startedAt": "2025-03-14T06:43:19Z",
    }


def test_an_ended_run() -> None:
    assert _without_etag(ENDED) == {
        "id": 7,
        "status": "Failed",
        "statusReason": "Main exited with code 3",
        "createdAt": CREATED,
        "startedAt": "t1",
        "finishedAt": "t2",
        "kind": "user",
        "job": JOB,
        "timeoutSeconds": 43_200,
        "verdict": "failed",
        "exitCode": 3,
        "hint": None,
        "engine": None,
        "image": None,
        "bufferStats": {
            "in": {
                "direction": "input",
                "bytes": 5,
                "sha256": "abc",
                "seconds": 1.234568,
                "state": "complete",
                "bytesPerSecond": 2.5,
                "waitedSeconds": {"opening": 0.123457, "container": 0.25, "host": 3.0},
            },
            "out": {
                "direction": "output",
                "bytes": 0,
                "sha256": None,
                "seconds": 0.0,
                "state": "never-opened",
                "bytesPerSecond": None,
                "waitedSeconds": NOT_WAITED,
            },
        },
        "usage": UNKNOWN_USAGE,
        "phases": UNKNOWN_PHASES,
        "warnings": [],
    }


def test_fields_are_in_the_order_of_tyger_and_then_our_own() -> None:
    full = RunRecord(
        id=7,
        status=Status.FAILED,
        created_at=CREATED,
        job=JOB,
        timeout_s=60,
        cluster="c",
        tags={"a": "b"},
        status_reason="r",
        started_at="t1",
        finished_at="t2",
        running_count=1,
        verdict=Verdict(VerdictKind.FAILED, 3),
        engine=EngineIdentity("docker", "28.0"),
        image=ImageIdentity("x", "sha256:1", "linux/amd64"),
        buffers=STATS,
        usage=Usage(1, 2.5, 0.5, "cgroup"),
        phases=Phases(0.0004, 0.0125, 1.0, 2.5, 0.0),
        notes=("not written down",),
    )
    document = full.document()
    assert list(document) == [
        "id", "status", "statusReason", "runningCount", "createdAt", "startedAt", "finishedAt", "kind",
        "job", "cluster", "timeoutSeconds", "tags", "eTag",
        "verdict", "exitCode", "hint", "engine", "image", "bufferStats", "usage", "phases", "warnings",
    ]  # fmt: skip
    assert document["engine"] == {"name": "docker", "version": "28.0"}
    assert document["image"] == {
        "reference": "x",
        "digest": "sha256:1",
        "platform": "linux/amd64",
    }
    assert document["usage"] == {
        "peakMemoryBytes": 1,
        "cpuSeconds": 2.5,
        "throttledSeconds": 0.5,
        "method": "cgroup",
    }
    assert document["phases"] == {
        "pullSeconds": 0.0,
        "createSeconds": 0.013,
        "startSeconds": 1.0,
        "runSeconds": 2.5,
        "drainSeconds": 0.0,
    }
    assert json.loads(json.dumps(document)) == document


def test_a_run_that_succeeded_has_no_reason() -> None:
    document = NEW.ended(Verdict(VerdictKind.SUCCEEDED, 0), "t2", ()).document()
    assert "statusReason" not in document
    assert (document["verdict"], document["exitCode"], document["bufferStats"]) == (
        "succeeded",
        0,
        {},
    )


@pytest.mark.parametrize("record", [NEW, NEW.started("t1", 1)])
def test_our_own_fields_are_there_once_the_run_has_ended(record: RunRecord) -> None:
    assert not {"verdict", "exitCode", "hint", "engine", "image", "usage", "phases"} & set(
        record.document()
    )


def test_a_time_out_of_zero_is_written() -> None:
    assert RunRecord(1, Status.PENDING, CREATED, JOB, 0).document()["timeoutSeconds"] == 0


def test_a_record_is_a_value() -> None:
    assert NEW.status is Status.PENDING
    assert ENDED.running_count is None


def test_own_fields_are_those_that_an_end_adds() -> None:
    added = [name for name in ENDED.document() if name not in NEW.document()]
    assert tuple(name for name in added if not name.endswith(("At", "Reason"))) == OWN_FIELDS


def test_the_etag_is_that_of_the_state_and_stands_behind_the_tags() -> None:
    document = replace(NEW, tags={"a": "1"}).document()
    assert list(document)[-2:] == ["tags", "eTag"]
    assert with_etag(document) == document
    other = with_etag({**document, "tags": {"a": "2"}})
    assert (other["tags"], other["eTag"] == document["eTag"]) == ({"a": "2"}, False)
    assert "tags" not in with_etag({**document, "tags": {}})
    assert NEW.document()["eTag"] != NEW.started("t", 1).document()["eTag"]
    assert with_etag({"id": 1})["eTag"] != with_etag({"id": 2})["eTag"]  # a damaged record, too


def test_warnings_are_written_down_in_order() -> None:
    verdict = Verdict(VerdictKind.SUCCEEDED, 0, notes=("seen at the end",))
    record = replace(NEW, warnings=("seen before",)).ended(verdict, "t", ())
    assert record.document()["warnings"] == ["seen before", "seen at the end"]


def test_several_containers_are_told_one_by_one() -> None:
    image = ImageIdentity("x", "sha256:1", "linux/amd64")
    containers = (
        ContainerRecord(
            "job-0", "run-7-job-0", Fate.FAILED, 3, image=image, usage=Usage(1), buffers=STATS
        ),
        ContainerRecord("worker-0", "run-7-worker-0", Fate.STOPPED, restarts=2),
    )
    document = replace(ENDED, worker={"replicas": 1}, containers=containers).document()
    assert document["worker"] == {"replicas": 1}
    assert list(document)[-1] == "containers"
    told = document["containers"]
    assert isinstance(told, dict)
    assert told["job-0"] == {
        "hostName": "run-7-job-0",
        "verdict": "failed",
        "exitCode": 3,
        "restarts": 0,
        "image": {"reference": "x", "digest": "sha256:1", "platform": "linux/amd64"},
        "bufferStats": document["bufferStats"],
        "usage": {**UNKNOWN_USAGE, "peakMemoryBytes": 1},
    }
    assert told["worker-0"] == {
        "hostName": "run-7-worker-0",
        "verdict": "stopped",
        "exitCode": None,
        "restarts": 2,
        "image": None,
        "bufferStats": {},
        "usage": UNKNOWN_USAGE,
    }


def test_the_exit_code_of_a_job_that_was_stopped_is_not_known() -> None:
    verdict = Verdict(VerdictKind.SUCCEEDED, 0, is_main_ended=False)
    assert NEW.ended(verdict, "t2", ()).document()["exitCode"] is None


def test_the_port_of_a_socket_is_told() -> None:
    through = replace(STATS[0], port=9000)
    stats = NEW.ended(Verdict(VerdictKind.SUCCEEDED, 0), "t2", (through, STATS[1])).document()
    told = stats["bufferStats"]
    assert isinstance(told, dict)
    assert told["in"]["port"] == 9000
    assert "port" not in told["out"]
