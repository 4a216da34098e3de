"""The script's text; that it works is seen on an engine."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from tyger_local.errors import UsageError
from tyger_local.export.docker_script import docker_script
from tyger_local.plan.build import plan_run
from tyger_local.plan.docker_lines import docker_run_line
from tyger_local.plan.model import RunPlan
from tyger_local.plan.resolved import ResolvedRun, ResolvedWorker
from tyger_local.spec.models import JobCodespec, WorkerCodespec


def _plan(*, replicas: int = 1, workers: int = 0, **fields: Any) -> RunPlan:
    worker = ResolvedWorker(WorkerCodespec.read({"image": "w"}), workers) if workers else None
    job = JobCodespec.read({"image": "x", **fields})
    return plan_run(ResolvedRun(job, replicas, worker=worker), run_id="7")


def _checked(text: str) -> str:
    """Return a script that bash can read."""
    subprocess.run(("bash", "-n"), input=text, text=True, check=True)
    return text


def test_a_job_without_buffers_is_its_line() -> None:
    plan = _plan(args=["a b", "$X"])
    text = _checked(docker_script(plan, {}))
    _, flags = docker_run_line(plan, plan.jobs[0]).split("docker run", 1)
    assert f'\ndocker run --cidfile="$pipes/job-0.id"{flags} >&2 &\n' in text
    assert "mkfifo" not in text
    assert "drain" not in text.replace("drains=()", "")
    assert "network create" not in text


def test_files_are_those_that_were_named_or_have_the_buffers_names() -> None:
    buffers = {"inputs": ["raw-data"], "outputs": ["out", "log"]}
    text = _checked(
        docker_script(_plan(buffers=buffers), {"raw-data": "a b.mrd", "log": "/dev/stdout"})
    )
    assert (
        "file_1='a b.mrd'  # input raw-data\nfile_2=./out  # output out\nfile_3=/dev/stdout  # output log\n"
        in text
    )
    assert '--volume="$pipes/job-0":/etc/buffer-fifos ' in text
    assert "PIPES" not in text


def test_an_argument_that_looks_like_the_folder_of_pipes_stays() -> None:
    odd = "--volume=PIPES:/etc/buffer-fifos"
    text = _checked(docker_script(_plan(buffers={"outputs": ["o"]}, args=[odd, "docker run"]), {}))
    assert f"{odd} 'docker run' >&2 &\n" in text


def test_each_replica_has_pipes_of_its_own() -> None:
    text = _checked(docker_script(_plan(replicas=2, buffers={"inputs": ["i"]}), {}))
    for label in ("job-0", "job-1"):
        assert f'mkfifo -m 666 "$pipes/{label}/i"' in text
    assert text.count("jobs+=($!)") == 2
    assert "drain()" not in text


def test_workers_have_a_network_and_go_before_the_job() -> None:
    text = _checked(docker_script(_plan(workers=2), {}))
    made, job = text.index("docker network create run-7"), text.index("jobs+=($!)")
    assert made < text.index('workers+=("$(docker run --rm --detach') < job
    assert text.count('workers+=("') == 2
    assert "\nnetwork=run-7\n" in text


def test_sockets_are_refused() -> None:
    plan = _plan(buffers={"outputs": ["o"]}, sockets=[{"port": 1, "outputBuffer": "o"}])
    with pytest.raises(UsageError, match="sockets"):
        docker_script(plan, {})
