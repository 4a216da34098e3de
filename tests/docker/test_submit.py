"""`tyger-local submit` with containers here and, behind a stand-in for Tyger's client, there."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tyger_local import Workspace

pytestmark = pytest.mark.docker

EXAMPLES = Path(__file__).parents[2] / "examples"
TIMEOUT_S = 300

ASK_THE_WORKER = """
node=$(echo "$TYGER_WORKER_NODES" | cut -d '"' -f 2)
until echo | nc "$node" 5000 > /tmp/said; do sleep 0.1; done
cat /tmp/said > "$OUTPUT_PIPE"
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tyger_client: Any) -> Path:
    """An empty folder to be in, and a cluster that runs containers."""
    current = tmp_path / "work"
    current.mkdir()
    monkeypatch.chdir(current)
    tyger_client.use_engine("docker")
    return current


def _tyger_local(*argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (sys.executable, "-m", "tyger_local", *argv),
        capture_output=True, text=True, check=False, timeout=TIMEOUT_S,
    )  # fmt: skip


def test_mri_comes_out_the_same(tyger_client: Any) -> None:
    phantom = _tyger_local(
        "run", "exec", "-f", f"{EXAMPLES}/mri/phantom.yml", "-b", "output=raw.mrd"
    )
    assert phantom.returncode == 0, phantom.stderr
    assert _tyger_local("codespec", "create", "-f", f"{EXAMPLES}/mri/codespec.yml").stdout == "1\n"
    answer = _tyger_local(
        "submit", "-c", "mri-recon", "-b", "input=raw.mrd", "-b", "output=images.mrd", "--compare"
    )
    assert answer.returncode == 0, answer.stderr
    data = Path("images.mrd").read_bytes()
    assert answer.stdout.endswith(f"sha256 {hashlib.sha256(data).hexdigest()}\n")
    assert answer.stdout.startswith("output: identical, ")
    assert len(data) > 100_000
    record = Workspace(tyger_client.home).runs.show(1)
    assert record["status"] == "Succeeded"
    assert record["job"]["codespec"]["resources"]["limits"] == {"cpu": "1", "memory": "1Gi"}  # type: ignore[index]


def test_workers_serve_there(tyger_client: Any) -> None:
    job = {
        "image": "tyger-local/busybox",
        "buffers": {"outputs": ["output"]},
        "command": ["sh", "-c"],
        "args": [ASK_THE_WORKER],
    }
    worker = {
        "kind": "worker",
        "image": "tyger-local/busybox",
        "command": ["sh", "-c", "while true; do echo served | nc -l -p 5000; done"],
        "endpoints": {"serve": 5000},
    }
    for name, document in (("job", job), ("worker", worker)):
        Workspace().codespecs.create(name, document)
    answer = _tyger_local("submit", "-c", "job", "--worker-codespec", "worker", "--timeout", "60s")
    assert (answer.returncode, answer.stdout) == (0, "served\n"), answer.stderr
    assert Workspace(tyger_client.home).codespecs.names() == ["job", "worker"]
