"""What a rule looks at, and what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from tyger_local.spec.models import AnyCodespec
from tyger_local.spec.place import Path


class Severity(str, Enum):
    """How bad it is.

    `ERROR`: a run of it fails or hangs on the cluster, or gives something else than here. `WARNING`: it may,
    or another field than the author thinks holds. `NOTE`: it works, and would better be written otherwise.
    """

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class WrittenScalar:
    """A scalar as it stands in the file.

    Attributes:
        text: Its characters, before YAML has made a value of them.
        is_plain: Whether it stands there without quotes, so that YAML decides what it is.
    """

    text: str
    is_plain: bool


@dataclass(frozen=True, slots=True)
class Subject:
    """A codespec that is looked at.

    Attributes:
        codespec: It, of either kind.
        replicas: How many containers of it a run asks for, where a run is looked at; else 1.
        written: The scalars of the document as they were written, by their paths in the codespec; empty for
            one that was never in a file.
        written_keys: The keys of its mappings, the same.
        has_workers: Whether the job is looked at together with workers.
        worker_endpoints: The workers' endpoints then, by name.
    """

    codespec: AnyCodespec
    replicas: int = 1
    written: Mapping[Path, WrittenScalar] = field(default_factory=dict)
    written_keys: Mapping[Path, WrittenScalar] = field(default_factory=dict)
    has_workers: bool = False
    worker_endpoints: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a rule found.

    Attributes:
        path: Where, from the codespec's root: ``("args", 2)``.
        happens: What happens on the cluster, as a sentence without its final stop.
        fix: What to do, the same; followed literally, it makes the finding go away and the codespec work.
        rule: The rule's id, and its severity, once the rule was run by `tyger_local.lint.run`.
        line: Which line of the text there is meant, counted from 0; None for the whole.
        is_key: Whether the key there is meant and not its value.
    """

    path: Path
    happens: str
    fix: str
    rule: str = ""
    severity: Severity = Severity.WARNING
    line: int | None = None
    is_key: bool = False


Check: TypeAlias = Callable[[Subject], Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        id: Stable, lower case with dashes: what ``ignore[…]`` and ``--explain`` name.
        title: A few words for tables.
        check: Yields what it finds; its docstring is the page of ``--explain`` and begins with a sentence.
        strict_only: Not said by ``create`` and ``exec``, only by ``lint``: a matter of taste.
    """

    id: str
    severity: Severity
    title: str
    check: Check
    strict_only: bool = False
