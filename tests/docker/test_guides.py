"""Scripts as Tyger's guides have them, with nothing but the command's name replaced."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.docker

TIMEOUT_S = 120

HELLO = """
name: hello
image: tyger-local/base
buffers:
  inputs: ["input"]
  outputs: ["output"]
command:
  - "bash"
  - "-c"
  - |
    set -euo pipefail
    inp=$(cat "$INPUT_PIPE")
    echo "Hello ${inp}" > "$OUTPUT_PIPE"
"""


@pytest.fixture(autouse=True)
def tyger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command ``tyger`` that is this tool, in an empty folder with the guides' file in it."""
    program = tmp_path / "bin/tyger"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m tyger_local "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    Path("hello.yml").write_text(HELLO)


def _bash(script: str) -> str:
    """Run a script that must not fail; return what it printed."""
    answer = subprocess.run(
        ("bash", "-euo", "pipefail", "-c", script),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


def test_codespecs() -> None:
    printed = _bash(
        """
        tyger codespec create negating --image ffmpeg --input input --output output \\
            -- -i '$(INPUT_PIPE)' -vf negate -f nut -y '$(OUTPUT_PIPE)'
        tyger codespec create -f hello.yml
        tyger codespec create -f hello.yml --env MY_ENV=MY_VALUE
        tyger codespec show hello -v 1 | grep -c MY_ENV || true
        tyger codespec list --prefix neg
        """
    )
    first, second, third, found, *listed = printed.splitlines()
    assert (first, second, third, found) == ("1", "1", "2", "0")
    assert [document["name"] for document in json.loads("\n".join(listed))] == ["negating"]


def test_runs_by_exec() -> None:
    _bash(
        """
        tyger codespec create -f hello.yml
        echo "Paul" | tyger run exec --codespec hello > result.txt
        """
    )
    assert Path("result.txt").read_text() == "Hello Paul\n"


def test_runs_by_create() -> None:
    _bash(
        """
        tyger codespec create -f hello.yml
        input_id=$(tyger buffer create)
        output_id=$(tyger buffer create)
        run_id=$(tyger run create --codespec hello --buffer input=$input_id --buffer output=$output_id)
        echo "Paul" | tyger buffer write $input_id
        tyger buffer read $output_id > result.txt
        tyger run watch $run_id > states.txt
        tyger run show $run_id > run.json
        tyger run logs $run_id --timestamps
        tyger run list --since "1 hour ago" --limit 1 > list.json
        """
    )
    assert Path("result.txt").read_text() == "Hello Paul\n"
    assert json.loads(Path("states.txt").read_text().splitlines()[-1])["status"] == "Succeeded"
    assert json.loads(Path("run.json").read_text())["status"] == "Succeeded"
    assert [run["id"] for run in json.loads(Path("list.json").read_text())] == [1]


def test_runs_make_the_buffers_that_are_not_given() -> None:
    printed = _bash(
        """
        tyger codespec create -f hello.yml > version.txt
        run_id=$(tyger run create --codespec hello --buffer-tag project=knee)
        buffer_id() { tyger run show $run_id | grep "\\"$1\\": \\"" | cut -d '"' -f 4; }
        echo "Mary" | tyger buffer write $(buffer_id input)
        tyger buffer read $(buffer_id output)
        tyger buffer list --tag project=knee --tag bufferName=output --format name | wc -l
        """
    )
    assert printed.split("\n")[0] == "Hello Mary"
    assert printed.split("\n")[1].strip() == "1"


def test_buffers() -> None:
    _bash(
        """
        buffer_id=$(tyger buffer create --tag mykey1=myvalue1 --tag mykey2=myvalue2)
        tyger buffer gen 10M | tyger buffer write $buffer_id
        tyger buffer read $buffer_id > destination_file
        tyger buffer gen 10M -o expected
        cmp destination_file expected
        tyger buffer set $buffer_id --tag myKey1=updated --tag mykey3=myvalue3 > set.json
        tyger buffer set $buffer_id --clear-tags --tag myKey1=yetAnotherValue > replaced.json
        tyger buffer list --tag myKey1=yetAnotherValue > found.json
        tyger buffer list --tag mykey1=missing > none.json
        tyger buffer delete $buffer_id > deleted.json
        tyger buffer show $buffer_id && exit 1
        tyger buffer show $buffer_id --soft-deleted
        tyger buffer set --ttl 2.12:00 $buffer_id --soft-deleted > expiring.json
        tyger buffer restore $buffer_id
        tyger buffer delete $buffer_id
        tyger buffer purge $buffer_id
        tyger buffer create --tag a=b; tyger buffer create --tag a=b --tag c=d
        tyger buffer delete --tag a=b --exclude-tag c=d --force > many.txt
        """
    )

    def tags(name: str) -> object:
        return json.loads(Path(name).read_text())["tags"]

    kept = {"mykey1": "myvalue1", "mykey2": "myvalue2"}
    assert tags("set.json") == {**kept, "myKey1": "updated", "mykey3": "myvalue3"}
    assert tags("replaced.json") == {"myKey1": "yetAnotherValue"}
    assert len(json.loads(Path("found.json").read_text())) == 1
    assert json.loads(Path("none.json").read_text()) == []
    assert "expiresAt" in json.loads(Path("expiring.json").read_text())
    assert Path("many.txt").read_text() == "Deleted 1 buffers.\n"
