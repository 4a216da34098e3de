"""A codespec model written as the JSON document that is stored and shown."""

from __future__ import annotations

from tyger_local.spec.models import AnyCodespec, JobCodespec, Resources
from tyger_local.spec.quantity import Quantity
from tyger_local.spec.versions import JsonObject, normalised


def written(codespec: AnyCodespec) -> JsonObject:
    """Return `codespec` as a document: Tyger's names and field order, canonical quantities.

    ``env`` keeps the author's order, which is the order that expansion uses.
    """
    document: JsonObject = {
        "kind": codespec.kind,
        "image": codespec.image,
        "command": list(codespec.command),
        "args": list(codespec.args),
        "workingDir": codespec.working_dir,
        "env": dict(codespec.env),
        "identity": codespec.identity,
        "resources": written_resources(codespec.resources),
        "maxReplicas": codespec.max_replicas,
    }
    if isinstance(codespec, JobCodespec):
        document["buffers"] = {
            "inputs": list(codespec.buffers.inputs),
            "outputs": list(codespec.buffers.outputs),
        }
        document["sockets"] = [
            _present(
                port=socket.port,
                inputBuffer=socket.input_buffer or None,
                outputBuffer=socket.output_buffer or None,
            )
            for socket in codespec.sockets
        ]
    else:
        document["endpoints"] = dict(codespec.endpoints)
    return normalised(document)


def written_resources(resources: Resources) -> JsonObject:
    """Return `resources` as they stand in a codespec's document; what is absent is left out."""
    return _present(
        requests=_present(
            cpu=_text(resources.requests.cpu), memory=_text(resources.requests.memory)
        ),
        limits=_present(cpu=_text(resources.limits.cpu), memory=_text(resources.limits.memory)),
        gpu=_text(resources.gpu),
        shm=_text(resources.shm),
    )


def _present(**fields: object) -> JsonObject:
    return {name: value for name, value in fields.items() if value is not None}


def _text(quantity: Quantity | None) -> str | None:
    return None if quantity is None else str(quantity)
