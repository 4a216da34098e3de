"""What is asked, of what, and what an answer is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol

from tyger_local.engine.base import Container, Engine
from tyger_local.errors import EXIT_ERROR, EXIT_OK, TygerLocalError
from tyger_local.outcome.record import RunRecord
from tyger_local.runner.sweep import Swept
from tyger_local.spec.versions import JsonObject


class State(str, Enum):
    """What an answer means for runs."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"
    SKIPPED = "skipped"


class Section(str, Enum):
    """Where an answer stands on the page."""

    MACHINE = "This machine"
    STORE = "The store and temporary files"
    ENGINE = "The engine"
    TRIALS = "Tried in containers"


@dataclass(frozen=True, slots=True)
class Check:
    """The answer to one question.

    Attributes:
        id: Stable, for programs.
        title: What was looked at, with the answer in a few words.
        state: A warning means that runs work, but not all or not as they should; a problem, that they do not.
        details: Lines with more.
        fix: What to do, as a sentence without its final stop; empty when there is nothing to do.
    """

    id: str
    section: Section
    title: str
    state: State
    details: tuple[str, ...] = ()
    fix: str = ""

    def document(self) -> JsonObject:
        """Return this as a JSON object."""
        return {
            "id": self.id,
            "section": self.section.value,
            "title": self.title,
            "state": self.state.value,
            "details": list(self.details),
            "fix": self.fix,
        }


def exit_code(checks: Sequence[Check]) -> int:
    """Return 0 when runs will work, whatever warnings there are, and 1 when they will not."""
    return EXIT_ERROR if any(check.state is State.PROBLEM for check in checks) else EXIT_OK


class CanceledError(TygerLocalError):
    """Somebody ended the examination.

    Args:
        what: Who, in words.
        code: What the tool exits with.
    """

    def __init__(self, what: str, code: int) -> None:
        super().__init__(what)
        self.exit_code = code


class Laboratory(Protocol):
    """A place in which runs leave nothing: a store of its own, which is removed with all that is in it."""

    @property
    def folder(self) -> Path:
        """Return a folder for files that runs read and write."""
        ...

    def run(self, request: Mapping[str, object], buffers: Mapping[str, str]) -> RunRecord:
        """Carry a run out, which is ended when it takes too long.

        Raises:
            CanceledError: Somebody wants the examination to end.
            TygerLocalError: The run cannot begin.
        """
        ...

    def container(self, image: str, command: Sequence[str]) -> AbstractContextManager[Container]:
        """Return a container that runs inside the block.

        Raises:
            TygerLocalError: It cannot be had.
        """
        ...


@dataclass(frozen=True, slots=True)
class StoreSight:
    """What is in a store.

    Attributes:
        counts: How many of each, in words.
        damaged: What cannot be read, in sentences.
    """

    counts: str
    damaged: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Subject:
    """What is examined.

    Attributes:
        tool_version: This tool's.
        home: The store's root, which need not exist.
        note: What says in a folder of pipes whose it is.
        image: What to try with, if somebody has named one.
        read_store: Reads all that is in the store.
        find_leftovers: Looks for what dead runs left; removes nothing.
        laboratory: Makes a laboratory that lasts for a block.
    """

    tool_version: str
    home: Path
    note: str
    engine: Engine
    image: str | None
    read_store: Callable[[], StoreSight]
    find_leftovers: Callable[[], Swept]
    laboratory: Callable[[], AbstractContextManager[Laboratory]]
