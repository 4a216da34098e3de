from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tyger_local.engine.docker.request import container_request, network_request
from tyger_local.plan.model import ContainerPlan, Limits, MountPlan, NetworkPlan, PipePlan, Role
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


def _request(
    plan: ContainerPlan = PLAN,
    gpus: tuple[str, ...] = (),
    *,
    network: str | None = None,
    gives_all_gpus: bool = False,
    terminal: bool = False,
) -> dict[str, Any]:
    return container_request(
        plan,
        Path("/run/pipes"),
        network,
        gpu_ids=gpus,
        gives_all_gpus=gives_all_gpus,
        terminal=terminal,
    )


def _host(
    plan: ContainerPlan = PLAN, network: str | None = None, gpus: tuple[str, ...] = ()
) -> dict[str, Any]:
    return dict(_request(plan, gpus, network=network)["HostConfig"])


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
    assert "Count" not in request  # both a count and ids would be refused
    assert _request(gpus=("GPU-a", "GPU-b"))["Labels"] == {"tyger-local.gpus": "GPU-a,GPU-b"}


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
    assert _request(gpus=gpus, gives_all_gpus=gives_all_gpus)["Env"] == env


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


def test_its_names_count_in_its_first_network() -> None:
    plan = replace(PLAN, aliases=("worker-0.tyger", "worker-0"))
    sent = _request(plan, network="mine")
    assert sent["NetworkingConfig"] == {
        "EndpointsConfig": {"mine": {"Aliases": ["worker-0.tyger", "worker-0"]}}
    }
    assert "NetworkingConfig" not in _request(plan)  # the engine's default network takes none
    assert "NetworkingConfig" not in _request(network="mine")


def test_a_network() -> None:
    assert network_request(NetworkPlan("run-7", (("tyger-local.run", "7"),)), "unique") == {
        "Name": "unique",
        "CheckDuplicate": True,
        "Driver": "bridge",
        "Labels": {"tyger-local.run": "7"},
    }


def test_what_is_not_said_is_left_to_the_image() -> None:
    sent = _request()
    del sent["HostConfig"]
    assert sent == {
        "Image": "image:1",
        "Hostname": "run-7-job-0",
        "Env": [],
        "Labels": {},
        "Tty": False,
        "OpenStdin": False,
    }


@pytest.mark.parametrize(
    ("field", "value", "name", "sent"),
    [
        ("entrypoint", ("sh", "-c"), "Entrypoint", ["sh", "-c"]),
        ("entrypoint", (), "Entrypoint", []),
        ("arguments", ("a b", "$c"), "Cmd", ["a b", "$c"]),
        ("arguments", (), "Cmd", []),
        ("env", (("A", "1"), ("B", "x=y"), ("C", "")), "Env", ["A=1", "B=x=y", "C="]),
        ("working_dir", "/work", "WorkingDir", "/work"),
        ("user", "1234:5", "User", "1234:5"),
        ("domain", "workers.tyger", "Domainname", "workers.tyger"),
        ("labels", (("tyger-local.run", "7"),), "Labels", {"tyger-local.run": "7"}),
    ],
)
def test_what_is_said_is_passed_on(field: str, value: object, name: str, sent: object) -> None:
    changes: dict[str, Any] = {field: value}
    assert _request(replace(PLAN, **changes))[name] == sent


def test_a_terminal_is_only_given_when_asked_for() -> None:
    found = _request(terminal=True)
    assert (found["Tty"], found["OpenStdin"]) == (True, True)
