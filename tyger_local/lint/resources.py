"""CPU, memory and GPUs."""

from __future__ import annotations

from collections.abc import Iterator

from tyger_local.lint.model import Finding, Rule, Severity, Subject
from tyger_local.lint.refused import refused
from tyger_local.spec.quantity import Quantity, positive

_NANOS = 10**9
_SMALLEST_BYTES = 2**20
"""Below it no container starts, and a unit is missing."""

_SO_LITTLE = {
    "requests": "so the cluster reserves nothing for the container",
    "limits": "with which no container starts",
    "shm": "so nothing can be written to /dev/shm",
}


def request_above_limit(subject: Subject) -> Iterator[Finding]:
    """A request is above its limit.

    Kubernetes refuses such a container. Tyger stores the codespec, and every run of it fails.
    """
    yield from refused(subject, "request-above-limit", "lower the request, or raise the limit")


def fractional_gpu(subject: Subject) -> Iterator[Finding]:
    """GPUs come whole.

    Kubernetes refuses a container that asks for a part of one.
    """
    yield from refused(subject, "fractional-gpu", "ask for a whole number of GPUs")


def negative_quantity(subject: Subject) -> Iterator[Finding]:
    """A quantity is negative.

    Tyger stores it, and Kubernetes refuses the container.
    """
    yield from refused(subject, "negative-quantity", "write it without the minus sign")


def memory_milli(subject: Subject) -> Iterator[Finding]:
    """The suffix `m` means thousandths: `100m` of memory is a tenth of a byte.

    It is right for CPUs (`500m` is half of one). For memory it is almost always meant as `M` or `Mi`, and no
    container starts with less than a byte.
    """
    for path, quantity in _memories(subject):
        if quantity.nanos % _NANOS and quantity.value < _SMALLEST_BYTES:
            number = quantity.nanos // (_NANOS // 1000) or 1
            yield Finding(
                path,
                f"{quantity} of memory are {quantity.nanos / _NANOS:g} bytes, {_SO_LITTLE[path[1]]}",
                f"write {number}Mi if mebibytes are meant",
            )


def memory_small(subject: Subject) -> Iterator[Finding]:
    """Less than a mebibyte of memory: probably the unit is missing.

    A number without a suffix is bytes. No container starts with a limit of so few.
    """
    for path, quantity in _memories(subject):
        if not quantity.nanos % _NANOS and quantity.value < _SMALLEST_BYTES:
            yield Finding(
                path,
                f"{quantity} of memory are {quantity.value:,} bytes, {_SO_LITTLE[path[1]]}",
                "write the unit: Mi or Gi",
            )


def memory_units(subject: Subject) -> Iterator[Finding]:
    """`M` stands beside `Mi` (or `G` beside `Gi`), which is 5 to 7 percent more.

    Both are legal: `1G` is 1,000,000,000 bytes, `1Gi` 1,073,741,824. Side by side they are easily taken for
    the same.
    """
    families: dict[str, tuple[tuple[str, ...], Quantity]] = {}
    for path, quantity in _memories(subject):
        last = str(quantity)[-1]
        if last in "ikMGTPE":
            families.setdefault("binary" if last == "i" else "decimal", (path, quantity))
    if len(families) > 1:
        path, decimal = families["decimal"]
        binary = families["binary"][1]
        yield Finding(
            path,
            f"{decimal} counts in thousands and {binary} in 1024s",
            f"write {decimal}i, or one unit everywhere",
        )


def gpu_without_limits(subject: Subject) -> Iterator[Finding]:
    """A GPU is asked for, but no CPU or memory.

    Nodes with GPUs are shared. Without a request (or a limit, which counts as one) the cluster reserves
    nothing for the container: it shares the node's CPUs with everybody, and is the first to be ended when
    memory is short.
    """
    resources = subject.codespec.resources
    asked = resources.requests, resources.limits
    missing = [
        name
        for name, given in (("cpu", [r.cpu for r in asked]), ("memory", [r.memory for r in asked]))
        if not any(given)
    ]
    if positive(resources.gpu) and missing:
        yield Finding(
            ("resources", "gpu"),
            f"the cluster reserves no {' and no '.join(missing)} beside the GPU, "
            "and ends such containers first when a node runs short",
            f"add {' and '.join(missing)} to resources.requests or resources.limits",
        )


def _memories(subject: Subject) -> Iterator[tuple[tuple[str, ...], Quantity]]:
    resources = subject.codespec.resources
    for path, given in (
        (("requests", "memory"), resources.requests.memory),
        (("limits", "memory"), resources.limits.memory),
        (("shm",), resources.shm),
    ):
        if (quantity := positive(given)) is not None:
            yield ("resources", *path), quantity


RULES = (
    Rule("request-above-limit", Severity.ERROR, "request above its limit", request_above_limit),
    Rule("fractional-gpu", Severity.ERROR, "part of a GPU", fractional_gpu),
    Rule("negative-quantity", Severity.ERROR, "negative quantity", negative_quantity),
    Rule("memory-milli", Severity.ERROR, "`m` on memory", memory_milli),
    Rule("memory-small", Severity.ERROR, "memory without its unit", memory_small),
    Rule("memory-units", Severity.NOTE, "`M` beside `Mi`", memory_units),
    Rule("gpu-without-limits", Severity.WARNING, "GPU without CPU and memory", gpu_without_limits),
)
