"""Resources as people read them: what each amount is here, and what it is on the cluster."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tyger_local.spec.document import Path
from tyger_local.spec.models import Resources
from tyger_local.spec.quantity import Quantity, positive

NO_LIMIT = "[no limit]"
NOTHING_RESERVED = "[none]"
ENGINE_DEFAULT = "[engine's default]"


@dataclass(frozen=True, slots=True)
class ResourceValue:
    """One amount.

    Attributes:
        path: Where a codespec has it.
        here: What it is here, before it is compared with what the machine has.
        there: What it is on the cluster.
        said_at: Where in the codespec that was said; None where nobody did.
        flag: The flag that overrules it.
    """

    path: Path
    here: str
    there: str
    said_at: Path | None = None
    flag: str = ""


def resource_values(resources: Resources, *, no_gpu: bool) -> Iterator[ResourceValue]:
    """Yield all amounts, also those that nobody has named.

    Args:
        resources: A codespec's.
        no_gpu: Whether ``--no-gpu`` overrules it.
    """
    requests, limits = resources.requests, resources.limits
    # Without a request, Kubernetes takes the limit for one. Here the limit stands for CPU shares too, and
    # of memory nothing can be reserved.
    yield _request("cpu", requests.cpu, limits.cpu, stands_here=True)
    yield _request("memory", requests.memory, limits.memory, stands_here=False)
    yield _amount(("resources", "limits", "cpu"), limits.cpu, NO_LIMIT)
    yield _amount(("resources", "limits", "memory"), limits.memory, NO_LIMIT)
    gpu = positive(resources.gpu)
    path: Path = ("resources", "gpu")
    if no_gpu and gpu is not None:
        yield ResourceValue(path, NOTHING_RESERVED, str(gpu), path, "--no-gpu")
    else:
        yield _amount(path, resources.gpu, NOTHING_RESERVED)
    yield _amount(("resources", "shm"), resources.shm, ENGINE_DEFAULT)


def _amount(path: Path, asked: Quantity | None, otherwise: str) -> ResourceValue:
    if asked is None:
        return ResourceValue(path, otherwise, otherwise)
    return ResourceValue(path, str(asked), str(asked), path)


def _request(
    name: str, asked: Quantity | None, limit: Quantity | None, *, stands_here: bool
) -> ResourceValue:
    path: Path = ("resources", "requests", name)
    if asked is not None or limit is None:
        return _amount(path, asked, NOTHING_RESERVED)
    here = str(limit) if stands_here else NOTHING_RESERVED
    said_at: Path | None = ("resources", "limits", name) if stands_here else None
    return ResourceValue(path, here, str(limit), said_at)
