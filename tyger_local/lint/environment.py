"""What the cluster's order of definitions makes of ``env``, and references that nothing defines."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tyger_local.lint.model import Finding, Rule, Severity, Subject
from tyger_local.lint.refused import refused
from tyger_local.lint.variables import (
    Text,
    injected,
    is_set,
    may_be_defined,
    pipes,
    socket_buffers,
    texts,
)
from tyger_local.plan.environment import RUN_ID_VARIABLE, environment
from tyger_local.plan.model import CLUSTER_PIPE_ROOT
from tyger_local.spec.expansion import references
from tyger_local.spec.names import nearest

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_PIPE = re.compile(r"\$\{?(?P<name>[A-Z][A-Z0-9_]*_PIPE)\b(?!-)")
_CONSTANT = re.compile(r"[A-Z][A-Z0-9-]*_[A-Z0-9_-]*|PATH|HOME")


def env_order(subject: Subject) -> Iterator[Finding]:
    """On the cluster, a value of `env` sees only variables with shorter names.

    The cluster keeps codespecs in a database that sorts the keys of `env` by length and then by bytes,
    whatever the file's order was. A value is expanded over the variables that stand before its own in that
    order, and a reference to a later one stays there as text. This tool expands in the order of the file.

        env:
          LONG_NAME: x
          B: $(LONG_NAME)   # here x; on the cluster the text $(LONG_NAME), since B is shorter
    """
    for name, here, _ in _differing(subject, "env-order"):
        value = subject.codespec.env[name]
        yield Finding(
            ("env", name),
            f"the cluster defines variables by the length of their names and then alphabetically, "
            f"so {name} gets another value there than here ('{here}')",
            _fix_order(name, value, here, subject),
        )


def _fix_order(name: str, value: str, here: str, subject: Subject) -> str:
    names = list(subject.codespec.env)
    above = names[: names.index(name)]
    below = [each for each in references(value) if each in names and each not in above]
    if below:
        return f"write the value of {' and '.join(below)} into {name}, instead of the reference"
    return f"write '{here}' as its value"


def env_pipe_reference(subject: Subject) -> Iterator[Finding]:
    """On the cluster, a value of `env` cannot refer to a pipe.

    The cluster defines the variables of pipes after those of `env`, so `$(INPUT_PIPE)` in a value stays
    there as it is written. In `command` and `args` it is replaced, and a program finds INPUT_PIPE in its
    environment.
    """
    for name, _, referred in _differing(subject, "env-pipe-reference"):
        pipe = referred[0]
        yield Finding(
            ("env", name),
            f"the cluster defines pipes after env, so {name} keeps the text $({pipe}) there",
            f"remove {name} from env, and use {pipe} itself: ${pipe} in a shell, $({pipe}) in args",
        )


def _differing(subject: Subject, code: str) -> Iterator[tuple[str, str, list[str]]]:
    """Yield what of `env` comes out otherwise: the name, the value here, and the pipes in it.

    The run's id stands for itself, so that the value can be written into a file.
    """
    codespec = subject.codespec
    known = {name: f"{CLUSTER_PIPE_ROOT}/{buffer}" for name, buffer in pipes(codespec).items()}
    here = environment(f"$({RUN_ID_VARIABLE})", codespec.env, known)
    for difference in here.differences:
        if difference.code == code:
            name = difference.variable
            referred = [each for each in references(codespec.env[name]) if each in known]
            yield name, dict(here.variables)[name], referred


def env_injected(subject: Subject) -> Iterator[Finding]:
    """A variable of `env` has a name that Tyger gives a value.

    Every container gets TYGER_RUN_ID, and the job `<BUFFER>_PIPE` for each buffer and the variables of its
    workers. Where `env` defines one of them too, one of the two values is lost.
    """
    for name in injected(subject):
        if name in subject.codespec.env:
            yield Finding(
                ("env", name),
                f"the cluster defines {name} itself, and one of the two values is lost",
                f"remove {name} from env, or give the variable another name",
                is_key=True,
            )


def undefined_reference(subject: Subject) -> Iterator[Finding]:
    """`$(NAME)` refers to a variable that nothing defines.

    Known are the variables of `env`, TYGER_RUN_ID, the pipes of the job's buffers and the variables of
    workers; an image's own ENV (PATH, too) is not. A reference to anything else is left as it is written.
    Where a shell reads it, it then runs a command of that name; so in a script only what cannot be meant as
    a command is told. The same goes for `$NAME_PIPE` in a script where no buffer has that pipe.
    """
    yield from _unknown_pipes(subject)
    for place in _places(subject):
        defined = _defined_for(place, subject)
        for name in dict.fromkeys(references(place.text)):
            if name in defined or may_be_defined(name, subject) or not _VARIABLE.fullmatch(name):
                continue
            if _is_function(name, place):
                continue
            is_variable = name in subject.codespec.env or not _may_be_a_command(name, place)
            close = _meant(name, defined, is_variable=is_variable)
            if close is None and not is_variable:
                continue
            yield Finding(
                place.path,
                f"nothing defines {name} before this, so $({name}) is not replaced",
                _fix_reference(name, close, place, subject),
                line=place.text[: place.text.index(f"$({name})")].count("\n"),
            )


def _unknown_pipes(subject: Subject) -> Iterator[Finding]:
    """Yield pipes' variables in shells' scripts that no buffer has."""
    codespec = subject.codespec
    known = {*codespec.env, *injected(subject), *socket_buffers(codespec)}
    known |= {name.replace("-", "_") for name in known}  # these have a rule of their own
    for text in texts(codespec):
        for found in _PIPE.finditer(text.text) if text.is_script else ():
            name = found["name"]
            if name in known or is_set(name, text.text):
                continue
            known.add(name)
            close = nearest(name, pipes(codespec))
            yield Finding(
                text.path,
                f"nothing defines {name}, so a shell reads nothing there",
                f"write ${close}" if close else f"declare the buffer, or define {name} in env",
                line=text.text.count("\n", 0, found.start()),
            )


def _places(subject: Subject) -> Iterator[Text]:
    yield from texts(subject.codespec)
    for name, value in subject.codespec.env.items():
        if not set(references(value)) & {*pipes(subject.codespec)}:  # that has its own rule
            yield Text(("env", name), value, is_script=False)


def _defined_for(place: Text, subject: Subject) -> tuple[str, ...]:
    """Return what is defined where a text is expanded, here or on the cluster."""
    env = tuple(subject.codespec.env)
    if place.path[0] != "env":
        return (*env, *injected(subject))
    by_length = sorted(env, key=lambda name: (len(name.encode()), name))
    name = str(place.path[1])
    before = (*env[: env.index(name)], *by_length[: by_length.index(name)])
    return (RUN_ID_VARIABLE, *dict.fromkeys(before))


def _meant(name: str, defined: tuple[str, ...], *, is_variable: bool) -> str | None:
    """Return the variable that was probably meant: the same in another case, or nearly the same."""
    folded = {each.casefold(): each for each in defined}
    if name.casefold() in folded and ("_" in name or is_variable):
        return folded[name.casefold()]
    return nearest(name, defined) if _CONSTANT.fullmatch(name) else None


def _is_function(name: str, place: Text) -> bool:
    """Return whether a script defines it as a function of its own."""
    word = re.escape(name)
    return re.search(rf"\b{word}\s*\(\)|\bfunction\s+{word}\b", place.text) is not None


def _may_be_a_command(name: str, place: Text) -> bool:
    """Return whether somebody may run it: a shell, or whatever reads a text of several lines."""
    return not _CONSTANT.fullmatch(name) and (
        place.is_script or "\n" in place.text or place.path[0] == "env"
    )


def _fix_reference(name: str, close: str | None, place: Text, subject: Subject) -> str:
    if name in injected(subject):
        return f"remove it from env, and use {name} itself in the command"
    if place.path[0] == "env":
        return f"write the value itself, or $$({name}) for that text"
    meant = "" if close is None else f"write $({close}), "
    if close is None and not place.is_script and not _CONSTANT.fullmatch(name):
        meant = "call a shell if the command is meant, "
    return f"{meant}define {name} in env, or write $$({name}) for that text"


def env_name(subject: Subject) -> Iterator[Finding]:
    """A name in `env` is none that Kubernetes takes, or an endpoint's name makes such a one.

    A name is printable ASCII without an equals sign. Tyger stores another one, and the cluster fails every
    run. A worker's endpoint `my-port` becomes the job's variable TYGER_MY-PORT_WORKER_ENDPOINT_ADDRESSES.
    """
    fix = "give it another name, of ASCII characters and without ="
    yield from refused(subject, "env-name", fix, is_key=True)


RULES = (
    Rule("env-order", Severity.ERROR, "value of env differs by the cluster's order", env_order),
    Rule("env-pipe-reference", Severity.ERROR, "env refers to a pipe", env_pipe_reference),
    Rule("env-injected", Severity.WARNING, "env defines what Tyger defines", env_injected),
    Rule("env-name", Severity.ERROR, "name in env that is refused", env_name),
    Rule(
        "undefined-reference", Severity.WARNING, "reference to an unknown name", undefined_reference
    ),
)
