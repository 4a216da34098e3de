from __future__ import annotations

import json
import subprocess
from collections.abc import Callable

import pytest

from tyger_local.spec.schema import SCHEMAS

Cli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize("kind", SCHEMAS)
def test_a_schema_is_printed(cli: Cli, kind: str) -> None:
    answer = cli("schema", kind)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert json.loads(answer.stdout) == SCHEMAS[kind]()


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ([], "a schema is of 'codespec' files or of 'run' files. Say which"),
        (["codespecs"], "and not of codespecs. Did you mean 'codespec'?"),
        (["buffer"], "and not of buffer. Say which"),
        (["codespec", "run"], "and not of codespec run. Say which"),
    ],
)
def test_what_there_is_no_schema_of(cli: Cli, argv: list[str], words: str) -> None:
    answer = cli("schema", *argv)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert words in answer.stderr
