"""Codespecs and run files as frozen models.

pydantic was weighed and left: of a run of ``true`` its loading was a fifth, before the engine could be asked
for anything, and Go's rules for values had to be written by hand all the same. What is left is here: names,
and everything that is wrong at once instead of the first.

Two rules of Tyger shape the fields. Empty means not given (an empty string, list or mapping), so
fields default to empty and not to None. And field names match without regard to case.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Annotated, Literal, TypeVar, get_type_hints

from tyger_local.spec.fields import (
    AS_IT_IS,
    ExactText,
    Integer,
    IntegerMap,
    Misfit,
    OptionalInteger,
    OptionalQuantity,
    Problem,
    Reader,
    Reading,
    Text,
    TextMap,
    Texts,
    Time,
    list_of,
    mapping,
    misfit,
    mismatch,
)

M = TypeVar("M", bound="Model")


@dataclass(frozen=True, kw_only=True)
class Model:
    """A document's part whose field names match without regard to case, and that knows no others."""

    @classmethod
    def read(cls: type[M], value: object, reading: Reading = AS_IT_IS) -> M:  # noqa: PYI019  (Self needs 3.11)
        """Make a model of a mapping.

        Raises:
            Misfit: With everything that does not fit.
        """
        known = cls.known()
        values: dict[str, object] = {}
        problems: list[Problem] = []
        for name, item in _folded(mapping(value), known).items():
            if name not in known:
                problems.append(Problem((name,), "unknown field", known=tuple(known)))
                continue
            attribute, read = known[name]
            try:
                values[attribute] = read(item, reading)
            except Misfit as found:
                problems += found.below(name)
        if problems:
            raise Misfit(*problems)
        return cls(**values)

    @classmethod
    @cache
    def known(cls) -> Mapping[str, tuple[str, Reader[object]]]:
        """Return each field by its name in documents: its own name, and what reads it."""
        hints = get_type_hints(cls, include_extras=True)
        return {
            _camel(one.name): (one.name, _reader(hints[one.name]))
            for one in fields(cls)
            if one.init
        }


def _reader(hint: object) -> Reader[object]:
    """Return what reads a field of a type: what the type carries, or the model that it is."""
    if isinstance(hint, type) and issubclass(hint, Model):
        return hint.read
    # typing names no type that has it.
    carried: tuple[Reader[object]] = getattr(hint, "__metadata__")  # noqa: B009
    return carried[0]


def _folded(given: Mapping[str, object], known: Mapping[str, object]) -> dict[str, object]:
    """Return what is given by the names that fields have in documents."""
    names = {name.lower(): name for name in known}
    folded: dict[str, object] = {}
    for key, item in given.items():
        name = names.get(key.lower(), key)
        if name in folded:
            raise misfit(f"the field '{name}' is given twice")
        folded[name] = item
    return folded


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))


@dataclass(frozen=True, kw_only=True)
class Buffers(Model):
    """The names of a job's buffers: what it reads and what it writes."""

    inputs: Texts = ()
    outputs: Texts = ()


@dataclass(frozen=True, kw_only=True)
class Socket(Model):
    """A TCP port of the job through which buffers go instead of pipes."""

    port: Integer = 0
    input_buffer: Text = ""
    output_buffer: Text = ""


Sockets = Annotated[tuple[Socket, ...], list_of(Socket.read)]


@dataclass(frozen=True, kw_only=True)
class ComputeResources(Model):
    """CPU and memory; either may be absent."""

    cpu: OptionalQuantity = None
    memory: OptionalQuantity = None


@dataclass(frozen=True, kw_only=True)
class Resources(Model):
    """What a container asks for (`requests`), may not exceed (`limits`), and its GPUs and /dev/shm."""

    requests: ComputeResources = ComputeResources()
    limits: ComputeResources = ComputeResources()
    gpu: OptionalQuantity = None
    shm: OptionalQuantity = None


@dataclass(frozen=True, kw_only=True)
class Codespec(Model):
    """What jobs and workers have in common.

    Attributes:
        image: The container image.
        command: Replaces the image's entrypoint; empty leaves it.
        args: The container's arguments.
        working_dir: Honoured by this tool and ignored by the cluster.
        env: Environment variables in the author's order; values may hold ``$(VAR)``.
        identity: Ignored here.
        max_replicas: A hint that nobody enforces.
    """

    image: Text = ""
    command: Texts = ()
    args: Texts = ()
    working_dir: Text = ""
    env: TextMap = field(default_factory=dict)
    identity: Text = ""
    resources: Resources = Resources()
    max_replicas: OptionalInteger = None


@dataclass(frozen=True, kw_only=True)
class JobCodespec(Codespec):
    """A codespec that reads and writes buffers and runs to an end."""

    kind: Literal["job"] = field(default="job", init=False)
    buffers: Buffers = Buffers()
    sockets: Sockets = ()


@dataclass(frozen=True, kw_only=True)
class WorkerCodespec(Codespec):
    """A codespec that serves the job through endpoints (name to TCP port) until the job ends."""

    kind: Literal["worker"] = field(default="worker", init=False)
    endpoints: IntegerMap = field(default_factory=dict)


AnyCodespec = JobCodespec | WorkerCodespec


@dataclass(frozen=True, kw_only=True)
class CodespecFile(Codespec):
    """A codespec as a file holds it: of either kind, perhaps with a name.

    `version` and `created_at` are accepted and ignored, so that what ``show`` prints can be
    created again.
    """

    kind: Text = ""
    name: ExactText = ""
    version: OptionalInteger = None
    created_at: Time = ""
    buffers: Buffers = Buffers()
    sockets: Sockets = ()
    endpoints: IntegerMap = field(default_factory=dict)


def _reference_or_codespec(value: object, _: Reading) -> str | dict[str, object] | None:
    if value is None or isinstance(value, (str, dict)):
        return value
    raise mismatch("a codespec's name or a codespec", value)


@dataclass(frozen=True, kw_only=True)
class RunTarget(Model):
    """The ``job`` or ``worker`` part of a run file.

    Attributes:
        codespec: ``name``, ``name/versions/N`` or a codespec written in place, still undecoded.
        buffers: What each buffer is connected to.
    """

    codespec: Annotated[str | dict[str, object] | None, _reference_or_codespec] = None
    buffers: TextMap = field(default_factory=dict)
    tags: TextMap = field(default_factory=dict)
    buffer_ttl: Text = ""
    node_pool: Text = ""
    replicas: OptionalInteger = None


def _optional_target(value: object, reading: Reading) -> RunTarget | None:
    return None if value is None else RunTarget.read(value, reading)


OptionalTarget = Annotated[RunTarget | None, _optional_target]


@dataclass(frozen=True, kw_only=True)
class RunFile(Model):
    """A run file. Fields that the system sets (``id``, ``status``...) are accepted and ignored."""

    job: OptionalTarget = None
    worker: OptionalTarget = None
    cluster: Text = ""
    timeout_seconds: OptionalInteger = None
    tags: TextMap = field(default_factory=dict)
    buffer_access_ttl: Text = ""
    id: OptionalInteger = None
    kind: Text = ""
    status: Text = ""
    status_reason: Text = ""
    running_count: OptionalInteger = None
    created_at: Time = ""
    started_at: Time = ""
    finished_at: Time = ""
    e_tag: Text = ""
