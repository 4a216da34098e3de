from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest

from tyger_local.engine.docker.request import container_arguments, host_config
from tyger_local.plan.model import ContainerPlan, Limits, MountPlan, PipePlan, Role
from tyger_local.spec.buffers import Direction

MIB = 2**20

PLAN = ContainerPlan(
    role=Role.JOB,
    index=0,
    host_name="run-7-job-0",
    image="image:1",
    entrypoint=None,
    arguments=None,
    env=(),
    pipe_root="/etc/buffer-fifos",
    pipes=(PipePlan("input", Direction.INPUT, "/etc/buffer-fifos/input"),),
    limits=Limits(),
)


def _host(
    plan: ContainerPlan = PLAN, network: str | None = None, gpus: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Return what is sent to the engine, in its own names."""
    config = host_config(plan, Path("/run/pipes"), network, gpus)
    client = docker.APIClient(base_url="unix:///nonexistent.sock", version="1.41")
    sent = dict(client.create_host_config(**config))
    client.close()
    return sent


def _arguments(
    plan: ContainerPlan = PLAN,
    gpus: tuple[str, ...] = (),
    *,
    gives_all_gpus: bool = False,
    terminal: bool = False,
) -> dict[str, Any]:
    return container_arguments(
        plan, name="name", gpu_ids=gpus, gives_all_gpus=gives_all_gpus, terminal=terminal
    )


def test_what_every_container_gets() -> None:
    sent = _host()
    assert sent["Init"] is False
    assert sent["LogConfig"] == {"Type": "none", "Config": {}}
    assert set(sent) == {"Init", "LogConfig", "Mounts", "NetworkMode"}
    assert sent["NetworkMode"] == "default"


@pytest.mark.parametrize(
    ("limits", "sent"),
    [
        (Limits(), {}),
        (Limits(cpu_quota_us=150_000), {"CpuQuota": 150_000, "CpuPeriod": 100_000}),
        (Limits(cpu_quota_us=50, cpu_period_us=1000), {"CpuQuota": 50, "CpuPeriod": 1000}),
        (Limits(cpu_shares=2), {"CpuShares": 2}),
        (Limits(memory_bytes=64 * MIB), {"Memory": 64 * MIB, "MemorySwap": 64 * MIB}),
        (Limits(memory_reservation_bytes=7 * MIB), {"MemoryReservation": 7 * MIB}),
        (Limits(shm_bytes=MIB), {"ShmSize": MIB}),
        (Limits(gpus=0), {}),
    ],
)
def test_limits(limits: Limits, sent: dict[str, int]) -> None:
    names = ("CpuQuota", "CpuPeriod", "CpuShares", "Memory", "MemorySwap", "MemoryReservation")
    found = _host(replace(PLAN, limits=limits))
    assert {k: v for k, v in found.items() if k in (*names, "ShmSize", "NanoCpus")} == sent


def test_gpus_are_asked_for_by_id() -> None:
    assert "DeviceRequests" not in _host()
    (request,) = _host(gpus=("GPU-a", "GPU-b"))["DeviceRequests"]
    assert request["DeviceIDs"] == ["GPU-a", "GPU-b"]
    assert request["Capabilities"] == [["gpu"]]
    assert request["Count"] == 0  # both a count and ids would be refused
    assert _arguments(gpus=("GPU-a", "GPU-b"))["labels"] == {"tyger-local.gpus": "GPU-a,GPU-b"}


@pytest.mark.parametrize(
    ("gpus", "gives_all_gpus", "env"),
    [
        ((), False, []),
        ((), True, ["NVIDIA_VISIBLE_DEVICES=void"]),
        (("GPU-a",), False, []),
        (("GPU-a",), True, []),
    ],
)
def test_a_runtime_that_gives_all_gpus_is_told_to_give_none(
    gpus: tuple[str, ...], gives_all_gpus: bool, env: list[str]
) -> None:
    assert _arguments(gpus=gpus, gives_all_gpus=gives_all_gpus)["environment"] == env


def test_the_folder_of_pipes_and_what_was_asked_for_are_mounted() -> None:
    plan = replace(PLAN, mounts=(MountPlan("/a", "/b"), MountPlan("/c", "/d", read_only=True)))
    assert [dict(mount) for mount in _host(plan)["Mounts"]] == [
        _mount("/run/pipes", "/etc/buffer-fifos", False),
        _mount("/a", "/b", False),
        _mount("/c", "/d", True),
    ]


def _mount(source: str, target: str, read_only: bool) -> dict[str, object]:
    return {"Type": "bind", "Source": source, "Target": target, "ReadOnly": read_only}


def test_without_pipes_nothing_is_mounted() -> None:
    assert _host(replace(PLAN, pipes=()))["Mounts"] == []


def test_the_network() -> None:
    assert _host(network="none")["NetworkMode"] == "none"
    assert _host(network="mine")["NetworkMode"] == "mine"


def test_what_is_not_said_is_left_to_the_image() -> None:
    assert _arguments() == {
        "image": "image:1",
        "name": "name",
        "hostname": "run-7-job-0",
        "environment": [],
        "labels": {},
        "tty": False,
        "stdin_open": False,
        "detach": True,
    }


@pytest.mark.parametrize(
    ("field", "value", "argument", "sent"),
    [
        ("entrypoint", ("sh", "-c"), "entrypoint", ["sh", "-c"]),
        ("entrypoint", (), "entrypoint", []),
        ("arguments", ("a b", "$c"), "command", ["a b", "$c"]),
        ("arguments", (), "command", []),
        ("env", (("A", "1"), ("B", "x=y"), ("C", "")), "environment", ["A=1", "B=x=y", "C="]),
        ("working_dir", "/work", "working_dir", "/work"),
        ("user", "1234:5", "user", "1234:5"),
        ("platform", "linux/arm64", "platform", "linux/arm64"),
        ("labels", (("tyger-local.run", "7"),), "labels", {"tyger-local.run": "7"}),
    ],
)
def test_what_is_said_is_passed_on(field: str, value: object, argument: str, sent: object) -> None:
    changes: dict[str, Any] = {field: value}
    assert _arguments(replace(PLAN, **changes))[argument] == sent


def test_a_terminal_is_only_given_when_asked_for() -> None:
    found = _arguments(terminal=True)
    assert (found["tty"], found["stdin_open"]) == (True, True)
