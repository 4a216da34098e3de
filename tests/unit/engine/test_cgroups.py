"""Names and texts of cgroups, in both versions, as kernels and engines really write them."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import pytest

from tyger_local.engine.docker.cgroups import (
    CPU,
    CPU_STAT,
    MEMORY,
    MEMORY_STAT,
    OOM,
    PEAK,
    PROCESSES,
    Counters,
    Group,
    counters,
    counters_of_engine,
    group_by_name,
    group_of_process,
)

ID = "c0ffee" * 10 + "beef"
OTHER = "decaf0" * 10 + "cafe"

V1_OF_ENGINE = f"/docker/{ID}"
V1_SYSTEMD = f"/system.slice/docker-{ID}.scope"
ROOTLESS = f"/user.slice/user-1000.slice/user@1000.service/user.slice/docker-{ID}.scope"
PODMAN = f"/machine.slice/libpod-{ID}.scope/container"


def _v1(inner: str) -> dict[str, PurePosixPath]:
    root = "/sys/fs/cgroup"
    return {
        what: PurePosixPath(f"{root}/{path}")
        for what, path in {
            OOM: f"memory/{inner}/memory.oom_control",
            PEAK: f"memory/{inner}/memory.max_usage_in_bytes",
            MEMORY: f"memory/{inner}/memory.usage_in_bytes",
            MEMORY_STAT: f"memory/{inner}/memory.stat",
            CPU: f"cpuacct/{inner}/cpuacct.usage",
            CPU_STAT: f"cpu/{inner}/cpu.stat",
            PROCESSES: f"cpuacct/{inner}/cgroup.procs",
        }.items()
    }


def _v2(inner: str) -> dict[str, PurePosixPath]:
    folder = PurePosixPath(f"/sys/fs/cgroup/{inner}")
    return {
        OOM: folder / "memory.events",
        PEAK: folder / "memory.peak",
        MEMORY: folder / "memory.current",
        MEMORY_STAT: folder / "memory.stat",
        CPU_STAT: folder / "cpu.stat",
        PROCESSES: folder / "cgroup.procs",
    }


@pytest.mark.parametrize(
    ("driver", "version", "expected"),
    [
        ("cgroupfs", "1", Group(1, _v1(f"docker/{ID}"))),
        ("systemd", "1", Group(1, _v1(f"system.slice/docker-{ID}.scope"))),
        ("cgroupfs", "2", Group(2, _v2(f"docker/{ID}"))),
        ("systemd", "2", Group(2, _v2(f"system.slice/docker-{ID}.scope"))),
        ("none", "2", Group(2, _v2(f"docker/{ID}"))),
        ("None", "", Group(1, _v1(f"docker/{ID}"))),
    ],
)
def test_where_an_engine_counts(driver: str, version: str, expected: Group) -> None:
    assert group_by_name(ID, driver, version) == expected


def test_another_root() -> None:
    group = group_by_name(ID, "cgroupfs", "2", "/tmp/x")
    assert group.files[PEAK] == PurePosixPath(f"/tmp/x/docker/{ID}/memory.peak")


def _of_v1(folder: str) -> str:
    return (
        f"12:pids:{folder}\n11:memory:{folder}\n5:cpu,cpuacct:{folder}\n"
        f"1:name=systemd:{folder}\n0::/system.slice/containerd.service\n"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (_of_v1(V1_OF_ENGINE), Group(1, _v1(f"docker/{ID}"))),
        (_of_v1(V1_SYSTEMD), Group(1, _v1(V1_SYSTEMD[1:]))),
        (f"0::/docker/{ID}\n", Group(2, _v2(f"docker/{ID}"))),
        (f"0::{ROOTLESS}\n", Group(2, _v2(ROOTLESS[1:]))),
        (f"0::{PODMAN}\n", Group(2, _v2(PODMAN[1:]))),
        (f"1:name=systemd:/\n0::/docker/{ID}\n", Group(2, _v2(f"docker/{ID}"))),
        (_of_v1(f"/docker/{OTHER}"), None),
        ("0::/\n", None),
        ("", None),
        ("nonsense", None),
    ],
)
def test_where_a_process_is_counted(text: str, expected: Group | None) -> None:
    assert group_of_process(text, ID) == expected


def test_a_controller_that_the_kernel_does_not_have() -> None:
    group = group_of_process(f"3:cpu,cpuacct:/docker/{ID}\n", ID)
    assert group is not None
    assert set(group.files) == {CPU, CPU_STAT, PROCESSES}


V1_TEXTS = {
    OOM: "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
    PEAK: "201179136\n",
    MEMORY: "733184\n",
    MEMORY_STAT: "cache 4096\nrss 8192\nshmem 0\ntotal_cache 4096\ntotal_rss 9000\ntotal_shmem 500\n",
    CPU: "1372506123\n",
    CPU_STAT: "nr_periods 7\nnr_throttled 2\nthrottled_time 113865000\nnr_bursts 0\n",
}
V2_TEXTS = {
    OOM: "low 0\nhigh 0\nmax 31\noom 3\noom_kill 2\noom_group_kill 1\n",
    PEAK: "201179136\n",
    MEMORY: "733184\n",
    MEMORY_STAT: "anon 9000\nfile 4096\nkernel 1000\nshmem 500\n",
    CPU_STAT: "usage_usec 1372506\nuser_usec 1\nsystem_usec 2\nthrottled_usec 113865\n",
}


@pytest.mark.parametrize(("version", "texts"), [(1, V1_TEXTS), (2, V2_TEXTS)])
def test_what_the_kernel_says(version: int, texts: dict[str, str]) -> None:
    found = counters(version, texts)
    assert (found.peak_bytes, found.memory_bytes, found.own_bytes) == (201_179_136, 733_184, 9500)
    assert found.cpu_s == pytest.approx(1.372506, abs=1e-6)
    assert found.throttled_s == pytest.approx(0.113865)
    assert found.oom_kills == 2


@pytest.mark.parametrize("version", [1, 2])
def test_what_is_not_said_is_not_known(version: int) -> None:
    assert counters(version, {}) == Counters()
    odd = {OOM: "oom 1\n", PEAK: "max\n", MEMORY: "", MEMORY_STAT: "odd", CPU_STAT: "x y\n"}
    assert counters(version, odd) == Counters()


def test_a_group_of_version_2_without_the_cpu_controller() -> None:
    found = counters(2, {CPU_STAT: "usage_usec 5000000\nuser_usec 1\nsystem_usec 2\n"})
    assert (found.cpu_s, found.throttled_s) == (5.0, None)


def test_nothing_is_not_unknown() -> None:
    texts = {OOM: "oom_kill 0\n", MEMORY: "0\n", CPU: "0\n", CPU_STAT: "throttled_time 0\n"}
    assert counters(1, texts) == Counters(memory_bytes=0, cpu_s=0.0, throttled_s=0.0, oom_kills=0)


ENGINE_V1: dict[str, Any] = {
    "cpu_stats": {
        "cpu_usage": {"total_usage": 2_500_000_000, "usage_in_kernelmode": 1},
        "throttling_data": {"periods": 1, "throttled_periods": 1, "throttled_time": 250_000_000},
    },
    "memory_stats": {
        "usage": 4000,
        "max_usage": 9000,
        "stats": {"total_rss": 2000, "total_shmem": 100, "rss": 1},
        "limit": 1,
    },
}
ENGINE_V2: dict[str, Any] = {
    "cpu_stats": ENGINE_V1["cpu_stats"],
    "memory_stats": {"usage": 4000, "stats": {"anon": 2000, "shmem": 100}, "limit": 1},
}


@pytest.mark.parametrize(("said", "peak"), [(ENGINE_V1, 9000), (ENGINE_V2, None)])
def test_what_the_engine_says(said: dict[str, Any], peak: int | None) -> None:
    assert counters_of_engine(said) == Counters(peak, 4000, 2100, 2.5, 0.25)


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"memory_stats": {}, "cpu_stats": {"cpu_usage": {"total_usage": 0}}},
        {"memory_stats": None},
    ],
)
def test_of_one_that_has_ended_the_engine_says_nothing(said: dict[str, Any]) -> None:
    assert counters_of_engine(said) == Counters()
