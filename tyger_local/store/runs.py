"""Runs by number: who gets which, and their records.

A number is claimed by creating its folder, and ``<id>~deleted`` says that a run was deleted, so
that its number does not come back. One small file a deleted run is the price: a single file with
the highest number would need a lock to be exact among several who delete.

``run.json`` is written by the run's owner alone. What others have to say of a run stands in files of its
own: tags that were set later (``tags.<n>.json``) and a request to cancel it (``cancel.json``).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path

from tyger_local.errors import NotFoundError, StoreError
from tyger_local.store.files import (
    FILE_MODE,
    JsonObject,
    damaged,
    folder_names,
    is_there,
    make_folder,
    mark,
    read_json,
    replace,
    translating,
    write_new,
    write_new_text,
)
from tyger_local.store.home import Home
from tyger_local.store.revisions import Revisions
from tyger_local.store.trees import remove_tree

RESERVE_BYTES = 32 * 1024
"""Twice what a large record takes."""

_ENTRY = re.compile(r"([1-9][0-9]{0,17})(~deleted)?")


class RunStore:
    """The runs of one store.

    Args:
        home: The store.
        warn: Is told, in a sentence, of each damaged record that was met and passed over.
    """

    def __init__(self, home: Home, warn: Callable[[str], None]) -> None:
        self._home = home
        self._warn = warn

    def allocate(self) -> int:
        """Return the id of a new run, whose folder exists now."""
        self._home.ensure()
        make_folder(self._home.runs_dir)
        present, deleted = self._scan()
        for run_id in present & deleted:  # what a killed process had begun to delete
            with suppress(StoreError):
                remove_tree(self.folder(run_id))
        run_id = max(present | deleted, default=0) + 1
        while not self._claim(run_id):
            run_id += 1
        return run_id

    def folder(self, run_id: int) -> Path:
        """Return the folder of a run, where its other files go too."""
        return self._home.runs_dir / str(run_id)

    def write(self, run_id: int, record: JsonObject) -> None:
        """Write the record of a run, in the place of what was there."""
        replace(self._record(run_id), record)

    def reserve(self, run_id: int) -> None:
        """Keep room for the last record of a run: when the disk is full, that is what is worth telling."""
        write_new_text(self._reserve(run_id), bytes(RESERVE_BYTES))

    def write_last(self, run_id: int, record: JsonObject) -> None:
        """Write the record of a run that has ended, in the room that was reserved."""
        self.release(run_id)
        self.write(run_id, record)

    def release(self, run_id: int) -> None:
        """Give free what was reserved, also by an owner that died before it wrote a record."""
        path = self._reserve(run_id)
        with translating(path):
            path.unlink(missing_ok=True)

    def _reserve(self, run_id: int) -> Path:
        return self.folder(run_id) / "reserve~"

    def write_samples(self, run_id: int, samples: JsonObject) -> None:
        """Write what a run used over time, beside its record."""
        replace(self._samples(run_id), samples)

    def discard(self, run_id: int) -> None:
        """Take back `allocate` of a run that has no record: its number may be given again.

        Only for who allocated it, and after its `RunningStore` entry is gone.
        """
        remove_tree(self.folder(run_id))

    def get(self, run_id: int) -> JsonObject:
        """Return the record of a run.

        Raises:
            NotFoundError: There is no such run, or it has no record yet.
            StoreError: The record is damaged or cannot be read.
        """
        record = self._as_written(run_id)
        number, tags = self._tags(record, run_id).read()
        return record if number == 0 else {**record, "tags": tags}

    def _as_written(self, run_id: int) -> JsonObject:
        """Return the record as its owner has written it."""
        if run_id < 1 or is_there(self._mark(run_id)):
            raise _not_found(run_id)
        try:
            record = read_json(self._record(run_id))
        except NotFoundError as exc:
            raise _not_found(run_id) from exc
        if record.get("id", run_id) != run_id:
            raise damaged(self._record(run_id), f"its 'id' is not that of its folder, {run_id}")
        return record

    def change_tags(
        self, run_id: int, change: Callable[[JsonObject], Mapping[str, object]]
    ) -> None:
        """Change the tags of a run; nothing that others change at the same time is lost.

        Args:
            run_id: The run.
            change: Makes of the record as it is, tags included, its new tags. Called again when somebody
                else was faster.

        Raises:
            NotFoundError: There is no such run.
            StoreError: Its files are damaged or cannot be written.
        """
        record = self._as_written(run_id)
        self._tags(record, run_id).change(lambda tags: dict(change({**record, "tags": tags})))

    def _tags(self, record: JsonObject, run_id: int) -> Revisions:
        tags = record.get("tags")
        return Revisions(self.folder(run_id), "tags", tags if isinstance(tags, dict) else None)

    def request_cancel(self, run_id: int, request: JsonObject) -> None:
        """Ask whoever runs a run to end it; a second request changes nothing."""
        write_new(self._cancel(run_id), request)

    def cancel_request(self, run_id: int) -> JsonObject | None:
        """Return the request to end a run; None when nobody has asked for it.

        Raises:
            StoreError: It is damaged or cannot be read.
        """
        try:
            return read_json(self._cancel(run_id))
        except NotFoundError:
            return None

    def open_notes(self, run_id: int) -> int:
        """Open the file for what the process that runs a detached run has to say.

        Returns:
            A descriptor, which is the caller's.
        """
        path = self.folder(run_id) / "supervisor.log"
        with translating(path):
            return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, FILE_MODE)

    def samples(self, run_id: int) -> JsonObject | None:
        """Return what a run used over time; None when that was not written.

        Raises:
            NotFoundError: There is no such run.
            StoreError: The file is damaged or cannot be read.
        """
        self.get(run_id)
        try:
            return read_json(self._samples(run_id))
        except NotFoundError:
            return None

    def ids(self) -> list[int]:
        """Return the runs that have a folder, newest first; some may have no record (yet)."""
        self._home.check()
        present, deleted = self._scan()
        return sorted(present - deleted, reverse=True)

    def records(self) -> Iterator[JsonObject]:
        """Read the records one by one, newest first, passing over missing and damaged ones."""
        for run_id in self.ids():
            record = self._readable(run_id)
            if record is not None:
                yield record

    def delete(self, run_id: int) -> None:
        """Remove a run with all its files; its number is not used again.

        Raises:
            NotFoundError: There is no such run.
        """
        folder = self.folder(run_id)
        with translating(folder):
            is_folder = folder.is_dir()
        # The mark comes first: killed between the two, the run is deleted all the same.
        if run_id < 1 or not is_folder or not mark(self._mark(run_id)):
            raise _not_found(run_id)
        remove_tree(folder)

    def _record(self, run_id: int) -> Path:
        return self.folder(run_id) / "run.json"

    def _cancel(self, run_id: int) -> Path:
        return self.folder(run_id) / "cancel.json"

    def _samples(self, run_id: int) -> Path:
        return self.folder(run_id) / "samples.json"

    def _mark(self, run_id: int) -> Path:
        return self._home.runs_dir / f"{run_id}~deleted"

    def _scan(self) -> tuple[set[int], set[int]]:
        """Return the numbers that have a folder, and those that were deleted."""
        present: set[int] = set()
        deleted: set[int] = set()
        for entry in folder_names(self._home.runs_dir):
            match = _ENTRY.fullmatch(entry)
            if match:
                (deleted if match[2] else present).add(int(match[1]))
        return present, deleted

    def _readable(self, run_id: int) -> JsonObject | None:
        try:
            return self.get(run_id)
        except NotFoundError:  # just starting, or its owner died on the way
            return None
        except StoreError as exc:
            self._warn(str(exc))
            return None

    def _claim(self, run_id: int) -> bool:
        folder = self.folder(run_id)
        if not make_folder(folder):
            return False
        # Reading a folder is no snapshot: when this run was deleted during our scan, we can have
        # seen neither its folder nor its mark. And where somebody removed folders by hand, something
        # may be left of an older run of this number.
        remains = self._home.running_dir / f"{run_id}.json"
        if is_there(self._mark(run_id)) or is_there(remains):
            remove_tree(folder)
            return False
        return True

    # Last, since below it the name in an annotation would be the method.
    def list(self, limit: int | None = None) -> list[JsonObject]:
        """Return the records of the newest runs, newest first, no more than `limit`."""
        return [*islice(self.records(), limit)]


def _not_found(run_id: int) -> NotFoundError:
    return NotFoundError(
        f"The run '{run_id}' was not found", "See what there is with 'tyger-local run list'"
    )
