"""Removing what runs have left whose process is dead.

Everything here may be done again, and by several at once: whatever is gone already counts as done. What
cannot be removed is told and does not hinder the rest; the run then stays written down, for the next sweep.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from tyger_local.engine.base import Engine, Remnant
from tyger_local.errors import EngineError, StoreError
from tyger_local.plan.model import RUN_LABEL
from tyger_local.runner.remains import PartialFile, Remains
from tyger_local.streams.leftovers import is_folder, is_temporary, keep_partial, remove_folder


class Fate(Enum):
    """What becomes of a container, or of the network of a run."""

    LEAVE = "leave"
    STOP = "stop"
    REMOVE = "remove"


class Deed(str, Enum):
    """What was done, or would be."""

    REMOVED = "removed"
    STOPPED = "stopped"
    KEPT = "kept"
    RECORDED = "recorded"


@dataclass(frozen=True, slots=True)
class Done:
    """One thing that was done.

    Attributes:
        run_id: Of the run that left it; empty when it does not say.
        what: The thing: the name of a container or network, a path, how the run ended.
    """

    run_id: str
    deed: Deed
    what: str


@dataclass(frozen=True, slots=True)
class Swept:
    """What came of a sweep.

    Attributes:
        problems: What could not be removed, in sentences without their final stops.
        notes: What could not be looked at although nothing says that anything is there.
    """

    done: tuple[Done, ...] = ()
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Broom:
    """What a sweep is done with.

    Attributes:
        engines: To look for containers and networks on, by name.
        fate: Decides by its labels what becomes of one.
        end_record: Writes down that a run has ended, unless it says so already; returns what it wrote, in
            words, or would write.
        forget: Notes that nothing is left of a run.
        dry: Nothing is done; what would be is returned.
    """

    engines: Mapping[str, Engine]
    fate: Callable[[Mapping[str, str]], Fate]
    end_record: Callable[[int], str | None]
    forget: Callable[[int], None]
    dry: bool = False


def sweep(
    remains: Sequence[Remains], broom: Broom, folders: Iterable[tuple[str, Path]] = ()
) -> Swept:
    """Remove what is left of dead runs.

    Containers go first, since they use the rest, their networks too.

    Args:
        remains: The runs.
        broom: What to do it with.
        folders: Folders of pipes that belong to none of `remains`, and the ids of their runs.
    """
    work = _Sweep(broom)
    for name, engine in broom.engines.items():
        work.sweep_engine(engine, [left for left in remains if left.engine == name])
    for run_id, folder in folders:
        work.remove_folder(run_id, folder)
    for left in remains:
        work.finish(left)
    return Swept(tuple(work.done), tuple(work.problems), tuple(work.notes))


class _Sweep:
    """One sweep on its way."""

    def __init__(self, broom: Broom) -> None:
        self._broom = broom
        self.done: list[Done] = []
        self.problems: list[str] = []
        self.notes: list[str] = []
        self._troubled: set[str] = set()

    def sweep_engine(self, engine: Engine, remains: Sequence[Remains]) -> None:
        """Stop or remove the containers, and then the networks, of dead runs on one engine."""
        for left in remains:
            if left.place != engine.place:
                text = f"a container may be left on another engine, {left.place}: prune there"
                self._trouble(str(left.run_id), text)
        try:
            for remnant in engine.remnants():
                self._sweep_remnant(remnant)
        except EngineError as error:
            for left in remains:
                if left.place == engine.place:
                    self._trouble(str(left.run_id), f"a container may be left: {error}")
            if not remains:
                self.notes.append(f"containers were not looked for: {error}")
        finally:
            engine.close()

    def _sweep_remnant(self, remnant: Remnant) -> None:
        fate = self._broom.fate(remnant.labels)
        if fate is Fate.LEAVE or (fate is Fate.STOP and not remnant.is_running):
            return
        run_id = remnant.labels.get(RUN_LABEL, "")
        try:
            if not self._broom.dry:
                (remnant.remove if fate is Fate.REMOVE else remnant.stop)()
        except EngineError as error:
            self._trouble(run_id, f"{remnant.name} is left: {error}")
        else:
            deed = Deed.REMOVED if fate is Fate.REMOVE else Deed.STOPPED
            self.done.append(Done(run_id, deed, remnant.name))

    def remove_folder(self, run_id: str, folder: Path) -> None:
        """Remove a folder of pipes if it is there."""
        if not is_folder(folder):
            return
        if self._broom.dry or remove_folder(folder):
            self.done.append(Done(run_id, Deed.REMOVED, str(folder)))
        else:
            self._trouble(run_id, f"the folder {folder} cannot be removed whole: remove it by hand")

    def finish(self, left: Remains) -> None:
        """Do everything for one run but what its engine has to do."""
        for folder in left.folders:
            self.remove_folder(str(left.run_id), folder)
        for file in left.files:
            self._keep(str(left.run_id), file)
        try:
            ended = self._broom.end_record(left.run_id)
            if ended is not None:
                self.done.append(Done(str(left.run_id), Deed.RECORDED, ended))
            if str(left.run_id) not in self._troubled and not self._broom.dry:
                self._broom.forget(left.run_id)
        except StoreError as error:
            self._trouble(str(left.run_id), str(error))

    def _keep(self, run_id: str, file: PartialFile) -> None:
        """Keep the part of an output that arrived; an empty one is removed."""
        if not is_temporary(file.temporary):
            return
        try:
            if not self._broom.dry:
                kept = keep_partial(file.temporary, file.partial)
            else:
                kept = file.partial if file.temporary.stat().st_size > 0 else None
        except OSError as error:
            text = f"what arrived of an output is in {file.temporary}: {error.strerror}"
            self._trouble(run_id, text)
            return
        if kept is not None:
            self.done.append(Done(run_id, Deed.KEPT, f"what arrived of an output as {kept}"))

    def _trouble(self, run_id: str, text: str) -> None:
        self._troubled.add(run_id)
        self.problems.append(f"run {run_id}: {text}" if run_id else text)
