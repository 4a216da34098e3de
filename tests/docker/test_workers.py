"""Distributed runs on a real Docker engine: a job, its workers, and the network between them."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tyger_local import Workspace
from tyger_local.outcome.events import Event, LogLine, StatusChanged, Warned
from tyger_local.outcome.facts import CancelReason, Fate
from tyger_local.outcome.record import ContainerRecord, RunRecord
from tyger_local.outcome.verdict import VerdictKind
from tyger_local.plan.model import MountPlan, Overrides
from tyger_local.runner.cancel import Cancellation
from tyger_local.runner.setup import Options
from tyger_local.workspace.execution import ExecOptions

pytestmark = pytest.mark.docker

IMAGE = "tyger-local/busybox"
DEADLINE_S = 60

SERVE = "trap 'exit 0' TERM; nc -ll -p 5000 -e hostname & wait"
"""Tells everybody who connects to port 5000 its host name."""

WAIT = "trap 'exit 0' TERM; sleep 600 & wait"

ASK = """
for address in $(echo "$TYGER_HTTP_WORKER_ENDPOINT_ADDRESSES" | tr -d '[]"' | tr , ' '); do
  until nc "${address%:*}" "${address##*:}" < /dev/null 2> /dev/null; do sleep 0.1; done
done
"""
"""Asks each worker for its host name, as often as it takes."""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for pipes, in which nothing may be left."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield folder
    assert list(folder.iterdir()) == []


def _docker(*argv: str) -> list[str]:
    return subprocess.run(
        ("docker", *argv), capture_output=True, text=True, check=True
    ).stdout.split()


def _comes_true(condition: Callable[[], object]) -> bool:
    """Wait for a condition; return whether it came true in time."""
    deadline, pause = time.monotonic() + DEADLINE_S, threading.Event()
    while not condition() and time.monotonic() < deadline:
        pause.wait(0.01)
    return bool(condition())


class Bench:
    """Runs a job and workers that are shell scripts."""

    def __init__(self, home: Path) -> None:
        self.workspace = Workspace(home, engine="docker")
        self.events: list[Event] = []
        self.cancellation = Cancellation()
        store = hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:16]
        self._filter = f"--filter=label=tyger-local.store={store}"

    @property
    def left(self) -> list[str]:
        """The containers and networks of this store."""
        return [
            *_docker("ps", "--all", "--quiet", self._filter),
            *_docker("network", "ls", "--quiet", self._filter),
        ]

    @property
    def warnings(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Warned)]

    def exec(
        self,
        job: str,
        worker: str,
        *,
        workers: int = 1,
        replicas: int = 1,
        codespec: Mapping[str, Any] | None = None,
        worker_codespec: Mapping[str, Any] | None = None,
        buffers: Mapping[str, Any] | None = None,
        timeout_s: int | None = None,
        overrides: Overrides | None = None,
        **options: Any,
    ) -> RunRecord:
        document: dict[str, Any] = {
            "job": {"codespec": _codespec(job, codespec), "replicas": replicas},
            "worker": {
                "codespec": _codespec(
                    worker, {"endpoints": {"http": 5000}, **(worker_codespec or {})}
                ),
                "replicas": workers,
            },
        }
        if timeout_s is not None:
            document["timeoutSeconds"] = timeout_s
        execution = ExecOptions(
            overrides=overrides or Overrides(),
            options=Options(**options),
            emit=self.events.append,
            cancellation=self.cancellation,
        )
        record = self.workspace.runs.exec(document, buffers=buffers, options=execution)
        if not options.get("keep"):
            assert self.left == []
        return record

    def log(self, label: str, record: RunRecord) -> list[str]:
        lines = self.workspace.runs.log_tail(record.id, label, 1000)
        return [str(line) for line in lines]


def _codespec(script: str, changes: Mapping[str, Any] | None) -> dict[str, Any]:
    command = ["sh", "-c", script]
    return {"image": IMAGE, "command": command, "maxReplicas": 9, **(changes or {})}


def _containers(record: RunRecord) -> dict[str, ContainerRecord]:
    return {container.label: container for container in record.containers}


def _kind(record: RunRecord) -> VerdictKind:
    assert record.verdict is not None
    return record.verdict.kind


@pytest.fixture
def bench(home: Path) -> Bench:
    return Bench(home)


# What works


def test_a_job_talks_to_each_of_its_workers_by_name(bench: Bench) -> None:
    record = bench.exec(f'echo "$TYGER_WORKER_NODES"{ASK}', SERVE, workers=3)
    assert _kind(record) is VerdictKind.SUCCEEDED
    nodes, *answers = bench.log("job-0", record)
    service = f"run-{record.id}-worker.tyger.svc.cluster.local"
    assert json.loads(nodes) == [f"run-{record.id}-worker-{index}.{service}" for index in range(3)]
    assert answers == [f"run-{record.id}-worker-{index}" for index in range(3)]


def test_every_name_of_the_cluster_resolves_and_the_full_name_is_known(bench: Bench) -> None:
    script = """
    set -e
    for name in run-$TYGER_RUN_ID-worker-1.run-$TYGER_RUN_ID-worker run-$TYGER_RUN_ID-worker; do
      for domain in '' .tyger .tyger.svc .tyger.svc.cluster.local; do
        nslookup $name$domain | tail -n +3 | grep -c '^Address'
      done
    done
    """
    record = bench.exec(script, f"hostname -f; {WAIT}", workers=2)
    assert _kind(record) is VerdictKind.SUCCEEDED, bench.log("job-0", record)
    assert bench.log("job-0", record) == ["1"] * 4 + ["2"] * 4
    full = f"run-{record.id}-worker-1.run-{record.id}-worker.tyger.svc.cluster.local"
    assert bench.log("worker-1", record) == [full]


def test_each_container_is_told_of_in_the_record(bench: Bench) -> None:
    record = bench.exec(ASK, SERVE, workers=2)
    containers = _containers(record)
    assert list(containers) == ["job-0", "worker-0", "worker-1"]
    job, worker = containers["job-0"], containers["worker-1"]
    assert (job.fate, job.exit_code, job.restarts) == (Fate.SUCCEEDED, 0, 0)
    assert (worker.fate, worker.exit_code, worker.restarts) == (Fate.STOPPED, None, 0)
    service = f"run-{record.id}-worker.tyger.svc.cluster.local"
    assert (job.host_name, worker.host_name) == (
        f"run-{record.id}-job-0",
        f"run-{record.id}-worker-1.{service}",
    )
    assert worker.image is not None
    assert worker.image.reference == IMAGE
    for container in containers.values():
        assert (container.usage.peak_memory_bytes or 0) > 100_000
        assert (container.usage.cpu_seconds or 0) > 0
    assert record.usage is not None
    used = sum(container.usage.cpu_seconds or 0 for container in containers.values())
    assert record.usage.cpu_seconds == pytest.approx(used)
    stored = bench.workspace.runs.show(record.id)
    assert stored["worker"]["replicas"] == 2
    assert stored["worker"]["codespec"]["endpoints"] == {"http": 5000}
    assert stored["containers"]["worker-1"]["verdict"] == "stopped"


def test_limits_hold_for_each_container(bench: Bench) -> None:
    files = "/sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max"
    script = f"cat {files} 2>/dev/null"
    record = bench.exec(
        script,
        f"{script}; {WAIT}",
        workers=2,
        codespec={"resources": {"limits": {"memory": "48Mi"}}},
        worker_codespec={"resources": {"limits": {"memory": "32Mi"}}},
    )
    assert bench.log("job-0", record) == [str(48 * 2**20)]
    for label in ("worker-0", "worker-1"):
        assert bench.log(label, record) == [str(32 * 2**20)]


def test_requests_beyond_the_machine_are_told_before_anything_starts(bench: Bench) -> None:
    cpus = os.cpu_count() or 1
    share = {"resources": {"requests": {"cpu": cpus}}}
    bench.exec("true", WAIT, workers=2, codespec=share, worker_codespec=share)
    told = next(text for text in bench.warnings if "in all" in text)
    assert f"the 3 containers request {3 * cpus} CPUs in all" in told
    kinds = [type(event) for event in bench.events]
    assert kinds.index(Warned) < kinds.index(StatusChanged)


def test_workers_end_with_the_job_and_are_asked_to(bench: Bench) -> None:
    busy = "trap 'echo asked; exit 3' TERM; echo busy; while :; do sleep 0.05; done"
    record = bench.exec("true", busy, workers=2)
    assert _kind(record) is VerdictKind.SUCCEEDED
    for label in ("worker-0", "worker-1"):
        assert bench.log(label, record) == ["busy", "asked"]
        assert _containers(record)[label].fate is Fate.STOPPED


def test_several_replicas_of_the_job_read_the_whole_input(bench: Bench, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.write_bytes(os.urandom(200_000))
    record = bench.exec(
        f"md5sum < $IN_PIPE{ASK}",
        SERVE,
        replicas=2,
        workers=2,
        codespec={"buffers": {"inputs": ["in"]}},
        buffers={"in": str(data)},
    )
    assert _kind(record) is VerdictKind.SUCCEEDED
    wanted = f"{hashlib.md5(data.read_bytes()).hexdigest()}  -"
    for index in range(2):
        assert bench.log(f"job-{index}", record)[0] == wanted
        (buffer,) = _containers(record)[f"job-{index}"].buffers
        assert (buffer.buffer, buffer.bytes) == ("in", 200_000)


def test_logs_say_whose_lines_they_are(bench: Bench) -> None:
    record = bench.exec(
        f"echo from the job{ASK}", f"echo served; {SERVE}", workers=2, follow_logs=True
    )
    lines = {(event.container, event.data) for event in bench.events if isinstance(event, LogLine)}
    assert ("job-0", b"from the job\n") in lines
    assert {("worker-0", b"served\n"), ("worker-1", b"served\n")} <= lines
    assert _kind(record) is VerdictKind.SUCCEEDED


def test_another_network_is_joined_beside_their_own(bench: Bench) -> None:
    (network,) = _docker("network", "create", f"tyger-local-test-{os.getpid()}")
    try:
        script = f"{ASK}ls -d /sys/class/net/eth*"
        record = bench.exec(script, SERVE, overrides=Overrides(network=network))
    finally:
        _docker("network", "rm", network)
    assert bench.log("job-0", record)[1:] == ["/sys/class/net/eth0", "/sys/class/net/eth1"]


# Endpoints


def test_looking_does_not_use_up_a_server_that_accepts_once(bench: Bench) -> None:
    once = f"nc -l -p 5000 -e hostname; echo over; {WAIT}"
    address = "run-$TYGER_RUN_ID-worker-0.run-$TYGER_RUN_ID-worker 5000"
    record = bench.exec(f"sleep 1; nc {address} </dev/null", once, wait_endpoints_s=20)
    assert bench.log("job-0", record) == [f"run-{record.id}-worker-0"]
    assert bench.log("worker-0", record) == ["over"]


LATE = f"sleep 1.5; {SERVE}"


def test_an_endpoint_that_listens_late_is_told(bench: Bench) -> None:
    record = bench.exec(ASK, LATE)
    assert _kind(record) is VerdictKind.SUCCEEDED
    (told,) = [text for text in bench.warnings if "began to listen" in text]
    assert told.startswith("worker-0 began to listen on 'http' (port 5000) ")
    assert told.endswith(" s after the job started: retry in the job")
    assert told in record.warnings


def test_the_job_can_wait_for_endpoints(bench: Bench) -> None:
    # A job that does not retry.
    ask = "nc run-$TYGER_RUN_ID-worker-0.run-$TYGER_RUN_ID-worker 5000 </dev/null"
    record = bench.exec(ask, LATE, wait_endpoints_s=30)
    assert _kind(record) is VerdictKind.SUCCEEDED
    assert bench.log("job-0", record) == [f"run-{record.id}-worker-0"]
    assert not [text for text in bench.warnings if "listen" in text]


def test_an_endpoint_that_is_waited_for_in_vain(bench: Bench) -> None:
    record = bench.exec("echo never", WAIT, workers=2, wait_endpoints_s=1)
    assert record.verdict is not None
    assert (record.verdict.kind, record.verdict.exit_code) == (VerdictKind.START_FAILED, 125)
    assert record.verdict.reason == (
        "not listening within 1 s (--wait-endpoints): worker-0 on 'http' (port 5000), "
        "worker-1 on 'http' (port 5000)"
    )
    assert _containers(record)["job-0"].fate is Fate.NOT_STARTED
    assert bench.log("job-0", record) == []


def test_a_worker_that_ends_while_its_endpoint_is_waited_for_is_no_unseen_one(bench: Bench) -> None:
    # What of its ports is shown ends with it, a little before its end is told.
    record = bench.exec("echo never", "sleep 3; exit 5", wait_endpoints_s=5)
    assert _kind(record) is VerdictKind.START_FAILED
    assert record.verdict is not None
    assert record.verdict.reason.startswith("not listening within 5 s (--wait-endpoints): worker-0")
    assert _containers(record)["worker-0"].restarts == 1


def test_an_endpoint_that_never_opens_is_named_when_the_job_fails(bench: Bench) -> None:
    ask = "nc run-$TYGER_RUN_ID-worker-0.run-$TYGER_RUN_ID-worker 5000 </dev/null"
    record = bench.exec(ask, WAIT)
    assert record.verdict is not None
    assert record.verdict.kind is VerdictKind.FAILED
    assert "worker-0 on 'http' (port 5000) never listened" in record.verdict.reason


HERE = "trap 'exit 0' TERM; httpd -f -p 127.0.0.1:5000 & wait"
"""Listens where nobody but the worker itself reaches it."""

ON_LOCALHOST = "on localhost only, where the job cannot reach it: let it listen on 0.0.0.0"


def test_an_endpoint_on_localhost_is_waited_for_in_vain(bench: Bench) -> None:
    record = bench.exec("echo never", HERE, wait_endpoints_s=5)
    assert record.verdict is not None
    assert (record.verdict.kind, record.verdict.exit_code) == (VerdictKind.START_FAILED, 125)
    assert record.verdict.reason == (
        "not listening within 5 s (--wait-endpoints): worker-0 on 'http' (port 5000) except on localhost"
    )
    assert record.verdict.hint == (
        "the job cannot reach a worker's localhost: let it listen on 0.0.0.0"
    )
    assert bench.log("job-0", record) == []


def test_an_endpoint_on_localhost_is_told_of_and_named_when_the_job_fails(
    bench: Bench, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    gate.mkdir()

    def open_when_told() -> None:
        if _comes_true(lambda: any(ON_LOCALHOST in text for text in bench.warnings)):
            (gate / "told").touch()

    ask = "nc run-$TYGER_RUN_ID-worker-0.run-$TYGER_RUN_ID-worker 5000 </dev/null"
    watcher = threading.Thread(target=open_when_told, daemon=True)
    watcher.start()
    record = bench.exec(
        f"until [ -e /gate/told ]; do sleep 0.1; done; {ask}",
        HERE,
        overrides=Overrides(mounts=(MountPlan(str(gate), "/gate"),)),
        timeout_s=DEADLINE_S,
    )
    watcher.join()
    assert _kind(record) is VerdictKind.FAILED
    assert "Connection refused" in bench.log("job-0", record)[0]
    endpoint = "worker-0 on 'http' (port 5000)"
    assert f"{endpoint} listened {ON_LOCALHOST}" in record.status_reason
    told = [text for text in record.warnings if "listen" in text]
    assert told == [f"{endpoint} listens {ON_LOCALHOST}"]


# Workers that end


def test_a_worker_that_dies_at_once_ends_the_run(bench: Bench) -> None:
    began = time.monotonic()
    record = bench.exec("sleep 600", "echo cannot work; exit 7", workers=2)
    assert time.monotonic() - began < 30
    assert record.verdict is not None
    assert (record.verdict.kind, record.verdict.exit_code) == (VerdictKind.FAILED, 7)
    assert "ended 3 times in a row without having run for 10 s; at last it ended with code 7" in (
        record.verdict.reason
    )
    assert "the cluster would go on restarting it" in record.verdict.hint
    label = record.verdict.reason.split()[0]
    assert bench.log(label, record) == ["cannot work"] * 3
    assert (_containers(record)[label].fate, _containers(record)[label].restarts) == (
        Fate.FAILED,
        2,
    )


def test_a_worker_that_cannot_start(bench: Bench) -> None:
    record = bench.exec("echo never", "", worker_codespec={"command": ["no-such-command"]})
    assert record.verdict is not None
    assert (record.verdict.kind, record.verdict.exit_code) == (VerdictKind.START_FAILED, 127)
    assert record.verdict.reason.startswith("worker-0: the container's command was not found")
    assert "on the cluster, the job would wait for it until the time-out" in record.verdict.hint
    assert bench.log("job-0", record) == []


def test_a_worker_without_an_image(bench: Bench) -> None:
    image = {"image": "tyger-local.invalid/no-such-image:1"}
    record = bench.exec("echo never", "", worker_codespec=image)
    assert _kind(record) is VerdictKind.ENGINE_FAILED
    assert image["image"] in record.status_reason


def test_a_worker_that_dies_later_is_replaced_by_a_new_one(bench: Bench) -> None:
    # It serves once, and leaves a file that the next one would find if it were the same container.
    once = "ls /mark; touch /mark; nc -l -p 5000 -e hostname; exit 4"
    record = bench.exec(f"{ASK}{ASK}", once)
    assert _kind(record) is VerdictKind.SUCCEEDED
    worker = _containers(record)["worker-0"]
    assert worker.restarts >= 1
    assert bench.log("job-0", record) == [f"run-{record.id}-worker-0"] * 2
    assert set(bench.log("worker-0", record)) == {"ls: /mark: No such file or directory"}
    told = [text for text in bench.warnings if text.startswith("worker-0 ended with code 4 after ")]
    assert len(told) >= 1
    assert told[0].endswith(" s and is started again, as on the cluster")


def test_how_long_workers_take_to_end_is_no_time_of_the_job(bench: Bench) -> None:
    record = bench.exec("true", "trap '' TERM; while :; do sleep 1; done", stop_grace_s=3)
    assert _kind(record) is VerdictKind.SUCCEEDED
    assert record.phases is not None
    assert (record.phases.run_s or 0) < 2
    assert (record.phases.drain_s or 0) >= 3


@pytest.mark.parametrize("after_s", [0.3, 0.6, 0.9])
def test_a_job_that_ends_while_a_worker_is_started_again(bench: Bench, after_s: float) -> None:
    """What the worker has cost is counted once, and what of it still starts is stopped and told as well."""
    record = bench.exec(f"sleep {1 + after_s}", "if mkdir /mark; then sleep 1; exit 3; fi")
    assert _kind(record) is VerdictKind.SUCCEEDED
    job, worker = (_containers(record)[label].usage for label in ("job-0", "worker-0"))
    assert record.usage is not None
    assert job.cpu_seconds is not None
    assert worker.cpu_seconds is not None
    assert record.usage.cpu_seconds == pytest.approx(job.cpu_seconds + worker.cpu_seconds)
    lives = _containers(record)["worker-0"].restarts + 1
    assert worker.cpu_seconds < (lives + 0.9) * job.cpu_seconds


def test_a_worker_that_needs_more_memory_than_it_may_have(bench: Bench) -> None:
    hungry = "dd if=/dev/zero of=/dev/null bs=64M count=1"
    limits = {"resources": {"limits": {"memory": "8Mi"}}}
    record = bench.exec("sleep 600", hungry, worker_codespec=limits)
    assert record.verdict is not None
    assert (record.verdict.kind, record.verdict.exit_code) == (VerdictKind.OUT_OF_MEMORY, 137)
    assert "was killed for want of memory (its limit is 8Mi)" in record.verdict.reason
    assert _containers(record)["worker-0"].fate is Fate.OUT_OF_MEMORY


def test_a_worker_that_survives_a_kill_for_want_of_memory_is_told_of(bench: Bench) -> None:
    hungry = "dd if=/dev/zero of=/dev/null bs=64M count=1; echo went on; nc -ll -p 5000 -e hostname & wait"
    limits = {"resources": {"limits": {"memory": "8Mi"}}}
    record = bench.exec(ASK, f"trap 'exit 0' TERM; {hungry}", worker_codespec=limits)
    assert _kind(record) is VerdictKind.SUCCEEDED
    assert any(
        text.startswith("a process of worker-0 was killed for want of memory")
        for text in record.warnings
    )


# Ends from outside


def _cancel_when(bench: Bench, happens: Callable[[], object]) -> None:
    """Cancel as soon as something has happened, in a thread."""

    def work() -> None:
        _comes_true(happens)
        bench.cancellation.request(CancelReason.INTERRUPT)

    threading.Thread(target=work, daemon=True).start()


@pytest.mark.parametrize(
    ("what", "count"),
    [("network", 1), ("a worker runs", 2), ("the job runs", 3)],
)
def test_it_can_be_canceled_in_every_phase(bench: Bench, what: str, count: int) -> None:
    def happens() -> bool:
        if what == "the job runs":
            return any(isinstance(e, StatusChanged) and e.running for e in bench.events)
        if what == "network":
            return bool(bench.left)
        return len(bench.left) > count

    _cancel_when(bench, happens)
    began = time.monotonic()
    record = bench.exec("sleep 600", WAIT, workers=2, wait_endpoints_s=None if count == 3 else 60)
    assert record.verdict is not None
    assert (record.verdict.kind, record.verdict.exit_code) == (VerdictKind.CANCELED, 130)
    assert time.monotonic() - began < 20
    assert bench.left == []


def test_a_time_out_while_endpoints_are_waited_for(bench: Bench) -> None:
    record = bench.exec("echo never", WAIT, timeout_s=1, wait_endpoints_s=60)
    assert record.verdict is not None
    assert (record.verdict.kind, record.verdict.exit_code) == (VerdictKind.TIMED_OUT, 124)
    assert record.verdict.reason.startswith(
        "The job had not started after 1 s: it waited for its work"
    )
    assert "worker-0 on 'http' (port 5000) never listened" in record.verdict.reason


def test_what_is_kept_is_kept_whole(bench: Bench) -> None:
    record = bench.exec("true", WAIT, keep=True, stop_grace_s=0.1)
    assert _kind(record) is VerdictKind.SUCCEEDED
    job, worker, network = bench.left
    assert (
        len([text for text in bench.warnings if text.endswith("is kept; remove it yourself")]) == 3
    )
    _docker("rm", "--force", job, worker)
    _docker("network", "rm", network)
    assert bench.left == []


def test_a_job_in_the_background_has_workers_too(bench: Bench, temporary: Path) -> None:
    document = {
        "job": {"codespec": _codespec(ASK, None)},
        "worker": {
            "codespec": _codespec(SERVE, {"endpoints": {"http": 5000}}),
            "replicas": 2,
        },
    }
    run_id = bench.workspace.runs.create(document)
    deadline = time.monotonic() + DEADLINE_S
    *_, last = bench.workspace.runs.watch(run_id)
    assert last["status"] == "Succeeded"
    deadline, pause = time.monotonic() + DEADLINE_S, threading.Event()
    while bench.left or list(temporary.iterdir()):
        assert time.monotonic() < deadline
        pause.wait(0.02)
