"""Names of buffers and endpoints that become names of variables."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tyger_local.lint.model import Finding, Rule, Severity, Subject
from tyger_local.lint.refused import refused
from tyger_local.lint.variables import is_set, pipes, socket_buffers, texts
from tyger_local.spec.models import AnyCodespec, WorkerCodespec
from tyger_local.spec.patterns import VARIABLE_NAME
from tyger_local.spec.place import Path

_SHELL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def buffer_shell_name(subject: Subject) -> Iterator[Finding]:
    """A shell cannot read the variable of a buffer whose name has a dash or begins with a digit.

    The buffer `my-buf` becomes the variable MY-BUF_PIPE. A shell reads `$MY-BUF_PIPE` as the variable MY
    with text behind it, and MY_BUF_PIPE is not defined. `$(MY-BUF_PIPE)` works, since it is replaced before
    the shell starts.
    """
    codespec = subject.codespec
    for variable, buffer in pipes(codespec).items():
        if _SHELL_NAME.fullmatch(variable):
            continue
        shell = re.compile(rf"\$\{{?{re.escape(variable)}\b")
        guess = variable.replace("-", "_")
        guessed = re.compile(rf"\$\{{?{guess}\b")
        fix = f"write $({variable}), or call the buffer '{_readable(buffer)}'"
        for text in texts(codespec):
            if found := shell.search(text.text):
                happens = f"a shell reads ${variable} as another variable with text behind it"
            elif guess not in {variable, *codespec.env, *pipes(codespec)} and (
                found := guessed.search(text.text)
            ):
                if is_set(guess, text.text):
                    continue
                happens = f"the variable of '{buffer}' is {variable}, and {guess} is not defined"
            else:
                continue
            yield Finding(text.path, happens, fix, line=text.text.count("\n", 0, found.start()))


def _readable(buffer: str) -> str:
    """Return a name like it whose variable a shell can read."""
    name = buffer.replace("-", "")
    return f"b{name}" if name[0].isdigit() else name


def buffer_name_length(subject: Subject) -> Iterator[Finding]:
    """A buffer's name is too long for the cluster.

    Beside the job, the cluster runs a container for each buffer, called `<buffer>-buffer-sidecar`, and
    Kubernetes takes no more than 63 characters: 48 are left.
    """
    yield from refused(subject, "buffer-name-length", "give it a name of at most 48 characters")


def endpoint_shell_name(subject: Subject) -> Iterator[Finding]:
    """A shell cannot read the variable of an endpoint whose name has a dash or the like.

    The endpoint `my-port` of a worker becomes the job's variable TYGER_MY-PORT_WORKER_ENDPOINT_ADDRESSES. A
    program can read it, and `$(…)` in the job's args; a shell cannot.
    """
    if isinstance(subject.codespec, WorkerCodespec):
        for name in subject.codespec.endpoints:
            # The others are refused by the cluster already, which env-name says.
            is_name = not name or re.match(VARIABLE_NAME, name)
            if is_name and not _SHELL_NAME.fullmatch(f"TYGER_{name}"):
                variable = f"TYGER_{name.upper()}_WORKER_ENDPOINT_ADDRESSES"
                yield Finding(
                    ("endpoints", name),
                    f"a job's shell cannot read the variable {variable}",
                    "call it by letters, digits and underscores only",
                    is_key=True,
                )


def socket_pipe(subject: Subject) -> Iterator[Finding]:
    """A buffer that goes through a socket has no pipe.

    Its bytes come and go through the TCP port, and there is no variable `<BUFFER>_PIPE`. (`$(INPUT_PIPE)` in
    args is refused at once; a shell would read `$INPUT_PIPE` as nothing.)
    """
    for variable, buffer in socket_buffers(subject.codespec).items():
        mentioned = re.compile(rf"(?<![A-Za-z0-9_]){re.escape(variable)}(?![A-Za-z0-9_])")
        for path, text in _all_texts(subject.codespec):
            if found := mentioned.search(text):
                yield Finding(
                    path,
                    f"the buffer '{buffer}' goes through a socket, so {variable} is not defined",
                    f"use the socket's port instead of {variable}, or take the buffer out of sockets",
                    line=text.count("\n", 0, found.start()),
                )


def _all_texts(codespec: AnyCodespec) -> Iterator[tuple[Path, str]]:
    yield from ((text.path, text.text) for text in texts(codespec))
    yield from ((("env", name), value) for name, value in codespec.env.items())


RULES = (
    Rule("buffer-shell-name", Severity.ERROR, "pipe that a shell cannot name", buffer_shell_name),
    Rule(
        "buffer-name-length", Severity.ERROR, "buffer name over 48 characters", buffer_name_length
    ),
    Rule(
        "endpoint-shell-name",
        Severity.NOTE,
        "endpoint that a shell cannot name",
        endpoint_shell_name,
    ),
    Rule("socket-pipe", Severity.ERROR, "pipe of a buffer that has a socket", socket_pipe),
)
