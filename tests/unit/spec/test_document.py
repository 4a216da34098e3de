"""Reading documents; outcomes were compared with sigs.k8s.io/yaml on go-yaml v2 itself."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from yaml.reader import ReaderError

from tyger_local.errors import SpecError
from tyger_local.spec.document import Document, Path, Place, Value, read_document
from tyger_local.spec.yaml_nodes import LOADER, Events, Loader
from tyger_local.spec.yaml_problems import translate

PARSERS = pytest.mark.parametrize("loader", [LOADER, yaml.SafeLoader], ids=["libyaml", "python"])
TAB = "found a tab character that violates indentation"
QUOTE = "a quote is opened and never closed"
COLON = "could not find expected ':'"
NO_VALUE = "did not find an expected value"
NO_KEY = "did not find an expected key"
NO_MAPPING = "mapping values are not allowed in this context"
BEGINS_NO_VALUE = "found a character that begins no value"
NO_NAME = "found & or * without a name after it"
MERGED = "reading is strict: a key that << merges may not be given again"


def _value(text: str, loader: Loader = LOADER) -> Value:
    return read_document(text, "f", loader=loader).value


def _error(text: str, loader: Loader = LOADER) -> SpecError:
    with pytest.raises(SpecError) as caught:
        read_document(text, "f", loader=loader)
    error = caught.value
    assert error.what.startswith("failed to parse file f: ")
    assert error.hint
    assert "\n" not in str(error)
    return error


def _fails(text: str, where: str, problem: str, loader: Loader = LOADER) -> SpecError:
    error = _error(text, loader)
    assert (error.where, error.what) == (f"f:{where}", f"failed to parse file f: {problem}")
    return error


@PARSERS
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("\n# only a comment\n", None),
        ("null", None),
        ("---\n", None),
        ("{}", {}),
        ("[]", []),
        ("text", "text"),
        ("\ufeffimage: x", {"image": "x"}),
        ("args: [1, '1', yes, 1.5, ~]", {"args": [1, "1", True, 1.5, None]}),
        ("Image: x\nimage: z", {"Image": "x", "image": "z"}),
        ("a:\n- b\n- c: |\n    d\n    e\n", {"a": ["b", {"c": "d\ne\n"}]}),
        ('{"image": "x", "args": ["1", 2]}', {"image": "x", "args": ["1", 2]}),
        ('{"image":"x"}', {"image": "x"}),
        ("a: 1\r\nb: 2\r\n", {"a": 1, "b": 2}),
        ("!!map {a: !!seq [b]}", {"a": ["b"]}),
        ("!mine {a: !mine b}", {"a": "b"}),
        # only the first document counts, whatever follows
        ("a: 1\n---\nb: 2", {"a": 1}),
        ("a: 1\n---\n[", {"a": 1}),
        ("a: 1\n...\n{", {"a": 1}),
        ("a: 1\n---\n\ufeffb: 2", {"a": 1}),
        ("{a: 1}\n{b: 2}", {"a": 1}),
        ("{a: 1}\nb: 2", {"a": 1}),
        # keys become text
        ("Y: 1\nN: 2", {"true": 1, "false": 2}),
        ("on: 1", {"true": 1}),
        ("1: a\n0x10: b\n1.50: c\n1e6: d", {"1": "a", "16": "b", "1.5": "c", "1e+06": "d"}),
        (".inf: a\n-.inf: b\n.nan: c", {".inf": "a", "-.inf": "b", ".nan": "c"}),
        ("'1': a\n\"on\": b\n'<<': c", {"1": "a", "on": "b", "<<": "c"}),
        ("2001-01-01: a\n1:30: b", {"2001-01-01": "a", "1:30": "b"}),
        # aliases; an anchor may be defined again
        ("a: &x [1]\nb: *x", {"a": [1], "b": [1]}),
        ("a: &x 1\nb: *x\nc: &x 2\nd: *x", {"a": 1, "b": 1, "c": 2, "d": 2}),
        ("a: &x k\n*x : v", {"a": "k", "k": "v"}),
        # merges
        ("a: &x {b: 1}\nc: {<<: *x, d: 2}", {"a": {"b": 1}, "c": {"b": 1, "d": 2}}),
        ("<<: {a: 1}\nb: 2", {"a": 1, "b": 2}),
        ("<<: [{a: 1}, {b: 2}]\nc: 3", {"a": 1, "b": 2, "c": 3}),
        ("<<: []", {}),
        ("a: &x {b: 1}\nc: {<<: [*x, {d: 2}]}", {"a": {"b": 1}, "c": {"b": 1, "d": 2}}),
        ("<<: {<<: {a: 1}}", {"a": 1}),
        ("!!merge <<: {a: 1}", {"a": 1}),
    ],
)  # fmt: skip
def test_values(text: str, expected: Value, loader: Loader) -> None:
    assert _value(text, loader) == expected


@PARSERS
def test_places(loader: Loader) -> None:
    text = "image: x  # é\nargs:\n  - 'é'\n  - &n 2\nenv: {A: *n, B: [é, 1]}\n"
    document = read_document(text, "my file.yml", loader=loader)

    def places(found: dict[Path, str]) -> dict[Path, str]:
        return {path: f"my file.yml:{place}" for path, place in found.items()}

    assert {path: str(place) for path, place in document.places.items()} == places(
        {
            (): "1:1",
            ("image",): "1:8",
            ("args",): "3:3",
            ("args", 0): "3:5",
            ("args", 1): "4:5",
            ("env",): "5:6",
            ("env", "A"): "5:10",
            ("env", "B"): "5:17",
            ("env", "B", 0): "5:18",
            ("env", "B", 1): "5:21",
        }
    )
    assert {path: str(place) for path, place in document.key_places.items()} == places(
        {
            ("image",): "1:1",
            ("args",): "2:1",
            ("env",): "5:1",
            ("env", "A"): "5:7",
            ("env", "B"): "5:14",
        }
    )


def test_places_of_aliased_and_merged_values() -> None:
    document = read_document("x: &x\n  k: [v]\nw: *x\nz:\n  <<: *x\n", "f")
    assert str(document.place(("w",))) == "f:3:4"
    assert str(document.place(("w", "k", 0))) == "f:2:7"
    assert str(document.key_place(("z", "k"))) == "f:2:3"


@pytest.mark.parametrize(
    ("path", "place", "key_place"),
    [
        ((), "f:1:1", "f:1:1"),
        (("Image",), "f:1:8", "f:1:1"),
        (("image",), "f:1:8", "f:1:1"),
        (("IMAGE",), "f:1:8", "f:1:1"),
        (("buffers", "Inputs", 0), "f:3:12", "f:3:12"),
        (("buffers", "inputs"), "f:3:11", "f:3:3"),
        (("buffers", "inputs", 7, "x"), "f:3:11", "f:3:11"),
        (("buffers", "outputs"), "f:3:3", "f:3:3"),
        (("missing",), "f:1:1", "f:1:1"),
    ],
)
def test_looking_up_places(path: Path, place: str, key_place: str) -> None:
    document = read_document("Image: x\nbuffers:\n  inputs: [a]\n", "f")
    assert str(document.place(path)) == place
    assert str(document.key_place(path)) == key_place


def test_exact_spelling_goes_before_another_case() -> None:
    document = read_document("Image: x\nimage: y\n", "f")
    assert str(document.place(("image",))) == "f:2:8"
    assert str(document.key_place(("image",))) == "f:2:1"


def test_place_of_a_text_without_document() -> None:
    assert read_document("", "<stdin>") == Document(None, {(): Place("<stdin>")}, {})


def test_place_is_written_as_compilers_do() -> None:
    assert [str(Place("--image")), str(Place("f", 3)), str(Place("f", 3, 5))] == [
        "--image",
        "f:3",
        "f:3:5",
    ]


@PARSERS
@pytest.mark.parametrize(
    ("text", "where", "key", "line"),
    [
        ("name: a\nimage: x\nimage: y\n", "3:1", "image", 2),
        ('{\n  "image": "x",\n  "image": "y"\n}', "3:3", "image", 2),
        ("env:\n  A: 1\n  B: 2\n  A: 3\n", "4:3", "A", 2),
        ("- {a: ~, a: ~}", "1:10", "a", 1),
        # what becomes one key is one key
        ("1: a\n'1': b", "2:1", "1", 1),
        ("yes: a\non: b", "2:1", "true", 1),
        ("1.0: a\n1: b", "2:1", "1", 1),
        ("a: &x k\nk: 1\n*x : 2", "3:1", "k", 2),
        # strict reading takes a merged key for a key of the map
        ("x: &x\n  a: 1\ny:\n  <<: *x\n  a: 2", "5:3", "a", 2),
        ("x: &x\n  a: 1\ny:\n  a: 2\n  <<: *x", "2:3", "a", 4),
        ("x: &x {a: 1}\ny:\n  <<: [*x, *x]", "1:8", "a", 1),
    ],
)
def test_duplicate_keys(text: str, where: str, key: str, line: int, loader: Loader) -> None:
    _fails(text, where, f'key "{key}" already set in map (first on line {line})', loader)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("a: 1\na: 2", "remove one of the two"),
        ("yes: 1\non: 2", "`on` is read as `true`; quote it if the text itself is meant"),
        ("<<: {a: 1}\na: 2", MERGED),
        ("a: 2\n<<: {a: 1}", MERGED),
    ],
)
def test_hints_for_duplicate_keys(text: str, hint: str) -> None:
    assert _error(text).hint.startswith(hint)


@PARSERS
@pytest.mark.parametrize(
    ("text", "where", "problem"),
    [
        ("a: 1\n~: 2", "2:1", "unsupported map key: null"),
        ("? [a]\n: 2", "1:3", "unsupported map key: a list or a mapping"),
        ("a: &x {}\n*x : 2", "2:1", "unsupported map key: a list or a mapping"),
        ("18446744073709551615: 2", "1:1", "unsupported map key: 18446744073709551615"),
        ("!!int x: 2", "1:1", "cannot decode !!str `x` as a !!int"),
        ("a:\n  - !!int x", "2:5", "cannot decode !!str `x` as a !!int"),
        ("a: *x", "1:4", "unknown anchor 'x' referenced"),
        ("a: &x\n  b: *x", "2:6", "anchor 'x' value contains itself"),
        ("&x [*x]", "1:5", "anchor 'x' value contains itself"),
        ("a: &x {<<: *x}", "1:12", "anchor 'x' value contains itself"),
        ("<<: 1", "1:5", "map merge requires map or sequence of maps as the value"),
        ("<<:", "1:4", "map merge requires map or sequence of maps as the value"),
        ("a: &x 1\n<<: *x", "2:5", "map merge requires map or sequence of maps as the value"),
        ("<<: [{}, 1]", "1:10", "map merge requires map or sequence of maps as the value"),
        ('a: "x\\0"', "1:4", "found the character \\x00, which no text may contain"),
        ('"\\0": 1', "1:1", "found the character \\x00, which no text may contain"),
        ("a: 1\nb: \ud800", "2:4", "found a character that is not Unicode text"),
        ("a: 1\nb: x\x07", "2:5", "control characters are not allowed (\\x07)"),
        ("a: \x00", "1:4", "control characters are not allowed (\\x00)"),
        ("a: 1\n\ufeffb: 2", "2:1", "found a byte order mark in the middle of the text"),
        ("[" * 101 + "]" * 101, "1:101", "lists and mappings are nested more than 100 deep"),
        ("[" * 900, "1:101", "lists and mappings are nested more than 100 deep"),
        ("{a: " * 10_000, "1:401", "lists and mappings are nested more than 100 deep"),
        ("- " * 10_000, "1:201", "lists and mappings are nested more than 100 deep"),
    ],
)
def test_errors(text: str, where: str, problem: str, loader: Loader) -> None:
    _fails(text, where, problem, loader)


@PARSERS
@pytest.mark.parametrize(
    ("text", "where", "problem"),
    [
        ("image: x\n\tb", "2:1", TAB),
        ("args:\n\t- b", "2:1", TAB),
        ("\ta: 1", "1:1", TAB),
        ("a: |\n\tx", "2:1", TAB),
        ("a: b: c", "1:5", NO_MAPPING),
        ("a: 1\n  b: 2", "2:4", NO_MAPPING),
        ("a: - b", "1:4", "a list item ('- ') is not allowed in this context"),
        ("a: ? b", "1:4", "a mapping key ('? ') is not allowed in this context"),
        ("a: 1\nb", "2:1", COLON),
        ("- a\nb", "2:1", COLON),
        ("a: 'x", "1:4", QUOTE),
        ('a: 1\nb: "x\n\nc: 1\n', "2:4", QUOTE),
        ('a: "x\n---\n', "1:4", QUOTE),
        ('a: "\\u12"', "1:7", "found an escape with too few hexadecimal digits"),
        ("a:\n  - 1\n - 2", "3:2", NO_KEY),
        ("a: 'x'y", "1:7", NO_KEY),
        ('"a": "b" "c"', "1:10", NO_KEY),
        ("- a\n- b\nc: d", "3:1", "did not find an expected list item ('- ')"),
        ("a: [1, 2", "1:4", "did not find expected ',' or ']'"),
        ("a: [1\nb: 2", "2:2", "did not find expected ',' or ']'"),
        ("a: 1\nb: {c: 1\n\n", "2:4", "did not find expected ',' or '}'"),
        ("a: {b: c]", "1:9", "did not find expected ',' or '}'"),
        ("[a,,b]", "1:4", NO_VALUE),
        ("a: ]", "1:4", NO_VALUE),
        ("a: [", "1:4", NO_VALUE),
        ("a: @x", "1:4", BEGINS_NO_VALUE),
        ("a: `x`", "1:4", BEGINS_NO_VALUE),
        ("a: %x", "1:4", BEGINS_NO_VALUE),
        ("a: *.txt", "1:4", NO_NAME),
        ("a: && b", "1:4", NO_NAME),
        ("a: > 5", "1:6", "found text behind | or >"),
        ("a: !e!x b", "1:4", "found an undefined tag handle"),
        ("%YAML 2.0\n---\na", "1:1", "found an incompatible YAML version"),
    ],
)
def test_broken_syntax(text: str, where: str, problem: str, loader: Loader) -> None:
    error = _fails(text, where, problem, loader)
    assert isinstance(error.__cause__, yaml.YAMLError)


@pytest.mark.parametrize(
    ("text", "where", "problem"),
    [
        (r'a: "\q"', "1:5", "found an unknown escape character"),
        (r'a: "\ud800"', "1:7", "found an escape that is no Unicode character"),
        # what the table does not know keeps libyaml's words
        ("%YAML 1\n---\n", "1:8", "did not find expected digit or '.' character"),
    ],
)
def test_broken_syntax_where_only_libyaml_is_exact(text: str, where: str, problem: str) -> None:
    _fails(text, where, problem)


def test_lone_surrogates_do_not_pass_the_other_parser_either() -> None:
    problem = r"found the character \ud800, which no text may contain"
    _fails(r'a: "\ud800"', "1:4", problem, yaml.SafeLoader)


@pytest.mark.parametrize("escape", [r"\U00110000", r"\UFFFFFFFF"])
def test_escapes_beyond_unicode(escape: str) -> None:
    _fails(f'a: "{escape}"', "1:7", "found an escape that is no Unicode character")
    assert _error(f'a: "{escape}"', yaml.SafeLoader).where == "f"


def test_json_may_be_indented_with_tabs() -> None:
    text = json.dumps({"image": "x", "args": [1, {"a": None}]}, indent="\t")
    assert _value(text) == json.loads(text)
    assert TAB in _error(text, yaml.SafeLoader).what


@pytest.mark.parametrize("text", ["a:\t1", "a: 1\t\n", "a: [\n\t1\n]", "a: b\tc"])
def test_tabs_that_indent_no_block_are_fine(text: str) -> None:
    assert isinstance(_value(text), dict)


def test_message_is_one_line_with_place_and_next_step() -> None:
    assert str(_error("a: 1\na: 2\n")) == (
        'f:2:1: failed to parse file f: key "a" already set in map (first on line 1). '
        "Remove one of the two."
    )


def test_the_deepest_nesting_that_is_read() -> None:
    assert _value("[" * 100 + "]" * 100) == json.loads("[" * 100 + "]" * 100)


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(["a0: &a0 {}", *(f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 200))]),
        "\n".join(["a0: &a0 {x: 1}", *(f"a{i}: &a{i} {{<<: *a{i - 1}}}" for i in range(1, 200))]),
    ],
    ids=["lists", "merges"],
)
def test_aliases_cannot_nest_without_end(text: str) -> None:
    assert "nested more than 100 deep" in _error(text).what


def _levels(count: int) -> str:
    items = ", ".join
    lines = (f"a{i}: &a{i} [{items([f'*a{i - 1}'] * 10)}]" for i in range(1, count))
    return "\n".join(["a0: &a0 [x]", *lines])


def _flat(items: int, aliases: int, others: int) -> str:
    join = ", ".join
    return f"a: &a [{join('x' * items)}]\nb: [{join(['*a'] * aliases)}]\nc: [{join('x' * others)}]"


@pytest.mark.parametrize(
    "text",
    [
        _levels(9),
        _flat(300, 300, 0),  # more than 99 % of the nodes come from aliases, as in go-yaml
        _flat(400, 400, 5000),  # less than 99 %, and yet too many
    ],
    ids=["levels", "share", "number"],
)
def test_aliases_cannot_blow_up(text: str) -> None:
    error = _error(text)
    assert error.what == "failed to parse file f: document contains excessive aliasing"


def test_many_aliases_are_fine() -> None:
    assert _value(_flat(50, 90, 1)) == {"a": ["x"] * 50, "b": [["x"] * 50] * 90, "c": ["x"]}


class _Told:
    """A loader that tells the events that it was given."""

    def __init__(self, events: list[yaml.Event | None]) -> None:
        self._events = iter(events)

    def get_event(self) -> yaml.Event | None:
        return next(self._events)


def _telling(*events: yaml.Event | None) -> Loader:
    def load(_text: str) -> Events:
        return _Told([yaml.StreamStartEvent(), yaml.DocumentStartEvent(), *events])

    return load


def test_events_may_lack_marks() -> None:
    scalar = yaml.ScalarEvent(None, None, (True, False), "x")
    document = read_document("x", "f", loader=_telling(scalar, yaml.DocumentEndEvent()))
    assert document == Document("x", {(): Place("f")}, {})


def test_events_out_of_order_are_a_bug() -> None:
    with pytest.raises(TypeError, match="begins no node"):
        read_document("x", "f", loader=_telling(None))


def _subclasses(error: type[Exception]) -> Iterator[type[Exception]]:
    for subclass in error.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)


@pytest.mark.parametrize("error", [yaml.YAMLError, *_subclasses(yaml.YAMLError)])
def test_every_error_of_pyyaml_is_translated(error: type[yaml.YAMLError]) -> None:
    made = ReaderError("f", 0, 7, "utf-8", "no") if error is ReaderError else error("no\nidea")

    def load(_text: str) -> Events:
        raise made

    translated = _error("text", load)
    assert translated.__cause__ is made


def test_a_problem_without_words_has_some() -> None:
    mark = yaml.Mark("f", 0, 0, 0, None, 0)
    error = translate(yaml.MarkedYAMLError(problem_mark=mark), "text", "f")
    assert (error.what, error.where) == ("failed to parse file f: unknown problem", "f:1:1")


YAML_PIECES = st.sampled_from(
    [
        *("a: ", "b: ", "- ", "\n", "\n  ", "\t", "[", "]", "{", "}", ",", ":", "? ", "'", '"'),
        *("&a ", "*a", "<<: ", "!!int ", "!t ", "|", "> ", "# ", "---\n", "...\n", "\\", "%", "@"),
        *("1", "x", "yes", "~", "é", "\x00", "\ufeff", "\ud800", "\x85", "\u2028", "a: 1\n"),
    ]
)


@PARSERS
@settings(deadline=None, max_examples=300)
@given(text=st.text() | st.lists(YAML_PIECES, max_size=15).map("".join))
@example(text="a: &a [*a]")
def test_any_text_gives_a_document_or_a_spec_error(text: str, loader: Loader) -> None:
    try:
        document = read_document(text, "f", loader=loader)
    except SpecError:
        error = _error(text, loader)
        assert error.where == "f" or error.where.startswith("f:")
    else:
        _check_places(document, document.value, ())


def _check_places(document: Document, value: Value, path: Path) -> None:
    assert path in document.places
    if isinstance(value, dict):
        for key, child in value.items():
            assert (*path, key) in document.key_places
            _check_places(document, child, (*path, key))
    elif isinstance(value, list):
        for i, child in enumerate(value):
            _check_places(document, child, (*path, i))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text("aé \n\"\\:#{}[],'"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab1é"), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None)
@given(value=json_values, indent=st.sampled_from([None, 2, "\t"]))
def test_json_is_read_as_json(value: Value, indent: int | str | None) -> None:
    assert _value(json.dumps(value, indent=indent, ensure_ascii=False)) == value


@PARSERS
def test_brackets_cannot_nest_without_end_either(loader: Loader) -> None:
    """libyaml counts brackets itself, ahead of us and up to a thousand: the place is then its own."""
    assert "nested more than 100 deep" in _error("[" * 10_000, loader).what


LINES = """\
args:
  - |
    first

      third
  - >
    a

    b
  - "x\\ny"
  - &text !!str |2 # why
      two
  - *text
Env: {A: b}
"""


@PARSERS
@pytest.mark.parametrize(
    ("path", "line", "place"),
    [
        (("args", 0), 0, (3, 5)),
        (("args", 0), 1, (4, 1)),
        (("args", 0), 2, (5, 7)),
        (("args", 1), 1, (6, 5)),
        (("args", 2), 1, (10, 5)),
        (("args", 3), 0, (12, 7)),
        (("args", 4), 0, (12, 7)),
        (("env", "A"), 0, (14, 10)),
        (("nope",), 0, (1, 1)),
    ],
)
def test_the_place_of_a_line(loader: Loader, path: Path, line: int, place: tuple[int, int]) -> None:
    found = read_document(LINES, "f", loader=loader).line_place(path, line)
    assert found == Place("f", *place)


def test_how_scalars_and_keys_were_written() -> None:
    document = read_document("Y: 'no'\n1: &a no\n*a : {b: c}\n", "f")
    written = {path: (node.text, node.plain) for path, node in document.scalars.items()}
    assert written == {
        ("true",): ("no", False),
        ("1",): ("no", True),
        ("false", "b"): ("c", True),
    }
    assert {path: node.text for path, node in document.key_scalars.items()} == {
        ("true",): "Y",
        ("1",): "1",
        ("false",): "no",
        ("false", "b"): "b",
    }
