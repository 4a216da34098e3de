"""What to write under ``resources:`` after a run, and why.

The rules stand in `memory_need` and `cpu_need`. GPUs and ``/dev/shm`` are copied: nothing here measures them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tyger_local.outcome.cpu_need import cpu_proposal
from tyger_local.outcome.memory_need import memory_proposal
from tyger_local.outcome.needs import Measured, Proposal, larger, smaller
from tyger_local.outcome.verdict import VerdictKind
from tyger_local.spec.models import ComputeResources, Resources
from tyger_local.spec.quantity import Quantity, positive
from tyger_local.spec.versions import JsonObject, normalised
from tyger_local.spec.written import written_resources
from tyger_local.spec.yaml_scalars import resolve


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Resources for a codespec.

    Attributes:
        resources: What to write; no request in it is above its limit. Empty when the run says nothing.
        reasons: Why, in sentences with the numbers.
    """

    resources: Resources
    reasons: tuple[str, ...]

    def document(self) -> JsonObject:
        """Return the part of a codespec that holds the resources; empty when there are none."""
        return normalised({"resources": written_resources(self.resources)})

    def yaml(self) -> str:
        """Return a block to paste into a codespec file; empty when there is nothing to suggest."""
        return "".join(f"{line}\n" for line in _lines(self.document()))


def suggest(measured: Measured, asked: Resources) -> Suggestion:
    """Suggest resources.

    Args:
        measured: What a run showed.
        asked: What its codespec has.
    """
    sensible = Resources(requests=_sensible(asked.requests), limits=_sensible(asked.limits))
    memory, cpu = memory_proposal(measured, sensible), cpu_proposal(measured, sensible)
    reasons = (*memory.reasons, *cpu.reasons)
    if not (memory.is_known or cpu.is_known):
        return Suggestion(Resources(), reasons)
    resources = Resources(
        requests=ComputeResources(
            cpu=_request(measured, cpu, sensible.requests.cpu),
            memory=_request(measured, memory, sensible.requests.memory),
        ),
        limits=ComputeResources(cpu=cpu.limit, memory=memory.limit),
        gpu=asked.gpu,
        shm=asked.shm,
    )
    return Suggestion(resources, (*reasons, _caveat(measured)))


def _sensible(resources: ComputeResources) -> ComputeResources:
    """Zero is no limit, and what is below it the cluster refuses."""
    return ComputeResources(cpu=positive(resources.cpu), memory=positive(resources.memory))


def _request(measured: Measured, proposal: Proposal, asked: Quantity | None) -> Quantity | None:
    request = larger(proposal.request, asked) if measured.doubt else proposal.request
    # The cluster refuses a request above its limit; one that was rounded up or kept may be.
    return None if request is None else smaller(request, proposal.limit)


def _caveat(measured: Measured) -> str:
    if not measured.doubt:
        return "It comes from one run: another input may need more."
    is_whole = measured.verdict is VerdictKind.SUCCEEDED
    more = "" if is_whole else ", and a whole run may need more"
    return f"Take it with care: {measured.doubt}, so nothing is lowered{more}."


def _lines(document: Mapping[str, object], indent: str = "") -> Iterator[str]:
    for name, value in document.items():
        if isinstance(value, Mapping):
            yield f"{indent}{name}:"
            yield from _lines(value, f"{indent}  ")
        else:
            text = str(value)  # a quantity, which needs no escaping
            yield f"{indent}{name}: " + (text if resolve(text) == text else f'"{text}"')
