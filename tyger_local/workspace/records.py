"""The records of runs as they are shown: with what became true after their owner had written them.

Reads documents only; neither models nor engines are loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from tyger_local.errors import DamagedError, NotFoundError, StateError, StoreError
from tyger_local.outcome.etag import is_met
from tyger_local.outcome.record import with_etag
from tyger_local.spec.tags import check_tags, has_tags
from tyger_local.spec.times import is_after
from tyger_local.store.home import Home
from tyger_local.store.running import RunningStore
from tyger_local.store.runs import RunStore
from tyger_local.workspace.owner import is_alive, owner_in
from tyger_local.workspace.truth import as_ended, has_ended

JsonObject = dict[str, object]


@dataclass(frozen=True, slots=True)
class Selection:
    """Which runs are meant.

    Attributes:
        since: Only those created after this moment, which has a zone.
        tags: Only those that have all of these.
        statuses: Only those in one of these, in lower case; empty for any.
    """

    since: datetime | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    statuses: Collection[str] = ()

    def takes(self, record: Mapping[str, object]) -> bool:
        """Return whether a record, as it is shown, is meant."""
        if self.since is not None and not is_after(record.get("createdAt"), self.since):
            return False
        tags = record.get("tags")
        if self.tags and not (isinstance(tags, dict) and has_tags(tags, self.tags)):
            return False
        return not self.statuses or str(record.get("status")).lower() in self.statuses


class Records:
    """The records in one store.

    Args:
        home: The store.
        warn: Is told what is wrong but no error.
    """

    def __init__(self, home: Home, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self.store = RunStore(home, warn)
        self.running = RunningStore(home)

    def get(self, run_id: int) -> JsonObject:
        """Return the record of a run.

        Raises:
            NotFoundError: There is no such run.
            StoreError: Its record is damaged.
        """
        return self._shown(self.store.get(run_id))

    def latest(self) -> int:
        """Return the id of the newest run, warning of damaged ones that are newer.

        Raises:
            NotFoundError: There is none.
            StoreError: There are some, all of them damaged.
        """
        problems: list[StoreError] = []
        for run_id in self.store.ids():
            try:
                self.store.get(run_id)
            except NotFoundError:  # just starting, or its owner died on the way
                continue
            except StoreError as error:
                problems.append(error)
                continue
            for problem in problems:
                self._warn(str(problem))
            return run_id
        if problems:
            raise problems[0]
        raise NotFoundError("There are no runs yet", "begin with 'tyger-local run exec'")

    def unended(self) -> Iterator[int]:
        """Yield the ids of the runs that go on, newest first."""
        for run_id in reversed(self.running.ids()):  # a run is written down there before it begins
            with suppress(NotFoundError, StoreError):
                if not has_ended(self.get(run_id)):
                    yield run_id

    def select(self, selection: Selection) -> Iterator[JsonObject]:
        """Read the records that are meant, one by one, newest first."""
        for record in self.store.records():
            shown = self._shown(record)
            if selection.takes(shown):
                yield shown

    def counts(self, selection: Selection) -> dict[str, int]:
        """Return how many of the runs that are meant are in each status, by its name in lower case."""
        found: dict[str, int] = {}
        for record in self.select(selection):
            status = str(record.get("status")).lower()
            found[status] = found.get(status, 0) + 1
        return dict(sorted(found.items()))

    def set_tags(
        self, run_id: int, tags: Mapping[str, str], *, clear: bool, etag: str | None
    ) -> JsonObject:
        """Add or change tags of a run; see `RecordedRuns.set`."""

        def change(record: JsonObject) -> Mapping[str, object]:
            shown = self._shown(record)
            if not is_met(etag, str(shown["eTag"])):
                raise StateError(
                    "the server's ETag does not match the provided ETag",
                    f"somebody has changed the run; its ETag is {shown['eTag']}",
                )
            before = shown.get("tags")
            kept = before if isinstance(before, dict) and not clear else {}
            changed: dict[str, object] = {**kept, **tags}
            check_tags({name: str(value) for name, value in changed.items()})
            return changed

        self.store.change_tags(run_id, change)
        return self.get(run_id)

    def delete(self, *run_ids: int) -> None:
        """Remove runs with their logs; see `RecordedRuns.delete`."""
        for run_id in run_ids:
            if not self._is_over(run_id):
                raise StateError(
                    f"run {run_id} has not ended",
                    f"cancel it first: tyger-local run cancel {run_id}",
                )
        for run_id in run_ids:
            self.store.delete(run_id)

    def _is_over(self, run_id: int) -> bool:
        """Return whether a run has ended: by its record or, where that is damaged, by who runs it."""
        try:
            return has_ended(self.get(run_id))
        except DamagedError:
            return not self._is_running(run_id)

    def _shown(self, record: JsonObject) -> JsonObject:
        return with_etag(self._true(record))

    def _true(self, record: JsonObject) -> JsonObject:
        """Return `record`, or what is true of it when its owner died before its end."""
        run_id = record.get("id")
        if has_ended(record) or (isinstance(run_id, int) and self._is_running(run_id)):
            return record
        if isinstance(run_id, int):
            with suppress(NotFoundError, StoreError):
                record = self.store.get(run_id)  # it may just have ended
        return record if has_ended(record) else as_ended(record)

    def _is_running(self, run_id: int) -> bool:
        """Return whether the owner of a run lives, which is believed of one that cannot be judged."""
        try:
            entry = self.running.get(run_id)
        except StoreError as error:
            self._warn(f"whether run {run_id} goes on cannot be told: {error}")
            return True
        if entry is None or entry.get("isOver"):
            return False
        labels = entry.get("labels")
        owner = owner_in(labels) if isinstance(labels, dict) else None
        return owner is not None and is_alive(owner)
