"""What the store has come to, and removing what is old. Nothing is removed unasked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from tyger_local.errors import NotFoundError, StoreError
from tyger_local.spec.times import has_passed
from tyger_local.store.buffers import StoredBuffer
from tyger_local.store.files import translating
from tyger_local.store.home import Home
from tyger_local.store.sizes import tree_bytes
from tyger_local.store.writing import Contents
from tyger_local.workspace.clock import now
from tyger_local.workspace.codespecs import Codespecs
from tyger_local.workspace.kept_buffers import buffer_store
from tyger_local.workspace.records import Records, Selection
from tyger_local.workspace.truth import has_ended

JsonObject = dict[str, object]
_Id = TypeVar("_Id", int, str)


@dataclass(frozen=True, slots=True)
class Old:
    """What is old enough to go.

    Attributes:
        before: The moment since when nobody has used it.
        runs: Their ids.
        buffers: Their ids.
        bytes: How much room they take together.
    """

    before: datetime
    runs: tuple[int, ...] = ()
    buffers: tuple[str, ...] = ()
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Removed:
    """Something that is gone, in words, and how much room it took."""

    what: str
    bytes: int


class Housekeeping:
    """Looks after the room that a store takes.

    Args:
        home: The store.
        warn: Is told what is wrong but no error.
    """

    def __init__(self, home: Home, warn: Callable[[str], None]) -> None:
        self._home = home
        self._warn = warn
        self._told: set[str] = set()
        self._has_damaged_records = False
        self._records = Records(home, self._note_damaged_record)
        self._buffers = buffer_store(home, self._tell)
        self._codespecs = Codespecs(home, warn)

    def sizes(self) -> JsonObject:
        """Return how many codespecs, runs and buffers there are, and how many bytes they take."""
        home = self._home
        with translating(home.codespecs_dir):
            versions = sum(1 for _ in home.codespecs_dir.glob("*/*.json"))
        records = list(self._records.select(Selection()))
        buffers = list(self._buffers.newest_first())
        parts: dict[str, JsonObject] = {
            "codespecs": {
                "count": len(self._codespecs.list()),
                "versions": versions,
                "bytes": tree_bytes(home.codespecs_dir),
            },
            "runs": {
                "count": len(records),
                "active": sum(not has_ended(record) for record in records),
                "bytes": tree_bytes(home.runs_dir),
                "logBytes": tree_bytes(home.runs_dir, ".log"),
            },
            "buffers": {
                "count": len(buffers),
                "softDeleted": sum(buffer.is_soft_deleted(now()) for buffer in buffers),
                "bytes": tree_bytes(home.buffers_dir),
            },
        }
        return {"home": str(home.root), **parts, "totalBytes": tree_bytes(home.root)}

    def find_old(self, before: datetime) -> Old:
        """Return what nobody has used since a moment: it is what `remove` may remove.

        That is runs that ended before it, with the buffers that were made for them and that no other run
        uses; buffers that were made before it for runs that are gone; and buffers that were deleted or have
        expired before it. Buffers that somebody made by hand stay until they are deleted, and what is damaged
        stays too: it does not tell how old it is, nor a damaged record which buffers it uses.

        Args:
            before: With a zone.
        """
        # Those first that are starting: later they may have a record and be over.
        known, old_runs = set(self._records.running.ids()), set[int]()
        used: set[str] = set()
        for record in self._records.select(Selection()):
            run_id = int(str(record["id"]))
            known.add(run_id)
            if has_ended(record) and has_passed(_ended_at(record), before):
                old_runs.add(run_id)
            else:
                used.update(_buffers_of(record))
        by_run = _ByRun(frozenset(known), frozenset(old_runs), self._has_damaged_records)
        buffers = tuple(
            buffer.id
            for buffer in self._buffers.newest_first()
            if buffer.id not in used and self._is_old(buffer, before, by_run)
        )
        folders = [*map(self._records.store.folder, old_runs)]
        folders += [self._home.buffers_dir / name for name in buffers]
        return Old(before, tuple(sorted(old_runs)), buffers, sum(map(tree_bytes, folders)))

    def _is_old(self, buffer: StoredBuffer, before: datetime, by_run: _ByRun) -> bool:
        try:
            if self._buffers.data(buffer.id).contents is Contents.WRITING:
                return False
        except NotFoundError:  # purged meanwhile
            return False
        except StoreError as error:
            self._tell(str(error))
            return False
        gone_at = buffer.deleted_at or (
            buffer.expires_at if buffer.is_soft_deleted(now()) else None
        )
        return has_passed(gone_at, before) or by_run.is_old(buffer, before)

    def remove(self, old: Old, *, dry_run: bool = False) -> Iterator[Removed]:
        """Remove what `find_old` found and what is still old; yield each thing once it is gone.

        Args:
            old: What was found.
            dry_run: Only yield what would be removed.
        """
        # Somebody may have restored or used some of it since then.
        still = old if dry_run else self.find_old(old.before)
        for run_id in sorted({*old.runs} & {*still.runs}):
            thing = Removed(f"run {run_id}", tree_bytes(self._records.store.folder(run_id)))
            if dry_run or self._is_done(self._records.store.delete, run_id):
                yield thing
        if not dry_run:
            self._buffers.tidy()
        for name in sorted({*old.buffers} & {*still.buffers}):
            thing = Removed(f"buffer {name}", tree_bytes(self._home.buffers_dir / name))
            if dry_run or self._is_done(self._buffers.purge, name):
                yield thing

    def _is_done(self, remove: Callable[[_Id], object], which: _Id) -> bool:
        try:
            remove(which)
        except NotFoundError:  # somebody else was faster
            return False
        except StoreError as error:  # the others can be removed all the same
            self._tell(str(error))
            return False
        return True

    def _note_damaged_record(self, text: str) -> None:
        self._has_damaged_records = True
        self._tell(text)

    def _tell(self, text: str) -> None:
        """Warn once of the same, however often it is met."""
        if text not in self._told:
            self._told.add(text)
            self._warn(text)


@dataclass(frozen=True, slots=True)
class _ByRun:
    """Which buffers that runs made for themselves are old."""

    known: frozenset[int]
    old: frozenset[int]
    has_damaged_records: bool

    def is_old(self, buffer: StoredBuffer, before: datetime) -> bool:
        if buffer.run is None or self.has_damaged_records:
            return False
        if buffer.run in self.known:
            return buffer.run in self.old
        return has_passed(buffer.created_at, before)


def _ended_at(record: JsonObject) -> object:
    """Return when a run ended, or began if nobody was there to note its end."""
    return record.get("finishedAt") or record.get("startedAt") or record.get("createdAt")


def _buffers_of(record: JsonObject) -> Iterator[str]:
    job = record.get("job")
    buffers = job.get("buffers") if isinstance(job, dict) else None
    if isinstance(buffers, dict):
        yield from map(str, buffers.values())
