"""What the process engine refuses by name. What it does is in tests/contract."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tyger_local.engine.process import ProcessEngine
from tyger_local.errors import UsageError
from tyger_local.plan.model import ContainerPlan, Limits, Role, RunPlan, SocketPlan

JOB = ContainerPlan(
    role=Role.JOB,
    index=0,
    host_name="run-7-job-0",
    image="image:1",
    entrypoint=("true",),
    arguments=None,
    env=(),
    pipe_root="/pipes",
    pipes=(),
    limits=Limits(),
)
WITH_SOCKET = replace(JOB, sockets=(SocketPlan(8080, "input"),))
WORKER = replace(JOB, role=Role.WORKER)


def _run(*containers: ContainerPlan) -> RunPlan:
    return RunPlan("7", None, containers, 60)


@pytest.mark.parametrize(
    ("containers", "what", "hint"),
    [
        ((JOB, WORKER), "workers", "use --engine docker"),
        (
            (WITH_SOCKET, replace(WITH_SOCKET, index=1)),
            "several replicas with sockets",
            "use one replica, or --engine docker",
        ),
    ],
)
def test_what_cannot_be_given(containers: tuple[ContainerPlan, ...], what: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        ProcessEngine().review(_run(*containers))
    assert caught.value.what == f"the process engine cannot give {what}"
    assert caught.value.hint == hint


@pytest.mark.parametrize(
    "containers", [(JOB,), (WITH_SOCKET,), (JOB, replace(JOB, index=1))], ids=len
)
def test_what_can_be_given(containers: tuple[ContainerPlan, ...]) -> None:
    assert ProcessEngine().review(_run(*containers)) == ()
