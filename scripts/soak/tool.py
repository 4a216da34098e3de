"""The tool's command line, run as people run it: argv in, exit code and last line out."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

TIMEOUT_S = 120


@dataclass(frozen=True)
class Answer:
    """How one call of the tool ended."""

    code: int
    out: bytes
    err: str

    @property
    def last_line(self) -> str:
        """Return what a person sees last."""
        return self.err.splitlines()[-1] if self.err.strip() else ""


def tool_argv(
    folder: Path,
    image: str,
    script: str,
    inputs: Sequence[str] = (),
    outputs: Sequence[str] = (),
    *,
    flags: Sequence[str] = (),
    changes: Mapping[str, object] | None = None,
) -> list[str]:
    """Write a codespec that runs a shell script, and return the command line that runs it.

    Args:
        folder: Where the codespec and the store are.
        image: What runs it.
        script: For ``sh``.
        inputs: Buffers.
        outputs: Buffers.
        flags: Of ``run exec``.
        changes: Other fields of the codespec.
    """
    document = {
        "image": image,
        "command": ["sh", "-c", script],
        "buffers": {"inputs": [*inputs], "outputs": [*outputs]},
        **(changes or {}),
    }
    file = folder / "codespec.json"
    file.write_text(json.dumps(document))
    home = f"--home={folder / 'home'}"
    return [sys.executable, "-m", "tyger_local", home, "run", "exec", "-f", str(file), *flags]


def run_tool(argv: Sequence[str], env: Mapping[str, str] | None = None) -> Answer:
    """Run a command line to its end; one that hangs is killed, with exit code -9."""
    with subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **(env or {})},
    ) as process:
        try:
            out, err = process.communicate(timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
    return Answer(process.returncode, out, err.decode(errors="replace"))


def in_engine(folder: Path) -> list[str]:
    """Return the containers and networks that runs of the store in `folder` have left."""
    home = str((folder / "home").resolve())
    label = f"label=tyger-local.store={hashlib.sha256(home.encode()).hexdigest()[:16]}"
    found: list[str] = []
    for listing in (("ps", "--all"), ("network", "ls")):
        argv = ("docker", *listing, "--quiet", "--filter", label)
        found += subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()
    return found
