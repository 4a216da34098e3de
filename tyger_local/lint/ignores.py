"""Comments that say that a rule is not meant: ``# tyger-local: ignore[ID, …]``.

At the end of a line, such a comment is about findings on that line (where a text of several lines begins,
about all of the text). On a line of its own, it is about the field below it with all its value. In the
comment at the head of the file, it is about all of it. A comment inside a script counts as well.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from tyger_local.lint.located import Located
from tyger_local.lint.model import Finding, Rule, Severity, Subject
from tyger_local.spec.document import Document
from tyger_local.spec.names import nearest
from tyger_local.spec.place import Path, Place
from tyger_local.spec.yaml_problems import LINE_BREAK

_IGNORE = re.compile(r"(?:^|\s)#\s*tyger-local:\s*ignore\[(?P<ids>[^\]]*)\]")
_NO_CONTENT = re.compile(r"\s*(#.*|---.*|%.*)?")


@dataclass(frozen=True, slots=True)
class Ignore:
    """A rule that a comment names.

    Attributes:
        place: Where the comment stands.
        line: The line that it is about; None for the field at `path`, or for the whole file.
        path: That field; ``()`` for the whole file.
    """

    rule: str
    place: Place
    line: int | None
    path: Path = ()

    def covers(self, located: Located) -> bool:
        """Return whether a finding is ignored by it."""
        if located.finding.rule != self.rule:
            return False
        if self.line is not None:
            return self.line in (located.place.line, located.begins.line)
        return _folded(located.path)[: len(self.path)] == _folded(self.path)


def ignores(document: Document) -> Iterator[Ignore]:
    """Yield what the comments of a document ignore."""
    lines = LINE_BREAK.split(document.text)
    contents = [index for index, line in enumerate(lines) if not _NO_CONTENT.fullmatch(line)]
    for index, line in enumerate(lines):
        found = _IGNORE.search(line)
        if found is None:
            continue
        at = line.index("#", found.start())
        place = Place(document.place(()).source, index + 1, at + 1)
        below = next((each for each in contents if each >= index), None)
        for rule in re.split(r"[,\s]+", found["ids"].strip()):
            if not _NO_CONTENT.fullmatch(line[:at]):
                yield Ignore(rule, place, index + 1)
            elif below is None or below == contents[0]:
                yield Ignore(rule, place, None)
            else:
                yield _for_field(Ignore(rule, place, below + 1), document)


def _for_field(ignore: Ignore, document: Document) -> Ignore:
    """Make an ignore for a line one for the field that begins there, if one does."""
    begins = [path for path, place in document.key_places.items() if place.line == ignore.line]
    begins += [
        path
        for path, place in document.places.items()
        if place.line == ignore.line and path and isinstance(path[-1], int)
    ]
    if not begins:
        return ignore
    return replace(ignore, line=None, path=min(begins, key=len))


def without_ignored(
    found: Iterable[Located], documents: Iterable[Document], known: Collection[str]
) -> tuple[Located, ...]:
    """Return findings without those that comments ignore, and with what is wrong with the comments.

    Args:
        found: The findings.
        documents: Where the comments are.
        known: The ids of all rules that were run.
    """
    found = tuple(found)
    every = [ignore for document in documents for ignore in ignores(document)]
    used = {id(ignore) for ignore in every for each in found if ignore.covers(each)}
    kept = [each for each in found if not any(ignore.covers(each) for ignore in every)]
    kept += [_told(ignore, known) for ignore in every if id(ignore) not in used]
    return tuple(each for each in kept if not any(ignore.covers(each) for ignore in every))


def _told(ignore: Ignore, known: Collection[str]) -> Located:
    if ignore.rule in known:
        happens = f"nothing is found that ignore[{ignore.rule}] could be about"
        finding = Finding((), happens, "remove the comment", UNUSED.id, UNUSED.severity)
    else:
        close = nearest(ignore.rule, known)
        fix = f"did you mean {close}?" if close else "see 'tyger-local lint --rules'"
        happens = f"there is no rule '{ignore.rule}' to ignore"
        finding = Finding((), happens, fix, UNKNOWN.id, UNKNOWN.severity)
    return Located(finding, ignore.place, ignore.place, ignore.path)


def _folded(path: Path) -> Path:
    return tuple(part.lower() if isinstance(part, str) else part for part in path)


def unused_ignore(_: Subject) -> Iterator[Finding]:
    """A comment ignores a rule that finds nothing there.

    Perhaps what it was about was mended. Such a comment hides what comes later.
    """
    return iter(())  # it is about comments, which no codespec has: see `without_ignored`


def unknown_ignore(_: Subject) -> Iterator[Finding]:
    """A comment ignores a rule that does not exist.

    Its id is misspelt, or the rule is one of a later version.
    """
    return iter(())  # see above


UNUSED = Rule("unused-ignore", Severity.NOTE, "comment that ignores nothing", unused_ignore)
UNKNOWN = Rule("unknown-ignore", Severity.WARNING, "comment with an unknown rule", unknown_ignore)

RULES = (UNUSED, UNKNOWN)
