"""``tyger-local lint``, and the same warnings where codespecs are created and run."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tyger_local import Workspace
from tyger_local.lint.rules import RULES

Answer = subprocess.CompletedProcess[str]
Cli = Callable[..., Answer]
Write = Callable[..., str]

WARNED = "image: a:1\nworkingDir: /b\n"
WRONG = "image: a:1\nresources: {gpu: 0.5, limits: {cpu: 1, memory: 1Gi}}\n"
NOTED = "image: a\n"


def test_what_a_finding_looks_like(cli: Cli, spec_file: Write) -> None:
    answer = cli("lint", spec_file(WARNED))
    assert answer.stdout == (
        "spec.yml:2:13: warning[working-dir]: the cluster ignores workingDir and starts the command "
        "in the image's own WORKDIR. Remove it, and use absolute paths in the command, or WORKDIR in "
        "the image's Dockerfile.\n"
    )
    assert (answer.returncode, answer.stderr) == (1, "")


@pytest.mark.parametrize(
    ("text", "expected", "strictly"),
    [("image: a:1\n", 0, 0), (NOTED, 0, 2), (WARNED, 1, 2), (WRONG, 2, 2)],
)
def test_the_exit_code_says_how_bad_it_is(
    cli: Cli, spec_file: Write, text: str, expected: int, strictly: int
) -> None:
    path = spec_file(text)
    assert cli("lint", path).returncode == expected
    assert cli("lint", path, "--strict").returncode == strictly
    assert bool(cli("lint", path).stdout) == (strictly > 0)


def test_a_file_that_cannot_be_read_does_not_hide_the_others(cli: Cli, spec_file: Write) -> None:
    answer = cli("lint", spec_file("image: [", "broken.yml"), spec_file(WARNED), "none.yml")
    assert answer.returncode == 2
    assert answer.stdout.startswith("spec.yml:2:13: warning[working-dir]")
    first, second = answer.stderr.splitlines()
    assert first.startswith("Error: broken.yml:1:")
    assert "failed to read file none.yml" in second


def test_a_folder_is_no_file(cli: Cli, tmp_path: Path) -> None:
    answer = cli("lint", str(tmp_path))
    assert answer.returncode == 2
    assert f"{tmp_path} is a folder. Name the files in it" in answer.stderr


def test_names_files_and_standard_input(cli: Cli, spec_file: Write) -> None:
    codespecs = Workspace(warn=lambda _: None).codespecs
    codespecs.create("recon", {"image": "a:1", "workingDir": "/b"})
    codespecs.create("recon", {"image": "a:1"})
    codespecs.create("spec", {"image": "a:1"})
    Path("recon").mkdir()
    assert cli("lint", "recon").returncode == 0
    answer = cli("lint", "recon/versions/1")
    assert answer.returncode == 1
    assert answer.stdout.startswith("codespec recon/versions/1: workingDir: warning[working-dir]:")
    assert cli("lint", spec_file(WARNED, "spec")).stdout.startswith("spec:2:13: ")
    assert cli("lint", "-", stdin=WARNED.encode()).stdout.startswith("<stdin>:2:13: ")
    answer = cli("lint", "nope")
    assert (answer.returncode, "The codespec 'nope' was not found" in answer.stderr) == (2, True)


def test_codespecs_that_a_run_file_names(cli: Cli, spec_file: Write) -> None:
    codespecs = Workspace(warn=lambda _: None).codespecs
    codespecs.create("recon", {"image": "a:1", "workingDir": "/b"})
    path = spec_file("job: {codespec: recon}\nworker: {codespec: nope}\n")
    answer = cli("lint", path)
    assert answer.stdout.startswith("codespec recon/versions/1: workingDir: warning")
    assert answer.stderr == ("Warning: The codespec 'nope' was not found, so it is not looked at\n")


def test_for_programs(cli: Cli, spec_file: Write) -> None:
    (found,) = json.loads(cli("lint", "--format=json", spec_file(WARNED)).stdout)
    assert found["rule"] == "working-dir"
    assert (found["source"], found["line"], found["column"]) == ("spec.yml", 2, 13)
    assert (found["severity"], found["field"]) == ("warning", "workingDir")
    assert found["happens"]
    assert found["fix"]
    answer = cli("lint", "--format", "sarif", "spec.yml", "none.yml")
    log = json.loads(answer.stdout)
    (run,) = log["runs"]
    assert log["version"] == "2.1.0"
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == [rule.id for rule in RULES]
    assert [result["ruleId"] for result in run["results"]] == ["working-dir"]
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    assert "none.yml" in invocation["toolExecutionNotifications"][0]["message"]["text"]
    assert answer.returncode == 2


def test_a_rule_that_is_ignored_for_a_call(cli: Cli, spec_file: Write) -> None:
    path = spec_file("image: a\nworkingDir: /b\n")
    answer = cli("lint", path, "--ignore", "working-dir", "--ignore=image-tag")
    assert (answer.returncode, answer.stdout) == (0, "")


@pytest.mark.parametrize("flag", ["--ignore", "--explain"])
def test_a_rule_that_does_not_exist(cli: Cli, flag: str) -> None:
    answer = cli("lint", flag, "working-dirs", "x.yml")
    assert answer.returncode == 2
    assert answer.stderr == (
        "Error: there is no rule 'working-dirs'. Did you mean 'working-dir'?\n"
    )
    assert "lint --rules" in cli("lint", flag, "q", "x.yml").stderr


def test_rules_are_explained(cli: Cli) -> None:
    answer = cli("lint", "--explain", "working-dir")
    assert answer.stdout.startswith(
        "working-dir (warning)\n\nThe cluster ignores `workingDir`.\n\nTyger's server"
    )
    lines = cli("lint", "--rules").stdout.splitlines()
    assert len(lines) == len(RULES) + 1
    assert "env-order" in lines[1]


def test_nothing_to_look_at(cli: Cli) -> None:
    answer = cli("lint")
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "for example: tyger-local lint" in answer.stderr.lower()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("lint re", "recon"),
        ("lint --explain env-o", "env-order"),
        ("lint --ignore max", "max-replicas"),
    ],
)
def test_completion(cli: Cli, line: str, offered: str) -> None:
    Workspace().codespecs.create("recon", {"image": "a:1"})
    answer = cli("__complete", "--shell=bash", "--", f"tyger-local {line}")
    assert offered in answer.stdout


def test_creating_a_codespec_warns(cli: Cli, spec_file: Write) -> None:
    path = spec_file("name: a\nimage: a\nworkingDir: /b\nenv: {A: yes}\n")
    for more in ((), ("--dry-run",)):
        answer = cli("codespec", "create", "-f", path, *more)
        first, second = answer.stderr.splitlines()
        assert first.startswith("Warning: spec.yml:3:13: the cluster ignores workingDir")
        assert first.endswith("[working-dir]")
        assert second.startswith("Warning: spec.yml:4:10: YAML reads yes")
        assert answer.returncode == 0
    answer = cli("codespec", "create", "-f", path, "-e", "A=$(NO_SUCH)")
    assert "[yaml-value]" not in answer.stderr
    assert "Warning: nothing defines NO_SUCH" in answer.stderr


def test_creating_one_without_a_file_warns(cli: Cli) -> None:
    answer = cli("codespec", "create", "a", "--image=a", "--", "$(NO_SUCH)")
    assert answer.stderr.startswith("Warning: nothing defines NO_SUCH")
    assert len(answer.stderr.splitlines()) == 1


def test_what_the_cluster_refuses_is_said_once(cli: Cli, spec_file: Write) -> None:
    answer = cli("codespec", "create", "a", "-f", spec_file(WRONG))
    (line,) = answer.stderr.splitlines()
    assert "would refuse every run of it" in line


def test_comments_hold_for_creating_too(cli: Cli, spec_file: Write) -> None:
    path = spec_file("name: a\nimage: a:1\nworkingDir: /b # tyger-local: ignore[working-dir]\n")
    assert cli("codespec", "create", "-f", path).stderr == ""


SCRIPT = """
image: a:1
env: {{VALUE: 0777}} {comment}
command: [sh, -c]
args:
  - |
    exit 0
    echo $(NO_SUCH)
"""
INLINE = "job:\n  codespec:\n" + SCRIPT.replace("0777", "'0777'").replace("\n", "\n    ")


@pytest.mark.parametrize(
    ("text", "place"), [(SCRIPT, "spec.yml:8:5: "), (INLINE, "spec.yml:10:9: ")]
)
def test_runs_warn(cli: Cli, spec_file: Write, text: str, place: str) -> None:
    path = spec_file(text.format(comment=""))
    said = f"{place}nothing defines NO_SUCH before this"
    answer = cli("run", "exec", "-f", path, "--engine", "process")
    assert answer.returncode == 0
    assert answer.stderr.count(f"Warning: {said}") == 1
    assert ("[yaml-value]" in answer.stderr) == (text is SCRIPT)
    assert said in cli("run", "exec", "-f", path, "--dry-run").stdout
    answer = cli("run", "create", "-f", path, "--engine", "process")
    assert answer.stderr.count(f"Warning: {said}") == 1
    answer = cli("run", "watch", answer.stdout.strip())
    assert '"Succeeded"' in answer.stdout


def test_comments_hold_for_runs_too(cli: Cli, spec_file: Write) -> None:
    path = spec_file(SCRIPT.format(comment="# tyger-local: ignore[yaml-value]"))
    answer = cli("run", "exec", "-f", path, "--engine", "process")
    assert "[yaml-value]" not in answer.stderr
    assert "[undefined-reference]" in answer.stderr


def test_what_the_plan_says_is_not_said_again(cli: Cli, spec_file: Write) -> None:
    path = spec_file(
        "image: a:1\nworkingDir: /tmp\ncommand: ['true']\nenv: {LONG: x, B: $(LONG)}\n"
    )
    answer = cli("run", "exec", "-f", path, "--engine", "process")
    assert answer.stderr.count("workingDir") == 1
    assert answer.stderr.count("env B") == 1
    assert "[env-order]" not in answer.stderr


def test_a_stored_codespec_and_its_workers_are_looked_at(cli: Cli) -> None:
    codespecs = Workspace(warn=lambda _: None).codespecs
    codespecs.create("job", {"image": "a:1", "args": ["$(NO_SUCH)"]})
    codespecs.create("worker", {"kind": "worker", "image": "a:1", "args": ["$(NOR_THIS)"]})
    answer = cli("run", "exec", "-c", "job", "--worker-codespec", "worker", "--dry-run")
    assert "- nothing defines NO_SUCH" in answer.stdout.replace("'", "")
    assert "the worker: nothing defines NOR_THIS" in answer.stdout


def test_strict_runs_mind_only_what_they_did_before(cli: Cli, spec_file: Write) -> None:
    path = spec_file(SCRIPT.format(comment=""))
    answer = cli("run", "exec", "-f", path, "--engine", "process", "--strict")
    assert answer.returncode == 0
    assert "[undefined-reference]" in answer.stderr
