"""Flags of ``codespec create`` over a codespec file, and from both together to a codespec.

Source of the rules: Tyger's client, ``codespec.go``; tables in this project's tests. Each flag has its
own way of overriding: ``--env`` replaces the whole map, ``--cpu-request`` only its field.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypedDict

from tyger_local.errors import QuantityError, SpecError
from tyger_local.spec.fields import fits_32_bits
from tyger_local.spec.go_text import parse_int, quote
from tyger_local.spec.models import (
    AnyCodespec,
    Buffers,
    CodespecFile,
    ComputeResources,
    JobCodespec,
    Resources,
    WorkerCodespec,
)
from tyger_local.spec.quantity import Quantity, parse_quantity
from tyger_local.spec.rules import check_codespec


@dataclass(frozen=True, slots=True)
class CodespecFlags:
    """What was given on the command line; None is what was not.

    Attributes:
        max_replicas: Text, since an empty one means not given and a bad one has its own error.
        command: Replaces the codespec's command (``--command -- ...``).
        args: Replaces the codespec's args (``-- ...``); empty clears them.
        quantities: Texts by flag name without dashes: ``cpu-request``, ``memory-request``,
            ``cpu-limit``, ``memory-limit``, ``gpu``, ``shm``.
    """

    image: str | None = None
    kind: str | None = None
    max_replicas: str | None = None
    inputs: tuple[str, ...] | None = None
    outputs: tuple[str, ...] | None = None
    env: Mapping[str, str] | None = None
    endpoints: Mapping[str, int] | None = None
    identity: str | None = None
    command: tuple[str, ...] | None = None
    args: tuple[str, ...] | None = None
    quantities: Mapping[str, str] | None = None


QUANTITY_FLAGS = {
    "cpu-request": "cpu request",
    "memory-request": "memory request",
    "cpu-limit": "cpu limit",
    "memory-limit": "memory limit",
    "gpu": "gpu",
    "shm": "shm",
}
"""Flags that hold quantities, in the order in which they are checked, with Tyger's names for them."""


class _Common(TypedDict):
    """The fields that jobs and workers have in common."""

    image: str
    command: tuple[str, ...]
    args: tuple[str, ...]
    working_dir: str
    env: dict[str, str]
    identity: str
    resources: Resources
    max_replicas: int | None


def codespec_from(file: CodespecFile, flags: CodespecFlags, kind: str | None = None) -> AnyCodespec:
    """Lay `flags` over `file` and check the whole, in the order in which Tyger does.

    Args:
        file: What the file holds; an empty `CodespecFile` when there is none.
        flags: What the command line says.
        kind: Forces the kind (the place in a run file decides it); None lets flags and file decide.

    Raises:
        SpecError: The first rule that is broken.
    """
    max_replicas = _max_replicas(file, flags)
    kind = kind or _kind(file, flags)
    inputs = file.buffers.inputs if flags.inputs is None else flags.inputs
    outputs = file.buffers.outputs if flags.outputs is None else flags.outputs
    endpoints = file.endpoints if flags.endpoints is None else _endpoints(flags.endpoints)
    if kind == "job" and endpoints:
        raise SpecError(
            "job codespecs cannot have endpoints", "remove them, or make the kind 'worker'"
        )
    if kind == "worker" and (inputs or outputs):
        raise SpecError("worker codespecs cannot use buffers", "only the job of a run has buffers")
    common = _Common(
        image=file.image if flags.image is None else flags.image,
        command=file.command if flags.command is None else flags.command,
        args=file.args if flags.args is None else flags.args,
        working_dir=file.working_dir,
        env=file.env if flags.env is None else dict(flags.env),
        identity=file.identity if flags.identity is None else flags.identity,
        resources=_resources(file.resources, flags.quantities or {}),
        max_replicas=max_replicas,
    )
    codespec: AnyCodespec
    if kind == "worker" and file.sockets:
        raise SpecError("worker codespecs cannot have sockets", "a worker has endpoints instead")
    if kind == "job":
        buffers = Buffers(inputs=tuple(inputs), outputs=tuple(outputs))
        codespec = JobCodespec(buffers=buffers, sockets=file.sockets, **common)
    else:
        codespec = WorkerCodespec(endpoints=endpoints, **common)
    check_codespec(codespec)
    return codespec


def _max_replicas(file: CodespecFile, flags: CodespecFlags) -> int | None:
    if not flags.max_replicas:
        return file.max_replicas
    try:
        number = parse_int(flags.max_replicas, 10)
    except ValueError as error:
        raise SpecError(
            f"max-replicas must be an integer, got {flags.max_replicas}", where="--max-replicas"
        ) from error
    if not fits_32_bits(number):
        raise SpecError(f"{number} does not fit in 32 bits", where="--max-replicas")
    return number


def _endpoints(flag: Mapping[str, int]) -> dict[str, int]:
    for name, port in flag.items():
        if not fits_32_bits(port):
            raise SpecError(f"{name}: {port} does not fit in 32 bits", where="--endpoint")
    return dict(flag)


def _kind(file: CodespecFile, flags: CodespecFlags) -> str:
    kind = file.kind or "job" if flags.kind is None else flags.kind.lower()
    if kind not in ("job", "worker"):
        raise SpecError(
            "codespec kind must be either 'job', 'worker' or empty (defaults to 'job')",
            f"this one is '{kind}'",
            where="" if flags.kind is None else "--kind",
        )
    return kind


def _resources(below: Resources, texts: Mapping[str, str]) -> Resources:
    given = {flag: _quantity(flag, texts[flag]) for flag in QUANTITY_FLAGS if flag in texts}
    return Resources(
        requests=ComputeResources(
            cpu=given.get("cpu-request", below.requests.cpu),
            memory=given.get("memory-request", below.requests.memory),
        ),
        limits=ComputeResources(
            cpu=given.get("cpu-limit", below.limits.cpu),
            memory=given.get("memory-limit", below.limits.memory),
        ),
        gpu=given.get("gpu", below.gpu),
        shm=given.get("shm", below.shm),
    )


def _quantity(flag: str, text: str) -> Quantity:
    try:
        return parse_quantity(text)
    except QuantityError as error:
        raise SpecError(
            f"{QUANTITY_FLAGS[flag]} value is invalid: {error.what}", error.hint, where=f"--{flag}"
        ) from error


_UNREADABLE = re.compile("[\x00\ud800-\udfff]")


def check_text(texts: Mapping[str, tuple[str, ...]]) -> None:
    """Check that what the command line gave can be stored.

    Args:
        texts: The flag (or ``--`` for arguments behind it) and its texts.

    Raises:
        SpecError: A text is not valid UTF-8 or holds a NUL; no container could be given it.
    """
    for flag, values in texts.items():
        for value in values:
            if _UNREADABLE.search(value):
                raise SpecError(f"{quote(value)} is not valid UTF-8 text", where=flag)
