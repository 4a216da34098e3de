"""Codespecs by name and version.

There is no lock and no index. A version is claimed by linking its file to its final name; whoever
loses looks again and compares with what is the latest then. So concurrent creates are exact, and a
process killed at any moment leaves nothing that another would have to wait for or repair.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import islice

from tyger_local.errors import NotFoundError, StoreError, TygerLocalError
from tyger_local.store.files import JsonObject, damaged, folder_names, make_folder
from tyger_local.store.home import Home
from tyger_local.store.versions import VersionFolder, bare, numbered

Same = Callable[[JsonObject, JsonObject], bool]
Nearest = Callable[[str, Iterable[str]], "str | None"]

_NAME = re.compile(r"[a-z0-9._-]{1,200}")
# Losing means that another process made progress, so this many losses in a row do not happen:
# something that is no version is in the way.
_MAX_TRIES = 1_000
_MANY = 500


def is_name(text: str) -> bool:
    """Whether `text` can be a codespec's name; only such a name ever becomes a path."""
    return _NAME.fullmatch(text) is not None and text not in {".", ".."}


class CodespecStore:
    """The codespecs of one store.

    Args:
        home: The store.
        warn: Is told, in a sentence, of each damaged file that was met and passed over.
        nearest: Returns that of the given names which is close to a name, None when none is.
    """

    def __init__(self, home: Home, warn: Callable[[str], None], nearest: Nearest) -> None:
        self._home = home
        self._warn = warn
        self._nearest = nearest

    def create(
        self, name: str, document: JsonObject, same: Same, created_at: Callable[[], str]
    ) -> tuple[int, bool]:
        """Store `document` as the next version of `name`, unless it is the same as the latest.

        Args:
            name: The codespec's name.
            document: The codespec; a name, version or time of creation in it counts for nothing.
            same: Whether a stored and the new document are the same codespec; both come without
                name, version and time of creation. A stored one that it cannot make sense of
                (``ValueError`` or an error of ours) is damaged.
            created_at: Gives the time of creation, when it is needed.

        Returns:
            The version, and whether it was created now.
        """
        if not is_name(name):
            raise StoreError(f"The codespec '{name}' cannot be stored: that is no codespec name")
        self._home.ensure()
        make_folder(self._home.codespecs_dir)
        folder = self._folder(name)
        make_folder(folder.path)
        folder.tidy()
        numbers = folder.numbers()
        for _ in range(_MAX_TRIES):
            equal, complaint = _same_as_latest(folder, numbers.newest_first, document, same)
            if equal is not None:
                return equal, False
            if folder.add(numbers.next, numbered(name, numbers.next, created_at(), document)):
                if complaint:
                    self._warn(complaint)
                return numbers.next, True
            numbers = folder.numbers()
        raise StoreError(
            f"No version can be added to '{folder.path}': number {numbers.next} is taken",
            "Remove from that folder what is not tyger-local's",
        )

    def get(self, name: str, version: int | None = None) -> JsonObject:
        """Return `version` of the codespec `name`, without one the latest.

        Raises:
            NotFoundError: There is no such codespec or version.
            StoreError: Its file is damaged or cannot be read.
        """
        versions = self.versions(name)
        folder = self._folder(name)
        number = versions[0] if version is None else version
        if number not in versions:
            raise _no_version(name, number, versions[0])
        try:
            return folder.read(number)
        except NotFoundError:  # deleted since we looked
            return self.get(name, version)
        except StoreError as exc:
            if version is not None:
                raise
            raise _with_way_out(exc, folder, versions[1:]) from exc

    def delete(self, name: str, version: int | None = None) -> list[int]:
        """Delete `version` of the codespec `name`, without one all versions, for good.

        Returns:
            The deleted versions, oldest first.

        Raises:
            NotFoundError: There is no such codespec or version.
        """
        versions = self.versions(name)
        folder = self._folder(name)
        if version is not None and version not in versions:
            raise _no_version(name, version, versions[0])
        targets = versions if version is None else [version]
        deleted = [number for number in sorted(targets) if folder.delete(number)]
        folder.tidy()
        return deleted or self.delete(name, version)  # all gone since we looked: look again

    def names(self, prefix: str) -> list[str]:
        """Return the names that begin with `prefix`, in byte order.

        Where they are many, those of which all versions were deleted are among them: to know takes a look
        into the folder of each.
        """
        names = sorted(e for e in self._entries() if e.startswith(prefix) and is_name(e))
        if len(names) > _MANY:
            return names
        return [name for name in names if self._folder(name).numbers().newest_first]

    def _folder(self, name: str) -> VersionFolder:
        return VersionFolder(self._home.codespecs_dir / name, name)

    def _entries(self) -> list[str]:
        self._home.check()
        return folder_names(self._home.codespecs_dir)

    def versions(self, name: str) -> list[int]:
        """Return the versions of `name`, newest first and at least one.

        Raises:
            NotFoundError: There is no such codespec.
        """
        versions = self._folder(name).numbers().newest_first if is_name(name) else []
        if not versions:
            raise self._no_codespec(name)
        return versions

    def _latest_readable(self, name: str) -> JsonObject | None:
        folder = self._folder(name)
        try:
            versions = folder.numbers().newest_first
        except StoreError as exc:
            self._warn(str(exc))
            return None
        return folder.newest_readable(versions, self._warn)

    def _no_codespec(self, name: str) -> NotFoundError:
        names = {entry for entry in self._entries() if is_name(entry)} - {name}
        near = self._nearest(name, names)
        while near is not None and not self._folder(near).numbers().newest_first:
            names.discard(near)  # its versions were deleted: nothing to point at
            near = self._nearest(name, names)
        hint = f"Did you mean '{near}'?" if near is not None else ""
        return NotFoundError(
            f"The codespec '{name}' was not found",
            hint or "See what there is with 'tyger-local codespec list'",
        )

    # Last, since below it the name in an annotation would be the method.
    def list(self, prefix: str = "", limit: int | None = None) -> list[JsonObject]:
        """Return the latest version of each codespec, by name in byte order.

        Args:
            prefix: What the names begin with, to the letter.
            limit: Return no more than this many.
        """
        names = sorted(name for name in self._entries() if name.startswith(prefix))
        latest = (self._latest_readable(name) for name in names if is_name(name))
        return [*islice((document for document in latest if document is not None), limit)]


def _no_version(name: str, version: int, latest: int) -> NotFoundError:
    return NotFoundError(
        f"The version '{version}' of codespec '{name}' was not found",
        f"The latest version is '{latest}'",
    )


def _with_way_out(
    damage: StoreError, folder: VersionFolder, older_versions: list[int]
) -> StoreError:
    older = folder.newest_readable(older_versions, lambda _: None)
    if older is None:
        return damage
    hint = f"Use --version {older['version']}, the newest that can be read, or repair or delete it"
    return StoreError(damage.what, hint)


def _same_as_latest(
    folder: VersionFolder, newest_first: list[int], document: JsonObject, same: Same
) -> tuple[int | None, str]:
    """Return the latest version if `document` is the same, and a complaint if it is damaged."""
    for number in newest_first:
        try:
            stored = folder.read(number)
        except NotFoundError:  # deleted since we looked, which makes the next the latest
            continue
        except StoreError as exc:
            return None, str(exc)
        try:
            return (number if same(bare(stored), bare(document)) else None), ""
        except (TygerLocalError, ValueError) as exc:
            return None, str(damaged(folder.file(number), str(exc)))
    return None, ""
