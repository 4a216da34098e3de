from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tyger_local.engine.sights import threads, waiting_in

PROGRAM = """
import os, sys, threading
fifo, name = sys.argv[1:]
with open("/proc/self/comm", "w") as comm:
    comm.write(name)
threading.Thread(target=os.read, args=(0, 1), daemon=True).start()
open(fifo)
"""


@pytest.mark.parametrize("name", ["plain", "a) S 1 (b", "(", ") Z"])
def test_each_thread_is_seen_whatever_the_process_is_called(tmp_path: Path, name: str) -> None:
    fifo, pause = tmp_path / "fifo", threading.Event()
    subprocess.run(("mkfifo", fifo), check=True)
    command = (sys.executable, "-c", PROGRAM, str(fifo), name)
    deadline = time.monotonic() + 20
    with subprocess.Popen(command, stdin=subprocess.PIPE) as child:
        while True:
            sights = list(threads(child.pid))
            waits = sorted(sight.wchan for sight in sights)
            if (
                len(waits) == 2
                and waits[0].endswith("pipe_read")
                and waits[1] == "wait_for_partner"
                # Where a thread waits is read after its state, which may have been another just before.
                and {sight.state for sight in sights} == {"S"}
            ):
                break
            assert time.monotonic() < deadline, sights
            pause.wait(0.01)
        child.kill()
    assert {sight.pid for sight in sights} == {child.pid}
    assert sights[0].command == " ".join(command)
    assert list(threads(child.pid)) == []


@pytest.mark.parametrize(
    ("said", "meant"), [("0", ""), ("-", ""), ("", ""), ("pipe_read", "pipe_read")]
)
def test_where_a_thread_waits(said: str, meant: str) -> None:
    assert waiting_in(said) == meant
