from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tyger_local.cli.main import run_command_line

TIMEOUT_S = 30

Answer = subprocess.CompletedProcess[str]


@pytest.fixture
def cli(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Answer]:
    """Runs a command line in this process; `stdin` is for what Python reads, not for a run."""

    def call(*argv: str, stdin: bytes = b"") -> Answer:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capfd.readouterr()
        code = run_command_line(argv)
        out, err = capfd.readouterr()
        return Answer(argv, code, out, err)

    return call


@pytest.fixture
def program() -> Callable[..., Answer]:
    """Runs a command line as a program of its own."""

    def call(*argv: str | bytes, stdin: str = "", **env: str) -> Answer:
        return subprocess.run(
            (sys.executable, "-m", "tyger_local", *argv),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
            env={**os.environ, **env},
        )

    return call


@pytest.fixture
def spec_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Writes `text` to a file, which becomes known as ``spec.yml`` in the current folder."""
    monkeypatch.chdir(tmp_path)

    def write(text: str, name: str = "spec.yml") -> str:
        Path(name).write_text(text, "utf-8")
        return name

    return write
