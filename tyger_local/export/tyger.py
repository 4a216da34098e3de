"""For Tyger's own client: the file that it reads, and the command that reads it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping

from tyger_local.export.sheet import Sheet
from tyger_local.plan.resolved import ResolvedRun
from tyger_local.spec.runs import RunRequest, TargetRequest
from tyger_local.spec.versions import SYSTEM_FIELDS, JsonObject, normalised
from tyger_local.spec.written import written


def codespec_command(name: str, file: str) -> str:
    """Return the command that creates a codespec of a file that `codespec_sheet` describes."""
    # A name that begins with a dash would be read as a flag; the file says it as well.
    named = () if name.startswith("-") else (name,)
    return shlex.join(("tyger", "codespec", "create", *named, "-f", file))


def codespec_sheet(name: str, codespec: Mapping[str, object], file: str) -> Sheet:
    """Return the codespec file of which Tyger's client makes the same version.

    Args:
        name: The codespec's name.
        codespec: Its document; ``env`` keeps its order.
        file: Where the sheet will stand, for the command above it.
    """
    document = {key: value for key, value in codespec.items() if key not in SYSTEM_FIELDS}
    return Sheet((codespec_command(name, file),), normalised({**document, "name": name}))


def run_command(file: str) -> str:
    """Return the command that begins a run of a file that `run_sheet` describes."""
    return shlex.join(("tyger", "run", "create", "-f", file))


def run_sheet(
    request: RunRequest, run: ResolvedRun, buffers: Mapping[str, str], file: str
) -> Sheet:
    """Return a run file that asks Tyger for the same run.

    Its codespecs stand in it, so that it does not matter which versions the cluster has.

    Args:
        request: The run as it is asked for.
        run: The same, with its codespecs.
        buffers: The buffers that are connected to one by its id; what else they are connected to is of this
            machine.
        file: Where the sheet will stand, for the command above it.
    """
    job: JsonObject = {
        "codespec": written(run.codespec),
        "buffers": dict(buffers),
        "tags": dict(request.job.tags),
        "bufferTtl": request.job.buffer_ttl,
        **_placement(request.job),
    }
    document: JsonObject = {"job": _given(job)}
    if run.worker is not None and request.worker is not None:
        worker = {"codespec": written(run.worker.codespec), **_placement(request.worker)}
        document["worker"] = _given(worker)
    document |= {
        "cluster": request.cluster,
        "timeoutSeconds": request.timeout_s,
        "tags": dict(request.tags),
        "bufferAccessTtl": request.buffer_access_ttl,
    }
    return Sheet((run_command(file), *_about_buffers(run, buffers)), _given(document))


def _placement(target: TargetRequest) -> JsonObject:
    return {"nodePool": target.node_pool, "replicas": target.replicas}


def _given(document: JsonObject) -> JsonObject:
    return {name: value for name, value in document.items() if value not in ("", {})}


def _about_buffers(run: ResolvedRun, buffers: Mapping[str, str]) -> Iterator[str]:
    declared = run.codespec.buffers
    new = [name for name in (*declared.inputs, *declared.outputs) if name not in buffers]
    if new:
        yield ""
        yield f"Tyger makes a new buffer for: {', '.join(new)}. To use one that is there, add -b NAME=ID:"
        yield "ID=$(tyger buffer create); tyger buffer write $ID < FILE"
