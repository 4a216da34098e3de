"""Whole runs on a real Docker engine."""

from __future__ import annotations

import gc
import hashlib
import os
import subprocess
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tyger_local import Workspace
from tyger_local.engine.base import PullPolicy
from tyger_local.outcome.events import Event, LogLine, StatusChanged
from tyger_local.outcome.facts import CancelReason
from tyger_local.outcome.record import RunRecord
from tyger_local.plan.model import Overrides
from tyger_local.runner.cancel import Cancellation
from tyger_local.runner.setup import Options
from tyger_local.workspace.execution import ExecOptions

pytestmark = pytest.mark.docker

IMAGE = "tyger-local/busybox"
MISSING_IMAGE = "tyger-local.invalid/no-such-image:1"
DEADLINE_S = 60
MIB = 2**20
LEAVE_LIMIT = 65_536


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for pipes, in which nothing may be left."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield folder
    assert list(folder.iterdir()) == []


def _until(condition: Callable[[], bool]) -> None:
    deadline, pause = time.monotonic() + DEADLINE_S, threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "a condition did not come true"
        pause.wait(0.01)


def _containers(home: Path) -> list[str]:
    """Return the containers of this store."""
    digest = hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:16]
    command = ("docker", "ps", "-aq", "--no-trunc", "--filter", f"label=tyger-local.store={digest}")
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


class Bench:
    """Runs shell scripts in containers."""

    def __init__(self, home: Path, folder: Path) -> None:
        self.workspace = Workspace(home, engine="docker")
        self.home = home
        self.folder = folder
        self.events: list[Event] = []
        self.cancellation = Cancellation()

    def path(self, name: str, data: bytes | None = None) -> Path:
        path = self.folder / name
        if data is not None:
            path.write_bytes(data)
        return path

    def exec(
        self,
        script: str,
        inputs: Mapping[str, object] | None = None,
        outputs: Mapping[str, object] | None = None,
        *,
        replicas: int = 1,
        timeout_s: int | None = None,
        overrides: Overrides | None = None,
        codespec: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> RunRecord:
        given = {**(inputs or {}), **(outputs or {})}
        document: dict[str, Any] = {
            "job": {
                "codespec": {
                    "image": IMAGE,
                    "command": ["sh", "-c", script],
                    "buffers": {"inputs": [*(inputs or {})], "outputs": [*(outputs or {})]},
                    **(codespec or {}),
                },
                "replicas": replicas,
            }
        }
        if timeout_s is not None:
            document["timeoutSeconds"] = timeout_s
        execution = ExecOptions(
            overrides=overrides or Overrides(network="none"),
            options=Options(**options),
            emit=self.events.append,
            cancellation=self.cancellation,
        )
        buffers = {name: str(path) for name, path in given.items()}
        return self.workspace.runs.exec(document, buffers, execution)

    def in_background(
        self, script: str, *arguments: Any, **options: Any
    ) -> Callable[[], RunRecord]:
        """Start a run in a thread; return what waits for its record."""
        records: list[RunRecord] = []
        thread = threading.Thread(
            target=lambda: records.append(self.exec(script, *arguments, **options)), daemon=True
        )
        thread.start()

        def finish() -> RunRecord:
            thread.join(DEADLINE_S)
            assert records, "the run hangs"
            return records[0]

        return finish

    def told(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def log(self, record: RunRecord, index: int = 0) -> list[str]:
        return self.workspace.runs.log_tail(record.id, f"job-{index}", 1000)


@pytest.fixture
def bench(home: Path, tmp_path: Path) -> Iterator[Bench]:
    folder = tmp_path / "files"
    folder.mkdir()
    yield Bench(home, folder)
    assert _containers(home) == []


def _check(
    record: RunRecord, kind: str, exit_code: int, status: str = "Failed", reason: str = ""
) -> None:
    verdict = record.verdict
    assert verdict is not None
    assert (verdict.kind.value, verdict.exit_code) == (kind, exit_code), verdict
    assert record.status.value == status
    assert reason in verdict.reason


def _check_succeeded(record: RunRecord) -> None:
    _check(record, "succeeded", 0, "Succeeded")


def test_bytes_go_through(bench: Bench) -> None:
    data = os.urandom(5 * MIB + 17)
    source, target = bench.path("in", data), bench.path("out")
    script = 'cat "$IN_PIPE" > "$OUT_PIPE"; echo "$IN_PIPE $TYGER_RUN_ID $(hostname)"'
    record = bench.exec(script, {"in": source}, {"out": target})
    _check_succeeded(record)
    assert target.read_bytes() == data
    assert {b.sha256 for b in record.buffers} == {hashlib.sha256(data).hexdigest()}
    assert bench.log(record) == ["/etc/buffer-fifos/in 1 run-1-job-0"]


def test_its_record(bench: Bench) -> None:
    record = bench.exec("true")
    shown: Any = bench.workspace.runs.show(record.id)
    assert shown == record.document()
    assert shown["engine"]["name"] == "docker"
    assert shown["engine"]["version"]
    assert shown["image"]["reference"] == IMAGE
    assert shown["image"]["digest"].startswith("sha256:")


@pytest.mark.parametrize("code", [1, 64, 125, 137, 255])
def test_the_containers_exit_code_is_the_runs(bench: Bench, code: int) -> None:
    record = bench.exec(f"echo last words >&2; exit {code}")
    _check(record, "failed", code, reason=f"Main exited with code {code}")
    assert bench.log(record) == ["last words"]


@pytest.mark.parametrize(
    ("command", "exit_code"),
    [("/no/such/command", 127), ("no-such-command", 127), ("/etc/passwd", 126)],
)
def test_a_command_that_cannot_start(bench: Bench, command: str, exit_code: int) -> None:
    target = bench.path("out", b"old")
    record = bench.exec("", {}, {"out": target}, codespec={"command": [command]})
    _check(record, "start-failed", exit_code, reason=command)
    assert target.read_bytes() == b"old"


def test_pipes_that_are_never_opened_are_fine(bench: Bench) -> None:
    record = bench.exec("true", {"in": bench.path("in", bytes(MIB))}, {"out": bench.path("out")})
    _check_succeeded(record)
    assert [b.state.value for b in record.buffers] == ["never-opened"] * 2
    assert bench.path("out").read_bytes() == b""


def test_outputs_first(bench: Bench) -> None:
    script = 'exec 3>"$OUT_PIPE" 4<"$IN_PIPE"; cat <&4 >&3'
    record = bench.exec(script, {"in": bench.path("in", b"abc")}, {"out": bench.path("out")})
    _check_succeeded(record)
    assert bench.path("out").read_bytes() == b"abc"


def test_a_failed_run_keeps_the_old_output(bench: Bench) -> None:
    target = bench.path("out", b"old")
    record = bench.exec('echo part > "$OUT_PIPE"; exit 3', {}, {"out": target})
    _check(record, "failed", 3)
    assert target.read_bytes() == b"old"
    assert bench.path("out.partial").read_bytes() == b"part\n"
    assert record.verdict is not None
    assert str(bench.path("out.partial")) in record.verdict.line


def test_a_time_out(bench: Bench) -> None:
    record = bench.exec("exec sleep 60", timeout_s=1, stop_grace_s=0.1)
    _check(record, "timed-out", 124, reason="still running after 1 s")


def _ready(bench: Bench) -> Callable[[], bool]:
    return lambda: any(b"ready" in event.data for event in bench.told(LogLine))


def test_a_canceled_container_may_clean_up(bench: Bench) -> None:
    finish = bench.in_background(
        "trap 'echo cleaned; exit 0' TERM; echo ready; while :; do sleep 0.05; done",
        follow_logs=True, stop_grace_s=30,
    )  # fmt: skip
    _until(_ready(bench))
    bench.cancellation.request(CancelReason.TERMINATE)
    record = finish()
    _check(record, "canceled", 143, "Canceled", "Canceled by SIGTERM")
    assert bench.log(record) == ["ready", "cleaned"]


@pytest.mark.parametrize(("grace_s", "requests"), [(0.2, 1), (60.0, 2)])
def test_one_that_hears_nothing_is_killed(bench: Bench, grace_s: float, requests: int) -> None:
    script = "trap '' TERM; echo ready; while :; do sleep 0.05; done"
    finish = bench.in_background(script, follow_logs=True, stop_grace_s=grace_s)
    _until(_ready(bench))
    began = time.monotonic()
    for _ in range(requests):
        bench.cancellation.request(CancelReason.INTERRUPT)
    _check(finish(), "canceled", 130, "Canceled")
    assert time.monotonic() - began < 10


def test_a_request_that_came_before_the_run_is_heard(bench: Bench) -> None:
    bench.cancellation.request(CancelReason.INTERRUPT)
    _check(bench.exec("exec sleep 60"), "canceled", 130, "Canceled")


@pytest.mark.parametrize(
    ("left", "lenient", "kind"),
    [
        (LEAVE_LIMIT, False, "succeeded"),
        (LEAVE_LIMIT + 1, False, "buffer-failed"),
        (LEAVE_LIMIT + 1, True, "succeeded"),
    ],
)
def test_closing_an_input_early(bench: Bench, left: int, lenient: bool, kind: str) -> None:
    source = bench.path("in", bytes(4096 + left))
    script = 'dd if="$IN_PIPE" of=/dev/null bs=4096 count=1'
    record = bench.exec(script, {"in": source}, lenient=lenient)
    failed = kind == "buffer-failed"
    _check(record, kind, 74 if failed else 0, "Failed" if failed else "Succeeded")
    assert [b.state.value for b in record.buffers] == ["closed-early"]


@pytest.mark.parametrize(
    "script",
    [
        'echo lost > /tmp/x; mv /tmp/x "$OUT_PIPE"',
        'rm "$OUT_PIPE"; echo lost > "$OUT_PIPE"',
        'ln -sf /etc/passwd "$OUT_PIPE"',
    ],
)
def test_a_replaced_pipe(bench: Bench, script: str) -> None:
    target = bench.path("out", b"old")
    record = bench.exec(script, {}, {"out": target})
    _check(record, "buffer-failed", 74, reason="replaced the pipe of 'out'")
    assert target.read_bytes() == b"old"


def test_a_link_to_a_file_of_the_host_is_not_followed(bench: Bench, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    script = f'exec 3<"$IN_PIPE"; ln -sf {victim} "$IN_PIPE"; ln -sf {victim} "$OUT_PIPE"; cat <&3'
    record = bench.exec(script, {"in": bench.path("in", b"abc")}, {"out": bench.path("out")})
    _check(record, "buffer-failed", 74)
    assert bench.log(record) == ["abc"]
    assert victim.read_bytes() == b"precious"


def test_a_background_child_dies_with_the_container(bench: Bench) -> None:
    script = (
        '(exec 3>"$OUT_PIPE"; echo early >&3; sleep 60; echo late >&3) & read -r _ < "$GO_PIPE"'
    )
    go = bench.path("go", b"go\n")
    record = bench.exec(script, {"go": go}, {"out": bench.path("out")})
    _check_succeeded(record)
    assert bench.path("out").read_bytes() in (b"early\n", b"")


def test_any_user_may_use_the_pipes(bench: Bench) -> None:
    record = bench.exec(
        'id -u; cat "$IN_PIPE" > "$OUT_PIPE"; echo more 2>/dev/null > "$WHERE_PIPE"',
        {"in": bench.path("in", b"abc")},
        {"out": bench.path("out"), "where": bench.path("where")},
        overrides=Overrides(user="1234", network="none"),
    )
    _check_succeeded(record)
    assert bench.log(record) == ["1234"]
    assert bench.path("out").read_bytes() == b"abc"
    assert bench.path("where").read_bytes() == b"more\n"


SMALL = {"resources": {"limits": {"memory": "24Mi"}}}


@pytest.mark.parametrize(
    ("script", "lenient", "kind", "exit_code"),
    [
        ("exec tail /dev/zero", False, "out-of-memory", 137),
        ("exec tail /dev/zero", True, "out-of-memory", 137),
        ("tail /dev/zero; exit 0", False, "out-of-memory", 137),
        ("tail /dev/zero; exit 0", True, "succeeded", 0),
        ("tail /dev/zero; exit 7", False, "out-of-memory", 137),
    ],
)
def test_out_of_memory(bench: Bench, script: str, lenient: bool, kind: str, exit_code: int) -> None:
    record = bench.exec(script, codespec=SMALL, lenient=lenient)
    succeeded = kind == "succeeded"
    _check(record, kind, exit_code, "Succeeded" if succeeded else "Failed")
    if not succeeded:
        assert "its limit is 24Mi" in record.status_reason
        assert ("the job went on" in record.status_reason) is not script.startswith("exec")


def test_a_memory_limit_below_the_engines_smallest(bench: Bench) -> None:
    codespec = {"resources": {"limits": {"memory": "5Mi"}}}
    record = bench.exec("true", codespec=codespec)
    _check(record, "engine-failed", 125, reason="the memory limit 5Mi is below 6 MiB")


@pytest.mark.parametrize("pull", PullPolicy)
def test_an_image_that_is_not_there(bench: Bench, pull: PullPolicy) -> None:
    codespec, outputs = {"image": MISSING_IMAGE}, {"out": bench.path("out")}
    record = bench.exec("true", {}, outputs, codespec=codespec, pull=pull)
    _check(record, "engine-failed", 125, reason=MISSING_IMAGE)
    assert record.image is None
    assert list(bench.folder.iterdir()) == []


def test_no_engine(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch, warnings.catch_warnings():
        # docker-py leaves a socket that it could not connect to the garbage collector.
        warnings.simplefilter("ignore", ResourceWarning)
        patch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
        record = bench.exec("true")
        gc.collect()
    _check(record, "engine-failed", 125, reason="No such file or directory")
    assert record.verdict is not None
    assert "systemctl start docker" in record.verdict.hint


def test_keep_leaves_the_container(bench: Bench, home: Path) -> None:
    record = bench.exec("exit 3", keep=True)
    _check(record, "failed", 3)
    (left,) = _containers(home)
    subprocess.run(("docker", "rm", "--force", left), capture_output=True, check=True)


@pytest.mark.parametrize("failing", [False, True])
def test_replicas(bench: Bench, failing: bool) -> None:
    script = '[ "$(hostname)" != run-1-job-1 ] || exit $CODE; wc -c < "$IN_PIPE"; exec sleep $S'
    env = {"CODE": "5" if failing else "0", "S": "60" if failing else "0"}
    source = bench.path("in", bytes(100_000))
    record = bench.exec(script, {"in": source}, replicas=2, codespec={"env": env}, stop_grace_s=0.1)
    if failing:
        _check(record, "failed", 5)
    else:
        _check_succeeded(record)
        assert bench.log(record, 0) == ["100000"]
    statuses = [event.running for event in bench.told(StatusChanged)]
    assert statuses == [2, None]


def test_two_dozen_buffers_at_once(bench: Bench) -> None:
    names = [f"b{number:02}" for number in range(24)]
    inputs = {name: bench.path(f"{name}.in", os.urandom(20_000)) for name in names}
    outputs = {f"o{name}": bench.path(f"{name}.out") for name in names}
    copies = "".join(f'cat "${n.upper()}_PIPE" > "$O{n.upper()}_PIPE" & ' for n in names)
    _check_succeeded(bench.exec(f"{copies} wait", inputs, outputs))
    for name in names:
        assert bench.path(f"{name}.out").read_bytes() == inputs[name].read_bytes()


def test_a_container_that_somebody_removed(bench: Bench, home: Path) -> None:
    finish = bench.in_background("echo ready; exec sleep 60", follow_logs=True)
    _until(_ready(bench))
    (container,) = _containers(home)
    subprocess.run(("docker", "rm", "--force", container), capture_output=True, check=True)
    verdict = finish().verdict
    assert verdict is not None
    # The engine kills it first, and we may see it dead before it is gone.
    assert (verdict.kind.value, verdict.exit_code) in (("engine-failed", 125), ("failed", 137))


def test_a_container_that_somebody_killed(bench: Bench, home: Path) -> None:
    finish = bench.in_background("echo ready; exec sleep 60", follow_logs=True)
    _until(_ready(bench))
    (container,) = _containers(home)
    subprocess.run(("docker", "kill", container), capture_output=True, check=True)
    _check(finish(), "failed", 137)
