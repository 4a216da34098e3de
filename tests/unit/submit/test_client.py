"""Tyger's client as a program. What it does in a whole run: tests/unit/cli/test_submit.py."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tyger_local.errors import TygerLocalError
from tyger_local.outcome.facts import CancelReason
from tyger_local.submit.client import LONGEST_QUOTE, Client
from tyger_local.submit.model import StoppedError

Made = Callable[[str], Client]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """Makes a client of a shell script."""

    def make(script: str) -> Client:
        program = tmp_path / "tyger"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        return Client(str(program))

    return make


def test_arguments_pass_no_shell(made: Made) -> None:
    client = made('for word; do echo "<$word>"; done')
    assert client.ask(("a b", "$(rm x)", "", "*")) == "<a b>\n<$(rm x)>\n<>\n<*>"


def test_it_reads_nothing_of_ours(made: Made) -> None:
    assert made("cat; echo end").ask(("x",)) == "end"


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo noise >&2; echo 'Error: a: b' >&2; exit 1", "'tyger a b' failed: a: b."),
        ("echo 'Error: one' >&2; echo 'Error: two' >&2; exit 1", "failed: one two."),
        ("echo first >&2; echo '  last  ' >&2; echo >&2; exit 9", "failed: last."),
        ("exit 4", "failed: exit code 4, and no word of why."),
        ("kill -KILL $$", "'tyger a b' was killed by SIGKILL."),
        ("kill -40 $$", "was killed by signal 40."),
        ("printf '\\377\\n' >&2; exit 1", "failed: \N{REPLACEMENT CHARACTER}."),
    ],
)
def test_its_words_are_quoted(made: Made, script: str, words: str) -> None:
    with pytest.raises(TygerLocalError) as caught:
        made(script).ask(("a", "b", "--secret"))
    assert str(caught.value).endswith(words)
    assert "secret" not in str(caught.value)


def test_long_words_are_cut(made: Made) -> None:
    script = "head -c 1000000 /dev/zero | tr '\\0' x >&2; exit 1"
    with pytest.raises(TygerLocalError) as caught:
        made(script).ask(("a", "b"))
    assert len(caught.value.what) < LONGEST_QUOTE + 50


def test_lines_come_as_they_are_printed(made: Made, tmp_path: Path) -> None:
    client = made(f"echo one; until [ -e {tmp_path}/go ]; do sleep 0.02; done; echo two; exit 1")
    lines = client.lines(("run", "watch"))
    assert next(lines) == "one\n"
    (tmp_path / "go").touch()
    assert next(lines) == "two\n"
    with pytest.raises(TygerLocalError, match="failed"):
        next(lines)


def test_whoever_hears_no_more_lines_leaves_no_process(made: Made, tmp_path: Path) -> None:
    lines = made("echo $$; exec sleep 60").lines(("run", "watch"))
    pid = int(next(lines))
    lines.close()  # type: ignore[attr-defined]  # a generator
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_bytes_go_through(made: Made, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(os.urandom(3_000_000))
    with source.open("rb") as one, target.open("wb") as other:
        made("exec cat").transfer(("buffer", "read"), one.fileno(), other.fileno())
    assert source.read_bytes() == target.read_bytes()


def test_stopped_it_starts_nothing(made: Made, tmp_path: Path) -> None:
    client = made(f"touch {tmp_path}/started")
    client.stop(CancelReason.TERMINATE)
    with pytest.raises(StoppedError) as caught:
        client.ask(("x",))
    assert caught.value.reason is CancelReason.TERMINATE
    assert not (tmp_path / "started").exists()
    client.resume()
    client.ask(("x",))
    assert (tmp_path / "started").exists()


@pytest.mark.parametrize(("finishes", "requests"), [(False, 1), (True, 2)])
def test_stopped_meanwhile(made: Made, tmp_path: Path, finishes: bool, requests: int) -> None:
    os.mkfifo(tmp_path / "started")
    client = made(f"echo > {tmp_path}/started; exec sleep 60")

    def stop() -> None:
        (tmp_path / "started").read_text()  # from here on it runs
        for _ in range(requests):
            client.stop(CancelReason.INTERRUPT)

    thread = threading.Thread(target=stop)
    thread.start()
    with pytest.raises(StoppedError):
        client.ask(("x",), finishes=finishes)
    thread.join()


def test_what_creates_something_may_finish(made: Made, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "started")
    os.mkfifo(tmp_path / "go")
    client = made(f"echo > {tmp_path}/started; cat {tmp_path}/go; echo 17")

    def stop() -> None:
        (tmp_path / "started").read_text()
        client.stop(CancelReason.INTERRUPT)
        (tmp_path / "go").write_text("")

    thread = threading.Thread(target=stop)
    thread.start()
    assert client.ask(("run", "create"), finishes=True) == "17"
    thread.join()
    with pytest.raises(StoppedError):
        client.ask(("run", "watch"))
