"""What users see of a job and its workers: logs, last lines, report."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from tyger_local.errors import EXIT_READER_CLOSED

pytestmark = pytest.mark.docker

IMAGE = "tyger-local/busybox"
TIMEOUT_S = 100
SERVE = "echo serving; mkdir /w; hostname > /w/name; exec httpd -f -p 80 -h /w"
ASK = """
for node in $(echo "$TYGER_WORKER_NODES" | tr -d '[]"' | tr , ' '); do
  until wget -q -O - "http://$node/name"; do sleep 0.1; done
done
"""

Answer = subprocess.CompletedProcess[str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    current = tmp_path / "work"
    current.mkdir()
    monkeypatch.chdir(current)
    return current


def _cli(*argv: str) -> Answer:
    return subprocess.run(
        (sys.executable, "-m", "tyger_local", *argv),
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )


def _docker(*argv: str) -> str:
    return subprocess.run(("docker", *argv), capture_output=True, text=True, check=True).stdout


def _write(job: str, worker: str, jobs: int = 1, workers: int = 1) -> None:
    run = {
        "job": _target(job, jobs),
        "worker": _target(worker, workers, endpoints={"http": 80}),
    }
    Path("run.json").write_text(json.dumps(run))


def _exec(*flags: str) -> Answer:
    return _cli("run", "exec", "-f", "run.json", "--stop-grace", "0.2", *flags)


def _target(script: str, replicas: int, **more: object) -> Mapping[str, object]:
    codespec = {"image": IMAGE, "command": ["sh", "-c", script], "maxReplicas": replicas, **more}
    return {"codespec": codespec, "replicas": replicas}


def test_output_is_not_wanted_any_more_while_workers_are_being_stopped(home: Path) -> None:
    # The job ends at once: its pipe takes all, and standard output does not. The worker minds no signal.
    job = _target("head -c 200000 /dev/zero > $OUT_PIPE", 1, buffers={"outputs": ["out"]})
    run = {"job": job, "worker": _target("sleep 100 & wait", 1)}
    Path("run.json").write_text(json.dumps(run))
    store = f"tyger-local.store={hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:16]}"
    argv = ("run", "exec", "-f", "run.json", "-b", "out=-", "--stop-grace", "8")
    with subprocess.Popen(
        (sys.executable, "-m", "tyger_local", *argv), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        while b"status=Running" not in process.stderr.readline():
            pass
        while not _docker("ps", "--quiet", "--filter=status=exited", f"--filter=label={store}"):
            time.sleep(0.1)
        process.stdout.close()
        said = process.stderr.read().decode()
        assert process.wait(TIMEOUT_S) == EXIT_READER_CLOSED, said
    assert "Error" not in said


def test_logs_of_all_and_of_one() -> None:
    _write(ASK, SERVE, workers=2)
    answer = _exec("--logs")
    assert answer.returncode == 0, answer.stderr
    said = sorted(line for line in answer.stderr.splitlines() if line.startswith("["))
    assert said == [
        "[job] run-1-worker-0",
        "[job] run-1-worker-1",
        "[worker-0] serving",
        "[worker-1] serving",
    ]
    logs = _cli("run", "logs").stdout.splitlines()
    assert sorted(logs) == said
    assert logs[-2:] == said[:2]  # in order of time: the job follows the workers
    assert _cli("run", "logs", "--container", "worker-1").stdout == "serving\n"
    assert _cli("run", "logs", "--container", "job").stdout == "run-1-worker-0\nrun-1-worker-1\n"
    answer = _cli("run", "logs", "--container", "worker-2")
    assert (answer.returncode, answer.stderr) == (
        1,
        "Error: the run '1' has no container 'worker-2'. It has job-0, worker-0 to worker-1.\n",
    )


def test_what_each_container_cost() -> None:
    _write(f"{ASK} sleep 1", SERVE, workers=2)
    assert _exec().returncode == 0
    report = json.loads(_cli("run", "report", "--format", "json").stdout)
    assert (report["replicas"], report["worker"]["replicas"]) == (1, 2)
    verdicts = {label: found["verdict"] for label, found in report["containers"].items()}
    assert verdicts == {"job-0": "succeeded", "worker-0": "stopped", "worker-1": "stopped"}
    peaks = {label: found["peakMemoryBytes"] for label, found in report["containers"].items()}
    assert report["peakMemoryBytes"] == peaks["job-0"]
    assert report["worker"]["peakMemoryBytes"] == max(peaks["worker-0"], peaks["worker-1"])
    assert report["worker"]["suggestion"]["resources"]["requests"]["memory"] == "16Mi"


def test_only_those_speak_last_that_may_tell_why() -> None:
    _write("echo I am $(hostname); case $(hostname) in *-1) exit 4;; esac; sleep 60", SERVE, jobs=2)
    answer = _exec()
    assert answer.returncode == 4
    assert "The last lines of the log of job-1:\n  I am run-1-job-1\nError: " in answer.stderr
    assert answer.stderr.count("The last lines") == 1


def test_a_worker_that_dies_at_once_says_why() -> None:
    _write("sleep 60", "echo no model; exit 3")
    answer = _exec()
    assert answer.returncode == 3
    shown = "The last lines of the log of worker-0:\n  no model\n  no model\n  no model\n"
    assert shown in answer.stderr
    report = json.loads(_cli("run", "report", "--format", "json").stdout)
    assert report["containers"]["worker-0"]["restarts"] == 2


def test_endpoints_that_are_waited_for_in_vain() -> None:
    _write("true", "echo never listens; sleep 60")
    answer = _exec("--wait-endpoints", "1")
    assert answer.returncode == 125
    assert "The last lines of the log of worker-0:\n  never listens\nError: " in answer.stderr


def test_a_run_in_the_background_waits_for_them_too() -> None:
    _write("true", "sleep 60")
    flags = ("--wait-endpoints", "0", "--stop-grace", "0.2")
    answer = _cli("run", "create", "-f", "run.json", *flags)
    assert (answer.returncode, answer.stdout) == (0, "1\n"), answer.stderr
    assert _cli("run", "watch", "1", "--exit-code").returncode == 125
    reason = json.loads(_cli("run", "show", "1").stdout)["statusReason"]
    assert reason.startswith("not listening within 0 s (--wait-endpoints): worker-0")
