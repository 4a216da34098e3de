"""A YAML or JSON document as plain values, each with the place that it was written at.

The outcome is that of sigs.k8s.io/yaml in strict mode, which Tyger's CLI reads files with: the
first document only, scalars by go-yaml v2 (`yaml_scalars`), keys turned into text, and no key twice
at any level, merged ones included. What a scalar must become (a number, text, a quantity) depends
on its field and is decided elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

from tyger_local.errors import SpecError
from tyger_local.spec.place import Path, Place
from tyger_local.spec.yaml_nodes import (
    LOADER,
    AliasNode,
    ListNode,
    Loader,
    MapNode,
    Node,
    ScalarNode,
    read_nodes,
    too_deep,
)
from tyger_local.spec.yaml_problems import LINE_BREAK, MAX_DEPTH, parse_error
from tyger_local.spec.yaml_scalars import Scalar, ScalarError, key_text, resolve

__all__ = ["Document", "Path", "Place", "Scalar", "Value", "read_document"]

Value: TypeAlias = "Scalar | list[Value] | dict[str, Value]"

T = TypeVar("T")

_MERGE_TAG = "tag:yaml.org,2002:merge"
_NOT_TEXT = re.compile("[\0\ud800-\udfff]")
_MAX_ALIASED_NODES = 100_000
# go-yaml's own bound: beyond these counts, no more than 99 % of the nodes may come from aliases.
_FEW_NODES = 1_000
_FEW_ALIASED_NODES = 100
_ALIASED_SHARE = 0.99


@dataclass(frozen=True, slots=True)
class Document:
    """A document's value and where each part of it was written.

    Args:
        value: The value.
        places: Place of every value; an alias's own place, but what is inside it stands where its
            anchor does.
        key_places: Place of every mapping key.
        text: What was read; empty for a document that was never text.
        scalars: Every scalar as it was written.
        key_scalars: Every mapping key as it was written, by the path that it came to.
    """

    value: Value
    places: Mapping[Path, Place]
    key_places: Mapping[Path, Place]
    text: str = field(default="", repr=False, compare=False)
    scalars: Mapping[Path, ScalarNode] = field(default_factory=dict, repr=False, compare=False)
    key_scalars: Mapping[Path, ScalarNode] = field(default_factory=dict, repr=False, compare=False)

    def place(self, path: Path) -> Place:
        """Find the place of the value at `path`, or of what comes nearest.

        Keys are compared exactly, then without case (Go matches field names so); a value that is
        not there has the place of its nearest ancestor.
        """
        for length in range(len(path), 0, -1):
            if found := _look_up(self.places, path[:length]):
                return found
        return self.places[()]

    def key_place(self, path: Path) -> Place:
        """Find the place of the key at `path`; where there is none, that of `place`."""
        return _look_up(self.key_places, path) or self.place(path)

    def line_place(self, path: Path, line: int) -> Place:
        """Find the place of a line, counted from 0, of the text at `path`.

        Only a literal (``|``) has the lines of its text; of any other, it is the place of the whole.
        """
        scalar = _look_up(self.scalars, path)
        if scalar is None or not scalar.literal:
            return self.place(path)
        number = (scalar.place.line or 0) + 1 + line
        written = LINE_BREAK.split(self.text)[number - 1]
        return Place(scalar.place.source, number, len(written) - len(written.lstrip(" ")) + 1)


def _look_up(known: Mapping[Path, T], path: Path) -> T | None:
    if path in known:
        return known[path]
    folded = _folded(path)
    return next((found for other, found in known.items() if _folded(other) == folded), None)


def _folded(path: Path) -> Path:
    return tuple(part.casefold() if isinstance(part, str) else part for part in path)


def read_document(text: str, source: str, *, loader: Loader = LOADER) -> Document:
    """Read the first document of a YAML or JSON text.

    Args:
        text: The text; a byte order mark is accepted.
        source: What messages call it: the file's name as typed, or ``<stdin>``.
        loader: The parser (tests ask for PyYAML's own).

    Returns:
        The document; its value is None for a text without one.

    Raises:
        SpecError: The text is not YAML, or is not what strict reading accepts. `where` has
            the place, and the sentence begins ``failed to parse file <source>: ``.
    """
    root = read_nodes(text, source, loader)
    if root is None:
        return Document(None, {(): Place(source)}, {})
    builder = _Builder(source)
    value = builder.value(root, ())
    return Document(
        value, builder.places, builder.key_places, text, builder.scalars, builder.key_scalars
    )


class _Builder:
    """Turns nodes into values, noting places. Counts as go-yaml does: keys and aliases too."""

    def __init__(self, source: str) -> None:
        self.places: dict[Path, Place] = {}
        self.key_places: dict[Path, Place] = {}
        self.scalars: dict[Path, ScalarNode] = {}
        self.key_scalars: dict[Path, ScalarNode] = {}
        self._source = source
        self._open_aliases: list[AliasNode] = []
        self._nodes = 1  # go-yaml counts the document
        self._aliased_nodes = 0
        self._merging = 0  # how many << are being followed
        self._merged: set[Path] = set()

    def value(self, node: Node, path: Path) -> Value:
        """Build the value of `node` and note it under `path`."""
        self._count(node, path)
        self.places[path] = node.place
        if isinstance(node, ScalarNode):
            self.scalars[path] = node
            return self._scalar(node)
        if isinstance(node, ListNode):
            return [self.value(item, (*path, i)) for i, item in enumerate(node.items)]
        if isinstance(node, MapNode):
            mapping: dict[str, Value] = {}
            self._fill(mapping, node, path)
            return mapping
        with self._following(node):
            value = self.value(node.target, path)
        self.places[path] = node.place
        return value

    def _fill(self, mapping: dict[str, Value], node: MapNode, path: Path) -> None:
        for key_node, value_node in node.items:
            if _is_merge(key_node):
                self._merge(mapping, value_node, path)
                continue
            key, written = self._key(key_node, path)
            child = (*path, key)
            if key in mapping:
                raise self._already_set(key, key_node, child)
            if self._merging:
                self._merged.add(child)
            self.key_places[child] = key_node.place
            self.key_scalars[child] = written
            mapping[key] = self.value(value_node, child)

    def _merge(self, mapping: dict[str, Value], node: Node, path: Path) -> None:
        # Sequences are walked backwards, as in go-yaml, where earlier mappings win unless reading
        # is strict; here it decides only which of two equal keys is reported.
        for part in reversed(node.items) if isinstance(node, ListNode) else [node]:
            target = part.target if isinstance(part, AliasNode) else part
            if not isinstance(target, MapNode):
                raise self._error(
                    "map merge requires map or sequence of maps as the value",
                    "give << a mapping, an alias of one (*name), or a list of these",
                    part.place,
                )
            self._merging += 1
            self._count(part, path)
            if isinstance(part, AliasNode):
                with self._following(part):
                    self._count(target, path)
                    self._fill(mapping, target, path)
            else:
                self._fill(mapping, target, path)
            self._merging -= 1

    def _key(self, node: Node, path: Path) -> tuple[str, ScalarNode]:
        target = node.target if isinstance(node, AliasNode) else node
        self._count(node, path)
        if not isinstance(target, ScalarNode):
            raise self._error(
                "unsupported map key: a list or a mapping", "a key is plain text", node.place
            )
        try:
            return key_text(self._scalar(target)), target
        except ScalarError as exc:
            hint = "quote the key to make it text"
            raise self._error(str(exc), hint, node.place) from exc

    def _scalar(self, node: ScalarNode) -> Scalar:
        try:
            value = resolve(node.text, node.tag, plain=node.plain)
        except ScalarError as exc:
            hint = "remove the tag or mend the value"
            raise self._error(str(exc), hint, node.place) from exc
        if isinstance(value, str) and (found := _NOT_TEXT.search(value)):
            raise self._error(
                f"found the character {ascii(found[0])[1:-1]}, which no text may contain",
                "remove it",
                node.place,
            )
        return value

    @contextmanager
    def _following(self, alias: AliasNode) -> Iterator[None]:
        if alias in self._open_aliases:
            raise self._error(
                f"anchor '{alias.name}' value contains itself",
                "an alias may not stand inside what it refers to",
                alias.place,
            )
        self._open_aliases.append(alias)
        yield
        self._open_aliases.pop()

    def _count(self, node: Node, path: Path) -> None:
        """Bound what aliases can blow up, and how deep they can nest."""
        if len(path) + self._merging + len(self._open_aliases) > MAX_DEPTH:
            raise too_deep(self._source, node.place)
        self._nodes += 1
        self._aliased_nodes += bool(self._open_aliases)
        if self._aliased_nodes > _MAX_ALIASED_NODES or (
            self._aliased_nodes > _FEW_ALIASED_NODES
            and self._nodes > _FEW_NODES
            and self._aliased_nodes > _ALIASED_SHARE * self._nodes
        ):
            raise self._error(
                "document contains excessive aliasing",
                "write the values out, or use fewer aliases",
                self._open_aliases[0].place,
            )

    def _already_set(self, key: str, node: Node, path: Path) -> SpecError:
        hint = "remove one of the two"
        if self._merging or path in self._merged:
            hint = (
                "reading is strict: a key that << merges may not be given again, "
                "so remove it from one of the two"
            )
        elif isinstance(node, ScalarNode) and node.text != key:
            hint = f"`{node.text}` is read as `{key}`; quote it if the text itself is meant"
        return self._error(
            f'key "{key}" already set in map (first on line {self.key_places[path].line})',
            hint,
            node.place,
        )

    def _error(self, problem: str, hint: str, place: Place) -> SpecError:
        return parse_error(self._source, problem, hint, place)


def _is_merge(node: Node) -> bool:
    return (
        isinstance(node, ScalarNode)
        and node.text == "<<"
        and (node.tag == _MERGE_TAG or (node.plain and not node.tag))
    )
