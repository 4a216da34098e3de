from __future__ import annotations

from collections.abc import Mapping

import pytest

from tyger_local.plan.environment import environment

INPUT = "/etc/buffer-fifos/input"
OUTPUT = "/etc/buffer-fifos/output"
PIPES = {"INPUT_PIPE": INPUT, "OUTPUT_PIPE": OUTPUT}

# The codespec's env, its values here, and those that the cluster would give it where they differ.
TABLE: list[tuple[dict[str, str], dict[str, str], dict[str, str]]] = [
    ({}, {}, {}),
    ({"A": "x", "LONGER": "$(A)"}, {"A": "x", "LONGER": "x"}, {}),
    # A shorter name is defined earlier on the cluster.
    ({"LONG": "x", "B": "$(LONG)"}, {"LONG": "x", "B": "x"}, {"B": "$(LONG)"}),
    ({"LONGER": "$(A)", "A": "x"}, {"LONGER": "$(A)", "A": "x"}, {"LONGER": "x"}),
    # Of the same length the bytes decide.
    ({"AA": "$(AB)", "AB": "x"}, {"AA": "$(AB)", "AB": "x"}, {}),
    ({"AB": "x", "AA": "$(AB)"}, {"AB": "x", "AA": "x"}, {"AA": "$(AB)"}),
    ({"B": "$(a)", "a": "x"}, {"B": "$(a)", "a": "x"}, {}),
    ({"É": "x", "BB": "$(É)"}, {"É": "x", "BB": "x"}, {"BB": "$(É)"}),  # É has two bytes
    # Pipes come first here and last on the cluster.
    ({"MY_IN": "$(INPUT_PIPE)"}, {"MY_IN": INPUT}, {"MY_IN": "$(INPUT_PIPE)"}),
    ({"MY_IN": "$$(INPUT_PIPE)"}, {"MY_IN": "$(INPUT_PIPE)"}, {}),
    ({"INPUT_PIPE": "mine"}, {"INPUT_PIPE": INPUT}, {}),
    (
        {"INPUT_PIPE": "mine", "LONG_NAME_IN": "$(INPUT_PIPE)"},
        {"INPUT_PIPE": INPUT, "LONG_NAME_IN": INPUT},
        {"LONG_NAME_IN": "mine"},
    ),
    # The run's id is the first of all.
    ({"ID": "$(TYGER_RUN_ID)"}, {"ID": "7"}, {}),
    (
        {"TYGER_RUN_ID": "mine"},
        {"TYGER_RUN_ID": "7"},
        {"TYGER_RUN_ID": "mine"},
    ),
    # The image's ENV is not seen.
    ({"P": "$(PATH):/x"}, {"P": "$(PATH):/x"}, {}),
    ({"PATH": "$(PATH):/x"}, {"PATH": "$(PATH):/x"}, {}),
    # What is inserted is not read again.
    (
        {"A": "$(B)", "B": "x", "CC": "$(A)"},
        {"A": "$(B)", "B": "x", "CC": "$(B)"},
        {},
    ),
    ({"A": "x", "BB": "$(A)y", "CCC": "$(BB)z"}, {"A": "x", "BB": "xy", "CCC": "xyz"}, {}),
    ({"A": "$$", "BB": "$(A)(A)"}, {"A": "$", "BB": "$(A)"}, {}),
    # A difference is inherited.
    (
        {"LONG": "x", "B": "$(LONG)", "CCCCC": "$(B)"},
        {"LONG": "x", "B": "x", "CCCCC": "x"},
        {"B": "$(LONG)", "CCCCC": "$(LONG)"},
    ),
]


@pytest.mark.parametrize(("env", "here", "cluster"), TABLE)
def test_values(
    env: Mapping[str, str], here: Mapping[str, str], cluster: Mapping[str, str]
) -> None:
    computed = environment("7", env, PIPES)
    variables = dict(computed.variables)
    assert {name: variables[name] for name in env} == here
    assert len(computed.differences) == len(cluster)
    for (name, value), difference in zip(cluster.items(), computed.differences, strict=True):
        assert difference.strict
        assert f" {name}" in difference.text
        assert f"'{value}'" in difference.text
        assert f"'{here[name]}'" in difference.text


@pytest.mark.parametrize(
    ("env", "code"),
    [
        ({"MY_IN": "$(INPUT_PIPE)"}, "env-pipe-reference"),
        ({"LONG": "x", "B": "$(LONG)"}, "env-order"),
        ({"TYGER_RUN_ID": "mine"}, "env-injected"),
    ],
)
def test_each_kind_of_difference_has_its_code(env: Mapping[str, str], code: str) -> None:
    assert [d.code for d in environment("7", env, PIPES).differences] == [code]


def test_order_of_definition() -> None:
    env = {"ZZZ": "1", "OUTPUT_PIPE": "mine", "A": "2", "TYGER_RUN_ID": "mine"}
    assert environment("7", env, PIPES).variables == (
        ("TYGER_RUN_ID", "7"),
        ("INPUT_PIPE", INPUT),
        ("OUTPUT_PIPE", OUTPUT),
        ("ZZZ", "1"),
        ("A", "2"),
    )


def test_paths_of_pipes_are_not_expanded() -> None:
    env = {"A": "x", "INPUT_PIPE": "mine"}
    computed = environment("7", env, {"INPUT_PIPE": "/tmp/$$/$(A)"})
    assert dict(computed.variables)["INPUT_PIPE"] == "/tmp/$$/$(A)"
    assert computed.differences == ()


def test_names_that_are_no_text_have_an_order_too() -> None:
    assert environment("7", {"\udcff": "x"}, {}).variables[-1] == ("\udcff", "x")
