"""What would be done: the commands, and what stands in the files that they read."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from tyger_local.plan.model import Role
from tyger_local.runner.ends import Connection, NewBuffer, Stdio
from tyger_local.runner.stored import StoreBuffer
from tyger_local.spec.buffers import Direction
from tyger_local.submit.commands import (
    LOGIN_STATUS,
    PROGRAM,
    VERSION,
    Command,
    create_buffer,
    create_codespec,
    create_run,
    read_buffer,
    show_run,
    watch_run,
    write_buffer,
)
from tyger_local.submit.documents import buffer_tags, codespec_file, run_file
from tyger_local.submit.model import Order

RUN = "[run id]"


def rehearsed(order: Order, *, waits: bool) -> str:
    """Return the commands in which `order` is carried out; what Tyger answers stands in brackets.

    Args:
        order: The run.
        waits: Whether its end is waited for, and its outputs read.
    """
    files: dict[str, str] = {}
    lines = list(_commands(order, files, waits=waits))
    for name, text in files.items():
        lines += ["", f"# {name}", text.rstrip("\n")]
    return "".join(f"{line}\n" for line in lines)


def _commands(order: Order, files: dict[str, str], *, waits: bool) -> Iterator[str]:
    yield _typed(VERSION)
    yield _typed(LOGIN_STATUS)
    references: dict[Role, str] = {}
    for role, part in ((Role.JOB, order.job), (Role.WORKER, order.worker)):
        if part is not None and part.name is not None:
            files[f"{role.value}.json"] = codespec_file(part.name, part.codespec)
            references[role] = f"{part.name}/versions/[version]"
            yield _typed(create_codespec(f"{role.value}.json"))
    inputs = order.connected(Direction.INPUT)
    for name, connection in inputs.items():
        yield _typed(create_buffer(buffer_tags(order, name), order.buffer_ttl))
        yield f"{_typed(write_buffer(_id(name)))}{_redirected('<', connection)}"
    files["run.json"] = run_file(order, references, {name: _id(name) for name in inputs})
    yield _typed(create_run("run.json"))
    if waits:
        yield _typed(watch_run(RUN))
        yield _typed(show_run(RUN))
        for name, connection in order.connected(Direction.OUTPUT).items():
            yield f"{_typed(read_buffer(_id(name)))}{_redirected('>', connection)}"


def _typed(command: Command) -> str:
    return shlex.join((PROGRAM, *command))


def _id(buffer: str) -> str:
    return f"[id of {buffer}]"


def _redirected(sign: str, connection: Connection) -> str:
    if isinstance(connection.to, Stdio):
        return ""
    if isinstance(connection.to, NewBuffer):
        return f" {sign} '[temporary file]'"
    if isinstance(connection.to, StoreBuffer):
        return f" {sign} '[{connection.to} here]'"
    return f" {sign} {shlex.quote(str(connection))}"
