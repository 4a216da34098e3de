"""Codespecs and run files as frozen pydantic models.

pydantic was weighed against decoding by hand: it costs about 0.1 s on the paths that validate
(``codespec create``, ``run exec``) and gives typed models, a place for every error and a JSON schema.
``codespec list`` and ``show`` never come here.

Two rules of Tyger shape the fields. Empty means not given (an empty string, list or mapping), so
fields default to empty and not to None. And field names match without regard to case.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from tyger_local.spec.fields import (
    ExactText,
    Integer,
    IntegerMap,
    List,
    OptionalInteger,
    OptionalQuantity,
    Text,
    TextMap,
    Texts,
    Time,
    mismatch,
)


class Model(BaseModel):
    """A frozen model whose field names match without regard to case, and that knows no others."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
    )

    @model_validator(mode="before")
    @classmethod
    def _fold_names(cls, value: object) -> object:
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise mismatch("a mapping", value, "write it as 'name: value' lines")
        names = {to_camel(name).lower(): to_camel(name) for name in cls.model_fields}
        folded: dict[str, object] = {}
        for key, item in value.items():
            name = names.get(str(key).lower(), str(key))
            if name in folded:
                raise PydanticCustomError(
                    "twice", "the field '{name}' is given twice", {"name": name}
                )
            folded[name] = item
        return folded


class Buffers(Model):
    """The names of a job's buffers: what it reads and what it writes."""

    inputs: Texts = ()
    outputs: Texts = ()


class Socket(Model):
    """A TCP port of the job through which buffers go instead of pipes."""

    port: Integer = 0
    input_buffer: Text = ""
    output_buffer: Text = ""


class ComputeResources(Model):
    """CPU and memory; either may be absent."""

    cpu: OptionalQuantity = None
    memory: OptionalQuantity = None


class Resources(Model):
    """What a container asks for (`requests`), may not exceed (`limits`), and its GPUs and /dev/shm."""

    requests: ComputeResources = ComputeResources()
    limits: ComputeResources = ComputeResources()
    gpu: OptionalQuantity = None
    shm: OptionalQuantity = None


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
    env: TextMap = {}
    identity: Text = ""
    resources: Resources = Resources()
    max_replicas: OptionalInteger = None


class JobCodespec(Codespec):
    """A codespec that reads and writes buffers and runs to an end."""

    kind: Literal["job"] = "job"
    buffers: Buffers = Buffers()
    sockets: Annotated[tuple[Socket, ...], List] = ()


class WorkerCodespec(Codespec):
    """A codespec that serves the job through endpoints (name to TCP port) until the job ends."""

    kind: Literal["worker"] = "worker"
    endpoints: IntegerMap = {}


AnyCodespec = JobCodespec | WorkerCodespec


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
    sockets: Annotated[tuple[Socket, ...], List] = ()
    endpoints: IntegerMap = {}


def _reference_or_codespec(value: object) -> object:
    if value is None or isinstance(value, (str, dict)):
        return value
    raise mismatch("a codespec's name or a codespec", value)


class RunTarget(Model):
    """The ``job`` or ``worker`` part of a run file.

    Attributes:
        codespec: ``name``, ``name/versions/N`` or a codespec written in place, still undecoded.
        buffers: What each buffer is connected to.
    """

    codespec: Annotated[str | dict[str, object] | None, BeforeValidator(_reference_or_codespec)] = (
        None
    )
    buffers: TextMap = {}
    tags: TextMap = {}
    buffer_ttl: Text = ""
    node_pool: Text = ""
    replicas: OptionalInteger = None


class RunFile(Model):
    """A run file. Fields that the system sets (``id``, ``status``...) are accepted and ignored."""

    job: RunTarget | None = None
    worker: RunTarget | None = None
    cluster: Text = ""
    timeout_seconds: OptionalInteger = None
    tags: TextMap = {}
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
