from __future__ import annotations

from collections.abc import Mapping

import pytest

from tyger_local.spec.versions import FIELD_ORDER, normalised, same_version, shown

JOB = {"kind": "job", "image": "x"}


def _same(stored: Mapping[str, object], new: Mapping[str, object]) -> bool:
    answer = same_version({**JOB, **stored}, {**JOB, **new})
    assert same_version({**JOB, **new}, {**JOB, **stored}) == answer
    return answer


@pytest.mark.parametrize(
    "empty",
    [
        {"workingDir": ""},
        {"identity": ""},
        {"identity": None},
        {"args": []},
        {"command": ()},
        {"env": {}},
        {"buffers": {"inputs": [], "outputs": []}},
        {"buffers": {"inputs": None}},
        {"buffers": {}},
        {"resources": {"requests": {}}},
        {"resources": {"requests": {"cpu": None}, "limits": {}, "gpu": None}},
        {"sockets": []},
        {"endpoints": {}},
        {"maxReplicas": None},
    ],
)
def test_empty_is_not_given(empty: Mapping[str, object]) -> None:
    assert normalised({**JOB, **empty}) == JOB
    assert _same(empty, {})


@pytest.mark.parametrize(
    "kept",
    [
        {"args": [""]},
        {"args": ["", "a"]},
        {"env": {"A": ""}},
        {"resources": {"gpu": "0"}},
        {"maxReplicas": 0},
        {"endpoints": {"a": 0}},
        {"sockets": [{"port": 0}]},
        {"sockets": [{"port": 80, "inputBuffer": ""}]},
    ],
)
def test_what_is_inside_lists_and_maps_stays(kept: Mapping[str, object]) -> None:
    assert normalised({**JOB, **kept}) == {**JOB, **kept}
    assert not _same(kept, {})


def test_part_of_a_mapping_can_be_empty() -> None:
    full = {"buffers": {"inputs": ["a"], "outputs": []}, "resources": {"requests": {}, "gpu": "1"}}
    left = {"buffers": {"inputs": ["a"]}, "resources": {"gpu": "1"}}
    assert normalised({**JOB, **full}) == {**JOB, **left}


def test_an_empty_image_stays() -> None:
    assert normalised({"image": ""}) == {"image": ""}


def test_fields_come_in_the_order_of_tyger() -> None:
    document = dict.fromkeys(("zzz", *reversed(FIELD_ORDER)), "x")
    assert list(normalised(document)) == [*FIELD_ORDER, "zzz"]
    assert FIELD_ORDER == (
        "kind", "name", "version", "createdAt", "buffers", "sockets", "image", "command", "args",
        "workingDir", "env", "identity", "resources", "maxReplicas", "endpoints",
    )  # fmt: skip


@pytest.mark.parametrize("name", ["env", "endpoints"])
def test_maps_are_shown_sorted_by_bytes_and_kept_as_written(name: str) -> None:
    written = dict.fromkeys(("b", "aa", "_", "B", "é", "a", "", "😀", "\uffff"), "1")
    document = {"image": "x", name: written}
    assert list(_map(shown(document), name)) == [
        "", "B", "_", "a", "aa", "b", "é", "\uffff", "\U0001f600",
    ]  # fmt: skip
    assert list(_map(normalised(document), name)) == list(written)


def _map(document: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = document[name]
    assert isinstance(value, Mapping)
    return value


def test_lists_are_shown_as_stored() -> None:
    document = {"image": "x", "args": ["b", "a"], "buffers": {"inputs": ["b", "a"]}}
    assert shown(document) == document


@pytest.mark.parametrize(
    ("stored", "new", "is_same"),
    [
        ({}, {}, True),
        ({"image": "x"}, {"image": "X"}, False),
        ({"image": "x"}, {"image": "y"}, False),
        ({"workingDir": "/a"}, {"workingDir": "/A"}, False),
        ({"identity": "a"}, {"identity": "A"}, False),
        ({"identity": "a"}, {}, False),
        ({"maxReplicas": 1}, {"maxReplicas": 2}, False),
        ({"maxReplicas": 1}, {}, False),
        ({"kind": "job"}, {"kind": "worker"}, False),
        ({"args": ["a", "b"]}, {"args": ["b", "a"]}, False),
        ({"args": ["a"]}, {"args": ["A"]}, False),
        ({"command": ["a", "b"]}, {"command": ["b", "a"]}, False),
        ({"env": {"A": "1", "B": "2"}}, {"env": {"B": "2", "A": "1"}}, True),
        ({"env": {"A": "x"}}, {"env": {"A": "X"}}, False),
        ({"env": {"A": "x"}}, {"env": {"a": "x"}}, False),
        ({"endpoints": {"a": 1, "b": 2}}, {"endpoints": {"b": 2, "a": 1}}, True),
        ({"endpoints": {"a": 1}}, {"endpoints": {"a": 2}}, False),
        ({"buffers": {"inputs": ["a", "b"]}}, {"buffers": {"inputs": ["b", "a"]}}, True),
        ({"buffers": {"outputs": ["a", "b"]}}, {"buffers": {"outputs": ["b", "a"]}}, True),
        ({"buffers": {"inputs": ["a"]}}, {"buffers": {"inputs": ["A"]}}, False),
        ({"buffers": {"inputs": ["a", "a"]}}, {"buffers": {"inputs": ["a"]}}, False),
        ({"buffers": {"inputs": ["a"]}}, {"buffers": {"outputs": ["a"]}}, False),
        (
            {"sockets": [{"port": 1, "inputBuffer": "a"}]},
            {"sockets": [{"inputBuffer": "a", "port": 1}]},
            True,
        ),
        (
            {"sockets": [{"port": 1}, {"port": 2}]},
            {"sockets": [{"port": 2}, {"port": 1}]},
            False,
        ),
        # System fields do not count.
        ({"name": "a", "version": 7, "createdAt": "now"}, {}, True),
    ],
)
def test_same_version(
    stored: Mapping[str, object], new: Mapping[str, object], is_same: bool
) -> None:
    assert _same(stored, new) == is_same


@pytest.mark.parametrize(
    ("stored", "new", "is_same"),
    [
        ("1", "1000m", True),
        ("1", "10001m", False),
        ("1Gi", "1073741824", True),
        ("1Gi", "1G", False),
        ("1k", "1e3", True),
        ("0", "-0", True),
        ("damaged", "damaged", True),
        ("damaged", "1", False),
    ],
)
def test_quantities_are_compared_as_numbers(stored: str, new: str, is_same: bool) -> None:
    assert _same({"resources": {"gpu": stored}}, {"resources": {"gpu": new}}) == is_same
    assert (
        _same({"resources": {"limits": {"cpu": stored}}}, {"resources": {"limits": {"cpu": new}}})
        == is_same
    )


def test_a_limit_is_no_request() -> None:
    limit = {"resources": {"limits": {"cpu": "1"}}}
    assert not _same(limit, {"resources": {"requests": {"cpu": "1"}}})


@pytest.mark.parametrize(
    ("stored", "new"),
    [
        ({"buffers": "damaged"}, {"buffers": {"inputs": ["a"]}}),
        ({"buffers": {"inputs": "damaged"}}, {"buffers": {"inputs": ["damaged"]}}),
        ({"resources": ["damaged"]}, {"resources": {"gpu": "1"}}),
    ],
)
def test_a_document_damaged_by_hand_equals_only_itself(
    stored: Mapping[str, object], new: Mapping[str, object]
) -> None:
    assert _same(stored, stored)
    assert not _same(stored, new)


def test_nothing_given_is_changed() -> None:
    document = {
        "env": {"b": "1", "a": "2"},
        "buffers": {"inputs": ["b", "a"]},
        "image": "x",
        "name": "n",
    }
    shown(document)
    same_version(document, document)
    assert list(document) == ["env", "buffers", "image", "name"]
    assert list(_map(document, "env")) == ["b", "a"]
