"""The docker lines of ``--dry-run`` do by hand what the tool does, pasted in order."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Iterator

import pytest

from tyger_local.plan.build import plan_run
from tyger_local.plan.describe import described
from tyger_local.plan.resolved import ResolvedRun, ResolvedWorker
from tyger_local.spec.models import JobCodespec, WorkerCodespec
from tyger_local.spec.versions import JsonObject

pytestmark = pytest.mark.docker

IMAGE = "tyger-local/busybox"
TIMEOUT_S = 60
SERVE = "mkdir /w; hostname > /w/name; exec httpd -f -p 80 -h /w"
ASK = """
for node in $(echo "$TYGER_WORKER_NODES" | tr -d '[]"' | tr , ' '); do
  until wget -q -O - "http://$node/name"; do sleep 0.1; done
done
"""


def _shell(line: str) -> str:
    answer = subprocess.run(
        line, shell=True, capture_output=True, text=True, check=False, timeout=TIMEOUT_S
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


@pytest.fixture
def distributed() -> Iterator[JsonObject]:
    """The description of a run of two workers; what its lines have made is removed afterwards."""
    run_id = f"paste-{secrets.token_hex(4)}"
    worker = WorkerCodespec.read({"image": IMAGE, "command": ["sh", "-c", SERVE]})
    job = JobCodespec.read({"image": IMAGE, "command": ["sh", "-c", ASK]})
    plan = plan_run(ResolvedRun(job, worker=ResolvedWorker(worker, 2)), run_id=run_id)
    yield described(plan, {})
    of_network = ("docker", "ps", "--all", "--quiet", "--filter", f"network=run-{run_id}")
    ids = subprocess.run(of_network, capture_output=True, text=True, check=True).stdout.split()
    if ids:
        subprocess.run(("docker", "rm", "--force", *ids), capture_output=True, check=True)
    subprocess.run(("docker", "network", "rm", f"run-{run_id}"), capture_output=True, check=False)


def test_the_lines_of_a_distributed_run_can_be_pasted(distributed: JsonObject) -> None:
    _shell(str(distributed["dockerNetwork"]))
    containers = distributed["containers"]
    assert isinstance(containers, list)
    *workers, job = containers
    for worker in workers:
        _shell(worker["dockerRun"])
    names = [worker["hostName"].partition(".")[0] for worker in workers]
    assert _shell(job["dockerRun"]).split() == names
