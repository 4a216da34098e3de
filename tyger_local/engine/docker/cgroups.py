"""Where the kernel counts what a container uses, and what its files say. Version 1 and version 2.

Only names and texts are dealt with here; `meter` opens and reads.

==================== =============================== =====================
what                 version 1                       version 2
==================== =============================== =====================
killed for memory    memory.oom_control: oom_kill    memory.events: oom_kill
peak of memory       memory.max_usage_in_bytes       memory.peak (Linux 5.19)
memory now           memory.usage_in_bytes           memory.current
without files        memory.stat: total_rss, _shmem  memory.stat: anon, shmem
CPU                  cpuacct.usage, nanoseconds      cpu.stat: usage_usec
kept from running    cpu.stat: throttled_time, ns    cpu.stat: throttled_usec
==================== =============================== =====================

Both count the files that the system keeps in memory for the container as its memory. Neither has a peak
without them. Both count a kill for want of the machine's memory with those for want of the container's.

Files are read in the order in which they stand here: when the container ends, little time may be left, and
only the kills are needed for more than a figure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

ROOT = "/sys/fs/cgroup"

OOM = "oom"
PEAK = "peak"
MEMORY = "memory"
MEMORY_STAT = "memory_stat"
CPU = "cpu"
CPU_STAT = "cpu_stat"
PROCESSES = "processes"

V1_FILES = {
    OOM: ("memory", "memory.oom_control"),
    PEAK: ("memory", "memory.max_usage_in_bytes"),
    MEMORY: ("memory", "memory.usage_in_bytes"),
    MEMORY_STAT: ("memory", "memory.stat"),
    CPU: ("cpuacct", "cpuacct.usage"),
    CPU_STAT: ("cpu", "cpu.stat"),
    PROCESSES: ("cpuacct", "cgroup.procs"),
}
V2_FILES = {
    OOM: "memory.events",
    PEAK: "memory.peak",
    MEMORY: "memory.current",
    MEMORY_STAT: "memory.stat",
    CPU_STAT: "cpu.stat",
    PROCESSES: "cgroup.procs",
}


@dataclass(frozen=True, slots=True)
class Group:
    """The cgroup of a container.

    Attributes:
        version: 1 or 2.
        files: The path of each file, by what it tells. Any of them may be missing.
    """

    version: int
    files: Mapping[str, PurePosixPath]


@dataclass(frozen=True, slots=True)
class Counters:
    """What a cgroup says at one moment; None where it does not.

    Attributes:
        oom_kills: How many of its processes the kernel has killed for want of memory.
    """

    peak_bytes: int | None = None
    memory_bytes: int | None = None
    own_bytes: int | None = None
    cpu_s: float | None = None
    throttled_s: float | None = None
    oom_kills: int | None = None


def _v1(folder: Callable[[str], str | None], root: str) -> Group:
    """Return the files of version 1, where each controller has a tree of its own."""
    files: dict[str, PurePosixPath] = {}
    for what, (controller, name) in V1_FILES.items():
        inner = folder(controller)
        if inner is not None:
            files[what] = PurePosixPath(root, controller, inner.lstrip("/"), name)
    return Group(1, files)


def _v2(folder: str, root: str) -> Group:
    inner = PurePosixPath(root, folder.lstrip("/"))
    return Group(2, {what: inner / name for what, name in V2_FILES.items()})


def group_by_name(container: str, driver: str, version: str, root: str = ROOT) -> Group:
    """Return where the engine will count a container, by its id.

    Args:
        container: The id.
        driver: The engine's ``CgroupDriver``.
        version: The engine's ``CgroupVersion``.
        root: Where the kernel shows cgroups.
    """
    inner = (
        f"system.slice/docker-{container}.scope" if driver == "systemd" else f"docker/{container}"
    )
    return _v2(inner, root) if version == "2" else _v1(lambda _: inner, root)


def group_of_process(text: str, container: str, root: str = ROOT) -> Group | None:
    """Return where a process is counted.

    Args:
        text: Its ``/proc/<pid>/cgroup``.
        container: The id of its container, by which a process of the same number elsewhere is told from it.
        root: Where the kernel shows cgroups.
    """
    folders: dict[str, str] = {}
    for line in text.splitlines():
        _, _, rest = line.partition(":")
        controllers, _, folder = rest.partition(":")
        if container in folder:
            folders.update(dict.fromkeys(controllers.split(","), folder))
    if "memory" in folders or "cpuacct" in folders:
        return _v1(folders.get, root)
    return _v2(folders[""], root) if "" in folders else None


def counters(version: int, texts: Mapping[str, str]) -> Counters:
    """Return what the files of a cgroup say.

    Args:
        version: Of the cgroup.
        texts: Their contents, by what they tell; those that could not be read are missing.
    """
    memory, cpu = _pairs(texts.get(MEMORY_STAT, "")), _pairs(texts.get(CPU_STAT, ""))
    if version == 1:
        own = _sum(memory.get("total_rss"), memory.get("total_shmem"))
        used_s, throttled_s = (
            _scaled(_number(texts.get(CPU)), 1e9),
            _scaled(cpu.get("throttled_time"), 1e9),
        )
    else:
        own = _sum(memory.get("anon"), memory.get("shmem"))
        used_s, throttled_s = (
            _scaled(cpu.get("usage_usec"), 1e6),
            _scaled(cpu.get("throttled_usec"), 1e6),
        )
    return Counters(
        peak_bytes=_number(texts.get(PEAK)),
        memory_bytes=_number(texts.get(MEMORY)),
        own_bytes=own,
        cpu_s=used_s,
        throttled_s=throttled_s,
        oom_kills=_pairs(texts.get(OOM, "")).get("oom_kill"),
    )


def counters_of_engine(said: Mapping[str, object]) -> Counters:
    """Return what an engine's statistics of a container say; of one that has ended that is nothing."""
    memory, cpu = _part(said, "memory_stats"), _part(said, "cpu_stats")
    detail, usage = _part(memory, "stats"), _part(cpu, "cpu_usage")
    if not memory.get("usage"):
        return Counters()
    own = _sum(_whole(detail, "total_rss"), _whole(detail, "total_shmem"))
    return Counters(
        peak_bytes=_whole(memory, "max_usage"),
        memory_bytes=_whole(memory, "usage"),
        own_bytes=_sum(_whole(detail, "anon"), _whole(detail, "shmem")) if own is None else own,
        cpu_s=_scaled(_whole(usage, "total_usage"), 1e9),
        throttled_s=_scaled(_whole(_part(cpu, "throttling_data"), "throttled_time"), 1e9),
    )


def _part(whole: Mapping[str, object], name: str) -> Mapping[str, object]:
    part = whole.get(name)
    return part if isinstance(part, Mapping) else {}


def _whole(part: Mapping[str, object], name: str) -> int | None:
    number = part.get(name)
    return number if isinstance(number, int) else None


def _pairs(text: str) -> dict[str, int]:
    """Return what a file of names and numbers says."""
    words = (line.split() for line in text.splitlines())
    return {pair[0]: int(pair[1]) for pair in words if len(pair) == 2 and pair[1].isdigit()}


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.strip().isdigit() else None


def _sum(first: int | None, second: int | None) -> int | None:
    """Return the sum; a kernel that does not count the second counts it with the first."""
    return None if first is None else first + (second or 0)


def _scaled(number: int | None, unit: float) -> float | None:
    return None if number is None else number / unit
