"""Codespecs: create, show, list, delete.

YAML and the models are imported only by what needs them: showing and listing read documents.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tyger_local.errors import UsageError
from tyger_local.spec.names import check_codespec_name, nearest
from tyger_local.spec.versions import JsonObject, same_version, shown
from tyger_local.store.codespecs import CodespecStore
from tyger_local.store.home import Home
from tyger_local.workspace.clock import now
from tyger_local.workspace.reading import read_file

if TYPE_CHECKING:  # the models are loaded late
    from tyger_local.spec.document import Document
    from tyger_local.spec.flags import CodespecFlags
    from tyger_local.spec.models import CodespecFile
    from tyger_local.spec.place import Path


@dataclass(frozen=True, slots=True)
class CreatedVersion:
    """What creating a codespec came to.

    Attributes:
        is_new: False when the codespec was the same as its latest version, which `version` is then.
    """

    name: str
    version: int
    is_new: bool


class Codespecs:
    """The codespecs of a workspace.

    Args:
        home: The store.
        warn: Is told what is wrong but no error.
    """

    def __init__(self, home: Home, warn: Callable[[str], None]) -> None:
        self._store = CodespecStore(home, warn, nearest)
        self._warn = warn

    def read(self, path: str) -> CodespecFile:
        """Read a codespec file; ``-`` is standard input.

        Raises:
            SpecError: It cannot be read or is no codespec.
        """
        # Late: loads YAML.
        from tyger_local.spec.decode import decode_codespec_file  # noqa: PLC0415

        return decode_codespec_file(read_file(path))

    def resolve(
        self,
        codespec: CodespecFile | Mapping[str, object],
        flags: CodespecFlags | None = None,
        document: Document | None = None,
        prefix: Path = (),
    ) -> JsonObject:
        """Return what `create` would store, without storing it; it warns as `create` does.

        Args:
            codespec: What a file holds, or the same as a mapping.
            flags: What is laid over it.
            document: The file, for the places of warnings and the comments that ignore some.
            prefix: Where the codespec stands in it.

        Raises:
            SpecError: A rule of Tyger's is broken.
        """
        # Late: these load YAML.
        from tyger_local.spec.decode import decode_codespec_file, plain_document  # noqa: PLC0415
        from tyger_local.spec.flags import CodespecFlags, codespec_from  # noqa: PLC0415
        from tyger_local.spec.models import CodespecFile  # noqa: PLC0415
        from tyger_local.spec.rules import refusals  # noqa: PLC0415
        from tyger_local.spec.written import written  # noqa: PLC0415
        from tyger_local.workspace.linting import creation_warnings  # noqa: PLC0415

        if not isinstance(codespec, (Mapping, CodespecFile)):
            raise UsageError(
                f"a codespec is a mapping or what `read` returns, and not {type(codespec).__name__}"
            )
        if isinstance(codespec, Mapping):
            codespec = decode_codespec_file(plain_document(codespec, "the codespec"))
        model = codespec_from(codespec, flags or CodespecFlags())
        for refusal in refusals(model):
            place = None  # of what flags have laid over the file
            if document is not None and flags is None:
                place = document.place((*prefix, *refusal.path))
            where = "" if place is None else f"{place}: "
            self._warn(
                f"{where}the cluster stores this codespec, but would refuse every run of it: {refusal.text}"
            )
        for text in creation_warnings(model, codespec, document, prefix):
            self._warn(text)
        return written(model)

    def create(
        self,
        name: str,
        codespec: CodespecFile | Mapping[str, object],
        flags: CodespecFlags | None = None,
        document: Document | None = None,
    ) -> CreatedVersion:
        """Store a codespec as the next version of `name`, unless it is the same as the latest.

        Args:
            name: Lower case letters, digits, ``-``, ``_`` and ``.``; at most 200 characters.
            codespec: What a file holds (`read`), or the same as a mapping.
            flags: What is laid over it.
            document: The file, for the places of warnings and the comments that ignore some.

        Raises:
            UsageError: The name is not allowed.
            SpecError: A rule of Tyger's is broken.
            StoreError: The store cannot be written.
        """
        check_codespec_name(name)
        return self.keep(name, self.resolve(codespec, flags, document))

    def keep(self, name: str, document: JsonObject) -> CreatedVersion:
        """Store what `resolve` returned as the next version of `name`, as `create` does.

        Raises:
            UsageError: The name is not allowed.
            StoreError: The store cannot be written.
        """
        check_codespec_name(name)
        version, is_new = self._store.create(name, document, same_version, now)
        return CreatedVersion(name, version, is_new)

    def show(self, name: str, version: int | None = None) -> JsonObject:
        """Return a version of a codespec, by default the latest, as Tyger shows it.

        Raises:
            NotFoundError: There is no such codespec or version.
            StoreError: Its file is damaged.
        """
        return shown(self._store.get(name, version))

    def stored(self, name: str, version: int | None = None) -> JsonObject:
        """Return a version as it is stored: ``env`` in the author's order, which expansion follows.

        Raises:
            NotFoundError: There is no such codespec or version.
            StoreError: Its file is damaged.
        """
        return self._store.get(name, version)

    def delete(self, name: str, version: int | None = None) -> list[int]:
        """Delete a codespec for good, or one version of it. Numbers are not used again.

        Args:
            name: The codespec's.
            version: Which one; None is all of them.

        Returns:
            The versions that were deleted, oldest first.

        Raises:
            NotFoundError: There is no such codespec or version.
        """
        return self._store.delete(name, version)

    def names(self, prefix: str = "") -> list[str]:
        """Return the names that begin with `prefix`, in byte order, without reading any codespec.

        Where they are many, deleted ones may be among them.
        """
        return self._store.names(prefix)

    def versions(self, name: str) -> list[int]:
        """Return the versions of a codespec, newest first.

        Raises:
            NotFoundError: There is no such codespec.
        """
        return self._store.versions(name)

    # Last, since below it the name in an annotation would be the method.
    def list(self, prefix: str = "", limit: int | None = None) -> list[JsonObject]:
        """Return the latest version of each codespec whose name begins with `prefix`, by name.

        Args:
            prefix: Literal and case-sensitive.
            limit: How many at most; None returns all.
        """
        return [shown(document) for document in self._store.list(prefix, limit)]
