"""What can be wrong with a text as YAML, in our words, with the place that helps and a next step.

Every error of PyYAML becomes one `SpecError` here. libyaml and PyYAML's own parser word the same
problem differently, so the table is searched by what their sentences have in common; a problem that
the table does not know keeps its own words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import yaml
from yaml.reader import ReaderError

from tyger_local.errors import SpecError
from tyger_local.spec.place import Place

LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_FORBIDDEN = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]",
)


@dataclass(frozen=True, slots=True)
class _Remedy:
    """Our words for a problem of libyaml or PyYAML (`problem`, a regular expression).

    It is looked for in ``<context>: <problem>``.
    """

    problem: str
    words: str
    hint: str
    at_start: bool = False  # the place that helps is where the construct began


MAX_DEPTH = 100
"""Lists and mappings inside one another; a codespec needs six."""

TOO_DEEP = f"lists and mappings are nested more than {MAX_DEPTH} deep"
TOO_DEEP_HINT = "a codespec or run file needs no more than a handful of levels"

_TABS = "indent with spaces; YAML allows no tabs there"
_QUOTES = "put the value in quotes"
_INDENTATION = "check the indentation: the keys of one mapping begin in the same column"
_REMEDIES = (
    _Remedy(
        r"found a tab character|found character '\\t'|found character .*any token \(tab\)",
        "found a tab character that violates indentation",
        _TABS,
    ),
    _Remedy(
        r"mapping values are not allowed",
        "mapping values are not allowed in this context",
        "check the indentation, and quote a value that contains ': '",
    ),
    _Remedy(
        r"block sequence entries|sequence entries are not allowed",
        "a list item ('- ') is not allowed in this context",
        "begin the list on a line of its own, under its key",
    ),
    _Remedy(
        r"mapping keys are not allowed",
        "a mapping key ('? ') is not allowed in this context",
        _INDENTATION,
    ),
    _Remedy(
        r"could not find expected ':'",
        "could not find expected ':'",
        "every line of a mapping reads 'key: value'; check the indentation of longer text",
        at_start=True,
    ),
    _Remedy(
        r"unexpected end of stream|unexpected document (indicator|separator)",
        "a quote is opened and never closed",
        "close it, or quote with the other kind of quote",
        at_start=True,
    ),
    _Remedy(
        r"unknown escape character",
        "found an unknown escape character",
        r"in double quotes write \\ for a backslash, or use single quotes",
    ),
    _Remedy(
        r"invalid Unicode character escape code",
        "found an escape that is no Unicode character",
        "write the character itself",
    ),
    _Remedy(
        r"expected hexdecimal number|expected escape sequence of",
        "found an escape with too few hexadecimal digits",
        r"\x takes two digits, \u four and \U eight",
    ),
    _Remedy(
        r"expected key|block mapping: expected <block end>",
        "did not find an expected key",
        f"check the quotes on this line, and {_INDENTATION}",
    ),
    _Remedy(
        r"expected '-' indicator|block collection: expected <block end>",
        "did not find an expected list item ('- ')",
        "check the indentation: the items of one list begin in the same column",
    ),
    _Remedy(
        r"expected ',' or '(.)'",
        "did not find expected ',' or '{}'",
        "separate items with ',' and close with '{}'; quote text that contains commas or brackets",
    ),
    _Remedy(
        r"expected (the )?node content",
        "did not find an expected value",
        "a bracket or comma has no value before it; quote text that begins with one",
    ),
    _Remedy(
        r"expected alphabetic or numeric character",
        "found & or * without a name after it",
        "quote a value that begins with & or *",
        at_start=True,
    ),
    _Remedy(
        r"expected (a )?comment or (a )?line break|expected chomping or indentation",
        "found text behind | or >",
        "begin the text on the next line, or quote a value that begins with | or >",
    ),
    _Remedy(
        r"undefined tag handle",
        "found an undefined tag handle",
        "quote a value that begins with !",
    ),
    _Remedy(
        r"incompatible YAML document",
        "found an incompatible YAML version",
        "leave the %YAML line out",
    ),
    _Remedy(r"found character .*any token", "found a character that begins no value", _QUOTES),
    # A bound of libyaml's own since 0.2.6, met before ours where brackets follow each other closely.
    _Remedy(r"maximum nesting depth", TOO_DEEP, TOO_DEEP_HINT),
)


def parse_error(source: str, problem: str, hint: str, place: Place) -> SpecError:
    """Make the error of a file that cannot be read; it begins with Tyger's sentence."""
    return SpecError(f"failed to parse file {source}: {problem}", hint, str(place))


def translate(error: Exception, text: str, source: str) -> SpecError:
    """Say an error of PyYAML in our words, with the place that helps most."""
    if isinstance(error, ReaderError):
        return _control_character(text, source)
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return parse_error(source, _flat(str(error)), "check its YAML syntax", Place(source))
    mark, context_mark = error.problem_mark, error.context_mark
    problem = _flat(error.problem or "unknown problem")
    if problem == "found character that cannot start any token":  # libyaml does not say which
        character = text[mark.index : mark.index + 1]
        problem += " (tab)" if character == "\t" else ""
    at_end = not text[mark.index :].strip()
    words, hint, at_start = problem, "check the YAML syntax there", False
    for remedy in _REMEDIES:
        if match := re.search(remedy.problem, f"{error.context}: {problem}"):
            bracket = match[1] if match.lastindex else ""
            words, hint = remedy.words.format(bracket), remedy.hint.format(bracket)
            at_start = remedy.at_start
            break
    index = context_mark.index if context_mark and (at_start or at_end) else mark.index
    return parse_error(source, words, hint, place_of(text, index, source))


def _control_character(text: str, source: str) -> SpecError:
    found = _FORBIDDEN.search(text)
    index, character = (found.start(), found[0]) if found else (0, "")
    return parse_error(
        source,
        f"control characters are not allowed ({ascii(character)[1:-1]})",
        "remove it",
        place_of(text, index, source),
    )


def place_of(text: str, index: int, source: str) -> Place:
    """Find the place of the character at `index`; beyond the last one, that of the last."""
    index = min(index, max(len(text.rstrip()) - 1, 0))
    breaks = list(LINE_BREAK.finditer(text, 0, index))
    begin = breaks[-1].end() if breaks else 0
    return Place(source, len(breaks) + 1, index - begin + 1)


def _flat(problem: str) -> str:
    return " ".join(problem.split())
