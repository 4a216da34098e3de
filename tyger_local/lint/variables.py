"""Which variables a container of a codespec has, and where its texts refer to them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, pairwise

from tyger_local.lint.model import Subject
from tyger_local.plan.environment import RUN_ID_VARIABLE
from tyger_local.plan.workers import NODES_VARIABLE, worker_variables
from tyger_local.spec.buffers import pipe_variable
from tyger_local.spec.models import AnyCodespec, WorkerCodespec
from tyger_local.spec.place import Path

# Kubernetes gives every container the addresses of its namespace's services.
_SERVICE = re.compile(
    r"KUBERNETES_\w+|[A-Z][A-Z0-9_]*_SERVICE_(HOST|PORT\w*)|[A-Z][A-Z0-9_]*_PORT(_\w+)?"
)
_ADDRESSES = re.compile(r"TYGER_.+_WORKER_ENDPOINT_ADDRESSES")
_SHELL = re.compile(r"(.*/)?(ba|da|a|z|k)?sh")
_SHELL_OPTIONS = re.compile(r"-[a-z]*c[a-z]*")


@dataclass(frozen=True, slots=True)
class Text:
    """An element of the command or the arguments.

    Attributes:
        is_script: Whether a shell reads it (``sh -c``).
    """

    path: Path
    text: str
    is_script: bool


def texts(codespec: AnyCodespec) -> Iterator[Text]:
    """Yield the command and the arguments, in the order in which the container gets them."""
    named = [
        *((("command", index), text) for index, text in enumerate(codespec.command)),
        *((("args", index), text) for index, text in enumerate(codespec.args)),
    ]
    scripts = set(_scripts([text for _, text in named]))
    for index, (path, text) in enumerate(named):
        yield Text(path, text, index in scripts)


def _scripts(argv: list[str]) -> Iterator[int]:
    """Yield the indexes of what a shell is to read."""
    is_shell = False
    for index, (text, following) in enumerate(pairwise([*argv, ""])):
        is_shell = is_shell or _SHELL.fullmatch(text) is not None
        # Arguments alone that begin so are for an image whose entrypoint is a shell.
        if (is_shell or index == 0) and _SHELL_OPTIONS.fullmatch(text) and following:
            yield index + 1
            is_shell = False


def is_set(name: str, script: str) -> bool:
    """Return whether a script may give a variable a value itself, or one for when it has none."""
    return re.search(rf"(?<![$\w{{]){name}\b|\$\{{{name}:?[-=+?]", script) is not None


def pipes(codespec: AnyCodespec) -> dict[str, str]:
    """Return the buffers that have a pipe, by its variable: those that go through no socket."""
    if isinstance(codespec, WorkerCodespec):
        return {}
    behind_sockets = set(socket_buffers(codespec).values())
    buffers = (*codespec.buffers.inputs, *codespec.buffers.outputs)
    return {pipe_variable(name): name for name in buffers if name not in behind_sockets}


def socket_buffers(codespec: AnyCodespec) -> dict[str, str]:
    """Return the buffers that go through sockets, by the variable that a pipe would have."""
    if isinstance(codespec, WorkerCodespec):
        return {}
    named = chain.from_iterable(
        (each.input_buffer, each.output_buffer) for each in codespec.sockets
    )
    return {pipe_variable(name): name.lower() for name in named if name}


def injected(subject: Subject) -> tuple[str, ...]:
    """Return the variables that the cluster adds to the codespec's own, as far as they are known."""
    if isinstance(subject.codespec, WorkerCodespec):
        return (RUN_ID_VARIABLE,)
    workers = worker_variables("", 0, subject.worker_endpoints)
    names = workers if subject.has_workers else (NODES_VARIABLE,)
    return (RUN_ID_VARIABLE, *pipes(subject.codespec), *names)


def may_be_defined(name: str, subject: Subject) -> bool:
    """Return whether a variable may be there that nobody can see in the codespec."""
    if _SERVICE.fullmatch(name):
        return True
    is_job = not isinstance(subject.codespec, WorkerCodespec)
    return is_job and not subject.has_workers and _ADDRESSES.fullmatch(name) is not None
