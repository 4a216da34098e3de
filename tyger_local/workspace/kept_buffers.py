"""How buffers are shown, hidden, brought back and removed for good."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace

from tyger_local.errors import DamagedError, NotFoundError, StateError, StoreError
from tyger_local.outcome.etag import etag
from tyger_local.store.buffers import BufferStore, StoredBuffer
from tyger_local.store.home import Home
from tyger_local.store.writing import buffer_not_found
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

    def delete(self, buffer_id: str, *, force: bool = False) -> JsonObject:
        """Soft-delete a buffer: hide it, and keep its bytes.

        Args:
            buffer_id: The buffer.
            force: Also one whose tags are damaged; they are lost then.

        Raises:
            NotFoundError: There is no such buffer.
            StateError: It is soft-deleted already.
            DamagedError: It is damaged, and not to be deleted like that.
        """

        def change(old: StoredBuffer) -> StoredBuffer:
            if old.is_soft_deleted(now()):
                raise StateError(
                    "Buffer is already soft-deleted",
                    f"'tyger-local buffer purge {old.id}' removes it for good",
                )
            return replace(old, deleted_at=now(), expires_at=None)

        try:
            return self._deleted(self._store.change(buffer_id, change))
        except DamagedError as error:
            return self._deleted(self._without_tags(buffer_id, error, force=force))

    def _without_tags(self, buffer_id: str, error: DamagedError, *, force: bool) -> StoredBuffer:
        """Soft-delete a buffer whose tags are damaged."""
        try:
            fixed = self._store.without_properties(buffer_id)
        except DamagedError as worse:
            raise _damaged(worse, buffer_id) from worse
        if not force:
            hint = f"repair that file, or lose its tags with 'tyger-local buffer delete --force {buffer_id}'"
            raise DamagedError(error.what, hint) from error
        deleted = replace(fixed, deleted_at=now())
        self._store.override(deleted)
        return deleted

    def _deleted(self, buffer: StoredBuffer) -> JsonObject:
        """Return a buffer as it is shown; that its bytes are damaged comes too late to be an error."""
        try:
            return self._shown(buffer)
        except DamagedError as error:
            self._warn(str(error))
            return self._known(buffer)

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

    def purge(self, buffer_id: str, *, force: bool = False) -> JsonObject:
        """Remove a soft-deleted buffer and its bytes for good; return what it was.

        Args:
            buffer_id: The buffer.
            force: Also one that is damaged, even if that hides whether it is soft-deleted.

        Raises:
            NotFoundError: There is no such buffer.
            StateError: It is not soft-deleted, or is being written.
            DamagedError: It is damaged, and not to be removed like that.
        """
        try:
            buffer = self._store.get(buffer_id)
            self._check_soft_deleted(buffer)
            shown = self._shown(buffer)
        except DamagedError as error:
            if not force:
                raise _damaged(error, buffer_id) from error
            shown = {"id": buffer_id}
        if self._store.is_written(buffer_id):
            raise StateError(
                f"the buffer '{buffer_id}' is being written and cannot be purged",
                "wait for the end of what writes it, or end that first",
            )
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
        bytes_of_it: JsonObject = {
            "state": data.contents.value,
            "bytes": data.size_bytes,
            "sha256": data.end.get("sha256"),
        }
        known = {name: value for name, value in bytes_of_it.items() if value is not None}
        return {**self._known(buffer), **known}

    def _known(self, buffer: StoredBuffer) -> JsonObject:
        """Return what is shown of a buffer without its bytes."""
        document: JsonObject = {
            "id": buffer.id,
            "createdAt": buffer.created_at,
            "location": LOCATION,
            "tags": dict(buffer.tags) or None,
            "eTag": etag_of(buffer),
            "expiresAt": buffer.expires_at,
        }
        return {name: value for name, value in document.items() if value is not None}


def buffer_store(home: Home, warn: Callable[[str], None]) -> BufferStore:
    """Return the store of buffers, which knows by their labels whether writers live."""
    return BufferStore(home, warn, _is_writer_alive)


def _damaged(error: DamagedError, buffer_id: str) -> DamagedError:
    return DamagedError(
        error.what,
        "repair that file, or remove the buffer with its bytes: "
        f"tyger-local buffer purge --force {buffer_id}",
    )


def etag_of(buffer: StoredBuffer) -> str:
    """Return what changes with everything about a buffer that may change."""
    return etag([buffer.id, dict(buffer.tags), buffer.expires_at, buffer.deleted_at])


def _is_writer_alive(labels: Mapping[str, str]) -> bool | None:
    owner = owner_in(labels)
    return None if owner is None else is_alive(owner)
