"""Runs of which something may be left: who runs them, and where to look.

``running/<id>.json`` is written before the first thing of a run is made, and removed when the last is
gone. So whatever dead processes left is found by listing one small folder, however many runs there were.

Numbers are never given again once somebody may have judged their owner dead: several may be cleaning up
after one run, and the slowest of them must not meet a new run of the same number.
"""

from __future__ import annotations

import re
from pathlib import Path

from tyger_local.errors import NotFoundError
from tyger_local.store.files import (
    JsonObject,
    folder_names,
    make_folder,
    read_json,
    replace,
    translating,
)
from tyger_local.store.home import Home

_ENTRY = re.compile(r"([1-9][0-9]{0,17})\.json")


class RunningStore:
    """The runs of one store of which something may be left."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def write(self, run_id: int, document: JsonObject) -> None:
        """Write down what may be left of a run, in the place of what was there."""
        self._home.ensure()
        make_folder(self._home.running_dir)
        replace(self._path(run_id), document)

    def get(self, run_id: int) -> JsonObject | None:
        """Return what may be left of a run; None when nothing is.

        Raises:
            StoreError: The file is damaged or cannot be read.
        """
        try:
            return read_json(self._path(run_id))
        except NotFoundError:
            return None

    def ids(self) -> list[int]:
        """Return the runs of which something may be left, oldest first."""
        found = (_ENTRY.fullmatch(name) for name in folder_names(self._home.running_dir))
        return sorted(int(match[1]) for match in found if match)

    def remove(self, run_id: int) -> None:
        """Note that nothing is left of a run; somebody may have done so before."""
        # Not synced: what a crash of the machine brings back is found to be gone, and removed again.
        path = self._path(run_id)
        with translating(path):
            path.unlink(missing_ok=True)

    def _path(self, run_id: int) -> Path:
        return self._home.running_dir / f"{run_id}.json"
