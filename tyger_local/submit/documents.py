"""The files that Tyger's client reads. JSON, in which nothing is taken for another type than it is."""

from __future__ import annotations

from collections.abc import Mapping

from tyger_local.plan.model import Role
from tyger_local.spec.json_text import json_text
from tyger_local.spec.models import AnyCodespec
from tyger_local.spec.versions import JsonObject, shown
from tyger_local.spec.written import written
from tyger_local.submit.model import Order, Part

NAME_TAG = "bufferName"
"""Tells for which parameter of a codespec a buffer was made, as Tyger tags those that it makes itself."""


def codespec_file(name: str, codespec: AnyCodespec) -> str:
    """Return a file from which Tyger's client creates the same codespec under the same name."""
    return json_text({"name": name, **shown(written(codespec))})


def run_file(order: Order, references: Mapping[Role, str], buffers: Mapping[str, str]) -> str:
    """Return a file from which Tyger's client starts the same run.

    Args:
        order: The run.
        references: The named codespecs, in the versions that they have there: ``recon/versions/3``.
        buffers: The ids of the inputs' buffers there; those of outputs are made by Tyger.
    """
    job = {
        **_part(order.job, references.get(Role.JOB)),
        "buffers": dict(buffers),
        "tags": dict(order.buffer_tags),
        "bufferTtl": order.buffer_ttl,
    }
    worker = order.worker
    document: JsonObject = {
        "job": _given(job),
        "worker": worker and _given(_part(worker, references.get(Role.WORKER))),
        "cluster": order.cluster,
        "timeoutSeconds": order.timeout_s,
        "tags": dict(order.tags),
        "bufferAccessTtl": order.buffer_access_ttl,
    }
    return json_text(_given(document))


def buffer_tags(order: Order, buffer: str) -> dict[str, str]:
    """Return the tags of the buffer that is made for an input."""
    return {**order.buffer_tags, NAME_TAG: buffer}


def _part(part: Part, reference: str | None) -> JsonObject:
    return {
        "codespec": reference or shown(written(part.codespec)),
        "nodePool": part.node_pool,
        "replicas": part.replicas,
    }


def _given(document: JsonObject) -> JsonObject:
    return {name: value for name, value in document.items() if value not in (None, "", {})}
