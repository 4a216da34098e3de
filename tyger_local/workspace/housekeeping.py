"""What the store has come to, and removing what is old. Nothing is removed unasked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from tyger_local.errors import NotFoundError
from tyger_local.spec.times import is_after
from tyger_local.store.buffers import StoredBuffer
from tyger_local.store.home import Home
from tyger_local.store.sizes import tree_bytes
from tyger_local.store.writing import Contents
from tyger_local.workspace.clock import now
from tyger_local.workspace.codespecs import Codespecs
from tyger_local.workspace.kept_buffers import buffer_store
from tyger_local.workspace.records import Records, Selection
from tyger_local.workspace.truth import has_ended

JsonObject = dict[str, object]


@dataclass(frozen=True, slots=True)
class Old:
    """What is old enough to go.

    Attributes:
        runs: Their ids.
        buffers: Their ids.
        bytes: How much room they take together.
    """

    runs: tuple[int, ...] = ()
    buffers: tuple[str, ...] = ()
    bytes: int = 0


class Housekeeping:
    """Looks after the room that a store takes.

    Args:
        home: The store.
        warn: Is told what is wrong but no error.
    """

    def __init__(self, home: Home, warn: Callable[[str], None]) -> None:
        self._home = home
        self._records = Records(home, warn)
        self._buffers = buffer_store(home, warn)
        self._codespecs = Codespecs(home, warn)

    def sizes(self) -> JsonObject:
        """Return how many codespecs, runs and buffers there are, and how many bytes they take."""
        home = self._home
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
        uses; and buffers that were deleted or have expired before it. Buffers that somebody made by
        hand stay until they are deleted.

        Args:
            before: With a zone.
        """
        old_runs: list[int] = []
        used: set[str] = set()
        for record in self._records.select(Selection()):
            if has_ended(record) and not is_after(_ended_at(record), before):
                old_runs.append(int(str(record["id"])))
            else:
                used.update(_buffers_of(record))
        runs = frozenset(old_runs)
        buffers = tuple(
            buffer.id
            for buffer in self._buffers.newest_first()
            if self._is_old(buffer, before, runs) and buffer.id not in used
        )
        folders = [self._records.store.folder(run_id) for run_id in old_runs]
        folders += [self._home.buffers_dir / name for name in buffers]
        return Old(tuple(sorted(old_runs)), buffers, sum(map(tree_bytes, folders)))

    def _is_old(self, buffer: StoredBuffer, before: datetime, runs: frozenset[int]) -> bool:
        if self._buffers.data(buffer.id).contents is Contents.WRITING:
            return False
        gone_at = buffer.deleted_at or (
            buffer.expires_at if buffer.is_soft_deleted(now()) else None
        )
        return buffer.run in runs or (gone_at is not None and not is_after(gone_at, before))

    def remove(self, old: Old) -> Iterator[str]:
        """Remove what `find_old` found; yield each thing in words once it is gone."""
        for run_id in old.runs:
            with suppress(NotFoundError):  # somebody else was faster
                self._records.store.delete(run_id)
                yield f"run {run_id}"
        self._buffers.tidy()
        for buffer_id in old.buffers:
            with suppress(NotFoundError):
                self._buffers.purge(buffer_id)
                yield f"buffer {buffer_id}"


def _ended_at(record: JsonObject) -> object:
    """Return when a run ended, or began if nobody was there to note its end."""
    return record.get("finishedAt") or record.get("startedAt") or record.get("createdAt")


def _buffers_of(record: JsonObject) -> Iterator[str]:
    job = record.get("job")
    buffers = job.get("buffers") if isinstance(job, dict) else None
    if isinstance(buffers, dict):
        yield from map(str, buffers.values())
