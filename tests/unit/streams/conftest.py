from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tyger_local.streams.fifo import Fifo
from tyger_local.streams.transfer import Transfer

DEADLINE_S = 10
OWN_DESCRIPTORS = Path("/proc/self/fd")


def _descriptors() -> dict[str, str]:
    found = {}
    for path in OWN_DESCRIPTORS.iterdir() if OWN_DESCRIPTORS.is_dir() else ():
        with suppress(FileNotFoundError):  # the one through which we look
            found[path.name] = str(path.readlink())
    return found


@pytest.fixture(autouse=True)
def no_descriptor_is_left() -> Iterator[None]:
    before = _descriptors()
    yield
    assert _descriptors() == before


class Ends:
    """Is told of transfers' ends, and waits for them."""

    def __init__(self) -> None:
        self._ended = threading.Semaphore(0)
        self.transfers: list[Transfer] = []

    def __call__(self, transfer: Transfer) -> None:
        self.transfers.append(transfer)
        self._ended.release()

    def wait(self) -> Transfer:
        assert self._ended.acquire(timeout=DEADLINE_S), "the transfer does not end"
        return self.transfers[-1]


@pytest.fixture
def ends() -> Ends:
    return Ends()


@pytest.fixture
def fifo(tmp_path: Path) -> Iterator[Fifo]:
    made = Fifo(tmp_path / "pipe")
    yield made
    made.close()


class Children:
    """Starts real children and leaves none."""

    def __init__(self) -> None:
        self._all: list[subprocess.Popen[str]] = []

    def sh(self, script: str, *arguments: object, **options: object) -> subprocess.Popen[str]:
        return self._start("sh", "-c", script, "sh", *arguments, **options)

    def python(self, script: str, *arguments: object, **options: object) -> subprocess.Popen[str]:
        return self._start(sys.executable, "-c", script, *arguments, **options)

    def _start(self, *argv: object, **options: object) -> subprocess.Popen[str]:
        child: subprocess.Popen[str] = subprocess.Popen(
            [str(argument) for argument in argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            **options,  # type: ignore[call-overload]
        )
        self._all.append(child)
        return child

    def finish(self, child: subprocess.Popen[str]) -> str:
        """Wait for a child that must succeed and return what it printed."""
        output, _ = child.communicate(timeout=DEADLINE_S)
        assert child.returncode == 0
        return output.strip()

    def kill(self) -> None:
        for child in self._all:
            if child.poll() is None:
                child.kill()
            child.wait()
            if child.stdout is not None:
                child.stdout.close()


@pytest.fixture
def children() -> Iterator[Children]:
    made = Children()
    yield made
    made.kill()


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], None]:
    """Return what waits for a condition."""

    def wait(condition: Callable[[], bool]) -> None:
        pause = threading.Event()
        for _ in range(DEADLINE_S * 1000):
            if condition():
                return
            pause.wait(0.001)
        raise AssertionError("a condition did not come true")

    return wait
