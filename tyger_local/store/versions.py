"""One codespec's folder: which versions there are, and reading, adding and deleting one.

``<version>.json`` is a version and ``<version>~deleted`` says that the number was used: what has
both is deleted, whatever a killed process left undone. Anything else in the folder is not ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tyger_local.errors import NotFoundError, StoreError
from tyger_local.store.files import (
    JsonObject,
    damaged,
    folder_names,
    is_there,
    mark,
    read_json,
    remove_file,
    write_new,
)

SYSTEM_FIELDS = ("name", "version", "createdAt")

# Nine digits fit the cluster's 32 bits.
_HIGHEST = 999_999_999
_ENTRY = re.compile(r"([1-9][0-9]{0,8})(\.json|~deleted)")


@dataclass(frozen=True)
class Numbers:
    """The version numbers of one codespec.

    Args:
        stored: Those with a file.
        deleted: Those with a mark that they were deleted.
    """

    stored: frozenset[int]
    deleted: frozenset[int]

    @property
    def newest_first(self) -> list[int]:
        """The versions that exist."""
        return sorted(self.stored - self.deleted, reverse=True)

    @property
    def next(self) -> int:
        """The number that was never used."""
        return max(self.stored | self.deleted, default=0) + 1


@dataclass(frozen=True)
class VersionFolder:
    """The folder `path` with the versions of the codespec `name`."""

    path: Path
    name: str

    def file(self, number: int) -> Path:
        """Return where version `number` is stored."""
        return self.path / f"{number}.json"

    def numbers(self) -> Numbers:
        """Return the version numbers in the folder; none when there is no such folder."""
        found: dict[str, set[int]] = {".json": set(), "~deleted": set()}
        for entry in folder_names(self.path):
            match = _ENTRY.fullmatch(entry)
            if match:
                found[match[2]].add(int(match[1]))
        return Numbers(frozenset(found[".json"]), frozenset(found["~deleted"]))

    def read(self, number: int) -> JsonObject:
        """Return the document of version `number`.

        Raises:
            NotFoundError: The file is gone.
            StoreError: It cannot be read, or is not this version of this codespec.
        """
        document = read_json(self.file(number))
        fault = self._fault(document, number)
        if fault:
            raise damaged(self.file(number), fault)
        return document

    def newest_readable(
        self, newest_first: list[int], warn: Callable[[str], None]
    ) -> JsonObject | None:
        """Return the first of the versions that can be read, and `warn` of those before it."""
        documents = (self._readable(number, warn) for number in newest_first)
        return next((document for document in documents if document is not None), None)

    def add(self, number: int, document: JsonObject) -> bool:
        """Store `document` as version `number`; False when the number was taken meanwhile."""
        if number > _HIGHEST:
            raise StoreError(f"The codespec '{self.name}' has no version numbers left")
        if not write_new(self.file(number), document):
            return False
        # Reading a folder is no snapshot: when this number was deleted during our scan, we can
        # have seen neither its file nor its mark.
        if is_there(self._mark(number)):
            remove_file(self.file(number))
            return False
        return True

    def delete(self, number: int) -> bool:
        """Delete version `number` for good; False when someone else has."""
        # The mark comes first: killed between the two, the version is deleted all the same.
        first = mark(self._mark(number))
        remove_file(self.file(number))
        return first

    def tidy(self) -> None:
        """Remove the files of deleted versions that a killed process left."""
        numbers = self.numbers()
        for number in numbers.stored & numbers.deleted:
            remove_file(self.file(number))

    def _mark(self, number: int) -> Path:
        return self.path / f"{number}~deleted"

    def _readable(self, number: int, warn: Callable[[str], None]) -> JsonObject | None:
        try:
            return self.read(number)
        except NotFoundError:  # deleted since we looked
            return None
        except StoreError as exc:
            warn(str(exc))
            return None

    def _fault(self, document: JsonObject, number: int) -> str:
        if document.get("name") != self.name:
            return f"its 'name' is not that of its folder, '{self.name}'"
        version = document.get("version")
        if type(version) is not int or version != number:
            return f"its 'version' is not that of its file name, {number}"
        for field in ("kind", "image"):
            if not isinstance(document.get(field), str):
                return f"it has no '{field}'"
        return ""


def numbered(name: str, version: int, created_at: str, document: JsonObject) -> JsonObject:
    """Return `document` with the store's fields, placed after ``kind``."""
    own = {"kind": document["kind"], "name": name, "version": version, "createdAt": created_at}
    return own | {key: value for key, value in document.items() if key not in own}


def bare(document: JsonObject) -> JsonObject:
    """Return `document` without the fields that the store sets."""
    return {key: value for key, value in document.items() if key not in SYSTEM_FIELDS}
