"""A small document that changes without a lock: `<stem>.1.json`, `<stem>.2.json`, …; the highest holds.

A change is written as the next number, which a hard link claims: whoever loses reads again and changes what
is there then. So no change is lost among several who make one, and a process killed at any moment leaves
nothing that another would have to wait for or repair. Weighed and left: a lock file (a killed process leaves
it), ``flock`` (some network file systems have none), replacing one file (the later of two changes wins).

Old numbers are removed, and not at once: a number that is given again would hide that somebody was too late.
Number n is removed only by whoever has written n + `KEPT` or a later one. So who claims n, and then finds
none as high as that, was the first to claim it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from tyger_local.errors import NotFoundError, StoreError
from tyger_local.store.files import (
    JsonObject,
    folder_names,
    read_json,
    remove_file,
    write_new,
)

KEPT = 8
"""How many older documents are left; people may find them useful too."""

# Losing means that somebody else made progress, so this many losses in a row do not happen.
_MAX_TRIES = 1_000


class Revisions:
    """A document in `folder`, of which each change is a file.

    Args:
        folder: Must exist before something is written.
        stem: What the names of the files begin with; letters only.
        before: What holds before anybody has changed it.
    """

    def __init__(self, folder: Path, stem: str, before: JsonObject | None = None) -> None:
        self._folder = folder
        self._stem = stem
        self._before = before or {}
        self._entry = re.compile(rf"{stem}\.([1-9][0-9]{{0,17}})\.json")

    def file(self, number: int) -> Path:
        """Return where revision `number` is stored."""
        return self._folder / f"{self._stem}.{number}.json"

    def read(self) -> tuple[int, JsonObject]:
        """Return the number of the latest revision and its document; else 0 and what holds before.

        Raises:
            StoreError: It is damaged or cannot be read.
        """
        while numbers := self._numbers():
            latest = max(numbers)
            try:
                return latest, read_json(self.file(latest))
            except NotFoundError:  # removed since we looked: there are later ones
                continue
        return 0, dict(self._before)

    def write(self, number: int, document: JsonObject) -> bool:
        """Write revision `number`, one above what was read; False when somebody else has.

        False may also come, of a revision that was written, where so many others followed it at once that
        nobody can tell any more; so a change should be one that may be made twice.

        Raises:
            StoreError: It cannot be written; there may be no such folder any more.
        """
        if not write_new(self.file(number), document):
            return False
        numbers = self._numbers()
        is_late = max(numbers, default=number) >= number + KEPT
        for old in numbers:
            if old <= number - KEPT or (is_late and old == number):
                remove_file(self.file(old))
        return not is_late

    def change(self, change: Callable[[JsonObject], JsonObject]) -> JsonObject:
        """Write what `change` makes of the latest document, and return it.

        Args:
            change: Is called again with a later document when somebody else was faster. It returns a new
                document, or an equal one when there is nothing to change; what it raises is passed on.

        Raises:
            StoreError: The latest document is damaged, or the next cannot be written.
        """
        for _ in range(_MAX_TRIES):
            number, document = self.read()
            changed = change(document)
            if changed == document or self.write(number + 1, changed):
                return changed
        raise StoreError(
            f"'{self._folder}' cannot be changed: '{self._stem}' is written all the time",
            "Stop what writes it, or remove from that folder what is not tyger-local's",
        )

    def latest(self) -> int:
        """Return the number of the latest revision, which may be damaged; 0 when there is none."""
        return max(self._numbers(), default=0)

    def override(self, document: JsonObject) -> None:
        """Write `document`, whatever the latest revision holds; what others write meanwhile is lost.

        Raises:
            StoreError: It cannot be written.
        """
        while not self.write(self.latest() + 1, document):
            pass  # somebody else made progress

    def _numbers(self) -> list[int]:
        found = (self._entry.fullmatch(name) for name in folder_names(self._folder))
        return [int(match[1]) for match in found if match]
