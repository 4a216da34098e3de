"""Codespecs that rules have something to say of, by the rule's name, and codespecs that are well."""

from __future__ import annotations

from pathlib import Path

import pytest

from tyger_local.lint.located import Located
from tyger_local.lint.model import Severity
from tyger_local.lint.rules import RULES
from tyger_local.lint.run import lint
from tyger_local.lint.subjects import targets
from tyger_local.spec.document import read_document

CORPUS = Path(__file__).parent / "corpus"
EXAMPLES = Path(__file__).parents[3] / "examples"


def look(text: str) -> list[Located]:
    document = read_document(text, "f.yml")
    return lint(targets(document, lambda *_: None), RULES, document)


def _files(folder: Path, pattern: str = "*.yml") -> list[object]:
    return [pytest.param(path, id=path.stem) for path in sorted(folder.rglob(pattern))]


@pytest.mark.parametrize("path", _files(CORPUS / "bad"))
def test_the_rule_that_a_file_is_named_for_finds_it_and_no_other(path: Path) -> None:
    assert {each.finding.rule for each in look(path.read_text())} == {path.stem.split("--")[0]}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_rule_has_a_file(rule: object) -> None:
    assert list((CORPUS / "bad").glob(f"{getattr(rule, 'id', '')}*.yml"))


@pytest.mark.parametrize("path", _files(CORPUS / "good"))
def test_nothing_is_said_of_what_is_well(path: Path) -> None:
    assert look(path.read_text()) == []


@pytest.mark.parametrize("path", _files(EXAMPLES))
def test_the_examples_need_no_more_than_a_note(path: Path) -> None:
    said = [each for each in look(path.read_text()) if each.finding.severity is not Severity.NOTE]
    assert said == []


PLACES = [
    ("env-order", (5, 6), "env.B"),
    ("env-injected", (5, 3), "env.INPUT_PIPE"),
    ("yaml-key", (3, 3), "env.true"),
    ("undefined-reference--script", (7, 5), "args[0]"),
    ("buffer-shell-name", (4, 8), "args[0]"),
    ("worker-without-endpoints", (1, 1), "endpoints"),
    ("max-replicas", (2, 41), "job.codespec.maxReplicas"),
    ("unknown-ignore", (2, 16), ""),
]


@pytest.mark.parametrize(("name", "line_and_column", "field"), PLACES)
def test_where_it_is(name: str, line_and_column: tuple[int, int], field: str) -> None:
    (found,) = look((CORPUS / f"bad/{name}.yml").read_text())
    assert (found.place.line, found.place.column) == line_and_column
    assert found.field == field


FIXES = [
    ("env-order", "Write 'x' as its value", ("$(LONG_NAME)", "x")),
    (
        "env-order--run-id",
        "Write 'scan-$(TYGER_RUN_ID)' as its value",
        ("B: $(LONG_NAME)", "B: scan-$(TYGER_RUN_ID)"),
    ),
    ("env-order--written-below", "Write the value of B into LONG_NAME", ("$(B)", "x")),
    (
        "env-pipe-reference",
        "Remove SOURCE from env",
        ("env:\n  SOURCE: file://$(INPUT_PIPE)\n", ""),
    ),
    ("env-injected", "Remove INPUT_PIPE from env", ("  INPUT_PIPE: /data\n", "")),
    ("env-name", "Give it another name", ('"A=B"', "AB")),
    ("env-name--endpoint", "Give it another name", ('"a=b"', "ab")),
    ("undefined-reference", "define INPUT_PIPE in env", ("args", "env: {INPUT_PIPE: x}\nargs")),
    ("undefined-reference--case", "Write $(INPUT_PIPE)", ("input_pipe", "INPUT_PIPE")),
    ("undefined-reference--script", "Write $(OUTPUT_PIPE)", ("OUTPUTS_PIPE", "OUTPUT_PIPE")),
    ("undefined-reference--script", "or write $$(OUTPUTS_PIPE)", ("$(OUTPUTS", "$$(OUTPUTS")),
    ("undefined-reference--image-env", "or $$(PATH)", ("$(PATH)", "$$(PATH)")),
    ("undefined-reference--later", "Write the value itself", ("$(B)", "x")),
    (
        "undefined-reference--workers-in-env",
        "Remove it from env",
        ("  NODES: $(TYGER_WORKER_NODES)\n", ""),
    ),
    ("buffer-shell-name", "Write $(RAW-DATA_PIPE)", ("$RAW-DATA_PIPE", "$(RAW-DATA_PIPE)")),
    (
        "buffer-shell-name--digit",
        "call the buffer 'b3d'",
        (
            '{inputs: [3d]}\ncommand: [bash, -c, "cat ${3D_PIPE}',
            '{inputs: [b3d]}\ncommand: [bash, -c, "cat ${B3D_PIPE}',
        ),
    ),
    ("buffer-name-length", "at most 48 characters", ("x" * 49, "x" * 48)),
    ("endpoint-shell-name", "letters, digits and underscores", ("my-port", "my_port")),
    (
        "socket-pipe",
        "take the buffer out of sockets",
        ("sockets: [{port: 9000, inputBuffer: input}]", ""),
    ),
    ("request-above-limit", "raise the limit", ("limits: {cpu: 1}", "limits: {cpu: 2}")),
    ("fractional-gpu", "a whole number", ("0.5", "1")),
    ("negative-quantity", "without the minus sign", ("-1Gi", "1Gi")),
    ("memory-milli", "Write 100Mi", ("100m", "100Mi")),
    ("memory-small", "Write the unit", ("512", "512Mi")),
    ("memory-units", "Write 500Mi", ("500M", "500Mi")),
    ("gpu-without-limits", "Add memory to resources", ("{cpu: 2}", "{cpu: 2, memory: 1Gi}")),
    (
        "gpu-without-limits--neither",
        "Add cpu and memory to resources.requests",
        ("{gpu: 2}", "{gpu: 2, requests: {cpu: 1, memory: 1Gi}}"),
    ),
    ("working-dir", "Remove it", ("workingDir: /data\n", "")),
    ("identity", "Remove it", ("identity: reader\n", "")),
    ("image-tag", "Name a tag", ("/recon", "/recon:1.2")),
    ("image-tag--latest", "or a digest", (":latest", "@sha256:0123")),
    ("max-replicas", "at most 2 replicas", ("replicas: 3", "replicas: 2")),
    ("max-replicas", "raise maxReplicas to 3", ("maxReplicas: 2", "maxReplicas: 3")),
    ("replicas-with-outputs", "Ask for one replica", ("replicas: 2", "replicas: 1")),
    ("endpoint-port", "between 1 and 65535", ("70000", "7000")),
    ("worker-without-endpoints", "Add endpoints", ("worker", "worker\nendpoints: {a: 80}")),
    ("socket-port-shared", "a port of its own", ("{port: 9000, out", "{port: 9001, out")),
    ("yaml-value--octal", 'Write "0777" in quotes', ("0777", '"0777"')),
    ("yaml-value--octal", '"511" if that is meant', ("0777", '"511"')),
    ("yaml-key", 'Write "Y" in quotes', ("Y:", '"Y":')),
    ("unused-ignore", "Remove the comment", (" # tyger-local: ignore[yaml-value]", "")),
]


@pytest.mark.parametrize(("name", "proposed", "change"), FIXES)
def test_what_is_proposed_makes_it_go_away(
    name: str, proposed: str, change: tuple[str, str]
) -> None:
    text = (CORPUS / f"bad/{name}.yml").read_text()
    assert any(proposed in each.text for each in look(text)), [each.text for each in look(text)]
    assert change[0] in text
    mended = text.replace(*change)
    assert [each.finding.rule for each in look(mended)] == []
