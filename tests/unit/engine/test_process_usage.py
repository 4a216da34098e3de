from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tyger_local.engine.process_usage import (
    METHOD,
    TOO_SMALL,
    own_peak_bytes,
    sample_of_tree,
    usage_of_child,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

SIZE = 50_000_000
HOLD = "import sys; held = bytearray(b'x' * int(sys.argv[1])); print('up', flush=True); input()"
IN_A_CHILD = "import subprocess, sys; subprocess.run([sys.executable, '-c', *sys.argv[1:]])"


@contextmanager
def _child(*argv: str) -> Iterator[subprocess.Popen[str]]:
    child = subprocess.Popen(
        (sys.executable, "-c", *argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdin is not None
    try:
        assert child.stdout.readline() == "up\n"
        yield child
    finally:
        child.stdin.close()
        child.wait()
        child.stdout.close()


def _cost(peak_bytes: int) -> resource.struct_rusage:
    return resource.struct_rusage((1.5, 0.25, peak_bytes // 1024, *([0] * 13)))


def test_more_than_our_own_peak_is_the_childs() -> None:
    usage = usage_of_child(_cost(3 * 2**20), 2**20)
    assert (usage.peak_memory_bytes, usage.cpu_seconds) == (3 * 2**20, 1.75)
    assert (usage.throttled_seconds, usage.method) == (None, METHOD)


@pytest.mark.parametrize("own", [3 * 2**20, 4 * 2**20])
def test_no_more_than_our_own_peak_says_nothing(own: int) -> None:
    usage = usage_of_child(_cost(3 * 2**20), own)
    assert (usage.peak_memory_bytes, usage.cpu_seconds) == (None, 1.75)
    assert usage.method == TOO_SMALL


def test_our_own_peak() -> None:
    assert 2**20 < own_peak_bytes() < 2**40


@pytest.mark.parametrize("argv", [(HOLD,), (IN_A_CHILD, HOLD)])
def test_memory_of_a_process_and_its_descendants(argv: tuple[str, ...]) -> None:
    with _child(*argv, "1") as small, _child(*argv, str(SIZE)) as large:
        few, many = sample_of_tree(small.pid), sample_of_tree(large.pid)
    assert few is not None
    assert many is not None
    assert (many.memory_bytes or 0) - (few.memory_bytes or 0) == pytest.approx(SIZE, rel=0.1)
    assert (many.own_memory_bytes or 0) - (few.own_memory_bytes or 0) == pytest.approx(
        SIZE, rel=0.1
    )
    assert (few.memory_bytes or 0) > (few.own_memory_bytes or 0) > 0


def test_cpu_of_a_process_and_of_children_that_are_gone() -> None:
    program = (
        "import subprocess, sys, time\n"
        "burn = 'import time\\nwhile time.process_time() < 0.3: pass'\n"
        "subprocess.run([sys.executable, '-c', burn])\n"
        "while time.process_time() < 0.2: pass\n"
        "print('up', flush=True); input()"
    )
    with _child(program) as child:
        sample = sample_of_tree(child.pid)
    assert sample is not None
    assert 0.45 <= (sample.cpu_seconds or 0) < 1.0


def test_one_that_is_gone_has_none() -> None:
    child = subprocess.Popen(("true",))
    child.wait()
    assert sample_of_tree(child.pid) is None


def test_one_that_nobody_has_reaped_yet_has_none() -> None:
    child = subprocess.Popen(("true",))
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert sample_of_tree(child.pid) is None
    child.wait()


def test_looking_costs_next_to_nothing() -> None:
    with _child(HOLD, "1") as child:
        began = time.thread_time()
        for _ in range(100):
            sample_of_tree(child.pid)
        assert time.thread_time() - began < 0.5
