"""The kernel's log, as far as anybody may read it, and messages as the kernel writes them."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from tyger_local.engine.docker.kernel_log import tells_of_oom_kill

ID = "c0ffee" * 10 + "beef"
OTHER = "decaf0" * 10 + "cafe"
OWN_DESCRIPTORS = Path("/proc/self/fd")


def _kill(container: str, limited: str | None = None) -> str:
    return (
        f"4,2403,15202353571,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset={container},"
        f"mems_allowed=0,oom_memcg=/docker/{limited or container},task_memcg=/docker/{container},task=dd,"
        "pid=7512,uid=0\n"
    )


@pytest.mark.parametrize(
    ("message", "is_told"),
    [
        (_kill(ID), True),
        (_kill(ID, "the-parent-of-both"), True),
        (_kill(OTHER), False),
        (_kill(OTHER, ID), False),
        (f"6,1,2,-;docker0: port 1(veth) of {ID} entered blocking state\n", False),
        ("", False),
    ],
)
def test_what_the_log_says(tmp_path: Path, message: str, is_told: bool) -> None:
    log = tmp_path / "kmsg"
    log.write_text(message)
    assert tells_of_oom_kill(ID, log) is is_told


def test_one_message_after_another_is_read_and_none_is_waited_for(tmp_path: Path) -> None:
    log = tmp_path / "kmsg"
    os.mkfifo(log)
    writer = os.open(log, os.O_RDWR)  # it would be waited for, as the kernel's next message
    assert not tells_of_oom_kill(ID, log)
    os.write(writer, (_kill(OTHER) + "x" * 10_000).encode())
    os.write(writer, _kill(ID).encode())
    assert tells_of_oom_kill(ID, log)
    os.close(writer)


def test_a_log_that_is_not_shown_says_nothing(tmp_path: Path) -> None:
    before = len(list(OWN_DESCRIPTORS.iterdir()))
    assert not tells_of_oom_kill(ID, tmp_path / "missing")
    assert not tells_of_oom_kill(ID, tmp_path)  # opened, and refuses to be read
    assert len(list(OWN_DESCRIPTORS.iterdir())) == before


def test_messages_that_were_overwritten_meanwhile_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, read, refusals = tmp_path / "kmsg", os.read, [BrokenPipeError()] * 2
    log.write_text(_kill(ID))

    def refuse_first(fd: int, count: int) -> bytes:
        if refusals:
            raise refusals.pop()
        return read(fd, count)

    monkeypatch.setattr("os.read", refuse_first)
    assert tells_of_oom_kill(ID, log)


def test_the_real_log_has_an_end() -> None:
    thread = threading.Thread(target=tells_of_oom_kill, args=(ID,), daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive()
