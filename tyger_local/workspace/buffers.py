"""Buffers: create, write, read, list, show, set; how they are deleted stands in `kept_buffers`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tyger_local.errors import NotFoundError, StateError, StoreError
from tyger_local.outcome.etag import is_met
from tyger_local.spec.place import Place
from tyger_local.spec.tags import check_tags, is_chosen
from tyger_local.spec.ttl import expires_at
from tyger_local.store.buffers import StoredBuffer, new_buffer_id
from tyger_local.store.writing import BufferData
from tyger_local.workspace.clock import now
from tyger_local.workspace.kept_buffers import KeptBuffers, etag_of

if TYPE_CHECKING:  # most calls move no bytes
    from tyger_local.workspace.buffer_bytes import End

JsonObject = dict[str, object]


class Buffers(KeptBuffers):
    """The buffers of a workspace.

    A buffer is written once and may be read while it is written. It is shown as a mapping with ``id``,
    ``createdAt``, ``location``, ``tags``, ``eTag`` and ``expiresAt`` as in Tyger, without those that are
    empty; then ``state`` (``empty``, ``writing``, ``complete``, ``failed``), how many ``bytes`` there are,
    and their ``sha256`` where it is known.

    Args:
        home: The store.
        warn: Is told what is wrong but no error.
    """

    def create(
        self, tags: Mapping[str, str] | None = None, ttl: str = "", *, run: int | None = None
    ) -> JsonObject:
        """Make an empty buffer.

        Args:
            tags: Keys with values, in letters, digits, ``_``, ``-`` and ``.``.
            ttl: After which time it is soft-deleted: ``D.HH:MM[:SS]``; empty means never.
            run: The run that makes it for itself.

        Raises:
            SpecError: The tags or the time are not allowed.
            StoreError: The store cannot be written.
        """
        check_tags(tags or {})
        made_at = now()
        expiry = expires_at(made_at, ttl, Place("--ttl"))
        buffer = StoredBuffer(new_buffer_id(), made_at, run, dict(tags or {}), expiry)
        self._store.create(buffer)
        return self._shown(buffer)

    def show(self, buffer_id: str, *, soft_deleted: bool = False) -> JsonObject:
        """Return a buffer.

        Args:
            buffer_id: The buffer.
            soft_deleted: Return a soft-deleted one instead of one that is not.

        Raises:
            NotFoundError: There is no such buffer.
            StoreError: It is damaged.
        """
        return self._shown(self._seen(self._store.get(buffer_id), soft_deleted=soft_deleted))

    def set(
        self,
        buffer_id: str,
        tags: Mapping[str, str] | None = None,
        *,
        clear_tags: bool = False,
        etag: str | None = None,
        ttl: str = "",
        soft_deleted: bool = False,
    ) -> JsonObject:
        """Change a buffer's tags or time to live.

        Args:
            buffer_id: The buffer.
            tags: Are added, or replace those of the same key.
            clear_tags: Remove all other tags.
            etag: Change it only if this is its ``eTag``.
            ttl: From now on: ``D.HH:MM[:SS]``; empty leaves it as it is.
            soft_deleted: Change a soft-deleted one instead of one that is not.

        Raises:
            NotFoundError: There is no such buffer.
            StateError: Its ``eTag`` is another.
            SpecError: The tags or the time are not allowed.
        """
        check_tags(tags or {})
        expiry = expires_at(now(), ttl, Place("--ttl"))

        def change(old: StoredBuffer) -> StoredBuffer:
            self._seen(old, soft_deleted=soft_deleted)
            if not is_met(etag, etag_of(old)):
                raise StateError(
                    "the server's ETag does not match the provided ETag",
                    f"the buffer was changed meanwhile: see 'tyger-local buffer show {old.id}'",
                )
            new_tags = {**({} if clear_tags else old.tags), **(tags or {})}
            check_tags(new_tags)
            return replace(old, tags=new_tags, expires_at=expiry if ttl else old.expires_at)

        return self._shown(self._store.change(buffer_id, change))

    def write(self, buffer_id: str, source: End) -> None:
        """Write a buffer, all of it: it is complete then. If anything goes wrong, it has failed for good.

        Args:
            buffer_id: The buffer, which nobody has written yet.
            source: Read from its beginning, a descriptor from where it is.

        Raises:
            NotFoundError: There is no such buffer.
            StateError: It was written before.
            UsageError: The source cannot be opened.
            StoreError: The source cannot be read to its end, or the store not be written.
        """
        from tyger_local.workspace.buffer_bytes import write  # noqa: PLC0415  (see above)

        write(buffer_id, self.data(buffer_id), source)

    def read(self, buffer_id: str, target: End) -> int:
        """Copy a buffer, waiting for its end if it is not complete yet.

        Args:
            buffer_id: The buffer.
            target: Where it goes. A path has the buffer once it is whole, or nothing new.

        Returns:
            How many bytes.

        Raises:
            NotFoundError: There is no such buffer.
            StateError: It has failed.
            ReaderClosedError: Whoever read the target has closed it.
            StoreError: It is damaged, or cannot be read.
            TygerLocalError: The target cannot be written.
        """
        from tyger_local.workspace.buffer_bytes import read  # noqa: PLC0415  (see above)

        return read(buffer_id, self.data(buffer_id), target)

    def path(self, buffer_id: str) -> Path:
        """Return the file that holds a buffer's bytes, which must not be changed.

        Raises:
            NotFoundError: There is no such buffer.
            StateError: It is not complete.
        """
        data = self.data(buffer_id)
        if data.goes_on():
            raise StateError(
                f"the buffer '{buffer_id}' is not complete yet",
                f"wait for it with 'tyger-local buffer read {buffer_id}'",
            )
        return data.path

    def data(self, buffer_id: str) -> BufferData:
        """Return the bytes of a buffer that is not soft-deleted, for whoever moves them.

        Raises:
            NotFoundError: There is no such buffer.
            StoreError: It is damaged.
        """
        self._seen(self._store.get(buffer_id))
        return self._store.data(buffer_id)

    def _shown_if_whole(self, buffer: StoredBuffer) -> tuple[JsonObject, ...]:
        try:
            return (self._shown(buffer),)
        except NotFoundError:  # purged meanwhile
            return ()
        except StoreError as error:
            self._warn(str(error))
            return ()

    # Last, since below it the name in an annotation would be the method.
    def list(
        self,
        tags: Mapping[str, str] | None = None,
        exclude_tags: Mapping[str, str] | None = None,
        limit: int | None = None,
        *,
        soft_deleted: bool = False,
        prefix: str = "",
    ) -> list[JsonObject]:
        """Return buffers, newest first.

        Args:
            tags: Only those that have all of them.
            exclude_tags: Only those that have none of them.
            limit: How many at most; None returns all.
            soft_deleted: The soft-deleted ones instead of the others.
            prefix: Only those whose ids begin with it.
        """
        at = now()
        found: list[JsonObject] = []
        for buffer in self._store.newest_first(prefix):
            if limit is not None and len(found) >= limit:
                break
            if buffer.is_soft_deleted(at) is soft_deleted and is_chosen(
                buffer.tags, tags or {}, exclude_tags or {}
            ):
                found += self._shown_if_whole(buffer)
        return found
