"""When two codespecs are one version: an equivalence, blind to spelling and order, and to nothing else."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tyger_local.spec.versions import normalised, same_version, shown

Document = dict[str, Any]

WORDS = st.text("abcXY01-", min_size=1, max_size=4)
NAMES = st.lists(WORDS, max_size=4, unique=True)
QUANTITIES = st.integers(0, 64).map(lambda number: f"{number}Gi")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)
FIELDS = ("buffers", "sockets", "command", "env", "resources", "endpoints", "identity")
DAMAGED = st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=3), JSON, max_size=5)


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """Draw a whole codespec: every field is there, so that each can be changed."""
    return {
        "kind": "job",
        "buffers": {"inputs": draw(NAMES) or ["in"], "outputs": draw(NAMES) or ["out"]},
        "sockets": [{"port": draw(st.integers(1, 99)), "inputBuffer": draw(WORDS)}],
        "image": draw(WORDS),
        "command": draw(NAMES) or ["sh"],
        "args": [*draw(NAMES), "last"],
        "workingDir": draw(WORDS),
        "env": draw(st.dictionaries(WORDS, WORDS, min_size=1, max_size=4)),
        "identity": draw(WORDS),
        "resources": {
            "requests": {"cpu": draw(QUANTITIES), "memory": draw(QUANTITIES)},
            "limits": {"cpu": draw(QUANTITIES), "memory": draw(QUANTITIES)},
            "gpu": draw(QUANTITIES),
            "shm": draw(QUANTITIES),
        },
        "maxReplicas": draw(st.integers(1, 9)),
        "endpoints": {draw(WORDS): draw(st.integers(1, 99))},
    }


def _respelt(quantity: str) -> st.SearchStrategy[str]:
    number = int(quantity.removesuffix("Gi"))
    spellings = (quantity, f"{number * 1024}Mi", f"{number << 30}", f"{(number << 30) * 1000}m")
    return st.sampled_from(spellings)


@st.composite
def respellings(draw: st.DrawFn, document: Document) -> Document:
    """Draw another way to write `document`: the same version."""
    other = copy.deepcopy(document)
    for kind in ("inputs", "outputs"):
        other["buffers"][kind] = draw(st.permutations(other["buffers"][kind]))
    for name in ("env", "endpoints", "resources"):
        other[name] = dict(draw(st.permutations(list(other[name].items()))))
    resources = other["resources"]
    for part in (resources["requests"], resources["limits"]):
        part.update({name: draw(_respelt(text)) for name, text in part.items()})
    resources.update({name: draw(_respelt(resources[name])) for name in ("gpu", "shm")})
    system = {"name": draw(WORDS), "version": draw(st.integers(1)), "createdAt": draw(WORDS)}
    other.update(draw(st.sampled_from([system, {}, {"unknown": []}, {"unknown": None}])))
    return dict(draw(st.permutations(list(other.items()))))


CHANGES: dict[str, Callable[[Document], object]] = {
    "another kind": lambda d: d.update(kind="worker"),
    "another image": lambda d: d.update(image=d["image"] + "x"),
    "an image in other letters": lambda d: d.update(image="Z" + d["image"]),
    "an input more": lambda d: d["buffers"]["inputs"].append("more"),
    "an input twice": lambda d: d["buffers"]["inputs"].append(d["buffers"]["inputs"][0]),
    "an output less": lambda d: d["buffers"]["outputs"].pop(),
    "an input that is an output": lambda d: d["buffers"]["outputs"].append(
        d["buffers"]["inputs"].pop()
    ),
    "another port": lambda d: d["sockets"][0].update(port=d["sockets"][0]["port"] + 1),
    "a socket more": lambda d: d["sockets"].append({"port": 100}),
    "no sockets": lambda d: d.pop("sockets"),
    "a command more": lambda d: d["command"].append(""),
    "arguments in another order": lambda d: d["args"].insert(0, d["args"].pop() + "x"),
    "an empty argument": lambda d: d["args"].append(""),
    "another folder": lambda d: d.update(workingDir=d["workingDir"] + "/"),
    "a variable more": lambda d: d["env"].update(NEW=""),
    "another value": lambda d: d["env"].update({k: v + "x" for k, v in d["env"].items()}),
    "no variables": lambda d: d.pop("env"),
    "another identity": lambda d: d.update(identity=""),
    "a millicore more": lambda d: d["resources"]["limits"].update(
        cpu=f"{int(d['resources']['limits']['cpu'][:-2]) * 2**30 * 1000 + 1}m"
    ),
    "a request less": lambda d: d["resources"]["requests"].pop("memory"),
    "a GPU more": lambda d: d["resources"].update(gpu="65Gi"),
    "no shm": lambda d: d["resources"].pop("shm"),
    "another count": lambda d: d.update(maxReplicas=d["maxReplicas"] + 1),
    "another endpoint": lambda d: d["endpoints"].update(new=1),
    "another endpoint's port": lambda d: d["endpoints"].update(
        {name: port + 1 for name, port in d["endpoints"].items()}
    ),
    "a field of tomorrow": lambda d: d.update(tomorrow=1),
}


@given(st.data())
@settings(max_examples=50, deadline=None)
def test_spelling_and_order_do_not_count(data: st.DataObject) -> None:
    document = data.draw(documents())
    one, other = data.draw(respellings(document)), data.draw(respellings(document))
    assert same_version(document, one)
    assert same_version(one, document)
    assert same_version(one, other)  # hence transitive


@pytest.mark.parametrize("change", CHANGES)
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_one_change_is_seen(change: str, data: st.DataObject) -> None:
    document = data.draw(documents())
    changed = copy.deepcopy(document)
    CHANGES[change](changed)
    other = data.draw(respellings(document))
    assert not same_version(other, changed)
    assert not same_version(changed, other)


@given(documents())
@settings(max_examples=50, deadline=None)
def test_what_is_stored_and_shown_is_the_same_version(document: Document) -> None:
    assert same_version(document, normalised(document))
    assert same_version(document, shown(document))
    assert normalised(normalised(document)) == normalised(document)


@given(DAMAGED, DAMAGED, DAMAGED)
@settings(deadline=None)
def test_it_is_an_equivalence_whatever_a_file_holds(
    one: Document, other: Document, third: Document
) -> None:
    assert same_version(one, copy.deepcopy(one))
    assert same_version(one, other) == same_version(other, one)
    if same_version(one, other) and same_version(other, third):
        assert same_version(one, third)
