"""Many codespecs at once, from files: all of them are checked before any is stored."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath

from tyger_local.errors import NotFoundError, SpecError, TygerLocalError, UsageError
from tyger_local.spec.decode import CODESPEC_FILE_READING, decode
from tyger_local.spec.document import Document
from tyger_local.spec.models import CodespecFile
from tyger_local.spec.names import check_codespec_name
from tyger_local.spec.place import Path
from tyger_local.spec.versions import JsonObject, same_version
from tyger_local.workspace.codespecs import Codespecs, CreatedVersion
from tyger_local.workspace.reading import STDIN, read_file

_NEXT_DOCUMENT = re.compile(r"^---(?=\s|$)", re.MULTILINE)
"""What only a new document can begin with, whatever it stands in."""
_CONTENT = re.compile(r"^(?![ \t\r]*(?:#|$)|%|\.\.\.)", re.MULTILINE)
"""The begin of a line that is more than blanks, a comment, a directive or an end."""


@dataclass(frozen=True, slots=True)
class Import:
    """A codespec that was read and checked.

    Attributes:
        document: What will be stored.
        where: Where it was written, for messages.
    """

    name: str
    document: JsonObject
    where: str

    def is_new(self, codespecs: Codespecs) -> bool:
        """Return whether storing it now would make a new version."""
        try:
            return not same_version(codespecs.stored(self.name), self.document)
        except NotFoundError:
            return True


def read_imports(codespecs: Codespecs, paths: Sequence[str]) -> list[Import]:
    """Read the codespecs of several files, and check them.

    A file is what ``codespec create -f`` reads, or an array of these: what ``codespec list`` prints. A
    codespec without a name that has its file to itself is named after that.

    Args:
        codespecs: By whose rules they are checked.
        paths: The files; ``-`` is standard input.

    Raises:
        SpecError: One cannot be read, or breaks a rule; nothing was stored.
        UsageError: Two have the same name, or one none that is legal.
    """
    found = [one for path in paths for one in _imports_of(codespecs, path)]
    first: dict[str, Import] = {}
    for one in found:
        other = first.setdefault(one.name, one)
        if other is not one:
            raise UsageError(
                f"{one.where}: the name '{one.name}' is also that of {other.where}, and one would become "
                "a version of the other",
                "rename one of them, or import them one after the other",
            )
    return found


def store_imports(codespecs: Codespecs, imports: Sequence[Import]) -> Iterator[CreatedVersion]:
    """Store what `read_imports` returned, one after the other.

    Raises:
        StoreError: The store cannot be written.
    """
    for one in imports:
        yield codespecs.keep(one.name, one.document)


def _imports_of(codespecs: Codespecs, path: str) -> Iterator[Import]:
    document = read_file(path)
    # Tyger's client reads the first of several; here, the others would be missing without a word.
    if sum(map(bool, map(_CONTENT.search, _NEXT_DOCUMENT.split(document.text)))) > 1:
        raise SpecError(
            "the file holds several documents, and only the first can be read",
            "make an array of them, or a file of each",
            where=str(document.place(())),
        )
    if isinstance(document.value, list):
        for index in range(len(document.value)):
            yield _import(codespecs, document, (index,), "")
    else:
        yield _import(codespecs, document, (), "" if path == STDIN else FilePath(path).stem)


def _import(codespecs: Codespecs, document: Document, path: Path, stem: str) -> Import:
    where = str(document.place(path))
    file = decode(CodespecFile, document, CODESPEC_FILE_READING, prefix=path)
    name = file.name or stem
    if not name:
        raise SpecError("a name for the codespec is required", "add 'name:' to it", where=where)
    try:
        check_codespec_name(name)
        return Import(name, codespecs.resolve(file, None, document, path), where)
    except TygerLocalError as error:  # these know nothing of files
        raise SpecError(f"the codespec '{name}': {error.what}", error.hint, where=where) from error
