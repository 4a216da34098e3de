"""The examples in which containers talk to each other, or to us through a port, run as their comments say."""

from __future__ import annotations

import hashlib
import json
import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest

pytestmark = pytest.mark.docker

EXAMPLES = Path(__file__).parents[2] / "examples"
TIMEOUT_S = 120
REPETITIONS = 12


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    scripts = Path(sys.executable).parent
    monkeypatch.setenv("PATH", f"{scripts}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


def _bash(line: str) -> bytes:
    """Run a line as the comments in the examples have it; return its standard output."""
    answer = subprocess.run(
        ("bash", "-euo", "pipefail", "-c", line.replace("examples/", f"{EXAMPLES}/")),
        capture_output=True, check=False, timeout=TIMEOUT_S, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr.decode()
    return answer.stdout


def _scan() -> None:
    """Make scan.mrd, and single.mrd, which is what one container makes of it."""
    _bash("tyger-local run exec -f examples/distributed/phantom.yml -b output=scan.mrd")
    _bash(
        "tyger-local run exec -f examples/mri/codespec.yml -b input=scan.mrd -b output=single.mrd"
    )


def _create_distributed() -> None:
    for name in ("job", "worker"):
        assert _bash(f"tyger-local codespec create -f examples/distributed/{name}.yml") == b"1\n"


def test_distributed(folder: Path) -> None:
    _scan()
    _create_distributed()
    _bash(
        "tyger-local run exec -f examples/distributed/run.yml --wait-endpoints 60 "
        "-b input=scan.mrd -b output=images.mrd"
    )
    assert (folder / "images.mrd").read_bytes() == (folder / "single.mrd").read_bytes()
    said = _bash("tyger-local run logs 3").decode()
    done = re.findall(r"^\[job\] repetition (\d+): (run-3-worker-\d), ", said, re.MULTILINE)
    assert sorted(int(number) for number, _ in done) == list(range(REPETITIONS))
    # All of them listened from the start, and whoever is idle longest comes first.
    assert {worker for _, worker in done} == {f"run-3-worker-{index}" for index in range(3)}
    for index in range(3):
        line = rf"^\[worker-{index}\] run-3-worker-{index}: \d+ bytes reconstructed"
        assert re.search(line, said, re.MULTILINE)


def _workers(home: Path) -> list[str]:
    """The ids of the running containers of this test's store that are workers, by their host names."""
    store = hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:16]
    listing = ("docker", "ps", "--quiet", "--filter", f"label=tyger-local.store={store}")
    ids = subprocess.run(listing, capture_output=True, text=True, check=True).stdout.split()
    inspecting = ("docker", "inspect", "--format", "{{.Config.Hostname}} {{.ID}}", *ids)
    rows = subprocess.run(inspecting, capture_output=True, text=True, check=True).stdout
    return [row.split()[1] for row in rows.splitlines() if "-worker-" in row]


def _read_until(stream: IO[bytes], is_enough: Callable[[bytes], object]) -> bytes:
    """Read what a process writes until it is enough."""
    seen = b""
    give_up_at = time.monotonic() + TIMEOUT_S
    while not is_enough(seen):
        assert time.monotonic() < give_up_at, seen[-2000:].decode(errors="replace")
        if select.select([stream], [], [], 1)[0]:
            more = os.read(stream.fileno(), 1 << 20)
            assert more, f"it ended early: {seen[-2000:].decode(errors='replace')}"
            seen += more
    return seen


def test_distributed_with_workers_that_die(folder: Path, home: Path) -> None:
    _scan()
    _create_distributed()
    scan = (folder / "scan.mrd").read_bytes()
    line = (
        f"exec tyger-local run exec -f {EXAMPLES}/distributed/run.yml -b output=images.mrd --logs"
    )
    with subprocess.Popen(
        ("bash", "-c", line), stdin=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(scan[: len(scan) // 2])
        process.stdin.flush()
        said = _read_until(process.stderr, lambda seen: seen.count(b"bytes reconstructed") >= 3)
        workers = _workers(home)
        assert len(workers) == 3
        subprocess.run(("docker", "kill", *workers), check=True, capture_output=True)
        process.stdin.write(scan[len(scan) // 2 :])
        process.stdin.close()
        said += process.stderr.read()
    assert process.returncode == 0, said.decode()
    record = json.loads(_bash("tyger-local run show 3"))
    assert sum(container["restarts"] for container in record["containers"].values()) >= 1
    assert (folder / "images.mrd").read_bytes() == (folder / "single.mrd").read_bytes()


CUTS_SHORT = """
import io, socket, sys
sys.path.insert(0, "/opt/examples/distributed")
import worker

class Half(worker.Reconstruction):
    def handle(self):
        sent, self.wfile = self.wfile, io.BytesIO()
        super().handle()
        whole, self.wfile = self.wfile.getvalue(), sent
        sent.write(whole[: len(whole) // 2])

if "-worker-0" in socket.gethostname():
    worker.Reconstruction = Half
worker.main()
"""
"""A worker as in the example, but for the first of them: of each answer it sends half."""


def test_distributed_with_a_worker_whose_answers_break_off(folder: Path) -> None:
    _scan()
    _create_distributed()
    codespec = {
        "kind": "worker",
        "image": "tyger-local/mri",
        "command": ["python3", "-c", CUTS_SHORT, "8000"],
        "endpoints": {"recon": 8000},
        "maxReplicas": 3,
    }
    Path("worker.json").write_text(json.dumps(codespec))
    assert _bash("tyger-local codespec create distributed-worker -f worker.json") == b"2\n"
    _bash(
        "tyger-local run exec -f examples/distributed/run.yml --wait-endpoints 60 "
        "-b input=scan.mrd -b output=images.mrd"
    )
    assert (folder / "images.mrd").read_bytes() == (folder / "single.mrd").read_bytes()
    said = _bash("tyger-local run logs 3")
    assert b"run-3-worker-0: it hung up before its answer was complete; trying again" in said
    assert re.search(rb"repetition \d+: run-3-worker-0, ", said) is None


def _listens_on(host: str) -> str:
    """Return a copy of the socket example's codespec whose server listens there."""
    text = (EXAMPLES / "socket/codespec.yml").read_text()
    assert "args: [0.0.0.0, " in text
    Path("server.yml").write_text(text.replace("args: [0.0.0.0, ", f"args: [{host}, "))
    return "server.yml"


@pytest.mark.parametrize("host", ["0.0.0.0", *(["localhost"] if os.geteuid() == 0 else [])])
def test_socket(folder: Path, host: str) -> None:
    _scan()
    _bash(f"tyger-local run exec -f {_listens_on(host)} -b input=scan.mrd -b output=images.mrd")
    assert (folder / "images.mrd").read_bytes() == (folder / "single.mrd").read_bytes()
    record = json.loads(_bash("tyger-local run show 3"))
    assert (record["status"], record["exitCode"]) == ("Succeeded", None)


def test_socket_answers_while_it_is_sent_to(folder: Path) -> None:
    _scan()
    scan, single = (folder / "scan.mrd").read_bytes(), (folder / "single.mrd").read_bytes()
    line = f"exec tyger-local run exec -f {EXAMPLES}/socket/codespec.yml"
    with subprocess.Popen(
        ("bash", "-c", line), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(scan[: len(scan) // 2])
        process.stdin.flush()
        images = _read_until(process.stdout, lambda seen: len(seen) > len(single) // 3)
        process.stdin.write(scan[len(scan) // 2 :])
        process.stdin.close()
        images += process.stdout.read()
    assert process.returncode == 0
    assert images == single
