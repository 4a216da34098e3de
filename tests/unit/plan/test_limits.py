from __future__ import annotations

from dataclasses import replace

import pytest

from tyger_local.errors import EngineError
from tyger_local.plan.limits import PlannedLimits, cpu_quota, cpu_shares, plan_limits
from tyger_local.plan.model import Capacity, Limits
from tyger_local.spec.models import Resources

MI = 2**20
GI = 2**30
MACHINE = Capacity(nano_cpus=8 * 10**9, memory_bytes=16 * GI, gpus=2, smallest_memory_bytes=6 * MI)


def _plan(
    resources: object,
    capacity: Capacity | None = MACHINE,
    *,
    no_gpu: bool = False,
    no_clamp: bool = False,
) -> PlannedLimits:
    model = Resources.read(resources)
    return plan_limits(model, capacity, no_gpu=no_gpu, no_clamp=no_clamp)


def _refused(
    resources: object, what: str, capacity: Capacity = MACHINE, *, no_clamp: bool = False
) -> None:
    with pytest.raises(EngineError) as caught:
        _plan(resources, capacity, no_clamp=no_clamp)
    assert caught.value.what == what
    assert caught.value.hint


@pytest.mark.parametrize(
    ("resources", "limits"),
    [
        ({}, Limits()),
        # cpu: limit to quota, request to shares; without a request the limit stands for it.
        ({"limits": {"cpu": 1}}, Limits(cpu_quota_us=100_000, cpu_shares=1024)),
        ({"limits": {"cpu": "1500m"}}, Limits(cpu_quota_us=150_000, cpu_shares=1536)),
        ({"requests": {"cpu": 2}}, Limits(cpu_shares=2048)),
        (
            {"limits": {"cpu": 2}, "requests": {"cpu": "100m"}},
            Limits(cpu_quota_us=200_000, cpu_shares=102),
        ),
        (
            {"limits": {"cpu": 2}, "requests": {"cpu": 0}},
            Limits(cpu_quota_us=200_000, cpu_shares=2),
        ),
        ({"requests": {"cpu": 0}}, Limits(cpu_shares=2)),
        # memory: limit and reservation.
        ({"limits": {"memory": "1Gi"}}, Limits(memory_bytes=GI)),
        ({"requests": {"memory": "1Gi"}}, Limits(memory_reservation_bytes=GI)),
        (
            {"limits": {"memory": "1G"}, "requests": {"memory": "64Mi"}},
            Limits(memory_bytes=10**9, memory_reservation_bytes=64 * MI),
        ),
        ({"limits": {"memory": "10000000.5"}}, Limits(memory_bytes=10_000_001)),
        ({"limits": {"memory": "6Mi"}}, Limits(memory_bytes=6 * MI)),
        # A reservation that the engine would refuse is left out: it is a wish and no limit.
        ({"requests": {"memory": "1Mi"}}, Limits()),
        # gpu and shm.
        ({"gpu": 2}, Limits(gpus=2)),
        ({"gpu": 0}, Limits()),
        ({"shm": "1Gi"}, Limits(shm_bytes=GI)),
        # Zero is no limit.
        ({"limits": {"cpu": 0, "memory": 0}, "requests": {"memory": 0}, "shm": 0}, Limits()),
    ],
)
def test_resources_become_limits(resources: object, limits: Limits) -> None:
    assert _plan(resources) == PlannedLimits(limits, ())


@pytest.mark.parametrize(
    ("nano_cpus", "quota_us"),
    [
        (10**9, 100_000),
        (10**6, 1_000),  # the smallest: what is below is raised to it
        (5 * 10**6, 1_000),
        (10 * 10**6, 1_000),
        (11 * 10**6, 1_100),
        (1, 1_000),
        (1_000_000_001, 100_100),  # rounded up to millicores
        (64 * 10**9, 6_400_000),
    ],
)
def test_cpu_quota(nano_cpus: int, quota_us: int) -> None:
    assert cpu_quota(nano_cpus) == quota_us


@pytest.mark.parametrize(
    ("milli_cpus", "shares"),
    [
        (0, 2),
        (1, 2),
        (2, 2),
        (3, 3),
        (100, 102),
        (1000, 1024),
        (256_000, 262_144),
        (10**9, 262_144),
    ],
)
def test_cpu_shares(milli_cpus: int, shares: int) -> None:
    assert cpu_shares(milli_cpus) == shares


@pytest.mark.parametrize(
    ("resources", "limits", "warnings"),
    [
        (
            {"limits": {"cpu": 64}},
            Limits(cpu_quota_us=800_000, cpu_shares=8192),
            ["the cpu limit 64 is lowered to what this machine has, 8 CPUs"],
        ),
        (
            {"limits": {"memory": "1Ti"}},
            Limits(memory_bytes=16 * GI),
            ["the memory limit 1Ti is lowered to what this machine has, 16384Mi"],
        ),
        (
            {"requests": {"cpu": 64, "memory": "1Ti"}},
            Limits(cpu_shares=8192, memory_reservation_bytes=16 * GI),
            [
                "the cpu request 64 is lowered to what this machine has, 8 CPUs",
                "the memory request 1Ti is lowered to what this machine has, 16384Mi",
            ],
        ),
        (
            {"limits": {"cpu": 64}, "requests": {"cpu": 1}},
            Limits(cpu_quota_us=800_000, cpu_shares=1024),
            ["the cpu limit 64 is lowered to what this machine has, 8 CPUs"],
        ),
        # Exactly what there is.
        (
            {"limits": {"cpu": 8, "memory": "16Gi"}},
            Limits(cpu_quota_us=800_000, cpu_shares=8192, memory_bytes=16 * GI),
            [],
        ),
    ],
)
def test_what_the_machine_has_not_is_lowered(
    resources: object, limits: Limits, warnings: list[str]
) -> None:
    planned = _plan(resources)
    assert planned.limits == limits
    assert [d.text for d in planned.differences] == warnings
    assert all(d.code == "clamped" and not d.strict for d in planned.differences)


@pytest.mark.parametrize(
    ("resources", "what"),
    [
        ({"limits": {"cpu": 64}}, "the cpu limit is 64 and this machine has 8 CPUs"),
        ({"requests": {"cpu": 64}}, "the cpu request is 64 and this machine has 8 CPUs"),
        ({"limits": {"memory": "1Ti"}}, "the memory limit is 1Ti and this machine has 16384Mi"),
        ({"requests": {"memory": "1Ti"}}, "the memory request is 1Ti and this machine has 16384Mi"),
    ],
)
def test_no_clamp_refuses(resources: object, what: str) -> None:
    _refused(resources, what, no_clamp=True)


def test_half_a_cpu_more() -> None:
    machine = replace(MACHINE, nano_cpus=1_500_000_000)
    (difference,) = _plan({"limits": {"cpu": 2}}, machine).differences
    assert difference.text == "the cpu limit 2 is lowered to what this machine has, 1.5 CPUs"


@pytest.mark.parametrize(
    ("asked", "gpus", "what"),
    [
        (1, 0, "the codespec asks for 1 GPU and the engine has none"),
        (3, 2, "the codespec asks for 3 GPUs and the engine has 2"),
    ],
)
def test_too_few_gpus(asked: int, gpus: int, what: str) -> None:
    _refused({"gpu": asked}, what, replace(MACHINE, gpus=gpus))


def test_no_gpu_runs_without() -> None:
    planned = _plan({"gpu": 4}, no_gpu=True)
    assert planned.limits == Limits()
    assert [(d.code, d.text) for d in planned.differences] == [
        ("no-gpu", "runs without the GPUs that it asks for (4)")
    ]


@pytest.mark.parametrize("resources", [{}, {"gpu": 0}])
def test_no_gpu_where_none_is_asked_for_is_silent(resources: object) -> None:
    assert _plan(resources, no_gpu=True) == PlannedLimits(Limits(), ())


@pytest.mark.parametrize("memory", ["1", "1Mi", "6291455"])
def test_memory_below_the_engines_smallest(memory: str) -> None:
    what = f"the memory limit {memory} is below 6 MiB, the smallest that the engine takes"
    _refused({"limits": {"memory": memory}}, what)


@pytest.mark.parametrize("capacity", [None, replace(MACHINE, limits_apply=False)])
def test_nothing_is_compared_with_a_machine_that_is_not_known_or_applies_no_limits(
    capacity: Capacity | None,
) -> None:
    resources = {"limits": {"cpu": 64, "memory": "1Mi"}, "gpu": 8}
    planned = _plan(resources, capacity, no_clamp=True)
    expected = Limits(cpu_quota_us=6_400_000, cpu_shares=65_536, memory_bytes=MI, gpus=8)
    assert planned == PlannedLimits(expected, ())
