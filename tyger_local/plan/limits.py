"""Resources of a codespec as limits of a container, by Kubernetes' formulas.

Source: kubelet's ``helpers_linux.go`` (``MilliCPUToQuota``, ``MilliCPUToShares``).
"""

from __future__ import annotations

from dataclasses import dataclass

from tyger_local.errors import EngineError
from tyger_local.plan.model import Capacity, Difference, Limits
from tyger_local.spec.models import Resources
from tyger_local.spec.quantity import Quantity, positive

CPU_PERIOD_US = 100_000
SMALLEST_QUOTA_US = 1_000
SMALLEST_SHARES = 2
LARGEST_SHARES = 262_144
NANO = 10**9


@dataclass(frozen=True, slots=True)
class PlannedLimits:
    """Limits, and where they differ from what was asked for."""

    limits: Limits
    differences: tuple[Difference, ...]


def plan_limits(
    resources: Resources, capacity: Capacity | None, *, no_gpu: bool, no_clamp: bool
) -> PlannedLimits:
    """Turn `resources` into limits.

    Args:
        resources: What the codespec asks for.
        capacity: What the machine has; None when no engine was asked.
        no_gpu: Run without GPUs, whatever is asked for.
        no_clamp: Refuse what the machine has not, instead of lowering it.

    Raises:
        EngineError: The machine cannot give it: too few GPUs, more than it has under `no_clamp`, or
            less memory than the engine can limit to.
    """
    differences: list[Difference] = []
    cpu = positive(resources.limits.cpu)
    request = cpu if resources.requests.cpu is None else resources.requests.cpu
    memory = positive(resources.limits.memory)
    reservation = positive(resources.requests.memory)
    cpu_nanos = None if cpu is None else cpu.nanos
    request_nanos = None if request is None else request.nanos
    memory_bytes = None if memory is None else memory.value
    reservation_bytes = None if reservation is None else reservation.value
    gpus = 0 if resources.gpu is None or no_gpu else resources.gpu.value
    if no_gpu and positive(resources.gpu):
        differences.append(
            Difference("no-gpu", f"runs without the GPUs that it asks for ({resources.gpu})")
        )
    if capacity is not None and capacity.limits_apply:
        _check_gpus(gpus, capacity)
        clamp = _Clamp(differences, refuse=no_clamp)
        cpu_nanos = clamp.cpu("limit", cpu_nanos, cpu, capacity)
        request_nanos = clamp.cpu("request", request_nanos, resources.requests.cpu, capacity)
        memory_bytes = clamp.memory("limit", memory_bytes, memory, capacity)
        reservation_bytes = clamp.memory("request", reservation_bytes, reservation, capacity)
        _check_memory(memory_bytes, memory, capacity)
        if reservation_bytes is not None and reservation_bytes < capacity.smallest_memory_bytes:
            reservation_bytes = None  # a soft limit that the engine would refuse, and nobody feels
    limits = Limits(
        cpu_quota_us=None if cpu_nanos is None else cpu_quota(cpu_nanos),
        cpu_period_us=CPU_PERIOD_US,
        cpu_shares=None if request_nanos is None else cpu_shares(_milli(request_nanos)),
        memory_bytes=memory_bytes,
        memory_reservation_bytes=reservation_bytes,
        shm_bytes=_bytes(positive(resources.shm)),
        gpus=gpus,
    )
    return PlannedLimits(limits, tuple(differences))


def cpu_quota(nano_cpus: int) -> int:
    """Return the CFS quota in microseconds a period for `nano_cpus` (rounded up to millicores)."""
    return max(_milli(nano_cpus) * CPU_PERIOD_US // 1000, SMALLEST_QUOTA_US)


def cpu_shares(milli_cpus: int) -> int:
    """Return the CPU shares for `milli_cpus`."""
    return min(max(milli_cpus * 1024 // 1000, SMALLEST_SHARES), LARGEST_SHARES)


def _milli(nano_cpus: int) -> int:
    return -(-nano_cpus // 10**6)


def _bytes(quantity: Quantity | None) -> int | None:
    return None if quantity is None else quantity.value


def _check_gpus(gpus: int, capacity: Capacity) -> None:
    if gpus > capacity.gpus:
        have = f"{capacity.gpus}" if capacity.gpus else "none"
        raise EngineError(
            f"the codespec asks for {gpus} GPU{'s' if gpus > 1 else ''} and the engine has {have}",
            "install the NVIDIA driver and container toolkit, or use --no-gpu to run without",
        )


def _check_memory(memory_bytes: int | None, asked: Quantity | None, capacity: Capacity) -> None:
    if memory_bytes is not None and memory_bytes < capacity.smallest_memory_bytes:
        smallest = capacity.smallest_memory_bytes // 2**20
        raise EngineError(
            f"the memory limit {asked} is below {smallest} MiB, the smallest that the engine takes",
            f"raise it to {smallest}Mi or more",
        )


@dataclass(frozen=True, slots=True)
class _Clamp:
    """Lowers what is above the machine's, and says so."""

    differences: list[Difference]
    refuse: bool

    def cpu(
        self, name: str, nanos: int | None, asked: Quantity | None, capacity: Capacity
    ) -> int | None:
        if nanos is None or nanos <= capacity.nano_cpus:
            return nanos
        if asked is not None:  # else it is the limit once more, which stands for the request
            self._lowered(f"cpu {name}", str(asked), f"{capacity.nano_cpus / NANO:g} CPUs")
        return capacity.nano_cpus

    def memory(
        self, name: str, value: int | None, asked: Quantity | None, capacity: Capacity
    ) -> int | None:
        if value is None or value <= capacity.memory_bytes:
            return value
        self._lowered(f"memory {name}", str(asked), f"{capacity.memory_bytes // 2**20}Mi")
        return capacity.memory_bytes

    def _lowered(self, name: str, asked: str, have: str) -> None:
        if self.refuse:
            raise EngineError(
                f"the {name} is {asked} and this machine has {have}",
                "lower it, or leave --no-clamp out",
            )
        text = f"the {name} {asked} is lowered to what this machine has, {have}"
        self.differences.append(Difference("clamped", text))
