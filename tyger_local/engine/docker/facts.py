"""What a Docker engine tells of itself, and what is known to be wrong with engines like it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tyger_local.engine.docker.api import Api
from tyger_local.engine.facts import Caution, EngineFacts, PresentImage

Document = Mapping[str, Any]

NVIDIA = "nvidia"
SNAP_ROOT = "/var/snap/"
DESKTOP = "Docker Desktop"
PODMAN = "Podman Engine"

LIMITS = {"MemoryLimit": "memory", "CpuCfsQuota": "CPU", "CPUShares": "CPU weights"}
"""Fields of ``/info`` that are false where the kernel gives the engine no such control group."""

SNAP = Caution(
    "the engine is confined (snap): it sees the files of home folders only, and not /tmp",
    "set TMPDIR to a folder in your home, or install Docker's own packages "
    "(https://docs.docker.com/engine/install)",
)
IN_A_MACHINE = Caution(
    "the engine runs in a virtual machine (Docker Desktop), into which named pipes do not cross",
    "install Docker's own packages (https://docs.docker.com/engine/install), and docker context use default",
)
NOT_DOCKER = Caution(
    "the engine is Podman, whose Docker-like API this tool is not tested with",
    "if runs fail for no reason of their own, use Docker (DOCKER_HOST, docker context use)",
)
NO_SWAP_LIMIT = Caution(
    "the engine cannot limit swap: what passes its memory limit may be swapped out instead of killed",
    "boot the kernel with swapaccount=1 (GRUB_CMDLINE_LINUX in /etc/default/grub), or swapoff -a",
)
NO_GPU_RUNTIME = Caution(
    "this machine has GPUs, and the engine has no runtime that gives them to containers",
    "install nvidia-container-toolkit, run sudo nvidia-ctk runtime configure, and restart Docker",
)
NO_GPU = Caution(
    "the engine has a runtime for GPUs, and nvidia-smi finds none",
    "install the NVIDIA driver, and try nvidia-smi",
)


def facts(api: Api, info: Document, where: str, gpus: Sequence[str]) -> EngineFacts:
    """Return what the engine tells.

    Args:
        api: The engine.
        info: What it has told already.
        where: Which one it is: an address or a context.
        gpus: Those of this machine, whether or not the engine can give them to a container.
    """
    version = api.version()
    parts = [part.get("Name") for part in version.get("Components") or ()]
    has_runtime = NVIDIA in (info.get("Runtimes") or {})
    return EngineFacts(
        details=tuple(
            (title, text) for title, text in _details(info, version, where, gpus) if text
        ),
        cautions=tuple(_cautions(info, parts, gpus, has_runtime=has_runtime)),
        root=info.get("DockerRootDir"),
        images=_images(api.images()),
        has_limits=bool(info.get("MemoryLimit", True)) and info.get("CgroupDriver") != "none",
    )


def _details(
    info: Document, version: Document, where: str, gpus: Sequence[str]
) -> Iterator[tuple[str, str]]:
    api_version, oldest = version.get("ApiVersion"), version.get("MinAPIVersion")
    since = f" (since {oldest})" if oldest else ""
    runtimes = sorted(info.get("Runtimes") or {})
    default = info.get("DefaultRuntime") or ""
    yield "address", where
    yield "API version", f"{api_version}{since}" if api_version else ""
    yield "system", _joined(info.get("OperatingSystem"), info.get("KernelVersion"))
    yield "rights", _rights(info.get("SecurityOptions") or ())
    yield "storage driver", str(info.get("Driver") or "")
    cgroups = info.get("CgroupVersion")
    yield "cgroups", _joined(cgroups and f"version {cgroups}", info.get("CgroupDriver"))
    yield "log driver", _joined(info.get("LoggingDriver"), "runs do not use it")
    yield "runtimes", _joined(default and f"{default} by default", "has " + " ".join(runtimes))
    yield (
        "GPUs",
        (
            f"{len(gpus)}, {'with' if NVIDIA in runtimes else 'without'} the engine's NVIDIA runtime"
            if gpus or NVIDIA in runtimes
            else "none"
        ),
    )


def _joined(*parts: object) -> str:
    return ", ".join(str(part) for part in parts if part)


def _rights(security: Sequence[str]) -> str:
    said = " ".join(security)
    if "name=rootless" in said:
        return "rootless: a container's root is the engine's user"
    if "name=userns" in said:
        return "user namespaces (userns-remap): a container's root is an unprivileged user"
    return "a container's root is the machine's (neither rootless nor userns-remap)"


def _cautions(
    info: Document, parts: Sequence[object], gpus: Sequence[str], *, has_runtime: bool
) -> Iterator[Caution]:
    if str(info.get("DockerRootDir", "")).startswith(SNAP_ROOT):
        yield SNAP
    if DESKTOP in str(info.get("OperatingSystem", "")):
        yield IN_A_MACHINE
    if PODMAN in parts:
        yield NOT_DOCKER
    missing = [what for field, what in LIMITS.items() if info.get(field) is False]
    if missing or info.get("CgroupDriver") == "none":
        yield Caution(
            f"the engine cannot limit {', '.join(missing) or 'anything'}: the kernel or systemd gives it "
            "no such control group",
            _limits_fix(" ".join(info.get("SecurityOptions") or ())),
        )
    elif info.get("SwapLimit") is False:
        yield NO_SWAP_LIMIT
    if gpus and not has_runtime:
        yield NO_GPU_RUNTIME
    if has_runtime and not gpus:
        yield NO_GPU


def _limits_fix(security: str) -> str:
    if "name=rootless" in security:
        return (
            "use cgroup version 2, and let systemd delegate: Delegate=cpu cpuset io memory pids in "
            "/etc/systemd/system/user@.service.d/delegate.conf, then log in again"
        )
    return "boot the kernel with cgroup_enable=memory swapaccount=1 (GRUB_CMDLINE_LINUX in /etc/default/grub)"


def _images(listed: Sequence[Document]) -> tuple[PresentImage, ...]:
    found = (
        PresentImage(str(tag), int(image.get("Size") or 0))
        for image in listed
        for tag in image.get("RepoTags") or ()
        if "<none>" not in tag
    )
    return tuple(sorted(found, key=lambda image: (image.size_bytes, image.reference)))
