"""A stand-in for Tyger's client: the same commands, texts and files, over a store and an engine of its own.

Behind it is this project's own tool, which reads files as strictly as Tyger does and really runs what it is
given. What it adds is what tells the two apart: logging in, flags that Tyger does not have, buffers by their
ids alone, exit codes. A test makes it misbehave: `behaviour.json` says, for the first two words of a command,
what to do instead.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from pathlib import Path

import yaml

STATE = Path(os.environ["TYGER_STAND_IN"])

FLAGS = {
    "codespec create": {"-f"},
    "codespec show": {"--version"},
    "buffer create": {"--tag", "--ttl"},
    "buffer write": {"-i"},
    "buffer read": {"-o"},
    "buffer show": set(),
    "buffer delete": set(),
    "run create": {"-f"},
    "run watch": set(),
    "run show": set(),
    "run logs": {"--timestamps", "--tail", "--follow"},
    "run cancel": set(),
}
"""The flags of each command that may be used here; all of them are Tyger's."""

BUFFER_ID = re.compile("[a-z2-7]{26}")


def fail(text: str) -> None:
    """End as Tyger's client does."""
    print(f"Error: {text}", file=sys.stderr)
    sys.exit(1)


def misbehave(words: str) -> None:
    """Do what a test wants instead of the command."""
    file = STATE / "behaviour.json"
    wanted = json.loads(file.read_text()).get(words) if file.exists() else None
    if wanted is None:
        return
    if wanted.get("lingers"):
        (STATE / "hangs").touch()
        while not (STATE / "go").exists():
            time.sleep(0.01)
        return
    print(wanted.get("stderr", ""), end="", file=sys.stderr, flush=True)
    print(wanted.get("stdout", ""), end="", flush=True)
    if wanted.get("hangs"):
        (STATE / "hangs").touch()
        if wanted.get("deaf"):
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(60)
    if "signal" in wanted:
        os.kill(os.getpid(), wanted["signal"])
    sys.exit(wanted.get("exit", 0))


def log_in_status() -> None:
    """Say to which server it is logged in."""
    if not (STATE / "logged-in").exists():
        fail("you are not currently logged in to any Tyger server")
    print("you are logged into https://tyger.example.org as somebody")


def check_flags(words: str, rest: list[str]) -> None:
    """Refuse what Tyger's client would not understand."""
    if words not in FLAGS:
        fail(f'unknown command "{words}" for "tyger"')
    for word in rest:
        if word.startswith("-") and word.partition("=")[0] not in FLAGS[words]:
            fail(f"unknown flag: {word}")


def check_run_file(path: str) -> None:
    """Refuse what only this project's own tool takes: codespec files, and files in place of buffers."""
    run = yaml.safe_load(Path(path).read_text("utf-8"))
    if "image" in run:
        fail(f'failed to parse file {path}: json: unknown field "image"')
    for buffer_id in run["job"].get("buffers", {}).values():
        if not BUFFER_ID.fullmatch(buffer_id):
            fail(f"InvalidInput: The buffer '{buffer_id}' was not found")


def main(argv: list[str]) -> None:
    """Run one command."""
    with (STATE / "calls").open("a") as calls:
        calls.write(json.dumps(argv) + "\n")
    if argv == ["--version"]:
        misbehave("--version")
        print("tyger version v0.9.1")
        return
    words = " ".join(argv[:2])
    misbehave(words)
    if words == "login status":
        log_in_status()
        return
    if not (STATE / "logged-in").exists():
        fail("run 'tyger login' to connect to a Tyger server")
    check_flags(words, argv[2:])
    if words == "run create":
        check_run_file(argv[argv.index("-f") + 1])
    os.environ["TYGER_LOCAL_HOME"] = str(STATE / "home")
    os.environ["TYGER_LOCAL_ENGINE"] = (STATE / "engine").read_text()
    from tyger_local.cli.main import run_command_line  # noqa: PLC0415  (a login takes no time)

    sys.exit(1 if run_command_line(argv) else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
