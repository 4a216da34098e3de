"""What the containers of one run ask for together, against what the machine has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tyger_local.errors import EngineError
from tyger_local.plan.limits import NANO
from tyger_local.plan.model import Capacity, Difference
from tyger_local.plan.resolved import ResolvedRun
from tyger_local.spec.models import Resources
from tyger_local.spec.quantity import Quantity, positive


@dataclass(frozen=True, slots=True)
class _Sum:
    """What several containers request; the cluster reserves it for them."""

    nano_cpus: int = 0
    memory_bytes: int = 0
    gpus: int = 0

    def plus(self, resources: Resources, replicas: int) -> _Sum:
        # Without a request, Kubernetes takes the limit for one.
        requests, limits = resources.requests, resources.limits
        cpu = limits.cpu if requests.cpu is None else requests.cpu
        memory = limits.memory if requests.memory is None else requests.memory
        return _Sum(
            self.nano_cpus + replicas * _nanos(positive(cpu)),
            self.memory_bytes + replicas * _value(positive(memory)),
            self.gpus + replicas * _value(positive(resources.gpu)),
        )


def check_together(
    run: ResolvedRun, capacity: Capacity | None, *, no_gpu: bool
) -> tuple[Difference, ...]:
    """Compare what all containers of a run ask for with the machine; one alone is compared elsewhere.

    Raises:
        EngineError: They ask for more GPUs than there are.
    """
    count = run.replicas + (0 if run.worker is None else run.worker.replicas)
    if capacity is None or not capacity.limits_apply or count == 1:
        return ()
    asked = _Sum().plus(run.codespec.resources, run.replicas)
    if run.worker is not None:
        asked = asked.plus(run.worker.codespec.resources, run.worker.replicas)
    if asked.gpus > capacity.gpus and not no_gpu:
        raise EngineError(
            f"the {count} containers ask for {asked.gpus} GPUs in all and the engine has {capacity.gpus}",
            "use fewer replicas, or --no-gpu to run without",
        )
    return tuple(_above(asked, count, capacity))


def _above(asked: _Sum, count: int, capacity: Capacity) -> Iterator[Difference]:
    if asked.nano_cpus > capacity.nano_cpus:
        yield Difference(
            "requests-in-all",
            f"the {count} containers request {asked.nano_cpus / NANO:g} CPUs in all and this machine has "
            f"{capacity.nano_cpus / NANO:g}: they share them, and are slower than on the cluster",
        )
    if asked.memory_bytes > capacity.memory_bytes:
        yield Difference(
            "requests-in-all",
            f"the {count} containers request {asked.memory_bytes // 2**20}Mi of memory in all and this "
            f"machine has {capacity.memory_bytes // 2**20}Mi: used as a whole, it does not suffice",
        )


def _nanos(quantity: Quantity | None) -> int:
    return 0 if quantity is None else quantity.nanos


def _value(quantity: Quantity | None) -> int:
    return 0 if quantity is None else quantity.value
