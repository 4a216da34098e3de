from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tyger_local import Workspace
from tyger_local.workspace.buffer_bytes import writing

Answer = subprocess.CompletedProcess[str]
Cli = Callable[..., Answer]
TIMEOUT_S = 30
TOOL = (sys.executable, "-m", "tyger_local")
NOBODY = "a" * 26
ASKS = "DEED asks before it changes many buffers"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    current = tmp_path / "work"
    current.mkdir()
    monkeypatch.chdir(current)
    (current / "in").write_bytes(b"Paul\n")
    return current


def _new(cli: Cli, *flags: str) -> str:
    answer = cli("buffer", "create", *flags)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert re.fullmatch(r"[a-z2-7]{26}\n", answer.stdout)
    return answer.stdout.strip()


def _document(answer: Answer) -> dict[str, object]:
    assert (answer.returncode, answer.stderr) == (0, "")
    found: dict[str, object] = json.loads(answer.stdout)
    return found


def _ids(cli: Cli, *flags: str) -> list[str]:
    answer = cli("buffer", "list", "--format", "name", *flags)
    assert (answer.returncode, answer.stderr) == (0, "")
    return answer.stdout.split()


def _check_refused(answer: Answer, message: str, code: int = 2) -> None:
    assert (answer.returncode, answer.stdout) == (code, ""), answer.stderr
    assert answer.stderr.startswith(f"Error: {message}"), answer.stderr
    assert re.fullmatch(r"Error: [^\n]+[.!?]\n", answer.stderr)


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


# create, show, set, list


def test_a_buffer_is_shown_as_tyger_shows_it(cli: Cli) -> None:
    buffer = _new(cli, "--tag", "a=1,b=2", "--tag", "c=3", "--ttl", "1.00:00", "--location", "x")
    shown = _document(cli("buffer", "show", buffer))
    order = ["id", "createdAt", "location", "tags", "eTag", "expiresAt", "state"]
    assert list(shown) == order
    assert shown["tags"] == {"a": "1", "b": "2", "c": "3"}
    assert cli("buffers", "get", buffer).stdout == cli("buffer", "show", buffer).stdout
    assert list(_document(cli("buffer", "create", "--full-resource"))) == [
        "id", "createdAt", "location", "eTag", "state",
    ]  # fmt: skip


@pytest.mark.parametrize("output_format", ["json", "yaml", "table", "name"])
def test_formats(cli: Cli, output_format: str) -> None:
    buffer = _new(cli, "--tag", "a=1")
    cli("buffer", "write", buffer, "-i", "in")
    for argv in (["show", buffer], ["list"]):
        answer = cli("buffer", *argv, "--format", output_format)
        assert (answer.returncode, answer.stderr) == (0, "")
        assert buffer in answer.stdout
        if output_format == "table":
            title, row = answer.stdout.splitlines()
            assert title.split() == ["ID", "CREATED", "STATE", "BYTES", "EXPIRES", "TAGS"]
            assert row.split()[2:] == ["complete", "5", "-", "a=1"]


@pytest.mark.parametrize(
    ("argv", "message", "code"),
    [
        (["create", "x"], 'unknown command "x" for "tyger-local buffer create"', 2),
        (["create", "--tag", "a"], 'invalid argument "a" for "--tag" flag', 2),
        (["create", "--tag", "a b=c"], "Tag keys must contain up to 128 letters", 2),
        (["create", "--ttl", "1d"], "--ttl: invalid buffer TTL format: 1d (should be D.HH:MM)", 2),
        (["show"], "one buffer ID positional argument is required", 2),
        (["show", "a", "b"], "unexpected positional arguments after the buffer ID: [b]", 2),
        (["show", NOBODY], f"The buffer '{NOBODY}' was not found", 1),
        (["show", "../x"], "The buffer '../x' was not found", 1),
        (["set", NOBODY, "--tag", "a=b"], f"The buffer '{NOBODY}' was not found", 1),
        (["list", "x"], 'unknown command "x" for "tyger-local buffer list"', 2),
        (["list", "--limit", "-1"], "Limit must be a non-negative integer.", 2),
        (["write"], "one buffer ID positional argument is required", 2),
        (["write", NOBODY, "-i", "in"], f"The buffer '{NOBODY}' was not found", 1),
        (["write", NOBODY, "-p", "0"], "the degree of parallelism (dop) must be at least 1", 2),
        (["write", NOBODY, "-b", "x"], 'invalid size "x"', 2),
        (["write", NOBODY, "-f", "x"], 'invalid argument "x" for "-f, --flush-interval"', 2),
        (["read", NOBODY], f"The buffer '{NOBODY}' was not found", 1),
        (["read", NOBODY, "--dop=0"], "the degree of parallelism (dop) must be at least 1", 2),
        (["delete", NOBODY], f"The buffer '{NOBODY}' was not found", 1),
        (["gen"], "one SIZE positional argument is required", 2),
        (["gen", "1X"], 'invalid size "1X"', 2),
        (["access", NOBODY, "-w"], "'tyger-local buffer access' is for buffers in the cloud", 2),
        (["export", "x"], "'tyger-local buffer export' is for buffers in the cloud", 2),
        (["import"], "'tyger-local buffer import' is for buffers in the cloud", 2),
        (["storage-account", "list"], "'tyger-local buffer storage-account' is for", 2),
    ],
)
def test_what_is_refused(cli: Cli, argv: list[str], message: str, code: int) -> None:
    _check_refused(cli("buffer", *argv), message, code)


def test_set(cli: Cli) -> None:
    buffer = _new(cli, "--tag", "a=1")
    before = _document(cli("buffer", "show", buffer))
    after = _document(cli("buffer", "set", buffer, "--tag", "b=2", "--etag", str(before["eTag"])))
    assert after["tags"] == {"a": "1", "b": "2"}
    assert after == _document(cli("buffer", "show", buffer))
    _check_refused(
        cli("buffer", "set", buffer, "--tag", "c=3", "--etag", str(before["eTag"])),
        "the server's ETag does not match the provided ETag",
        1,
    )
    cleared = _document(cli("buffer", "set", buffer, "--clear-tags", "--tag", "c=3"))
    assert cleared["tags"] == {"c": "3"}
    assert "expiresAt" in _document(cli("buffer", "set", buffer, "--ttl", "2.12:00"))


def test_of_several_who_set_tags_at_once_none_is_lost(cli: Cli) -> None:
    buffer = _new(cli)
    tags = {f"k{n}": f"v{n}" for n in range(6)}
    setters = [
        subprocess.Popen(
            (*TOOL, "buffer", "set", buffer, "--tag", f"{key}={value}"), stdout=subprocess.DEVNULL
        )
        for key, value in tags.items()
    ]
    assert [setter.wait(TIMEOUT_S) for setter in setters] == [0] * len(tags)
    assert _document(cli("buffer", "show", buffer))["tags"] == tags


def test_list(cli: Cli) -> None:
    one, two = _new(cli, "--tag", "a=1,b=2"), _new(cli, "--tag", "a=1")
    assert _ids(cli) == [two, one]
    assert _ids(cli, "-l", "1") == [two]
    assert _ids(cli, "--tag", "a=1", "--tag", "b=2") == [one]
    assert _ids(cli, "--tag", "a=1", "--exclude-tag", "b=2") == [two]
    assert json.loads(cli("buffer", "list", "--tag", "x=y").stdout) == []


def test_a_long_list_is_cut_and_said_to_be(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tyger_local.cli.limits.DEFAULT_LIMIT", 2)
    for _ in range(3):
        _new(cli)
    answer = cli("buffer", "list")
    assert len(json.loads(answer.stdout)) == 2
    assert answer.stderr == (
        "Warning: the output was truncated. Specify the --limit parameter to increase the number "
        "of elements.\n"
    )
    assert cli("buffer", "list", "--limit", "2").stderr == ""


# write, read, gen


def test_written_and_read(cli: Cli, folder: Path) -> None:
    buffer = _new(cli)
    flags = ("--dop", "4", "--block-size", "4M", "--flush-interval", "1s")
    answer = cli("buffer", "write", buffer, "--input", "in", *flags)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")
    assert cli("buffer", "read", buffer, "--dop", "32").stdout == "Paul\n"
    answer = cli("buffer", "read", buffer, "-o", "out")
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")
    assert (folder / "out").read_text() == "Paul\n"
    _check_refused(
        cli("buffer", "write", buffer, "-i", "in"),
        f"The buffer '{buffer}' has been written already, and a buffer is written only once. Make",
        1,
    )


def test_the_script_of_the_guide(folder: Path) -> None:
    script = """
    set -e
    tyger() { "$PYTHON" -m tyger_local "$@"; }
    buffer=$(tyger buffer create)
    tyger buffer read $buffer > read &
    echo Paul | tyger buffer write $buffer
    wait $!
    tyger buffer gen 3M | tyger buffer write $(tyger buffer create)
    cat read
    """
    answer = subprocess.run(
        ["sh", "-c", script],
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "Paul\n", "")
    assert [one["bytes"] for one in Workspace().buffers.list()] == [3 * 2**20, 5]


def test_a_terminal_is_not_read_unasked(cli: Cli) -> None:
    buffer = _new(cli)
    ours, theirs = pty.openpty()
    answer = subprocess.run(
        (*TOOL, "buffer", "write", buffer),
        stdin=theirs, capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    _check_refused(answer, "the bytes of the buffer would be read from this terminal. Write")
    for fd in (ours, theirs):
        os.close(fd)
    assert _document(cli("buffer", "show", buffer))["state"] == "empty"


def test_a_closed_stdin_is_told(cli: Cli) -> None:
    buffer = _new(cli)
    command = f"exec {sys.executable} -m tyger_local buffer write {buffer} <&-"
    answer = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    _check_refused(answer, "standard input is closed. Give the bytes with -i FILE")
    assert _document(cli("buffer", "show", buffer))["state"] == "empty"


def test_a_closed_stdout_is_told(cli: Cli) -> None:
    buffer = _new(cli)
    cli("buffer", "write", buffer, "-i", "in")
    for argv in (f"read {buffer}", "gen 1M"):
        command = f"exec {sys.executable} -m tyger_local buffer {argv} >&-"
        answer = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
        _check_refused(answer, "standard output is closed. Leave it open, or send it to a file", 1)


@pytest.mark.parametrize(
    ("number", "code", "words"),
    [
        (signal.SIGINT, 130, "Error: ended by SIGINT.\n"),
        (signal.SIGTERM, 143, "Error: ended by SIGTERM.\n"),
        (signal.SIGKILL, -9, ""),
    ],
)
def test_an_interrupted_writer_makes_it_fail(
    cli: Cli, number: signal.Signals, code: int, words: str
) -> None:
    buffer = _new(cli)
    writer = subprocess.Popen(
        (*TOOL, "buffer", "write", buffer), stdin=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert writer.stdin is not None
    writer.stdin.write(b"some")
    writer.stdin.flush()
    _wait(lambda: Workspace().buffers.show(buffer).get("bytes") == 4)
    assert _document(cli("buffer", "show", buffer))["state"] == "writing"
    writer.send_signal(number)
    _, stderr = writer.communicate(timeout=TIMEOUT_S)
    assert (writer.returncode, stderr.decode()) == (code, words)
    assert _document(cli("buffer", "show", buffer))["state"] == "failed"
    _check_refused(cli("buffer", "read", buffer), "the buffer is in a permanently failed state", 1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_reader_leaves_no_file(
    cli: Cli, folder: Path, number: signal.Signals
) -> None:
    buffer = _new(cli)
    reader = subprocess.Popen(
        (*TOOL, "buffer", "read", buffer, "-o", "out"), stderr=subprocess.PIPE
    )
    _wait(lambda: any(folder.glob(".out*")))
    reader.send_signal(number)
    reader.communicate(timeout=TIMEOUT_S)
    assert reader.returncode == 128 + number
    assert [path.name for path in folder.iterdir()] == ["in"]


def test_a_reader_is_told_when_the_writer_is_killed(cli: Cli) -> None:
    buffer = _new(cli)
    writer = subprocess.Popen((*TOOL, "buffer", "write", buffer), stdin=subprocess.PIPE)
    assert writer.stdin is not None
    writer.stdin.write(b"some")
    writer.stdin.flush()
    reader = subprocess.Popen(
        (*TOOL, "buffer", "read", buffer), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert reader.stdout is not None
    assert reader.stdout.read(4) == b"some"
    writer.kill()
    writer.communicate()
    stdout, stderr = reader.communicate(timeout=TIMEOUT_S)
    assert (reader.returncode, stdout) == (1, b"")
    assert stderr.startswith(b"Error: the buffer is in a permanently failed state.")


def test_whoever_closes_stdout_hears_no_more(cli: Cli) -> None:
    buffer = _new(cli)
    cli("buffer", "gen", "1M", "-o", "data")
    cli("buffer", "write", buffer, "-i", "data")
    for command in (f"buffer read {buffer}", "buffer gen 10G"):
        with subprocess.Popen(
            (*TOOL, *command.split()), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as tool:
            assert tool.stdout is not None
            assert tool.stderr is not None
            assert len(tool.stdout.read(1)) == 1
            tool.stdout.close()
            assert tool.stderr.read() == b""
        assert tool.returncode == 141


def test_a_fifo_is_waited_for(cli: Cli, folder: Path) -> None:
    buffer = _new(cli)
    os.mkfifo("fifo")
    threading.Thread(target=lambda: Path("fifo").write_bytes(b"through a pipe")).start()
    assert cli("buffer", "write", buffer, "-i", "fifo").returncode == 0
    assert cli("buffer", "read", buffer).stdout == "through a pipe"


def test_gen(cli: Cli, folder: Path) -> None:
    answer = cli("buffer", "gen", "1KB", "-o", "kb")
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")
    whole = subprocess.run((*TOOL, "buffer", "gen", "2M"), capture_output=True, check=True).stdout
    assert len(whole) == 2 * 2**20
    assert (folder / "kb").read_bytes() == whole[:1024]
    _check_refused(cli("buffer", "gen", "1", "-o", "."), "the output 'gen' cannot be written: .")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make a small disk")
def test_a_full_disk_makes_it_fail_and_leaves_no_half_file(cli: Cli, folder: Path) -> None:
    disk = folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], check=True)
    try:
        home = ("--home", str(disk / "store"))
        buffer = cli("buffer", "create", *home).stdout.strip()
        whole = _new(cli)
        cli("buffer", "gen", "3M", "-o", "data")
        cli("buffer", "write", whole, "-i", "data")
        command = (*TOOL, "buffer", "write", buffer, "-i", "data", *home)
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        _check_refused(
            answer,
            f"The buffer '{buffer}' could not be written: No space left on device. It has",
            1,
        )
        assert _document(cli("buffer", "show", buffer, *home))["state"] == "failed"
        answer = cli("buffer", "read", whole, "-o", str(disk / "out"))
        _check_refused(answer, f"{disk}/out could not be written: No space left on device. See", 1)
        assert [path.name for path in disk.iterdir()] == ["store"]
    finally:
        subprocess.run(["umount", str(disk)], check=True)


# delete, restore, purge


def test_one_is_printed_and_several_are_counted(cli: Cli) -> None:
    one, two, three = _new(cli), _new(cli), _new(cli)
    assert _document(cli("buffer", "delete", one))["id"] == one
    assert cli("buffer", "delete", two, three, two).stdout == "Deleted 2 buffers.\n"
    assert _ids(cli) == []
    assert _ids(cli, "--soft-deleted") == [three, two, one]
    assert _document(cli("buffer", "show", one, "--soft-deleted"))["id"] == one
    assert _document(cli("buffer", "restore", one))["id"] == one
    assert cli("buffer", "restore", two, three).stdout == "Restored 2 buffers.\n"
    _check_refused(cli("buffer", "restore", one), "Buffer is not soft-deleted", 1)
    _check_refused(cli("buffer", "purge", one), "Buffer is not soft-deleted", 1)
    cli("buffer", "delete", "--all", "--force")
    _check_refused(cli("buffer", "delete", one), "Buffer is already soft-deleted", 1)
    assert _document(cli("buffer", "purge", one))["id"] == one
    assert cli("buffer", "purge", two, three).stdout == "Purged 2 buffers.\n"
    assert _ids(cli, "--soft-deleted") == []


def test_a_mistake_among_several_changes_nothing(cli: Cli) -> None:
    one = _new(cli)
    answer = cli("buffer", "delete", one, NOBODY)
    _check_refused(answer, f"The buffer '{NOBODY}' was not found", 1)
    assert _ids(cli) == [one]


def test_by_tags_and_all(cli: Cli) -> None:
    one, _, three = _new(cli, "--tag", "a=1,b=2"), _new(cli, "--tag", "a=1"), _new(cli)
    flags = ("--tag", "a=1", "--exclude-tag", "b=2", "--force")
    for deed, done in (("delete", "Deleted"), ("restore", "Restored")):
        answer = cli("buffer", deed, *flags)
        assert (answer.returncode, answer.stdout, answer.stderr) == (0, f"{done} 1 buffers.\n", "")
    cli("buffer", "delete", *flags)
    assert _ids(cli) == [three, one]
    assert cli("buffer", "delete", "--all", "--force").stdout == "Deleted 2 buffers.\n"
    assert cli("buffer", "purge", "--exclude-tag", "b=2", "--force").stdout == "Purged 2 buffers.\n"
    assert _ids(cli, "--soft-deleted") == [one]
    assert cli("buffer", "restore", "--all", "--force").stdout == "Restored 1 buffers.\n"
    assert cli("buffer", "restore", "--all", "--force").stdout == "Restored 0 buffers.\n"


@pytest.mark.parametrize("deed", ["delete", "restore", "purge"])
@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "it is not said which buffers to"),
        (["x", "--all"], "buffer IDs cannot be combined with"),
        (["x", "--tag", "a=b"], "buffer IDs cannot be combined with"),
        (["--all", "--tag", "a=b"], "--all cannot be combined with"),
        (["--all"], f"{ASKS}, and there is no terminal to ask on. Use --force"),
        (["--tag", "a=b"], ASKS),
    ],
)  # fmt: skip
def test_choices_that_make_no_sense(cli: Cli, deed: str, flags: list[str], message: str) -> None:
    _check_refused(cli("buffer", deed, *flags), message.replace("DEED", deed))


def test_what_is_being_written_is_purged_later(cli: Cli) -> None:
    one, two = _new(cli), _new(cli)
    with writing(Workspace().buffers.data(one)):
        cli("buffer", "delete", "--all", "--force")
        answer = cli("buffer", "purge", "--all", "--force")
        assert (answer.returncode, answer.stdout) == (1, "Purged 1 buffers.\n")
        assert answer.stderr.startswith(f"Warning: the buffer '{one}' is being written and")
        _check_refused(cli("buffer", "purge", one), f"the buffer '{one}' is being written", 1)
    assert two not in _ids(cli, "--soft-deleted")
    assert cli("buffer", "purge", "--all", "--force").stdout == "Purged 1 buffers.\n"


def test_what_a_killed_purge_left_is_removed_by_the_next(cli: Cli, home: Path) -> None:
    one = _new(cli)
    (home / "buffers" / one).rename(home / "buffers" / f"{one}~purged")
    assert cli("buffer", "purge", "--all", "--force").stdout == "Purged 0 buffers.\n"
    assert list((home / "buffers").iterdir()) == []


@pytest.mark.parametrize(("typed", "code", "left"), [("y\n", 0, 0), ("n\n", 1, 1), ("\x04", 1, 1)])
def test_a_terminal_is_asked(cli: Cli, typed: str, code: int, left: int) -> None:
    _new(cli)
    shown = b""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(TOOL[0], (*TOOL, "buffer", "delete", "--all"))
    while b"1 buffer? [y/N]" not in shown:
        assert select.select((terminal,), (), (), TIMEOUT_S)[0]
        shown += os.read(terminal, 1000)
    assert b"Deleting 1 buffer. Use --force to delete without confirmation." in shown
    os.write(terminal, typed.encode())
    with contextlib.suppress(OSError):  # its end
        while os.read(terminal, 1000):
            pass
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == code
    os.close(terminal)
    assert len(_ids(cli)) == left


def test_a_damaged_one_is_named_and_hides_no_other(cli: Cli, home: Path) -> None:
    one, two = _new(cli), _new(cli)
    (home / "buffers" / one / "properties.1.json").write_text("{")
    answer = cli("buffer", "list", "--format", "name")
    assert (answer.returncode, answer.stdout.split()) == (0, [two])
    assert answer.stderr.startswith("Warning: The file '")
    _check_refused(
        cli("buffer", "show", one), f"The file '{home}/buffers/{one}/properties.1.json", 1
    )
    _check_refused(cli("buffer", "set", one, "--tag", "a=b"), "The file '", 1)


@pytest.mark.parametrize(("name", "text"), [("end.json", "{"), ("writer.json", "{}")])
def test_damaged_bytes_hide_and_keep_no_other(cli: Cli, home: Path, name: str, text: str) -> None:
    one, two = _new(cli), _new(cli)
    cli("buffer", "delete", "--all", "--force")
    path = home / "buffers" / one / name
    path.write_text(text)
    answer = cli("buffer", "list", "--soft-deleted", "--format", "name")
    assert (answer.returncode, answer.stdout.split()) == (0, [two])
    assert answer.stderr.startswith(f"Warning: The file '{path}' is damaged")
    _check_refused(cli("buffer", "purge", one), f"The file '{path}' is damaged", 1)
    assert cli("buffer", "purge", "--all", "--force").stdout == "Purged 1 buffers.\n"
    assert _document(cli("buffer", "purge", "--force", one)) == {"id": one}
    assert not path.parent.exists()


def test_damaged_properties_are_named_by_their_file(cli: Cli, home: Path) -> None:
    one = _new(cli, "--tag", "a=b")
    cli("buffer", "set", one, "--tag", "c=d")
    path = home / "buffers" / one / "properties.2.json"
    for text in ("{", '{"tags": 3}'):
        path.write_text(text)
        for argv in (["show", one], ["set", one, "--tag", "e=f"], ["delete", one], ["purge", one]):
            _check_refused(cli("buffer", *argv), f"The file '{path}' is damaged", 1)


def test_with_damaged_tags_it_is_deleted_by_force(cli: Cli, home: Path) -> None:
    one, two = _new(cli, "--tag", "a=b"), _new(cli)
    (home / "buffers" / one / "properties.1.json").write_text("{")
    answer = cli("buffer", "delete", one)
    assert answer.stderr.endswith(f"with 'tyger-local buffer delete --force {one}'.\n")
    assert "tags" not in _document(cli("buffer", "delete", "--force", one))
    assert _ids(cli, "--soft-deleted") == [one]
    assert _document(cli("buffer", "restore", one))["id"] == one
    (home / "buffers" / one / "properties.3.json").write_text("{")
    assert cli("buffer", "delete", "--force", one, two).stdout == "Deleted 2 buffers.\n"


def test_a_damaged_one_is_purged_by_force(cli: Cli, home: Path) -> None:
    one, two = _new(cli), _new(cli)
    (home / "buffers" / one / "buffer.json").write_text("{")
    for argv in (["delete", one], ["delete", "--force", one], ["purge", one]):
        answer = cli("buffer", *argv)
        assert (answer.returncode, answer.stdout) == (1, "")
        assert answer.stderr.endswith(f": tyger-local buffer purge --force {one}.\n")
    _check_refused(cli("buffer", "purge", "--force", two), "Buffer is not soft-deleted", 1)
    with writing(Workspace().buffers.data(two)):
        (home / "buffers" / two / "buffer.json").write_text("{")
        _check_refused(
            cli("buffer", "purge", "--force", two), f"the buffer '{two}' is being written", 1
        )
    assert cli("buffer", "purge", "--force", one, two).stdout == "Purged 2 buffers.\n"
    assert not list((home / "buffers").iterdir())


def test_that_bytes_are_damaged_keeps_none_from_being_deleted(cli: Cli, home: Path) -> None:
    one = _new(cli)
    path = home / "buffers" / one / "end.json"
    path.write_text("{")
    answer = cli("buffer", "delete", one)
    assert (answer.returncode, json.loads(answer.stdout)["id"]) == (0, one)
    assert answer.stderr.startswith(f"Warning: The file '{path}' is damaged")
