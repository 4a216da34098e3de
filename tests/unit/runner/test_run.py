"""Whole runs on the process engine: everything around a container, without one."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from tyger_local import Workspace
from tyger_local.errors import BufferArgumentError, ClusterDifferenceError, UsageError
from tyger_local.outcome.events import Event, LogLine, StatusChanged, Transfers, Warned
from tyger_local.outcome.facts import CancelReason
from tyger_local.outcome.record import RunRecord
from tyger_local.plan.model import MountPlan, Overrides
from tyger_local.runner import watch as watch_module
from tyger_local.runner.cancel import Cancellation
from tyger_local.runner.setup import Options
from tyger_local.streams.tally import Checksum
from tyger_local.workspace.execution import ExecOptions

DEADLINE_S = 20
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
ABC_SHA256 = hashlib.sha256(b"abc").hexdigest()
MIB = 2**20


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for pipes; nothing may be left in it, nor a child, a descriptor or a thread."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    descriptors, threads = _descriptors(), threading.active_count()
    yield folder
    assert list(folder.iterdir()) == []
    _until(lambda: not list(_children(folder)))
    _until(lambda: threading.active_count() <= threads)
    assert _descriptors() == descriptors


def _descriptors() -> dict[str, str]:
    found: dict[str, str] = {}
    for path in Path("/proc/self/fd").iterdir() if sys.platform == "linux" else ():
        with suppress(FileNotFoundError):  # the one through which we look
            found[path.name] = str(path.readlink())
    return found


def _children(folder: Path) -> Iterator[int]:
    """Find every process that was started for a run of this test, adopted by init or not."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            environment = process.environ()
            if environment.get("TMPDIR") == str(folder) and "TYGER_LOCAL_PROCESS" in environment:
                yield process.pid


def _until(condition: Callable[[], bool]) -> None:
    deadline, pause = time.monotonic() + DEADLINE_S, threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "a condition did not come true"
        pause.wait(0.005)


class Bench:
    """Runs shell scripts as codespecs."""

    def __init__(self, home: Path, folder: Path) -> None:
        self.workspace = Workspace(home, engine="process")
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
        strict: bool = False,
        overrides: Overrides | None = None,
        codespec: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> RunRecord:
        given = {**(inputs or {}), **(outputs or {})}
        document: dict[str, Any] = {
            "job": {
                "codespec": {
                    "image": "no-image",
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
            overrides=overrides or Overrides(),
            options=Options(**options),
            strict=strict,
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
def bench(home: Path, tmp_path: Path) -> Bench:
    folder = tmp_path / "files"
    folder.mkdir()
    return Bench(home, folder)


def _check(
    record: RunRecord, kind: str, exit_code: int, status: str = "Failed", reason: str = ""
) -> None:
    verdict = record.verdict
    assert verdict is not None
    assert (verdict.kind.value, verdict.exit_code) == (kind, exit_code), verdict
    assert record.status.value == status
    assert reason in verdict.reason
    assert record.status_reason == verdict.reason
    if status == "Failed":
        assert verdict.reason


def _check_succeeded(record: RunRecord) -> None:
    _check(record, "succeeded", 0, "Succeeded")
    assert record.status_reason == ""


# A run that goes well


def test_bytes_go_through(bench: Bench) -> None:
    data = os.urandom(3 * MIB + 17)
    source, target = bench.path("in", data), bench.path("out")
    record = bench.exec('cat "$IN_PIPE" > "$OUT_PIPE"', {"in": source}, {"out": target})
    _check_succeeded(record)
    assert target.read_bytes() == data
    digest = hashlib.sha256(data).hexdigest()
    assert {b.sha256 for b in record.buffers} == {digest}
    assert [p.name for p in sorted(bench.folder.iterdir())] == ["in", "out"]


def test_its_record(bench: Bench) -> None:
    source, target = bench.path("in", b"abc"), bench.path("out")
    record = bench.exec('cat "$IN_PIPE" > "$OUT_PIPE"', {"in": source}, {"out": target})
    shown = bench.workspace.runs.show(record.id)
    assert shown == record.document()
    assert list(shown) == [
        *("id", "status", "createdAt", "startedAt", "finishedAt", "kind", "job", "timeoutSeconds"),
        *(
            "eTag",
            "verdict",
            "exitCode",
            "hint",
            "engine",
            "image",
            "bufferStats",
            "usage",
            "phases",
        ),
        "warnings",
    ]
    times = [str(shown[name]) for name in ("createdAt", "startedAt", "finishedAt")]
    assert all(TIME.fullmatch(text) for text in times)
    assert times == sorted(times)
    assert (shown["id"], shown["status"], shown["kind"]) == (1, "Succeeded", "user")
    assert (shown["verdict"], shown["exitCode"], shown["timeoutSeconds"]) == ("succeeded", 0, 43200)
    engine: Any = shown["engine"]
    assert engine["name"] == "process"
    assert engine["version"]
    assert shown["image"] == {"reference": "no-image", "digest": None, "platform": None}
    assert set(shown["usage"]) == {  # type: ignore[call-overload]
        *("peakMemoryBytes", "cpuSeconds", "throttledSeconds", "method")
    }
    job: Any = shown["job"]
    assert job["buffers"] == {"in": str(source), "out": str(target)}
    assert job["replicas"] == 1
    assert list(job["codespec"])[:3] == ["kind", "buffers", "image"]
    assert not {"name", "version", "createdAt"} & set(job["codespec"])
    stats: Any = shown["bufferStats"]
    for name, direction in (("in", "input"), ("out", "output")):
        seconds = stats[name].pop("seconds")
        waited = stats[name].pop("waitedSeconds")
        rate = stats[name].pop("bytesPerSecond")
        assert 0 <= seconds < DEADLINE_S
        assert set(waited) == {"opening", "container", "host"}
        assert all(0 <= waited_s < DEADLINE_S for waited_s in waited.values())
        assert rate is None or rate > 0
        assert stats[name] == {
            "direction": direction, "bytes": 3, "sha256": ABC_SHA256, "state": "complete",
        }  # fmt: skip


def test_what_is_told_meanwhile(bench: Bench) -> None:
    record = bench.exec("echo out; echo err >&2", follow_logs=True)
    _check_succeeded(record)
    statuses = [(event.status.value, event.running) for event in bench.told(StatusChanged)]
    assert statuses == [("Running", 1), ("Succeeded", None)]
    assert {event.data for event in bench.told(LogLine)} == {b"out\n", b"err\n"}
    assert {event.container for event in bench.told(LogLine)} == {"job-0"}
    assert bench.told(Transfers)
    assert any("limits and isolation" in note for note in record.notes)


def test_ids_count_from_one(bench: Bench) -> None:
    assert [bench.exec("true").id for _ in range(3)] == [1, 2, 3]
    assert [run["id"] for run in bench.workspace.runs.list()] == [3, 2, 1]


def test_its_environment_and_arguments(bench: Bench) -> None:
    target = bench.path("out")
    record = bench.exec(
        'echo "$TYGER_RUN_ID|$A|$(MY-OUT_PIPE)|$1|$0|$HOME" > "$(MY-OUT_PIPE)"',
        outputs={"my-out": target},
        codespec={
            "args": ["$(A)", "$(MY-OUT_PIPE)"],
            "env": {"A": "x$(TYGER_RUN_ID)", "PATH": os.environ["PATH"]},
        },
    )
    _check_succeeded(record)
    run_id, a, pipe, first, zeroth, home = target.read_text().strip().split("|")
    assert (run_id, a, zeroth) == ("1", "x1", "x1")
    assert first == pipe
    assert pipe.endswith("/buffer-fifos/my-out")
    assert home == os.environ["HOME"]


def test_two_dozen_buffers_at_once(bench: Bench) -> None:
    names = [f"b{number:02}" for number in range(24)]
    data = {name: os.urandom(50_000 + number) for number, name in enumerate(names)}
    inputs = {name: bench.path(f"{name}.in", data[name]) for name in names}
    outputs = {f"o{name}": bench.path(f"{name}.out") for name in names}
    copies = "".join(f'cat "${n.upper()}_PIPE" > "$O{n.upper()}_PIPE" & ' for n in names)
    _check_succeeded(bench.exec(f"{copies} wait", inputs, outputs))
    assert {n: bench.path(f"{n}.out").read_bytes() for n in names} == data


def test_two_runs_at_once(bench: Bench, home: Path) -> None:
    benches = [bench, Bench(home, bench.folder)]
    source = bench.path("in", os.urandom(MIB))
    ends = [
        one.in_background('cat "$I_PIPE" > "$O_PIPE"', {"i": source}, {"o": bench.path(f"{n}")})
        for n, one in enumerate(benches)
    ]
    records = [end() for end in ends]
    assert {record.id for record in records} == {1, 2}
    for number, record in enumerate(records):
        _check_succeeded(record)
        assert bench.path(f"{number}").read_bytes() == source.read_bytes()


@pytest.mark.parametrize(
    ("checksum", "sha256"),
    [(Checksum.AUTO, ABC_SHA256), (Checksum.ALWAYS, ABC_SHA256), (Checksum.NEVER, None)],
)
def test_checksums(bench: Bench, checksum: Checksum, sha256: str | None) -> None:
    source = bench.path("in", b"abc")
    record = bench.exec('cat "$IN_PIPE"', {"in": source}, checksum=checksum)
    assert record.buffers[0].sha256 == sha256


def test_pipes_that_are_never_opened_are_fine(bench: Bench) -> None:
    source, target = bench.path("in", bytes(MIB)), bench.path("out", b"old")
    record = bench.exec("true", {"in": source}, {"out": target})
    _check_succeeded(record)
    assert [b.state.value for b in record.buffers] == ["never-opened"] * 2
    assert target.read_bytes() == b""
    assert record.verdict is not None
    assert record.verdict.notes == ("the output 'out' was never opened and is empty",)


# Failures


@pytest.mark.parametrize("code", [1, 3, 64, 124, 125, 126, 127, 137, 255])
def test_the_containers_exit_code_is_the_runs(bench: Bench, code: int) -> None:
    record = bench.exec(f"echo last words >&2; exit {code}")
    _check(record, "failed", code, reason=f"Main exited with code {code}")
    assert record.document()["exitCode"] == code
    assert bench.log(record) == ["last words"]


@pytest.mark.parametrize(("number", "code"), [("TERM", 143), ("KILL", 137), ("SEGV", 139)])
def test_a_death_by_signal(bench: Bench, number: str, code: int) -> None:
    _check(bench.exec(f"kill -{number} $$$$"), "failed", code, reason=f"code {code}")


def test_a_failure_tells_which_pipes_were_not_touched(bench: Bench) -> None:
    source = bench.path("in", b"abc")
    outputs = {"out": bench.path("out"), "empty": bench.path("empty")}
    record = bench.exec(': > "$EMPTY_PIPE"; exit 2', {"in": source}, outputs)
    _check(record, "failed", 2)
    assert "input 'in' was never opened" in record.status_reason
    assert "output 'out' was never opened" in record.status_reason
    assert "output 'empty' gave no byte" in record.status_reason


@pytest.mark.parametrize(
    ("command", "exit_code"),
    [("/no/such/command", 127), ("no-such-command", 127), ("/etc/passwd", 126), ("/etc", 126)],
)
def test_a_command_that_cannot_start(bench: Bench, command: str, exit_code: int) -> None:
    target = bench.path("out", b"old")
    record = bench.exec("", {}, {"out": target}, codespec={"command": [command]})
    _check(record, "start-failed", exit_code, reason=command)
    assert record.started_at is None
    assert target.read_bytes() == b"old"
    assert [b.state.value for b in record.buffers] == ["never-opened"]


def test_a_working_directory_that_is_not_there(bench: Bench) -> None:
    record = bench.exec("true", codespec={"workingDir": "/no/such/folder"})
    _check(record, "start-failed", 125, reason="/no/such/folder")


def test_the_old_output_of_a_failed_run_stays(bench: Bench) -> None:
    targets = {name: bench.path(name, b"old") for name in ("one", "two", "three")}
    script = 'echo part > "$ONE_PIPE"; echo more > "$TWO_PIPE"; exit 3'
    record = bench.exec(script, {}, targets)
    _check(record, "failed", 3)
    assert [path.read_bytes() for path in targets.values()] == [b"old"] * 3
    assert bench.path("one.partial").read_bytes() == b"part\n"
    assert bench.path("two.partial").read_bytes() == b"more\n"
    assert not bench.path("three.partial").exists()
    assert record.verdict is not None
    for name in ("one", "two"):
        assert str(bench.path(f"{name}.partial")) in record.verdict.line
    assert len(list(bench.folder.iterdir())) == 5


def test_a_time_out(bench: Bench) -> None:
    source = bench.path("in", b"abc")
    record = bench.exec("exec sleep 60", {"in": source}, timeout_s=1)
    _check(record, "timed-out", 124, reason="still running after 1 s; never opened: 'in'")


def test_a_time_out_of_one_that_hears_nothing(bench: Bench) -> None:
    began = time.monotonic()
    record = bench.exec("trap '' TERM; while :; do sleep 0.01; done", timeout_s=1, stop_grace_s=0.1)
    _check(record, "timed-out", 124)
    assert time.monotonic() - began < 1 + 0.1 + 2


# Cancelling


def _started(bench: Bench) -> Callable[[], bool]:
    return lambda: any(event.running for event in bench.told(StatusChanged))


@pytest.mark.parametrize(
    ("reason", "exit_code", "words"),
    [
        (CancelReason.INTERRUPT, 130, "Canceled by Ctrl-C"),
        (CancelReason.TERMINATE, 143, "Canceled by SIGTERM"),
        (CancelReason.HANG_UP, 129, "Canceled by SIGHUP"),
        (CancelReason.USER, 130, "Canceled by user"),
    ],
)
def test_canceling(bench: Bench, reason: CancelReason, exit_code: int, words: str) -> None:
    finish = bench.in_background("exec sleep 60")
    _until(_started(bench))
    assert bench.cancellation.request(reason)
    record = finish()
    _check(record, "canceled", exit_code, "Canceled", words)
    assert bench.workspace.runs.show(record.id)["status"] == "Canceled"
    assert not bench.cancellation.request(reason)  # nobody listens any more


def test_a_canceled_container_may_clean_up(bench: Bench) -> None:
    finish = bench.in_background(
        "trap 'echo cleaned; exit 0' TERM; echo ready; while :; do sleep 0.01; done",
        follow_logs=True,
    )
    _until(lambda: bool(bench.told(LogLine)))
    bench.cancellation.request(CancelReason.USER)
    record = finish()
    _check(record, "canceled", 130, "Canceled")
    assert bench.log(record) == ["ready", "cleaned"]


STUBBORN = "trap '' TERM; echo ready; while :; do sleep 0.01; done"


@pytest.mark.parametrize(("grace_s", "requests"), [(0.2, 1), (60.0, 2)])
def test_one_that_hears_nothing_is_killed_after_the_grace_or_at_the_second_request(
    bench: Bench, grace_s: float, requests: int
) -> None:
    finish = bench.in_background(STUBBORN, follow_logs=True, stop_grace_s=grace_s)
    _until(lambda: bool(bench.told(LogLine)))
    began = time.monotonic()
    for _ in range(requests):
        bench.cancellation.request(CancelReason.INTERRUPT)
    _check(finish(), "canceled", 130, "Canceled")
    assert min(grace_s, 0.2) * (requests == 1) <= time.monotonic() - began < 5


def test_a_request_that_came_before_the_run_is_heard(bench: Bench) -> None:
    bench.cancellation.request(CancelReason.INTERRUPT)
    record = bench.exec("exec sleep 60")
    _check(record, "canceled", 130, "Canceled")
    assert record.started_at is None


def test_a_canceled_run_keeps_what_arrived(bench: Bench) -> None:
    target = bench.path("out", b"old")
    finish = bench.in_background(
        'exec 3>"$OUT_PIPE"; echo part >&3; echo ready; exec sleep 60',
        {}, {"out": target}, follow_logs=True,
    )  # fmt: skip
    _until(lambda: bool(bench.told(LogLine)))
    bench.cancellation.request(CancelReason.USER)
    _check(finish(), "canceled", 130, "Canceled")
    assert target.read_bytes() == b"old"
    assert bench.path("out.partial").read_bytes() == b"part\n"


def test_canceling_while_the_target_is_stuck(bench: Bench) -> None:
    named = bench.path("named")
    os.mkfifo(named)
    reader = os.open(named, os.O_RDONLY | os.O_NONBLOCK)  # and never reads
    finish = bench.in_background(
        'cat /dev/zero > "$OUT_PIPE"', {}, {"out": named}, stop_grace_s=0.1
    )
    _until(_started(bench))
    _until(lambda: any(b.bytes for event in bench.told(Transfers) for b in event.buffers))
    began = time.monotonic()
    while bench.cancellation.request(CancelReason.USER):  # an impatient person
        threading.Event().wait(0.05)
    _check(finish(), "canceled", 130, "Canceled")
    assert time.monotonic() - began < watch_module.LAST_BYTES_TIMEOUT_S
    os.close(reader)


EXEC = """
import sys
from tyger_local import Workspace
codespec = {"image": "x", "command": ["sh", "-c", sys.argv[2]], "buffers": {sys.argv[3]: ["b"]}}
record = Workspace(sys.argv[1], engine="process").runs.exec(codespec)
print(record.verdict.kind.value, record.verdict.exit_code, file=sys.stderr)
"""


def _other_process(home: Path, script: str, kind: str, **streams: Any) -> subprocess.Popen[bytes]:
    command = (sys.executable, "-c", EXEC, str(home), script, kind)
    return subprocess.Popen(command, stderr=subprocess.PIPE, **streams)


def test_a_reader_of_standard_output_that_leaves_ends_the_run(home: Path) -> None:
    child = _other_process(home, 'cat /dev/zero > "$B_PIPE"', "outputs", stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stderr is not None
    assert child.stdout.read(10) == bytes(10)
    child.stdout.close()
    assert child.stderr.read() == b"canceled 141\n"
    assert child.wait(DEADLINE_S) == 0
    child.stderr.close()


def test_standard_input_and_output_may_be_closed_after_the_run_only(home: Path) -> None:
    script = 'cat "$B_PIPE" | wc -c >&2; exit 7'
    child = _other_process(home, script, "inputs", stdin=subprocess.PIPE)
    _, said = child.communicate(b"x" * 100_000, timeout=DEADLINE_S)
    assert said == b"failed 7\n"


# Pipes used wrongly


@pytest.mark.parametrize(
    ("left", "verdict"), [(65_536, "succeeded"), (65_537, "buffer-failed"), (MIB, "buffer-failed")]
)
@pytest.mark.parametrize("taken", [1, 100_000])
def test_closing_an_input_early(bench: Bench, taken: int, left: int, verdict: str) -> None:
    source = bench.path("in", bytes(taken + left))
    record = bench.exec(f'head -c {taken} "$IN_PIPE" > /dev/null', {"in": source})
    if taken < 4096 and verdict == "succeeded":
        return  # head reads more than it is asked for
    _check(
        record,
        verdict,
        0 if verdict == "succeeded" else 74,
        "Succeeded" if verdict == "succeeded" else "Failed",
        ""
        if verdict == "succeeded"
        else "more than 65536 bytes unread (Sidecar exited with code 1)",
    )
    assert [b.state.value for b in record.buffers] == ["closed-early"]


TAKE = "import os; fd = os.open(os.environ['IN_PIPE'], os.O_RDONLY)\nos.read(fd, 10)\n"


def _python(script: str) -> dict[str, Any]:
    return {"command": [sys.executable, "-c", script]}


@pytest.mark.parametrize(
    ("left", "lenient", "kind"),
    [
        (65_536, False, "succeeded"),
        (65_537, False, "buffer-failed"),
        (65_537, True, "succeeded"),
        (MIB, True, "succeeded"),
    ],
)
def test_the_limit_of_what_may_be_left_is_exact(
    bench: Bench, left: int, lenient: bool, kind: str
) -> None:
    source = bench.path("in", bytes(10 + left))
    record = bench.exec("", {"in": source}, codespec=_python(TAKE), lenient=lenient)
    failed = kind == "buffer-failed"
    _check(record, kind, 74 if failed else 0, "Failed" if failed else "Succeeded")
    if not failed:
        assert record.verdict is not None
        assert "bytes unread" in record.verdict.notes[0]
        assert ("on the cluster this run fails" in record.verdict.notes[0]) is (left > 65_536)


def test_closing_early_and_going_on_ends_the_run(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_module, "MISUSE_GRACE_S", 0.1)
    source = bench.path("in", bytes(MIB))
    script = TAKE + "os.close(fd); import time; time.sleep(60)"
    record = bench.exec("", {"in": source}, codespec=_python(script))
    _check(record, "buffer-failed", 74, reason="bytes unread")


def test_closing_early_and_failing_tells_of_the_failure(bench: Bench) -> None:
    source = bench.path("in", bytes(MIB))
    record = bench.exec("", {"in": source}, codespec=_python(TAKE + "raise SystemExit(9)"))
    _check(record, "failed", 9)


@pytest.mark.parametrize("lenient", [False, True])
@pytest.mark.parametrize(
    "script",
    [
        'echo lost > tmp; mv tmp "$OUT_PIPE"',
        'rm "$OUT_PIPE"; echo lost > "$OUT_PIPE"',
        'ln -sf /etc/passwd "$OUT_PIPE"',
    ],
)
def test_a_replaced_pipe(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, lenient: bool
) -> None:
    monkeypatch.chdir(bench.folder)
    target = bench.path("out", b"old")
    record = bench.exec(script, {}, {"out": target}, lenient=lenient)
    _check(record, "buffer-failed", 74, reason="replaced the pipe of 'out'")
    assert target.read_bytes() == b"old"


@pytest.mark.parametrize("script", ['rm "$OUT_PIPE"', 'echo new > "$OUT_PIPE"; rm "$OUT_PIPE"'])
def test_a_pipe_that_is_tidied_away_loses_nothing(bench: Bench, script: str) -> None:
    target = bench.path("out", b"old")
    _check(bench.exec(script, {}, {"out": target}), "succeeded", 0, "Succeeded")
    assert target.read_bytes() == (b"new\n" if "new" in script else b"")


def test_an_output_that_is_opened_again(bench: Bench) -> None:
    finish = bench.in_background(
        'echo a > "$OUT_PIPE"; while [ ! -e gate ]; do sleep 0.01; done; echo b > "$OUT_PIPE"',
        {}, {"out": bench.path("out")}, codespec={"workingDir": str(bench.folder)},
    )  # fmt: skip
    _until(
        lambda: any(
            b.state.value == "complete" for event in bench.told(Transfers) for b in event.buffers
        )
    )
    bench.path("gate", b"")
    _check(finish(), "buffer-failed", 74, reason="[output-reopened]")
    assert bench.path("out.partial").read_bytes() == b"a\n"


def test_a_background_child_dies_with_the_container(bench: Bench) -> None:
    script = (
        '(exec 3>"$OUT_PIPE"; echo early >&3; sleep 60; echo late >&3) & read -r _ < "$GO_PIPE"'
    )
    go = bench.path("go", b"go\n")
    record = bench.exec(script, {"go": go}, {"out": bench.path("out")})
    _check_succeeded(record)
    assert bench.path("out").read_bytes() in (b"early\n", b"")


# Buffers of the host that fail


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("size", [10, MIB])
def test_a_target_that_is_full(bench: Bench, size: int) -> None:
    script = f'head -c {size} /dev/zero > "$OUT_PIPE"; sleep 60'
    record = bench.exec(script, {}, {"out": "/dev/full"}, stop_grace_s=0.2)
    _check(record, "buffer-failed", 74, reason="'out' failed: No space left on device")


def test_outputs_that_cannot_get_their_names(bench: Bench) -> None:
    target = bench.path("out")
    script = f'echo data > "$OUT_PIPE"; mkdir "{target}"'
    record = bench.exec(script, {}, {"out": target})
    _check(record, "buffer-failed", 74, reason="Is a directory")
    assert bench.workspace.runs.show(record.id)["verdict"] == "buffer-failed"


def test_a_folder_for_pipes_that_cannot_be_made(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(bench.folder / "missing"))
    record = bench.exec("true", {}, {"out": bench.path("out")})
    _check(record, "buffer-failed", 74, reason="No such file or directory")
    assert list(bench.folder.iterdir()) == []


def test_descriptors_that_run_out(bench: Bench) -> None:
    import resource  # noqa: PLC0415  (there is none on some systems)

    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    names = [f"b{number}" for number in range(40)]
    outputs = {name: bench.path(name) for name in names}
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(_descriptors()) + 100, limits[1]))
    try:
        record = bench.exec("true", {}, outputs)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    _check(record, "buffer-failed", 74, reason="Too many open files")


# Before anything starts


@pytest.mark.parametrize(
    ("inputs", "outputs", "words"),
    [
        ({"a": "missing"}, {}, "No such file or directory"),
        ({"a": "."}, {}, "is a directory"),
        ({}, {"b": "."}, "is a directory"),
        ({}, {"b": "missing/out"}, "there is no folder"),
        ({"a": "same"}, {"b": "./same"}, "both connected"),
        ({}, {"b": "out", "c": "sub/../out"}, "both connected"),
        ({"a": "same"}, {"b": "link"}, "both connected"),
        ({"a": "same"}, {"b": "hard"}, "both connected"),
    ],
)
def test_buffers_that_cannot_work_are_errors_before_the_run(
    bench: Bench,
    monkeypatch: pytest.MonkeyPatch,
    inputs: dict[str, str],
    outputs: dict[str, str],
    words: str,
) -> None:
    monkeypatch.chdir(bench.folder)
    bench.path("same", b"abc")
    bench.path("sub").mkdir()
    bench.path("link").symlink_to("same")
    bench.path("hard").hardlink_to(bench.path("same"))
    before = sorted(bench.folder.iterdir())
    with pytest.raises(BufferArgumentError, match=words):
        bench.exec("true", inputs, outputs)
    assert sorted(bench.folder.iterdir()) == before
    assert bench.workspace.runs.list() == []


def test_one_file_may_be_read_twice(bench: Bench) -> None:
    source = bench.path("in", b"abc")
    script = 'cat "$A_PIPE" "$B_PIPE" > "$OUT_PIPE"'
    _check_succeeded(bench.exec(script, {"a": source, "b": source}, {"out": bench.path("out")}))
    assert bench.path("out").read_bytes() == b"abcabc"


@pytest.mark.parametrize(
    ("codespec", "overrides", "words"),
    [
        ({"resources": {"gpu": 1}}, Overrides(), "a GPU"),
        ({"resources": {"shm": "1Mi"}}, Overrides(), "shm"),
        ({}, Overrides(user="1"), "--user"),
        ({}, Overrides(mounts=(MountPlan("/a", "/b"),)), "--mount"),
        ({}, Overrides(network="none"), "--network"),
        ({}, Overrides(platform="linux/amd64"), "--platform"),
        ({"command": None}, Overrides(), "needs a codespec with a command"),
    ],
)
def test_what_the_process_engine_refuses(
    bench: Bench, codespec: dict[str, Any], overrides: Overrides, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        bench.exec("true", codespec=codespec, overrides=overrides)
    assert bench.workspace.runs.list() == []


LIMITS = {"resources": {"limits": {"cpu": 1, "memory": "64Mi"}}}


def test_limits_are_a_warning_and_an_error_under_strict(bench: Bench) -> None:
    _check_succeeded(bench.exec("true", codespec=LIMITS))
    assert [event.text for event in bench.told(Warned)] == [
        "the process engine does not apply the codespec's limits"
    ]
    with pytest.raises(ClusterDifferenceError, match="does not apply"):
        bench.exec("true", codespec=LIMITS, strict=True)


# Replicas


@pytest.mark.parametrize("replicas", [1, 2, 3])
def test_replicas_all_get_the_whole_input(bench: Bench, replicas: int) -> None:
    source = bench.path("in", os.urandom(200_000))
    record = bench.exec('sha256sum "$IN_PIPE"', {"in": source}, replicas=replicas)
    _check_succeeded(record)
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    for index in range(replicas):
        (line,) = bench.log(record, index)
        assert line.startswith(digest)
    statuses = [event.running for event in bench.told(StatusChanged)]
    assert statuses == [replicas, None]
    assert record.document()["job"]["replicas"] == replicas  # type: ignore[index]


@pytest.mark.parametrize("replicas", [2, 3])
@pytest.mark.parametrize(
    "script",
    [
        "mkdir first 2>/dev/null && exit 5; exec sleep 60",
        "mkdir first 2>/dev/null && exec sleep 60; mkdir second 2>/dev/null && exit 5; exec sleep 60",
    ],
)
def test_one_replica_that_fails_stops_the_others_and_gives_the_reason(
    bench: Bench, replicas: int, script: str
) -> None:
    record = bench.exec(script, replicas=replicas, codespec={"workingDir": str(bench.folder)})
    _check(record, "failed", 5, reason="Main exited with code 5")


def test_replicas_cannot_share_a_stream(bench: Bench) -> None:
    named = bench.path("named")
    os.mkfifo(named)
    with pytest.raises(BufferArgumentError, match="2 replicas cannot share"):
        bench.exec("true", {"in": named}, replicas=2)


def test_replicas_that_cannot_start_leave_none_running(bench: Bench) -> None:
    record = bench.exec("", replicas=3, codespec={"command": ["/no/such/command"]})
    _check(record, "start-failed", 127)


# What is written down


def test_the_log_is_kept_whole(bench: Bench) -> None:
    script = r"head -c 2000000 /dev/zero | tr '\0' x; echo; echo err >&2; printf 'tail\377'"
    record = bench.exec(script)
    _check_succeeded(record)
    path = bench.workspace.home / "runs" / str(record.id) / "job-0.log"
    streams: dict[bytes, bytes] = {b"stdout": b"", b"stderr": b""}
    for line in path.read_bytes().split(b"\n")[:-1]:
        at, stream, tag, data = line.split(b" ", 3)
        assert TIME.fullmatch(at.decode())
        streams[stream] += data + (b"\n" if tag == b"F" else b"")
    assert streams == {b"stdout": b"x" * 2_000_000 + b"\ntail\xff", b"stderr": b"err\n"}


def test_a_run_in_between_is_shown_as_it_is(bench: Bench) -> None:
    finish = bench.in_background("exec sleep 60")
    _until(_started(bench))
    shown = bench.workspace.runs.show(1)
    assert (shown["status"], shown["runningCount"]) == ("Running", 1)
    assert "verdict" not in shown
    bench.cancellation.request(CancelReason.USER)
    finish()


def test_a_run_whose_owner_died_is_shown_as_failed(
    bench: Bench, home: Path, temporary: Path
) -> None:
    """And the next run cleans up after it: this one is killed as a library, without a watchdog."""
    reader, writer = os.pipe()
    child = _other_process(home, 'cat "$B_PIPE"', "inputs", stdin=reader)
    os.close(reader)
    runs = bench.workspace.runs
    _until(lambda: any(run["status"] == "Running" for run in runs.list()))
    child.send_signal(signal.SIGKILL)
    child.wait()
    os.close(writer)
    assert child.stderr is not None
    child.stderr.close()
    for shown in (runs.show(1), *runs.list()):
        assert shown["status"] == "Failed"
        assert shown["statusReason"] == "the process that ran it ended"
        assert "runningCount" not in shown
    assert list(temporary.iterdir()) != []
    assert bench.exec("true").id == 2
    assert list(temporary.iterdir()) == []
    assert runs.show(1)["finishedAt"]
