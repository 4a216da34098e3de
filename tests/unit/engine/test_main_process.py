"""Real processes that stand for the main process of a container."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tyger_local.engine.docker.main_process import MainProcess, may_enter
from tyger_local.outcome.sight import Listening

OURS = "/"
"""What stands in every process's list of groups, as the id of a container does in that of its own."""

STRANGER = "c0ffee" * 10 + "beef"
OWN_DESCRIPTORS = Path("/proc/self/fd")
CAP_SYS_ADMIN = 21


@pytest.fixture(autouse=True)
def no_descriptor_is_left() -> Iterator[None]:
    before = len(list(OWN_DESCRIPTORS.iterdir()))
    yield
    assert len(list(OWN_DESCRIPTORS.iterdir())) == before


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(("sleep", "60")) as process:
        yield process
        process.kill()


def test_what_listens_in_its_network_is_seen(child: subprocess.Popen[bytes]) -> None:
    process = MainProcess(child.pid, OURS)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert port in _ports(process)
    assert port not in _ports(process)


def _ports(process: MainProcess) -> frozenset[int]:
    found = process.listening()
    assert found is not None
    return found.local_ports


NOTHING = (None, None, None)


def _told(process: MainProcess) -> tuple[object, ...]:
    return process.listening(), process.sockets_in_use(), process.network()


def test_a_process_that_is_another_containers_tells_nothing(
    child: subprocess.Popen[bytes],
) -> None:
    process = MainProcess(child.pid, STRANGER)
    assert _told(process) == NOTHING


def test_a_process_that_is_not_there_tells_nothing(child: subprocess.Popen[bytes]) -> None:
    process = MainProcess(child.pid, OURS)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert _told(process) == NOTHING  # nobody has reaped it
    child.wait()
    assert _told(process) == NOTHING


def test_where_no_processes_are_shown_there_is_nothing_to_tell(tmp_path: Path) -> None:
    assert _told(MainProcess(os.getpid(), OURS, tmp_path)) == NOTHING


def _shown(tmp_path: Path, **tables: str) -> MainProcess:
    """A process of which the kernel shows these tables."""
    (tmp_path / "7/net").mkdir(parents=True)
    (tmp_path / "7/cgroup").write_text(f"12:memory:/docker/{STRANGER}\n0::/system.slice/x\xe9\n")
    for name, text in tables.items():
        (tmp_path / "7/net" / name).write_text(f"heading\n   0: {text} 0:0 0A 0\n")
    return MainProcess(7, STRANGER, tmp_path)


def test_a_machine_without_version_6(tmp_path: Path) -> None:
    assert _shown(tmp_path, tcp="00000000:0050").listening() == Listening(frozenset({80}))


def test_both_versions(tmp_path: Path) -> None:
    found = _shown(tmp_path, tcp="00000000:0050", tcp6=f"{'0' * 32}:0051").listening()
    assert found == Listening(frozenset({80, 81}))


def test_how_many_sockets_are_in_use(child: subprocess.Popen[bytes]) -> None:
    counts = MainProcess(child.pid, OURS).sockets_in_use()
    assert counts
    assert all(count.isdigit() for count in counts)


def test_a_kernel_that_shows_no_connections(tmp_path: Path) -> None:
    assert _shown(tmp_path).listening() is None


def test_its_network_is_its_namespace(child: subprocess.Popen[bytes]) -> None:
    network = MainProcess(child.pid, OURS).network()
    assert network is not None
    assert os.fstat(network).st_ino == Path("/proc/self/ns/net").stat().st_ino
    os.close(network)


def test_whether_a_network_may_be_entered_is_what_the_kernel_says() -> None:
    status = Path("/proc/self/status").read_text()
    (effective,) = (line.split()[1] for line in status.splitlines() if line.startswith("CapEff"))
    network = os.open("/proc/self/ns/net", os.O_RDONLY)
    assert may_enter(network) is bool(int(effective, 16) >> CAP_SYS_ADMIN & 1)
    os.close(network)


def test_what_is_no_network_cannot_be_entered(tmp_path: Path) -> None:
    for path in (tmp_path, Path("/proc/self/ns/uts")):
        fd = os.open(path, os.O_RDONLY)
        assert not may_enter(fd)
        os.close(fd)
