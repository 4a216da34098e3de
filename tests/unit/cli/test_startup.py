"""Reading the store and asking for help stay quick: what is slow to import is not imported for them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tyger_local import Workspace

SLOW = ("docker", "yaml", "rich", "psutil", "requests", "urllib3", "dateparser")

PROGRAM = """
import json, sys
from tyger_local.cli.main import run_command_line
code = run_command_line(sys.argv[1:])
slow = [name for name in {slow!r} if name in sys.modules]
print(json.dumps([code, slow]), file=sys.stderr)
"""


def _imported(*argv: str, slow: tuple[str, ...] = SLOW) -> tuple[int, list[str]]:
    command = (sys.executable, "-c", PROGRAM.format(slow=slow), *argv)
    answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    code, found = json.loads(answer.stderr.splitlines()[-1])
    return code, found


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["codespec", "list"], 0),
        (["codespec", "list", "--format", "table"], 0),
        (["codespec", "show", "a"], 0),
        (["codespec", "show", "a/versions/1"], 0),
        (["codespec", "show", "nope"], 1),
        (["run", "list"], 0),
        (["run", "show", "1"], 1),
        (["run", "report", "1"], 1),
        (["buffer", "list"], 0),
        (["buffer", "create"], 0),
        (["buffer", "show", "a"], 1),
        (["--help"], 0),
        (["run", "exec", "--help"], 0),
        (["codespec", "create", "--help"], 0),
        (["submit", "--help"], 0),
        (["--version"], 0),
        (["export", "--help"], 0),
        (["codespec", "import", "--help"], 0),
        (["completion", "bash"], 0),
        (["__complete", "--shell=bash", "--", "tyger-local run show "], 0),
        (["__complete", "--shell=bash", "--", "tyger-local run exec -c a --version "], 0),
        (["__complete", "--shell=fish", "--", "tyger-local buffer show "], 0),
        (["__complete", "--shell=zsh", "--", "tyger-local run exec -c a -b "], 0),
        (["codespec", "create", "--nope"], 2),
    ],
)
def test_what_is_not_imported(argv: list[str], expected: int) -> None:
    Workspace().codespecs.create("a", {"image": "x"})
    assert _imported(*argv) == (expected, [])


@pytest.mark.parametrize(
    "argv", [("run", "list"), ("run", "exec", "--help"), ("buffer", "list"), ("df",), ("prune",)]
)
def test_the_commands_for_codespecs_are_loaded_for_themselves_alone(argv: tuple[str, ...]) -> None:
    assert _imported(*argv, slow=("tyger_local.cli.codespec",)) == (0, [])


def test_what_a_store_needs_of_the_others() -> None:
    code, slow = _imported("codespec", "create", "a", "--image", "x")
    assert (code, set(slow) & {"docker", "rich", "requests"}) == (0, set())


DOCKER_PY = {"docker", "requests", "urllib3", "rich"}


@pytest.mark.docker
def test_a_run_on_the_engine_of_this_machine_needs_no_docker_py(tmp_path: Path) -> None:
    spec = tmp_path / "spec.json"
    spec.write_text('{"image": "tyger-local/busybox", "command": ["sh", "-c", "exit 3"]}')
    code, slow = _imported("run", "exec", "-f", str(spec))
    assert (code, set(slow) & DOCKER_PY) == (3, set())


def test_nor_does_finding_out_that_there_is_no_engine(tmp_path: Path) -> None:
    spec = tmp_path / "spec.json"
    spec.write_text('{"image": "x"}')
    code, slow = _imported("run", "exec", "-f", str(spec))
    assert (code, set(slow) & DOCKER_PY) == (125, set())


LOADED = """
import sys
from tyger_local import Workspace
from tyger_local.outcome.events import RunCreated
from tyger_local.workspace.execution import ExecOptions
def tell(event):
    if isinstance(event, RunCreated):
        print([name for name in sys.modules if name.startswith("tyger_local.lint")])
codespec = {"image": "x", "command": ["true"]}
Workspace(engine="process").runs.exec({"job": {"codespec": codespec}}, options=ExecOptions(emit=tell))
"""


def test_no_run_waits_for_rules() -> None:
    command = (sys.executable, "-c", LOADED)
    answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    assert answer.stdout == "[]\n"


ENDING = """
import atexit, sys, threading
from tyger_local.__main__ import main
{prepare}
sys.argv = ["tyger-local", *{argv!r}]
main()
"""


@pytest.mark.parametrize(
    ("prepare", "stdout"),
    [
        ("", ""),
        ("atexit.register(print, 'registered')", "registered\n"),
        ("print('buffered', end='')", "buffered"),
        ("threading.Timer(0.1, print, ('a thread',)).start()", "a thread\n"),
    ],
)
@pytest.mark.parametrize(("argv", "code"), [(["run", "show", "1"], 1), (["run", "list", "-q"], 0)])
def test_a_quick_exit_loses_nothing(prepare: str, stdout: str, argv: list[str], code: int) -> None:
    program = ENDING.format(prepare=prepare, argv=argv)
    command = (sys.executable, "-c", program)
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    listed = "[]\n" if code == 0 else ""
    assert answer.returncode == code
    assert sorted(answer.stdout) == sorted(stdout + listed)
