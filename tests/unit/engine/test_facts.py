from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tyger_local.engine.docker.elsewhere import elsewhere
from tyger_local.engine.docker.facts import (
    IN_A_MACHINE,
    NO_GPU,
    NO_GPU_RUNTIME,
    NO_SWAP_LIMIT,
    NOT_DOCKER,
    SNAP,
    facts,
)
from tyger_local.engine.facts import EngineFacts

INFO = {
    "OperatingSystem": "Debian GNU/Linux 12 (bookworm)",
    "KernelVersion": "6.1",
    "Driver": "overlay2",
    "LoggingDriver": "json-file",
    "CgroupDriver": "systemd",
    "CgroupVersion": "2",
    "DockerRootDir": "/var/lib/docker",
    "DefaultRuntime": "runc",
    "Runtimes": {"runc": {}},
    "SecurityOptions": ["name=seccomp,profile=default"],
    "MemoryLimit": True,
    "SwapLimit": True,
    "CpuCfsQuota": True,
    "CPUShares": True,
}


class _Api:
    """Answers as an engine that was made for one question."""

    def __init__(self, product: str) -> None:
        self._product = product

    def version(self) -> dict[str, Any]:
        parts = [{"Name": self._product}]
        return {"ApiVersion": "1.43", "MinAPIVersion": "1.12", "Components": parts}

    def images(self) -> list[dict[str, Any]]:
        return [
            {"RepoTags": ["large:1"], "Size": 200},
            {"RepoTags": ["<none>:<none>"], "Size": 1},
            {"RepoTags": None, "Size": 1},
            {"RepoTags": ["small:1", "little:1"], "Size": 100},
        ]


def _facts(
    more: Mapping[str, object] | None = None, gpus: tuple[str, ...] = (), product: str = "Engine"
) -> EngineFacts:
    return facts(_Api(product), {**INFO, **(more or {})}, "unix:///there", gpus)  # type: ignore[arg-type]


def test_an_engine_as_it_should_be_needs_no_caution() -> None:
    found = _facts()
    assert found.cautions == ()
    assert (found.has_limits, found.root) == (True, "/var/lib/docker")
    details = dict(found.details)
    assert details["address"] == "unix:///there"
    assert details["API version"] == "1.43 (since 1.12)"
    assert details["cgroups"] == "version 2, systemd"
    assert details["GPUs"] == "none"


def test_images_with_names_come_smallest_first() -> None:
    assert [image.reference for image in _facts().images] == ["little:1", "small:1", "large:1"]


@pytest.mark.parametrize(
    ("security", "words"),
    [
        (["name=rootless"], "rootless"),
        (["name=userns"], "userns-remap"),
        ([], "neither rootless nor userns-remap"),
        (None, "neither"),
    ],
)
def test_its_rights_are_told(security: object, words: str) -> None:
    assert words in dict(_facts({"SecurityOptions": security}).details)["rights"]


@pytest.mark.parametrize(
    ("found", "caution"),
    [
        (_facts({"DockerRootDir": "/var/snap/docker/common/var-lib-docker"}), SNAP),
        (_facts({"OperatingSystem": "Docker Desktop"}), IN_A_MACHINE),
        (_facts(product="Podman Engine"), NOT_DOCKER),
        (_facts({"SwapLimit": False}), NO_SWAP_LIMIT),
        (_facts(gpus=("GPU-1",)), NO_GPU_RUNTIME),
        (_facts({"Runtimes": {"nvidia": {}, "runc": {}}}), NO_GPU),
    ],
)
def test_what_is_wrong_is_told_alone(found: EngineFacts, caution: object) -> None:
    assert found.cautions == (caution,)


@pytest.mark.parametrize(
    ("security", "fix"),
    [(["name=rootless"], "Delegate=cpu cpuset io memory pids"), ([], "cgroup_enable=memory")],
)
def test_limits_that_are_missing_are_named_with_a_fix_that_fits(
    security: list[str], fix: str
) -> None:
    found = _facts({"MemoryLimit": False, "CpuCfsQuota": False, "SecurityOptions": security})
    assert not found.has_limits
    (caution,) = found.cautions
    assert "memory, CPU" in caution.text
    assert fix in caution.fix


def test_no_control_groups_at_all_are_no_limits() -> None:
    found = _facts({"CgroupDriver": "none"})
    assert not found.has_limits
    assert "cannot limit anything" in found.cautions[0].text


def test_gpus_that_the_engine_can_give_are_counted() -> None:
    found = _facts({"Runtimes": {"nvidia": {}}}, gpus=("GPU-1", "GPU-2"))
    assert dict(found.details)["GPUs"] == "2, with the engine's NVIDIA runtime"
    assert found.cautions == ()


def test_a_machine_without_docker_is_told_where_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert any("https://docs.docker.com" in line for line in elsewhere("unix:///nowhere"))


def test_another_socket_is_found_and_the_one_that_was_asked_is_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "docker.sock"))
        address = f"unix://{tmp_path}/docker.sock"
        assert any(line.endswith(f"DOCKER_HOST={address}") for line in elsewhere("unix:///nowhere"))
        assert not any(address in line for line in elsewhere(address))
