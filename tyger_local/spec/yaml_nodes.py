"""YAML text as a tree of nodes, each with its place.

PyYAML scans and parses; its composer and constructor are not used. They would refuse what go-yaml
accepts (an anchor defined twice), lose where an alias stands, and recurse without a bound. The
events come from libyaml where PyYAML has it: go-yaml is a port of libyaml, so the two accept the
same texts. PyYAML's own scanner, the fallback, reports the same places and refuses one thing more:
tabs between tokens, and so JSON indented with tabs.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import yaml

from tyger_local.errors import SpecError
from tyger_local.spec.place import Place
from tyger_local.spec.yaml_problems import (
    MAX_DEPTH,
    TOO_DEEP,
    TOO_DEEP_HINT,
    parse_error,
    place_of,
    translate,
)


@dataclass(frozen=True, slots=True, eq=False)
class ScalarNode:
    """A scalar as written; `tag` is empty when it has none, `literal` when it begins with ``|``."""

    place: Place
    text: str
    tag: str
    plain: bool
    literal: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class ListNode:
    """A sequence. Its tag, if any, means nothing."""

    place: Place
    items: list[Node] = field(default_factory=list)


@dataclass(frozen=True, slots=True, eq=False)
class MapNode:
    """A mapping, pairs in the author's order. Its tag, if any, means nothing."""

    place: Place
    items: list[tuple[Node, Node]] = field(default_factory=list)


@dataclass(frozen=True, slots=True, eq=False)
class AliasNode:
    """``*name``, and the node that it stands for (which may contain the alias)."""

    place: Place
    name: str
    target: ScalarNode | ListNode | MapNode


Node: TypeAlias = ScalarNode | ListNode | MapNode | AliasNode


class Events(Protocol):
    """What is used of a PyYAML loader."""

    def get_event(self) -> yaml.Event | None:
        """Return the next event of the stream."""
        ...


class _Mark(Protocol):
    """What is used of PyYAML's marks."""

    @property
    def index(self) -> int:
        """The position in characters."""
        ...


Loader: TypeAlias = Callable[[str], Events]
LOADER: Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_INNER_BYTE_ORDER_MARK = re.compile("(?<=[\n\r\x85\u2028\u2029])\ufeff")
_SURROGATE = re.compile("[\ud800-\udfff]")


def read_nodes(text: str, source: str, loader: Loader = LOADER) -> Node | None:
    """Read the first document of `text`; what follows it is not looked at.

    Returns:
        The root node, or None when there is no document.

    Raises:
        SpecError: The text is not YAML, or nested too deeply.
    """
    text = text.removeprefix("\ufeff")
    if surrogate := _SURROGATE.search(text):
        raise parse_error(
            source,
            "found a character that is not Unicode text",
            "save the file as UTF-8",
            place_of(text, surrogate.start(), source),
        )
    try:
        return _Composer(loader(text), text, source).document()
    except (yaml.YAMLError, ValueError, OverflowError) as exc:  # "\U00110000" in PyYAML's own
        _check_byte_order_marks(text, getattr(exc, "problem_mark", None), source)
        raise translate(exc, text, source) from exc


def _check_byte_order_marks(text: str, end: _Mark | None, source: str) -> None:
    """Refuse a byte order mark that begins a later line, up to `end`.

    libyaml skips it there, go-yaml takes it for text. Files that were joined look so, and nobody
    means what either makes of them.
    """
    length = len(text) if end is None else end.index
    if found := _INNER_BYTE_ORDER_MARK.search(text, 0, length):
        raise parse_error(
            source,
            "found a byte order mark in the middle of the text",
            "remove it: it is the invisible character before this line's first",
            place_of(text, found.start(), source),
        )


class _Composer:
    """Builds the tree of one document from its events."""

    def __init__(self, events: Events, text: str, source: str) -> None:
        self._events = events
        self._text = text
        self._source = source
        self._anchors: dict[str, ScalarNode | ListNode | MapNode] = {}

    def document(self) -> Node | None:
        self._events.get_event()  # the stream's start
        if not isinstance(self._events.get_event(), yaml.DocumentStartEvent):
            return None
        root = self._node(self._events.get_event(), 0)
        end = self._events.get_event()  # a syntax error before it is this document's
        mark = None if end is None else end.start_mark
        _check_byte_order_marks(self._text, mark, self._source)
        return root

    def _node(self, event: yaml.Event | None, depth: int) -> Node:
        place = self._place(event)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(str(event.anchor), place)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, place)
        if depth >= MAX_DEPTH:
            raise too_deep(self._source, place)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._list(event, place, depth)
        if isinstance(event, yaml.MappingStartEvent):
            return self._map(event, place, depth)
        raise TypeError(f"PyYAML gave an event that begins no node: {event!r}")

    def _alias(self, name: str, place: Place) -> AliasNode:
        if name not in self._anchors:
            raise parse_error(
                self._source,
                f"unknown anchor '{name}' referenced",
                f"define it before with &{name}, or quote a value that begins with *",
                place,
            )
        return AliasNode(place, name, self._anchors[name])

    def _scalar(self, event: yaml.ScalarEvent, place: Place) -> ScalarNode:
        literal = event.style == "|"
        node = ScalarNode(place, event.value, event.tag or "", event.implicit[0], literal)
        self._anchor(event, node)
        return node

    def _list(self, event: yaml.SequenceStartEvent, place: Place, depth: int) -> ListNode:
        node = ListNode(place)
        self._anchor(event, node)
        while not isinstance(following := self._events.get_event(), yaml.SequenceEndEvent):
            node.items.append(self._node(following, depth + 1))
        return node

    def _map(self, event: yaml.MappingStartEvent, place: Place, depth: int) -> MapNode:
        node = MapNode(place)
        self._anchor(event, node)
        while not isinstance(following := self._events.get_event(), yaml.MappingEndEvent):
            key = self._node(following, depth + 1)
            node.items.append((key, self._node(self._events.get_event(), depth + 1)))
        return node

    def _anchor(self, event: yaml.NodeEvent, node: ScalarNode | ListNode | MapNode) -> None:
        if event.anchor is not None:
            self._anchors[event.anchor] = node

    def _place(self, event: yaml.Event | None) -> Place:
        mark = None if event is None else event.start_mark
        if mark is None:
            return Place(self._source)
        return Place(self._source, mark.line + 1, mark.column + 1)


def too_deep(source: str, place: Place) -> SpecError:
    """Make the error of lists and mappings that are nested beyond `MAX_DEPTH`."""
    return parse_error(source, TOO_DEEP, TOO_DEEP_HINT, place)
