"""How buffers are shown, hidden, brought back and removed for good."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace

from tyger_local.errors import NotFoundError, StateError, StoreError
from tyger_local.outcome.etag import etag
from tyger_local.store.buffers import BufferStore, StoredBuffer
from tyger_local.store.home import Home
from tyger_local.store.writing import Contents, buffer_not_found
from tyger_local.workspace.clock import now
from tyger_local.workspace.owner import is_alive, owner_in

JsonObject = dict[str, object]
LOCATION = "local"


class KeptBuffers:
    """The buffers of a workspace, without their bytes.

    Args:
        home: The store.
        warn: Is told what is wrong but no error.
    """

    def __init__(self, home: Home, warn: Callable[[str], None]) -> None:
        self._store = buffer_store(home, warn)
        self._warn = warn

    def delete(self, buffer_id: str) -> JsonObject:
        """Soft-delete a buffer: hide it, and keep its bytes.

        Raises:
            NotFoundError: There is no such buffer.
            StateError: It is soft-deleted already.
        """

        def change(old: StoredBuffer) -> StoredBuffer:
            if old.is_soft_deleted(now()):
                raise StateError(
                    "Buffer is already soft-deleted",
                    f"'tyger-local buffer purge {old.id}' removes it for good",
                )
            return replace(old, deleted_at=now(), expires_at=None)

        return self._shown(self._store.change(buffer_id, change))

    def restore(self, buffer_id: str) -> JsonObject:
        """Take back the soft deletion of a buffer; it does not expire any more.

        Raises:
            NotFoundError: There is no such buffer.
            StateError: It is not soft-deleted.
        """

        def change(old: StoredBuffer) -> StoredBuffer:
            self._check_soft_deleted(old)
            return replace(old, deleted_at=None, expires_at=None)

        return self._shown(self._store.change(buffer_id, change))

    def purge(self, buffer_id: str) -> JsonObject:
        """Remove a soft-deleted buffer and its bytes for good; return what it was.

        Raises:
            NotFoundError: There is no such buffer.
            StateError: It is not soft-deleted, or is being written.
        """
        buffer = self._store.get(buffer_id)
        self._check_soft_deleted(buffer)
        if self._store.data(buffer_id).contents is Contents.WRITING:
            raise StateError(
                f"the buffer '{buffer_id}' is being written and cannot be purged",
                "wait for the end of what writes it, or end that first",
            )
        shown = self._shown(buffer)
        self._store.purge(buffer_id)
        return shown

    def take_back(self, buffer_id: str) -> None:
        """Remove a buffer that nobody has heard of yet; only for who made it."""
        with suppress(NotFoundError, StoreError):
            self._store.purge(buffer_id)

    def tidy(self) -> None:
        """Remove what killed processes left that were purging."""
        self._store.tidy()

    def _check_soft_deleted(self, buffer: StoredBuffer) -> None:
        if not buffer.is_soft_deleted(now()):
            raise StateError(
                "Buffer is not soft-deleted", f"see 'tyger-local buffer show {buffer.id}'"
            )

    def _seen(self, buffer: StoredBuffer, *, soft_deleted: bool = False) -> StoredBuffer:
        """Return `buffer` if it is (not) soft-deleted as it should be.

        Raises:
            NotFoundError: It is the other way round.
        """
        if buffer.is_soft_deleted(now()) is soft_deleted:
            return buffer
        hint = (
            "It is not soft-deleted: leave --soft-deleted out"
            if soft_deleted
            else f"It is soft-deleted: 'tyger-local buffer restore {buffer.id}' brings it back"
        )
        raise buffer_not_found(buffer.id, hint)

    def _shown(self, buffer: StoredBuffer) -> JsonObject:
        data = self._store.data(buffer.id)
        document: JsonObject = {
            "id": buffer.id,
            "createdAt": buffer.created_at,
            "location": LOCATION,
            "tags": dict(buffer.tags) or None,
            "eTag": etag_of(buffer),
            "expiresAt": buffer.expires_at,
            "state": data.contents.value,
            "bytes": data.size_bytes,
            "sha256": data.end.get("sha256"),
        }
        return {name: value for name, value in document.items() if value is not None}


def buffer_store(home: Home, warn: Callable[[str], None]) -> BufferStore:
    """Return the store of buffers, which knows by their labels whether writers live."""
    return BufferStore(home, warn, _is_writer_alive)


def etag_of(buffer: StoredBuffer) -> str:
    """Return what changes with everything about a buffer that may change."""
    return etag([buffer.id, dict(buffer.tags), buffer.expires_at, buffer.deleted_at])


def _is_writer_alive(labels: Mapping[str, str]) -> bool | None:
    owner = owner_in(labels)
    return None if owner is None else is_alive(owner)
