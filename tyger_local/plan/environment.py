"""The container's environment: what is defined, in which order, and what the cluster makes of it.

Kubernetes expands a value over the variables defined *earlier* in the list. This tool defines the
pipes first and then the codespec's ``env`` in the author's order; the cluster defines ``env`` first,
sorted by the length of the name and then its bytes (the order of keys in its database), and the pipes
after it. Both are computed, so that a value that would differ can be named.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from tyger_local.plan.model import Difference
from tyger_local.spec.expansion import expand, references

T = TypeVar("T")

RUN_ID_VARIABLE = "TYGER_RUN_ID"


@dataclass(frozen=True, slots=True)
class Environment:
    """What a container gets.

    Attributes:
        variables: Names and expanded values in the order of definition.
        differences: Variables whose value would be another on the cluster.
    """

    variables: tuple[tuple[str, str], ...]
    differences: tuple[Difference, ...]


def environment(
    run_id: str,
    env: Mapping[str, str],
    pipes: Mapping[str, str],
    workers: Mapping[str, str] | None = None,
) -> Environment:
    """Compute a container's environment.

    Args:
        run_id: Value of ``TYGER_RUN_ID``.
        env: The codespec's ``env`` in the author's order, unexpanded.
        pipes: ``<BUFFER>_PIPE`` names and their paths.
        workers: Variables that say where the workers are; they are the last, here and on the cluster.
    """
    injected = [(RUN_ID_VARIABLE, run_id), *pipes.items()]
    names = dict(injected)
    own = [(name, value) for name, value in env.items() if name not in names]
    here = {**_define(injected, own), **(workers or {})}
    cluster = cluster_variables(run_id, env, pipes, workers)
    return Environment(tuple(here.items()), tuple(_differences(env, pipes, here, cluster)))


def cluster_variables(
    run_id: str,
    env: Mapping[str, str],
    pipes: Mapping[str, str],
    workers: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Compute what the cluster makes of a container's environment; see `environment`."""
    defined = _define([(RUN_ID_VARIABLE, run_id)], cluster_order(env))
    return {**defined, **pipes, **(workers or {})}


def _define(
    plain: Iterable[tuple[str, str]], expanded: Iterable[tuple[str, str]]
) -> dict[str, str]:
    """Define variables in order; a later definition of a name wins and keeps the first's place."""
    defined = dict(plain)
    for name, value in expanded:
        defined[name] = expand(value, defined)
    return defined


def cluster_order(named: Mapping[str, T]) -> list[tuple[str, T]]:
    """Return the items of a codespec's ``env`` or ``endpoints`` in the order that the cluster has them in."""
    return sorted(named.items(), key=_database_order)


def _database_order(item: tuple[str, object]) -> tuple[int, bytes]:
    name = item[0].encode("utf-8", "surrogatepass")
    return len(name), name


def _differences(
    env: Mapping[str, str], pipes: Mapping[str, str], here: dict[str, str], cluster: dict[str, str]
) -> Iterable[Difference]:
    for name, value in env.items():
        if here[name] == cluster[name]:
            continue
        if name == RUN_ID_VARIABLE:
            text = f"the codespec's env sets {name}: the cluster would use '{cluster[name]}'"
            yield Difference(
                "env-injected", f"{text}, here it is '{here[name]}'", strict=True, variable=name
            )
        elif any(reference in pipes for reference in references(value)):
            yield Difference(
                "env-pipe-reference",
                f"env {name} refers to a pipe: on the cluster, where pipes are defined after env, "
                f"its value would be '{cluster[name]}' and not '{here[name]}'; "
                "refer to the pipe in args or command instead",
                strict=True,
                variable=name,
            )
        else:
            yield Difference(
                "env-order",
                f"env {name} would be '{cluster[name]}' on the cluster and not '{here[name]}': "
                "there, variables are defined in order of the length of their names and then "
                "alphabetically, and a value sees only those before it",
                strict=True,
                variable=name,
            )
