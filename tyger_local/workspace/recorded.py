"""Runs as they are remembered: show, list, count, follow, tag, cancel, remove.

Reads documents; what only some of it needs is loaded by that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING

from tyger_local.store.home import Home
from tyger_local.store.logs import read_tail
from tyger_local.workspace.records import Records, Selection
from tyger_local.workspace.truth import has_ended

if TYPE_CHECKING:  # it is loaded by those who read logs
    from tyger_local.workspace.run_logs import LogQuery

JsonObject = dict[str, object]


class RecordedRuns:
    """The runs in a store.

    Args:
        home: The store.
        warn: Is told what is wrong but no error.
    """

    def __init__(self, home: Home, warn: Callable[[str], None]) -> None:
        self._records = Records(home, warn)

    def show(self, run_id: int) -> JsonObject:
        """Return the record of a run.

        Raises:
            NotFoundError: There is no such run.
            StoreError: Its record is damaged.
        """
        return self._records.get(run_id)

    def ids(self) -> list[int]:
        """Return the ids of the runs, newest first, without reading their records."""
        return self._records.store.ids()

    def unended(self) -> Iterator[int]:
        """Yield the ids of the runs that go on, newest first, reading no record but theirs."""
        return self._records.unended()

    def latest(self) -> int:
        """Return the id of the newest run.

        Raises:
            NotFoundError: There is none.
            StoreError: There are some, all of them damaged.
        """
        return self._records.latest()

    def counts(self, selection: Selection | None = None) -> dict[str, int]:
        """Return how many runs are in each status, by its name in lower case; without those in which none is.

        Args:
            selection: Which runs to count; all by default.
        """
        return self._records.counts(selection or Selection())

    def watch(
        self,
        run_id: int,
        timeout_s: float | None = None,
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> Iterator[JsonObject]:
        """Yield the record of a run as it is now and after each change, until it has ended.

        Args:
            run_id: The run.
            timeout_s: After how long to stop although it has not ended; None is never.
            is_wanted: Is asked at least once a second whether to go on.

        Raises:
            NotFoundError: There is no such run, or it was removed meanwhile.
        """
        # Late: what only those who wait need.
        from tyger_local.workspace.following import states  # noqa: PLC0415

        folder = self._records.store.folder(run_id)
        return states(folder, lambda: self.show(run_id), timeout_s, is_wanted)

    def cancel(self, run_id: int) -> JsonObject:
        """Ask for the end of a run, whichever process runs it, and wait for that.

        Returns:
            The record; its status is ``Canceled``, or that of a run whose owner takes its time to end it.

        Raises:
            NotFoundError: There is no such run.
            StateError: It has ended otherwise.
        """
        # Late: what only those who wait need.
        from tyger_local.workspace.canceling import cancel  # noqa: PLC0415

        return cancel(self._records, run_id)

    def set(
        self,
        run_id: int,
        tags: Mapping[str, str] | None = None,
        *,
        clear: bool = False,
        etag: str | None = None,
    ) -> JsonObject:
        """Add tags to a run, or change them.

        Args:
            run_id: The run.
            tags: By name.
            clear: Whether the tags that it had go.
            etag: Nothing is changed unless this is still the run's ETag.

        Returns:
            The record.

        Raises:
            NotFoundError: There is no such run.
            StateError: The ETag is another.
            SpecError: Tags are too many or have forbidden characters.
        """
        return self._records.set_tags(run_id, tags or {}, clear=clear, etag=etag)

    def delete(self, *run_ids: int) -> None:
        """Remove runs: their records and logs. Their buffers stay, and their ids are not used again.

        Raises:
            NotFoundError: One of them does not exist; none is removed.
            StateError: One of them has not ended; none is removed.
        """
        self._records.delete(*run_ids)

    def logs(
        self,
        run_id: int,
        query: LogQuery | None = None,
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> Iterator[bytes]:
        """Yield what the containers of a run printed, in the order in which it came.

        Args:
            run_id: The run.
            query: Which part of it, and whether to wait for more; all that is there by default.
            is_wanted: While more is waited for, is asked at least once a second whether to go on.

        Raises:
            NotFoundError: There is no such run, or no such container in it.
            StoreError: A log cannot be read.
        """
        # Late: what only those who read logs need.
        from tyger_local.workspace.run_logs import LogQuery, LogReader, log_prefixes  # noqa: PLC0415

        query = query or LogQuery()
        reader = LogReader(
            self._records.store.folder(run_id),
            query,
            prefixes=log_prefixes(self.show(run_id), query.container),
            is_over=lambda: has_ended(self.show(run_id)),
            is_wanted=is_wanted,
        )
        return reader.read()

    def log_tail(self, run_id: int, container: str, lines: int) -> list[str]:
        """Return the last lines that a container of a run printed.

        Args:
            run_id: The run.
            container: Which one (``job-0``).
            lines: How many at most.

        Raises:
            StoreError: The log cannot be read; one that is not there is empty.
        """
        path = self._records.store.folder(run_id) / f"{container}.log"
        return read_tail(path, lines) if path.exists() else []

    def samples(self, run_id: int) -> JsonObject | None:
        """Return what the containers of an ended run used over time.

        ``intervalSeconds`` tells how much lies between two moments. Each of ``containers`` has lists of
        equal length: ``seconds`` since its start, ``memoryBytes``, ``ownMemoryBytes`` (without the files that
        the system keeps in memory for it) and ``cpuSeconds`` until then, all with null for what is not known,
        and in ``buffers`` how many bytes have moved until then.

        Returns:
            None when there was nothing to look at: the run was too short, or did not start.

        Raises:
            NotFoundError: There is no such run.
            StoreError: The file is damaged or cannot be read.
        """
        return self._records.store.samples(run_id)

    # Last, since below it the name in an annotation would be the method.
    def list(
        self, limit: int | None = None, selection: Selection | None = None
    ) -> list[JsonObject]:
        """Return the records of the newest runs, newest first.

        Args:
            limit: How many at most.
            selection: Which runs are meant; all by default.
        """
        return [*islice(self._records.select(selection or Selection()), limit)]
