"""What the container is called with: its arguments as it gets them, and which program, or shell, that is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tyger_local.spec.buffers import Direction, pipe_variable
from tyger_local.spec.expansion import expand
from tyger_local.spec.models import AnyCodespec, JobCodespec
from tyger_local.spec.place import Path

PIPE_FOLDER = "/etc/buffer-fifos"  # where Tyger's server mounts it on the cluster
OPERATORS = frozenset({"|", ">", ">>", "<", "&&", "||", "2>", "2>&1", "&>", ";", "&"})
SHELLS = frozenset({"sh", "bash", "dash", "ash", "ksh", "zsh"})
_WITH_SCRIPT = re.compile(r"-[A-Za-z]*c[A-Za-z]*")
_TAKES_VALUE = re.compile(r"[-+][A-Za-z]*[oO]c?|--rcfile|--init-file")  # as in -euo pipefail
_ENV_SETTING = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
_DURATION = re.compile(r"[\d.]+[smhd]?")
_WRAPPERS = frozenset(
    {"env", "exec", "command", "builtin", "nohup", "nice", "timeout", "stdbuf", "setsid", "tini", "dumb-init"}
    | {"ionice", "catchsegv", "time", "busybox"}
)  # fmt: skip
_WRAPPER_VALUES = frozenset({"-n", "-s", "-k", "-u", "-c"})


@dataclass(frozen=True, slots=True)
class Buffer:
    """A buffer that the job sees as a pipe."""

    name: str
    direction: Direction

    @property
    def variable(self) -> str:
        """Return the variable that holds the pipe's path."""
        return pipe_variable(self.name)

    @property
    def path(self) -> str:
        """Return the pipe's path on the cluster."""
        return f"{PIPE_FOLDER}/{self.name}"

    @property
    def in_shell(self) -> str:
        """Return how a script names the pipe: as a variable where a shell can read that."""
        is_name = re.fullmatch(r"[A-Za-z_]\w*", self.variable)
        return f'"${self.variable}"' if is_name else f'"$({self.variable})"'


@dataclass(frozen=True, slots=True)
class Argument:
    """A member of the container's argument vector.

    Attributes:
        path: Where it stands in the codespec.
        written: As it stands there.
        text: With the references to pipes replaced, as the container gets it.
    """

    path: Path
    written: str
    text: str


def buffers_of(codespec: AnyCodespec) -> tuple[Buffer, ...]:
    """Return the buffers that the job sees as pipes: all but those of sockets."""
    if not isinstance(codespec, JobCodespec):
        return ()
    taken = {
        name.lower() for one in codespec.sockets for name in (one.input_buffer, one.output_buffer)
    }
    named = (
        *((name, Direction.INPUT) for name in codespec.buffers.inputs),
        *((name, Direction.OUTPUT) for name in codespec.buffers.outputs),
    )
    return tuple(Buffer(name, way) for name, way in named if name.lower() not in taken)


def arguments_of(codespec: AnyCodespec) -> tuple[Argument, ...]:
    """Return the container's arguments, its command first."""
    # One of several lines would leave a script with other lines than it is written in.
    values = {name: value for name, value in codespec.env.items() if not set("$\n") & set(value)}
    values |= {one.variable: one.path for one in buffers_of(codespec)}
    return tuple(
        Argument((name, at), text, expand(text, values))
        for name, texts in (("command", codespec.command), ("args", codespec.args))
        for at, text in enumerate(texts)
    )


def program_name(text: str) -> str:
    """Return the name of a program that is given by its name or its path."""
    return text.rpartition("/")[2]


def unwrapped(texts: Sequence[str]) -> int:
    """Return where in an argument vector the program stands that wrappers (``env``, ``timeout 5``) start."""
    at = 0
    while at < len(texts) and program_name(texts[at]) in _WRAPPERS:
        name = program_name(texts[at])
        at += 1
        while at < len(texts) and (
            texts[at].startswith("-")
            or (name == "env" and _ENV_SETTING.fullmatch(texts[at]))
            or (name == "timeout" and _DURATION.fullmatch(texts[at]))
        ):
            at += 2 if texts[at] in _WRAPPER_VALUES else 1
    return at


@dataclass(frozen=True, slots=True)
class Shell:
    """How a shell was called.

    Attributes:
        at: Where in the argument vector its script, or the name of its script's file, stands; after the end
            if nowhere.
        has_script: Whether a script stands there.
    """

    at: int
    has_script: bool


def shell_in(texts: Sequence[str]) -> Shell | None:
    """Return how an argument vector calls a shell; None if it does not."""
    at = unwrapped(texts)
    if at >= len(texts) or program_name(texts[at]) not in SHELLS:
        return None
    at += 1
    has_script = False
    while at < len(texts) and texts[at][:1] in ("-", "+") and texts[at] not in ("-", "--"):
        has_script |= bool(_WITH_SCRIPT.fullmatch(texts[at]))
        at += 2 if _TAKES_VALUE.fullmatch(texts[at]) else 1
    if at < len(texts) and texts[at] in ("-", "--"):
        at += 1
    return Shell(at, has_script)
