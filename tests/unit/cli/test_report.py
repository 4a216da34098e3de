from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tyger_local.store.home import Home
from tyger_local.store.runs import RunStore

Answer = subprocess.CompletedProcess[str]
Cli = Callable[..., Answer]
TIMEOUT_S = 30

SAMPLES = {
    "intervalSeconds": 0.5,
    "containers": {
        "job-0": {
            "seconds": [0.0, 0.5, 1.0],
            "memoryBytes": [1 << 20, 2 << 20, 3 << 20],
            "ownMemoryBytes": [1 << 20, 2 << 20, 2 << 20],
            "cpuSeconds": [0.0, 0.5, 1.0],
            "buffers": {"output": [0, 3, 6]},
        }
    },
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to be in, and the process engine."""
    monkeypatch.setenv("TYGER_LOCAL_ENGINE", "process")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    current = tmp_path / "work"
    current.mkdir()
    monkeypatch.chdir(current)
    return current


def _run(cli: Cli, script: str = 'echo hello > "$OUTPUT_PIPE"', code: int = 0) -> None:
    spec = {
        "image": "x",
        "buffers": {"outputs": ["output"]},
        "command": ["sh", "-c", script],
        "resources": {"limits": {"memory": "1Gi"}},
    }
    Path("spec.json").write_text(json.dumps(spec))
    assert cli("run", "exec", "-f", "spec.json", "-b", "output=out").returncode == code


def _store(home: Path) -> RunStore:
    return RunStore(Home(home), lambda _: None)


def _check_refused(answer: Answer, message: str, code: int = 1) -> None:
    assert (answer.returncode, answer.stdout) == (code, ""), answer.stderr
    assert re.fullmatch(r"Error: [^\n]+[.!?]\n", answer.stderr), answer.stderr
    assert message in answer.stderr


def test_a_summary_for_people(cli: Cli) -> None:
    _run(cli)
    answer = cli("run", "report", "1")
    assert (answer.returncode, answer.stderr) == (0, "")
    lines = answer.stdout.splitlines()
    assert lines[0] == "Run 1 succeeded"
    assert "\x1b" not in answer.stdout
    assert not [line for line in lines if line != line.rstrip()]
    assert re.search(r"^← output +6 B ", answer.stdout, re.MULTILINE)
    assert re.search(r"^Peak memory ", answer.stdout, re.MULTILINE)


def test_a_distributed_run_for_people(cli: Cli, home: Path) -> None:
    _run(cli)
    usage = {"peakMemoryBytes": 100 << 20, "cpuSeconds": 1.0, "throttledSeconds": None}
    record = _store(home).get(1)
    containers = {
        label: {"verdict": verdict, "exitCode": None, "restarts": restarts, "usage": usage}
        for label, verdict, restarts in (
            ("job-0", "succeeded", 0),
            ("worker-0", "stopped", 0),
            ("worker-1", "failed", 2),
        )
    }
    codespec = {"image": "w", "resources": {"limits": {"memory": "2Gi"}}}
    _store(home).write(
        1, {**record, "worker": {"codespec": codespec, "replicas": 2}, "containers": containers}
    )
    shown = cli("run", "report", "1").stdout
    assert re.search(r"^Workers' image +w$", shown, re.MULTILINE)
    assert re.search(r"^What the job cost\nTime ", shown, re.MULTILINE)
    assert re.search(r"^What the workers cost\nPeak memory +100 MiB ", shown, re.MULTILINE)
    assert re.search(r"^worker-1 +failed +2 +100 MiB +1.00 s +-$", shown, re.MULTILINE)
    job, workers = shown.split("What to ask for: workers, by this run:")
    assert "What to ask for: job, by this run:" in job
    assert "memory: 1Gi" in job
    assert "memory: 2Gi" in workers


def test_what_is_missing_is_said_with_the_way_to_it(cli: Cli, home: Path) -> None:
    _run(cli)
    record = _store(home).get(1)
    _store(home).write(1, {**record, "usage": None})
    answer = cli("run", "report", "1")
    assert "run it again on Docker (--engine docker)" in answer.stdout
    assert "resources:" not in answer.stdout


def test_without_an_id_it_is_the_latest(cli: Cli) -> None:
    _run(cli)
    _run(cli, "exit 3", code=3)
    assert cli("run", "report").stdout.startswith("Run 2 failed\nMain exited with code 3")
    assert cli("run", "report", "1").stdout.startswith("Run 1 succeeded\n")


def test_figures_and_suggestion_as_a_document(cli: Cli, home: Path) -> None:
    _run(cli)
    usage = {
        "peakMemoryBytes": 100 << 20,
        "cpuSeconds": 1.0,
        "throttledSeconds": 0.0,
        "method": "m",
    }
    phases = {"runSeconds": 2.0}
    _store(home).write(1, {**_store(home).get(1), "usage": usage, "phases": phases})
    (_store(home).folder(1) / "samples.json").write_text(json.dumps(SAMPLES))
    document = json.loads(cli("run", "report", "--format", "json").stdout)
    assert (document["id"], document["verdict"]) == (1, "succeeded")
    assert (document["peakMemoryBytes"], document["averageCores"]) == (100 << 20, 0.5)
    assert (document["peakCores"], document["peakOwnMemoryBytes"]) == (1.0, 2 << 20)
    resources = document["suggestion"]["resources"]
    assert resources["requests"] == {"cpu": "500m", "memory": "104Mi"}
    assert document["suggestion"]["yaml"] in cli("run", "report").stdout
    # and a codespec takes it
    Path("pasted.yml").write_text("image: x\n" + document["suggestion"]["yaml"])
    pasted = json.loads(cli("codespec", "create", "pasted", "-f", "pasted.yml", "--dry-run").stdout)
    assert pasted["resources"] == resources


def test_a_page(cli: Cli, home: Path) -> None:
    _run(cli)
    (_store(home).folder(1) / "samples.json").write_text(json.dumps(SAMPLES))
    Path("page.html").write_text("old")
    answer = cli("run", "report", "--html", "page.html")
    assert answer.returncode == 0
    assert answer.stdout.startswith("Run 1 succeeded\n")
    assert answer.stderr == f"The page is in {Path('page.html').absolute()}.\n"
    page = Path("page.html").read_text("utf-8")
    assert page.startswith("<!doctype html>")
    assert page.count("<svg") == 3
    assert sorted(path.name for path in Path().iterdir()) == ["out", "page.html", "spec.json"]
    assert cli("run", "report", "--html", "-").stdout == page


@pytest.mark.parametrize("path", [".", "missing/page.html"])
def test_where_a_page_cannot_go(cli: Cli, path: str) -> None:
    _run(cli)
    answer = cli("run", "report", "--html", path)
    _check_refused(answer, f"the page cannot be written to {path}", 2)


def test_a_page_that_the_system_does_not_take(cli: Cli) -> None:
    _run(cli)
    answer = cli("run", "report", "--html", "/dev/full")
    assert answer.returncode == 1
    assert answer.stdout.startswith("Run 1 succeeded\n")
    assert "the page could not be written to /dev/full: No space left on device." in answer.stderr


@pytest.mark.parametrize(
    ("argv", "message", "code"),
    [
        ([], "There are no runs yet", 1),
        (["7"], "The run '7' was not found", 1),
        (["x"], "The run 'x' was not found. A run's id is a number", 1),
        (["1", "2"], "unexpected positional arguments after the run id: [2]", 2),
    ],
)
def test_there_is_no_such_run(cli: Cli, argv: list[str], message: str, code: int) -> None:
    _check_refused(cli("run", "report", *argv), message, code)


def test_a_run_that_goes_on_has_no_report_yet() -> None:
    spec = {
        "image": "x",
        "command": ["sh", "-c", 'cat "$INPUT_PIPE"'],
        "buffers": {"inputs": ["input"]},
    }
    Path("spec.json").write_text(json.dumps(spec))
    command = (sys.executable, "-m", "tyger_local", "run")
    with subprocess.Popen(
        (*command, "exec", "-f", "spec.json"),
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stderr is not None
        assert any("status=Running" in line for line in child.stderr)
        answer = subprocess.run(
            (*command, "report"), capture_output=True, text=True, check=False, timeout=TIMEOUT_S
        )
        child.communicate(timeout=TIMEOUT_S)
    _check_refused(answer, "the run '1' has not ended")


def test_damaged_samples_spoil_the_plots_alone(cli: Cli, home: Path) -> None:
    _run(cli)
    path = _store(home).folder(1) / "samples.json"
    path.unlink(missing_ok=True)
    whole = cli("run", "report").stdout
    path.write_text("{")
    answer = cli("run", "report", "--html", "page.html")
    assert (answer.returncode, answer.stdout) == (0, whole)
    assert answer.stderr.startswith(f"Warning: The file '{path}' is damaged: ")
    assert "</html>" in Path("page.html").read_text()


def _on_a_terminal(**env: str) -> str:
    master, slave = pty.openpty()
    with subprocess.Popen(
        (sys.executable, "-m", "tyger_local", "run", "report"),
        stdout=slave,
        stdin=slave,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "60", **env},
    ) as child:
        os.close(slave)
        shown = b""
        try:
            while chunk := os.read(master, 65536):
                shown += chunk
        except OSError:  # the other end is closed
            pass
        os.close(master)
    assert child.returncode == 0
    return shown.decode()


def test_on_a_terminal_it_is_coloured_and_fits(cli: Cli) -> None:
    _run(cli, "exit 3", code=3)
    shown = _on_a_terminal()
    assert "\x1b[31mfailed\x1b[0m" in shown
    lines = re.sub(r"\x1b\[[0-9;]*m", "", shown).splitlines()
    assert max(map(len, lines)) <= 60
    assert "\x1b[31m" not in _on_a_terminal(NO_COLOR="1")


def test_what_a_codespec_says_does_not_drive_the_terminal(cli: Cli) -> None:
    _run(cli, ": \x1b[2J [bold]no markup[/bold] :smile:; exit 3", code=3)
    shown = cli("run", "report").stdout
    assert "\x1b" not in shown
    assert r": \x1b[2J [bold]no markup[/bold] :smile:" in shown
