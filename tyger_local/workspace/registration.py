"""A run's entry among those of which something may be left."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import final

from tyger_local.errors import StoreError
from tyger_local.runner.remains import Remains
from tyger_local.store.running import RunningStore
from tyger_local.streams.leftovers import is_folder, is_temporary


@final
class Registration:
    """Written before anything of the run is made; removed at the end of the block if nothing is left.

    Else the entry says that the run is over, so that the next sweep sees to it even while we live.

    Args:
        store: Where it is written.
        remains: What may be left.

    Raises:
        StoreError: The store cannot be written.
    """

    def __init__(self, store: RunningStore, remains: Remains) -> None:
        self._store = store
        self._remains = remains
        self._is_clean = True
        self._is_withdrawn = False
        store.write(remains.run_id, remains.document())

    def note_left(self) -> None:
        """Take note that something could not be removed or written."""
        self._is_clean = False

    def __enter__(self) -> Registration:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._is_withdrawn:
            return  # the number may be somebody else's by now
        remains = self._remains
        with suppress(StoreError):  # then this process, once dead, is found to have been the owner
            if kind is None and self._is_clean and not _is_something_there(remains):
                self._store.remove(remains.run_id)
            elif self._store.get(remains.run_id) is not None:
                self._store.write(remains.run_id, replace(remains, is_over=True).document())

    def withdraw(self) -> None:
        """Remove the entry of a run that comes to nothing."""
        self._is_withdrawn = True
        self._store.remove(self._remains.run_id)


def _is_something_there(remains: Remains) -> bool:
    return any(map(is_folder, remains.folders)) or any(
        is_temporary(file.temporary) for file in remains.files
    )
