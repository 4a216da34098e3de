"""Buffers: bytes that are written once, with what is known of them beside them.

``buffers/<id>/`` holds ``buffer.json``, written when the buffer is made and never changed; `Revisions` of
what may change (``properties.N.json``); and, once somebody writes it, ``writer.json`` (who), ``data`` (the
bytes, as they come) and ``end.json`` (how that ended). ``writer.json`` is what claims the buffer: it comes
with its content or not at all, so that a writer that is killed at any moment is known, and known to be dead.
"""

from __future__ import annotations

import base64
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from tyger_local.errors import DamagedError, NotFoundError, StoreError
from tyger_local.store.files import (
    STALE_AFTER_S,
    JsonObject,
    damaged,
    folder_names,
    make_folder,
    read_json,
    translating,
    write_new,
)
from tyger_local.store.home import Home
from tyger_local.store.revisions import Revisions
from tyger_local.store.trees import remove_tree
from tyger_local.store.writing import BufferData, Contents, IsAlive, buffer_not_found

ID_BYTES = 16
PURGED = "~purged"

_ID = re.compile(r"[a-z2-7]{26}")


@dataclass(frozen=True, slots=True)
class StoredBuffer:
    """A buffer without its bytes.

    Attributes:
        created_at: Like the other times in UTC, and as text in the order of time.
        run: The run that made it for itself.
        expires_at: From when on it counts as soft-deleted.
        deleted_at: When it was soft-deleted.
    """

    id: str
    created_at: str
    run: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    expires_at: str | None = None
    deleted_at: str | None = None

    def is_soft_deleted(self, now: str) -> bool:
        """Return whether it is hidden: soft-deleted or expired."""
        return self.deleted_at is not None or (
            self.expires_at is not None and self.expires_at <= now
        )


def is_buffer_id(text: str) -> bool:
    """Whether `text` can be a buffer's id; only such a text ever becomes a path."""
    return _ID.fullmatch(text) is not None


def new_buffer_id() -> str:
    """Return an id that no buffer has."""
    return base64.b32encode(os.urandom(ID_BYTES)).decode().rstrip("=").lower()


class BufferStore:
    """The buffers of one store.

    Args:
        home: The store.
        warn: Is told, in a sentence, of each damaged buffer that was met and passed over.
        is_alive: Tells, by the labels of an owner, whether a writer lives; None when they tell none.
    """

    def __init__(
        self,
        home: Home,
        warn: Callable[[str], None],
        is_alive: IsAlive,
    ) -> None:
        self._home = home
        self._warn = warn
        self._is_alive = is_alive

    def create(self, buffer: StoredBuffer) -> None:
        """Store a new buffer."""
        self._home.ensure()
        make_folder(self._home.buffers_dir)
        folder = self._folder(buffer.id)
        if not make_folder(folder):
            raise StoreError(f"The buffer '{buffer.id}' exists already")
        self._properties(buffer.id).write(1, _properties(buffer))
        document: JsonObject = {"id": buffer.id, "createdAt": buffer.created_at}
        if buffer.run is not None:
            document["run"] = buffer.run
        write_new(folder / "buffer.json", document)  # last: with it there is a buffer

    def get(self, buffer_id: str) -> StoredBuffer:
        """Return a buffer, soft-deleted or not.

        Raises:
            NotFoundError: There is no such buffer.
            StoreError: It is damaged or cannot be read.
        """
        fixed = self._fixed(buffer_id)
        properties = self._properties(buffer_id)
        number, document = properties.read()
        return _with_properties(fixed, document, properties.file(number))

    def newest_first(self, prefix: str = "") -> Iterator[StoredBuffer]:
        """Read the buffers one by one, passing over what is damaged.

        Args:
            prefix: Only those whose ids begin with it.
        """
        self._home.check()
        names = filter(is_buffer_id, folder_names(self._home.buffers_dir))
        fitting = (name for name in names if name.startswith(prefix))
        fixed = [one for name in fitting if (one := self._readable(self._fixed, name))]
        for one in sorted(fixed, key=lambda one: (one.created_at, one.id), reverse=True):
            whole = self._readable(self.get, one.id)
            if whole is not None:
                yield whole

    def change(
        self, buffer_id: str, change: Callable[[StoredBuffer], StoredBuffer]
    ) -> StoredBuffer:
        """Store what `change` makes of a buffer's tags, expiry and deletion, and return the buffer.

        Args:
            buffer_id: The buffer.
            change: Is called again when somebody else was faster; what it raises is passed on.

        Raises:
            NotFoundError: There is no such buffer.
            StoreError: It is damaged, or cannot be written.
        """
        fixed = self._fixed(buffer_id)
        properties = self._properties(buffer_id)

        def changed(document: JsonObject) -> JsonObject:
            path = properties.file(properties.latest())
            return _properties(change(_with_properties(fixed, document, path)))

        try:
            document = properties.change(changed)
        except StoreError:
            self._fixed(buffer_id)  # purged meanwhile: that is what to tell
            raise
        return _with_properties(fixed, document, properties.file(0))

    def override(self, buffer: StoredBuffer) -> None:
        """Store tags, expiry and deletion of a buffer whose own are damaged.

        Raises:
            StoreError: It cannot be written.
        """
        self._properties(buffer.id).override(_properties(buffer))

    def without_properties(self, buffer_id: str) -> StoredBuffer:
        """Return what never changes of a buffer; its tags, expiry and deletion are left out.

        Raises:
            NotFoundError: There is no such buffer.
            StoreError: It is damaged or cannot be read.
        """
        return self._fixed(buffer_id)

    def is_written(self, buffer_id: str) -> bool:
        """Return whether somebody writes a buffer now, as far as damaged files tell."""
        try:
            contents = BufferData(self._folder(buffer_id), self._is_alive).contents
        except DamagedError:
            return False
        return contents is Contents.WRITING

    def data(self, buffer_id: str) -> BufferData:
        """Return the bytes of a buffer.

        Raises:
            NotFoundError: There is no such buffer.
            StoreError: It is damaged.
        """
        self._fixed(buffer_id)
        return BufferData(self._folder(buffer_id), self._is_alive)

    def purge(self, buffer_id: str) -> None:
        """Remove a buffer and its bytes for good, be it damaged or not.

        Raises:
            NotFoundError: There is no such buffer, or somebody else was faster.
        """
        folder = self._folder(buffer_id)
        with suppress(DamagedError):
            self._fixed(buffer_id)
        gone = folder.with_name(f"{buffer_id}{PURGED}")
        with translating(folder):
            try:
                folder.rename(gone)  # at once, for whoever looks meanwhile
            except FileNotFoundError as error:
                raise buffer_not_found(buffer_id) from error
        remove_tree(gone)

    def tidy(self) -> None:
        """Remove what killed processes left that were purging a buffer, or making one more than a day ago."""
        for name in folder_names(self._home.buffers_dir):
            folder = self._home.buffers_dir / name
            is_purged = name.endswith(PURGED) and is_buffer_id(name.removesuffix(PURGED))
            if is_purged or (is_buffer_id(name) and _is_unfinished(folder)):
                remove_tree(folder)

    def _properties(self, buffer_id: str) -> Revisions:
        return Revisions(self._folder(buffer_id), "properties")

    def _folder(self, buffer_id: str) -> Path:
        return self._home.buffers_dir / buffer_id

    def _fixed(self, buffer_id: str) -> StoredBuffer:
        if not is_buffer_id(buffer_id):
            raise buffer_not_found(buffer_id)
        path = self._folder(buffer_id) / "buffer.json"
        try:
            document = read_json(path)
        except NotFoundError as error:
            raise buffer_not_found(buffer_id) from error
        created_at, run = document.get("createdAt"), document.get("run")
        if document.get("id") != buffer_id:
            raise damaged(path, f"its 'id' is not that of its folder, '{buffer_id}'")
        if not isinstance(created_at, str) or not isinstance(run, (int, type(None))):
            raise damaged(path, "its 'createdAt' or 'run' makes no sense")
        return StoredBuffer(buffer_id, created_at, run)

    def _readable(self, read: Callable[[str], StoredBuffer], buffer_id: str) -> StoredBuffer | None:
        try:
            return read(buffer_id)
        except NotFoundError:  # being made, purged since we looked, or its maker died on the way
            return None
        except StoreError as error:
            self._warn(str(error))
            return None


def _is_unfinished(folder: Path) -> bool:
    """Return whether a folder has never become a buffer's, and nobody can be at it any more."""
    newest = time.time() - STALE_AFTER_S
    with translating(folder), suppress(FileNotFoundError):
        return folder.stat().st_mtime < newest and not os.path.lexists(folder / "buffer.json")
    return False


def _properties(buffer: StoredBuffer) -> JsonObject:
    values: JsonObject = {
        "tags": dict(buffer.tags),
        "expiresAt": buffer.expires_at,
        "deletedAt": buffer.deleted_at,
    }
    return {name: value for name, value in values.items() if value is not None}


def _with_properties(fixed: StoredBuffer, document: JsonObject, path: Path) -> StoredBuffer:
    tags = document.get("tags", {})
    expires_at, deleted_at = document.get("expiresAt"), document.get("deletedAt")
    if not isinstance(tags, dict) or not all(isinstance(text, str) for text in tags.values()):
        raise damaged(path, "its 'tags' are no texts by name")
    if not isinstance(expires_at, (str, type(None))):
        raise damaged(path, "its 'expiresAt' is no time")
    if not isinstance(deleted_at, (str, type(None))):
        raise damaged(path, "its 'deletedAt' is no time")
    return replace(fixed, tags=tags, expires_at=expires_at, deleted_at=deleted_at)
