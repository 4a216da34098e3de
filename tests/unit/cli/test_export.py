from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from tyger_local import Workspace
from tyger_local.spec.document import read_document
from tyger_local.spec.versions import same_version

Answer = subprocess.CompletedProcess[str]
Cli = Callable[..., Answer]
Document = dict[str, Any]

EXAMPLES = Path(__file__).parents[3] / "examples"
BUFFERS = {"inputs": ["input"], "outputs": ["output"]}
RECON = {"image": "x", "buffers": BUFFERS, "args": ["yes"], "env": {"B": "no", "A": "0777"}}


@pytest.fixture(autouse=True)
def store(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Two versions of a job's codespec, and one of a worker's; the current folder is empty."""
    workspace = Workspace()
    workspace.codespecs.create("recon", {"image": "old", "buffers": BUFFERS})
    workspace.codespecs.create("recon", RECON)
    workspace.codespecs.create("helper", {"kind": "worker", "image": "w", "endpoints": {"e": 80}})
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return workspace


def _export(cli: Cli, *argv: str, stdin: bytes = b"") -> str:
    answer = cli("export", *argv, stdin=stdin)
    assert (answer.returncode, answer.stderr) == (0, "")
    return answer.stdout


def _kinds(text: str) -> dict[str, Document]:
    """Return valid documents by kind, read by the rules of Kubernetes' tools, which are Tyger's."""
    found = {}
    for part in text.split("---\n"):
        document = read_document(part, "exported").value
        assert isinstance(document, dict)
        kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)
        found[str(document["kind"])] = document
    return found


def _fails(cli: Cli, expected: str, *argv: str, code: int = 2) -> None:
    answer = cli("export", *argv)
    assert (answer.returncode, answer.stdout) == (code, "")
    assert expected in answer.stderr


def test_the_exported_file_makes_the_same_version(cli: Cli, store: Workspace) -> None:
    text = _export(cli, "recon", "--to", "tyger")
    assert text.splitlines()[0] == "# tyger codespec create recon -f recon.yml"
    Path("recon.yml").write_text(text)
    assert cli("codespec", "create", "-f", "recon.yml").stdout == "2\n"
    assert list(store.codespecs.stored("recon")["env"]) == ["B", "A"]  # type: ignore[call-overload]


@pytest.mark.parametrize(
    "path", sorted(EXAMPLES.glob("*/codespec.yml")), ids=lambda p: p.parent.name
)
def test_examples_come_back_the_same(cli: Cli, path: Path) -> None:
    dry_run = ("codespec", "create", "x", "--dry-run", "-f")
    before = json.loads(cli(*dry_run, str(path)).stdout)
    assert cli("export", str(path), "--to=tyger", "-o", "again.yml").returncode == 0
    assert same_version(before, json.loads(cli(*dry_run, "again.yml").stdout))


def test_a_version_and_the_command_alone(cli: Cli) -> None:
    assert "image: old" in _export(cli, "recon/versions/1", "--to", "tyger")
    assert _export(cli, "recon", "--to=tyger", "--command", "-o", "a b.yml") == ""
    assert Path("a b.yml").read_text() == "tyger codespec create recon -f 'a b.yml'\n"
    assert (
        _export(cli, "recon", "--to=tyger", "--command", "-r1") == "tyger run create -f recon.yml\n"
    )


def test_flags_make_a_run_of_a_codespec(cli: Cli) -> None:
    text = _export(
        cli, "recon", "--to=tyger", "--worker-codespec=helper", "--worker-replicas=2", "--timeout=1m",
        "-b", f"input={'a' * 26},output=here.bin", "--tag", "n=0777",
    )  # fmt: skip
    assert "a new buffer for: output." in text
    document = read_document(text, "run").value
    assert document == {
        "job": {
            "codespec": {"kind": "job", **RECON},
            "buffers": {"input": "a" * 26},
            "replicas": 1,
        },
        "worker": {
            "codespec": {"kind": "worker", "image": "w", "endpoints": {"e": 80}},
            "replicas": 2,
        },
        "timeoutSeconds": 60,
        "tags": {"n": "0777"},
    }
    Path("run.yml").write_text(text)
    assert _export(cli, "run.yml", "--to=tyger") == text.replace("recon.yml", "run.yml")


def test_a_run_file(cli: Cli) -> None:
    Path("folder").mkdir()
    Path("folder/my-run.yml").write_text(
        "job: {codespec: recon, buffers: {input: raw.mrd, output: _}}\n"
        "worker: {codespec: helper, replicas: 3}\n"
    )
    text = _export(cli, "folder/my-run.yml", "--to=tyger")
    assert text.splitlines()[0] == "# tyger run create -f my-run.yml"
    assert "raw.mrd" not in text
    documents = _kinds(_export(cli, "folder/my-run.yml", "--to=kubernetes", "--run-id=x"))
    assert documents["StatefulSet"]["spec"]["replicas"] == 3
    script = _export(cli, "folder/my-run.yml", "--to=docker-run", "-b", "output=-")
    assert "file_1=folder/raw.mrd " in script
    assert "file_2=/dev/stdout " in script


def test_standard_input_is_a_file(cli: Cli) -> None:
    codespec = b"{image: x, name: 'y'}"
    assert 'name: "y"' in _export(cli, "-", "--to=tyger", stdin=codespec)
    run = b"job: {codespec: {image: x}}"
    assert _export(cli, "-", "--to=tyger", stdin=run).startswith("# tyger run create -f run.yml\n")
    answer = cli("export", "-", "--to=tyger", stdin=b"image: x")
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "names must not be empty" in answer.stderr


def test_kubernetes_documents(cli: Cli) -> None:
    documents = _kinds(
        _export(
            cli,
            "recon",
            "--to=kubernetes",
            "--run-id=r7",
            "--namespace=mine",
            "--timeout=2m",
            "--worker-codespec=helper",
            "--worker-replicas=2",
            "--sidecar-image=tools",
            "--node-pool=p",
        )
    )
    assert list(documents) == ["PersistentVolumeClaim", "Service", "StatefulSet", "Pod"]
    assert {each["metadata"]["namespace"] for each in documents.values()} == {"mine"}
    pod = documents["Pod"]["spec"]
    assert pod["activeDeadlineSeconds"] == 120
    assert pod["nodeSelector"] == {"agentpool": "p"}
    assert pod["initContainers"][0]["image"] == "tools"
    env = [(each["name"], each["value"]) for each in pod["containers"][0]["env"]]
    assert env[:4] == [
        ("TYGER_RUN_ID", "r7"),
        ("A", "0777"),
        ("B", "no"),
        ("INPUT_PIPE", "/etc/buffer-fifos/input"),
    ]
    assert list(_kinds(_export(cli, "recon", "--to=kubernetes", "--claim=c"))) == ["Pod"]


def test_a_worker_alone(cli: Cli) -> None:
    documents = _kinds(_export(cli, "helper", "--to=kubernetes", "--replicas=2"))
    assert list(documents) == ["Service", "StatefulSet"]
    assert documents["StatefulSet"]["spec"]["replicas"] == 2
    assert "kind: worker" in _export(cli, "helper", "--to=tyger")
    _fails(cli, "a run is of a job", "helper", "--to=docker-run")
    documents = _kinds(_export(cli, "helper", "--to=kubernetes", "--replicas=0"))
    assert documents["StatefulSet"]["spec"]["replicas"] == 1
    Path("odd.yml").write_text("{kind: worker, image: w, env: {a=b: x}}")
    _fails(cli, "no name for an environment variable", "odd.yml", "--to=kubernetes")
    _fails(cli, "must not be negative", "helper", "--to=kubernetes", "--replicas=-1")


@pytest.mark.parametrize(
    "path", sorted(EXAMPLES.glob("*/*.yml")), ids=lambda p: f"{p.parent.name}/{p.name}"
)
def test_all_examples_are_valid_documents(cli: Cli, path: Path) -> None:
    if path.name == "run.yml":
        cli("codespec", "import", *(str(path.parent / f"{name}.yml") for name in ("job", "worker")))
    assert _kinds(_export(cli, str(path), "--to=kubernetes"))


def test_what_is_written_to_a_file(cli: Cli) -> None:
    assert _export(cli, "recon", "--to=docker-run", "-o", "run.sh") == ""
    assert Path("run.sh").read_text().startswith("#!/usr/bin/env bash\n")
    piped = _export(cli, "recon", "--to=tyger", "-o", "-")
    assert piped.startswith("# tyger codespec create recon -f -\n")
    _fails(cli, "cannot be written", "recon", "--to=tyger", "-o", "nowhere/x.yml")
    _fails(cli, "No space left", "recon", "--to=tyger", "-o", "/dev/full", code=1)


def test_a_codespec_of_the_store_goes_before_a_file_of_its_name(cli: Cli) -> None:
    Path("recon").write_text("image: file\n")
    assert "image: x" in _export(cli, "recon", "--to=tyger")
    assert "image: file" in _export(cli, "./recon", "--to=tyger")
    Path("other").write_text("image: file\n")
    assert "name: other" in _export(cli, "other", "--to=tyger")


@pytest.mark.parametrize(
    ("argv", "expected", "code"),
    [
        ((), "one codespec or file positional argument", 2),
        (("recon", "x", "--to=tyger"), "unexpected positional arguments", 2),
        (("recon",), "add --to tyger, --to kubernetes or --to docker-run", 2),
        (("recon", "--to=swarm"), "choose one of", 2),
        (("nope", "--to=tyger"), "nope", 1),
        (("nope.yml", "--to=tyger"), "failed to read file nope.yml", 2),
        (("No pe", "--to=tyger"), "is invalid", 2),
        (("recon", "--to=tyger", "--namespace=x"), "--namespace is about --to kubernetes", 2),
        (("recon", "--to=docker-run", "--sidecar-image=x"), "--sidecar-image is about", 2),
        (("recon", "--to=kubernetes", "--command"), "--command is about --to tyger", 2),
        (("recon", "--to=tyger", "--run-id=1"), "leave --run-id out", 2),
        (("recon", "--to=kubernetes", "--run-id=A"), "no name on a cluster", 2),
        (("recon", "--to=kubernetes", "--replicas=2"), "replicas would all write", 2),
        (("recon", "--to=kubernetes", "--timeout=0s"), "time-out is below one second", 2),
        (("recon", "--to=docker-run", "-b", f"input={'a' * 26}"), "with -b input=FILE", 2),
        (("recon", "--to=docker-run", "-b", "inptu=x"), "Did you mean 'input'?", 2),
    ],
)
def test_mistakes(cli: Cli, argv: tuple[str, ...], expected: str, code: int) -> None:
    answer = cli("export", *argv)
    assert (answer.returncode, answer.stdout) == (code, "")
    assert expected.lower() in answer.stderr.lower()


def test_what_no_cluster_runs_can_still_be_created_there(cli: Cli, store: Workspace) -> None:
    answer = cli("codespec", "create", "odd", "--image=x", "--gpu=0.5")
    assert answer.returncode == 0
    exported = cli("export", "odd", "--to=tyger")
    assert (exported.returncode, "gpu: 500m" in exported.stdout) == (0, True)
    assert "would refuse every run of it" in exported.stderr
    _fails(cli, "not an integer", "odd", "--to=kubernetes")


def test_help_and_completion_load_no_yaml(program: Callable[..., Answer]) -> None:
    line = "tyger-local export re"
    answer = program("__complete", "--shell=bash", "--", line)
    assert (answer.returncode, answer.stdout.split("\t")[1]) == (0, "recon")
    assert "FILE" in program("export", "--help").stdout
