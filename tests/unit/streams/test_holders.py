from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from tyger_local.streams import holders as module
from tyger_local.streams.fifo import Fifo
from tyger_local.streams.holders import Holders

if TYPE_CHECKING:  # types of fixtures; at run time pytest alone knows the way to conftest
    from tests.unit.streams.conftest import Children

Until = Callable[[Callable[[], bool]], None]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into Linux's /proc")


@pytest.fixture
def reader(fifo: Fifo) -> Iterator[int]:
    fd = fifo.open_reader()
    yield fd
    os.close(fd)


@pytest.fixture
def holders(fifo: Fifo, reader: int) -> Iterator[Holders]:
    made = Holders(fifo)
    yield made
    made.close()


def _holds(holders: Holders, child: subprocess.Popen[str]) -> Callable[[], bool]:
    return lambda: child.pid in holders._find()


def test_nobody_is_looked_for_before_anybody_came(holders: Holders) -> None:
    assert holders.patience_ms is None
    holders.look_now_and_then()
    assert not holders._pidfds


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs pidfds")
def test_a_holder_that_is_killed_is_told_from_one_that_ends_well(
    fifo: Fifo, holders: Holders, children: Children, until: Until
) -> None:
    for script, killed in (('exec sleep 60 >"$1"', True), ('read line >"$1"', False)):
        child = children.sh(script, fifo.path)
        if not killed:
            child.wait()  # its standard input is empty
        else:
            until(_holds(holders, child))
        holders._look(time.monotonic())
        child.kill()
        child.wait()
        now = time.monotonic()
        told = holders.were_killed(last_close=now, end=now)
        assert told == (killed and module._exit_code(holders._pidfds[child.pid]) is not None)
        assert not holders.were_killed(last_close=0, end=now)
        assert not holders.were_killed(last_close=now - 10, end=now)
        holders.close()


def test_one_that_let_go_is_forgotten(
    fifo: Fifo, holders: Holders, children: Children, until: Until
) -> None:
    child = children.sh('exec 3>"$1"; read a <&4; exec 3>&-; read a <&4', fifo.path, pass_fds=())
    child.wait()
    holding = children.python(
        "import sys, time; f = open(sys.argv[1], 'w'); time.sleep(0.3); f.close(); time.sleep(60)",
        fifo.path,
    )
    until(_holds(holders, holding))
    holders.look()
    assert list(holders._pidfds) == [holding.pid]
    until(lambda: not _holds(holders, holding)())
    holders._look(time.monotonic())
    assert not holders._pidfds


def test_the_leader_of_a_session_is_the_main_process(
    fifo: Fifo, holders: Holders, children: Children
) -> None:
    child = children.python(
        "import sys, time; f = open(sys.argv[1], 'w'); print('open', flush=True); time.sleep(60)",
        fifo.path,
        start_new_session=True,
    )
    assert child.stdout is not None
    child.stdout.readline()
    holders.look()
    assert not holders._pidfds


def test_it_looks_more_and_more_rarely(holders: Holders, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    holders.look()
    waits = []
    for _ in range(10):
        patience = holders.patience_ms
        assert patience is not None
        waits.append(patience / 1000)
        now += waits[-1]
        holders.look_now_and_then()
    assert waits == pytest.approx([0.25, 0.5, 1, 2, 4, 8, 16, 32, 32, 32])


def test_one_that_opens_in_a_loop_does_not_keep_us_busy(
    holders: Holders, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, looks = 1000.0, []
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    monkeypatch.setattr(holders, "_find", lambda: looks.append(now) or [])
    for _ in range(100):
        holders.look()
        now += 0.001
    assert len(looks) == 2
