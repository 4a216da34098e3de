"""Buffers of the store, with real containers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tyger_local import Workspace

pytestmark = pytest.mark.docker

IMAGE = "tyger-local/busybox"
TIMEOUT_S = 60

GUIDE = """
set -eu
tyger() { "$PYTHON" -m tyger_local "$@"; }
input_id=$(tyger buffer create)
output_id=$(tyger buffer create)
run_id=$(tyger run create -f run.json -b input=$input_id -b output=$output_id)
tyger buffer read $output_id > read &
echo Paul | tyger buffer write $input_id
tyger run watch $run_id > /dev/null
wait $!
cat read
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    current = tmp_path / "work"
    current.mkdir()
    monkeypatch.chdir(current)
    return current


def _spec(script: str) -> dict[str, object]:
    codespec = {
        "image": IMAGE,
        "buffers": {"inputs": ["input"], "outputs": ["output"]},
        "command": ["sh", "-c", script],
    }
    document: dict[str, object] = {"job": {"codespec": codespec}}
    Path("run.json").write_text(json.dumps(document))
    return document


def test_the_script_of_the_guide() -> None:
    _spec('echo "Hello $(cat "$INPUT_PIPE")" > $(OUTPUT_PIPE)')
    answer = subprocess.run(
        ["sh", "-c", GUIDE],
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert (answer.returncode, answer.stdout) == (0, "Hello Paul\n"), answer.stderr


def test_an_input_whose_writer_is_killed_is_no_end_of_the_bytes(folder: Path) -> None:
    here = Workspace()
    source, target = (str(here.buffers.create()["id"]) for _ in range(2))
    writer = subprocess.Popen(
        (sys.executable, "-m", "tyger_local", "buffer", "write", source), stdin=subprocess.PIPE
    )
    assert writer.stdin is not None
    writer.stdin.write(b"some")
    writer.stdin.flush()
    script = 'exec 3> "$OUTPUT_PIPE"; cat "$INPUT_PIPE" >&3; echo "clean end" >&3'
    run = here.runs.create(_spec(script), {"input": source, "output": target})
    out, into = os.pipe()
    reader = subprocess.Popen(
        (sys.executable, "-m", "tyger_local", "buffer", "read", target), stdout=into
    )
    os.close(into)
    assert os.read(out, 100) == b"some"
    writer.kill()
    writer.communicate()
    assert os.read(out, 100) == b""
    os.close(out)
    assert reader.wait(TIMEOUT_S) == 1
    for record in here.runs.watch(run):
        last = record
    assert (last["status"], last["verdict"]) == ("Failed", "buffer-failed")
    assert "permanently failed state" in str(last["statusReason"])
    assert here.buffers.show(target)["state"] == "failed"
