from __future__ import annotations

import inspect
import pickle
import re

import pytest

from tyger_local import errors
from tyger_local.errors import (
    CommandNotExecutableError,
    CommandNotFoundError,
    QuantityError,
    SpecError,
    TygerLocalError,
    sentence,
)

CLASSES: list[type[TygerLocalError]] = [
    cls
    for _, cls in inspect.getmembers(errors, inspect.isclass)
    if issubclass(cls, TygerLocalError)
]


def _drawn() -> dict[str, tuple[str | None, int]]:
    """The tree of the docstring: each class with its parent and its exit code."""
    tree: dict[str, tuple[str | None, int]] = {}
    parents: list[str] = []
    for line in inspect.getdoc(errors).splitlines():  # type: ignore[union-attr]  # it has one
        match = re.match(r" {4}([│ ]*(?:[├└]── )?)(\w+Error) +(\d+)\b", line)
        if match is None:
            continue
        depth = len(match[1]) // 4
        del parents[depth:]
        tree[match[2]] = (parents[-1] if parents else None, int(match[3]))
        parents.append(match[2])
    return tree


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    assert _drawn() == {
        cls.__name__: (
            None if cls is TygerLocalError else cls.__bases__[0].__name__,
            cls.exit_code,
        )
        for cls in CLASSES
    }


@pytest.mark.parametrize(
    ("name", "exit_code"),
    [
        ("OK", 0),
        ("ERROR", 1),
        ("USAGE", 2),
        ("BUG", 70),
        ("BUFFER_FAILED", 74),
        ("TIMED_OUT", 124),
        ("ENGINE_FAILED", 125),
        ("NOT_EXECUTABLE", 126),
        ("NOT_FOUND", 127),
        ("OUT_OF_MEMORY", 137),
        ("READER_CLOSED", 141),
    ],
)
def test_exit_codes(name: str, exit_code: int) -> None:
    assert getattr(errors, f"EXIT_{name}") == exit_code


def test_there_are_no_other_exit_codes() -> None:
    assert sum(name.startswith("EXIT_") for name in vars(errors)) == 11
    assert (CommandNotFoundError.exit_code, CommandNotExecutableError.exit_code) == (127, 126)


@pytest.mark.parametrize("cls", CLASSES)
def test_every_error_is_a_sentence_and_a_next_step(cls: type[TygerLocalError]) -> None:
    error = cls("it went wrong", "try again")
    assert (error.what, error.hint) == ("it went wrong", "try again")
    assert str(error) == "it went wrong. Try again."
    assert str(cls("it went wrong")) == "it went wrong."


@pytest.mark.parametrize("cls", CLASSES)
def test_every_error_is_documented_and_is_no_system_exit(cls: type[TygerLocalError]) -> None:
    assert cls.__doc__
    assert issubclass(cls, Exception)


@pytest.mark.parametrize("cls", [SpecError, QuantityError])
def test_a_spec_error_begins_with_its_place(cls: type[SpecError]) -> None:
    assert str(cls("it is wrong", "mend it", "f.yml:1:2")) == "f.yml:1:2: it is wrong. Mend it."
    assert str(cls("it is wrong", where="--env")) == "--env: it is wrong."


def test_errors_can_go_from_process_to_process() -> None:
    copy = pickle.loads(pickle.dumps(SpecError("it is wrong", "mend it", "f.yml:1")))
    assert str(copy) == "f.yml:1: it is wrong. Mend it."


@pytest.mark.parametrize(
    ("parts", "line"),
    [
        ((), ""),
        (("",), ""),
        (("", " "), ""),
        (("a",), "a."),
        (("a.",), "a."),
        (("a?", "b!"), "a? B!"),
        (("a", "", "b"), "a. B."),
        (("", "b"), "b."),
        (("a\nb", "c\r\nd"), "a b. C d."),
        (("\n a \n",), "a."),
        (("a", "docker login"), "a. docker login."),
        (("a", "tyger-local prune"), "a. tyger-local prune."),
        (("a", "dockerd is meant"), "a. Dockerd is meant."),
        (("a", "--home says where"), "a. --home says where."),
        (("a", "'x' would do"), "a. 'x' would do."),
    ],
)
def test_sentence(parts: tuple[str, ...], line: str) -> None:
    assert sentence(*parts) == line
