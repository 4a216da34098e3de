"""What is made of an engine's words about a container's network, and how often it is asked for them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tyger_local.engine.docker import main_process
from tyger_local.engine.docker.api import Api
from tyger_local.engine.docker.reaching import LOCALHOST, Reaching
from tyger_local.outcome.sight import Reach

FakeEngine = Callable[..., Any]

OURS = "/"
"""What stands in every process's list of groups, as the id of a container does in that of its own."""


def _networks(**networks: Mapping[str, str]) -> dict[str, Any]:
    return {
        "State": {"Running": True, "Pid": 4},
        "HostConfig": {"NetworkMode": "first"},
        "NetworkSettings": {"Networks": networks},
    }


def _from_afar(engine: Any, tmp_path: Path, network: str | None = "first") -> Reaching:
    """Look from where the container's processes are not seen."""
    reaching = Reaching(Api(engine, 1), "c0ffee", network, tmp_path)
    reaching.begin()
    return reaching


V4, V6 = (
    {"IPAddress": "172.18.0.2", "GlobalIPv6Address": "fd00::2"},
    {"GlobalIPv6Address": "fd00::2"},
)


@pytest.mark.parametrize(
    ("document", "address"),
    [
        (_networks(first=V4), "172.18.0.2"),
        (_networks(first={"IPAddress": "", **V6}), "fd00::2"),
        (_networks(another={"IPAddress": "10.0.0.1"}, first=V4), "172.18.0.2"),
        (_networks(another={"IPAddress": "10.0.0.1"}, first={"IPAddress": ""}), "10.0.0.1"),
        (_networks(bridge=V4), "172.18.0.2"),
        (_networks(none={"IPAddress": ""}), None),
        (_networks(), None),
        ({**_networks(first=V4), "State": {"Running": False, "Pid": 0}}, None),
        ({"State": {"Running": True}, "NetworkSettings": None}, None),
        ({}, None),
    ],
)
def test_its_address(
    fake_engine: FakeEngine, document: dict[str, Any], address: str | None, tmp_path: Path
) -> None:
    reaching = _from_afar(fake_engine((200, document)), tmp_path)
    assert reaching.address() == address
    assert reaching.reach() == (None if address is None else Reach((address,), None, False))
    assert reaching.listening() is None


def test_without_a_network_of_a_name_any_will_do(fake_engine: FakeEngine, tmp_path: Path) -> None:
    assert (
        _from_afar(fake_engine((200, _networks(bridge=V4))), tmp_path, None).address()
        == "172.18.0.2"
    )


def test_what_has_the_machines_network_is_on_the_machine(
    fake_engine: FakeEngine, tmp_path: Path
) -> None:
    document = {**_networks(host={"IPAddress": ""}), "HostConfig": {"NetworkMode": "host"}}
    reaching = _from_afar(fake_engine((200, document)), tmp_path, "host")
    assert reaching.reach() == Reach(LOCALHOST, None, True)
    assert reaching.address() is None


def test_an_engine_that_does_not_know_is_no_error(fake_engine: FakeEngine, tmp_path: Path) -> None:
    reaching = _from_afar(fake_engine((404, {"message": "No such container"})), tmp_path)
    assert (reaching.address(), reaching.listening(), reaching.reach()) == (None, None, None)


def test_before_the_start_and_after_the_end_nobody_is_asked(
    fake_engine: FakeEngine, tmp_path: Path
) -> None:
    engine = fake_engine((200, _networks(first=V4)))
    reaching = Reaching(Api(engine, 1), "c0ffee", "first", tmp_path)
    for _ in range(2):
        assert (reaching.address(), reaching.listening(), reaching.reach()) == (None, None, None)
        reaching.end()
    assert engine.asked == []


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(("sleep", "60")) as process:
        yield process
        process.kill()


def test_the_engine_is_asked_once_for_the_process(
    fake_engine: FakeEngine, child: subprocess.Popen[bytes]
) -> None:
    engine = fake_engine((200, {"State": {"Running": True, "Pid": child.pid}}))
    reaching = Reaching(Api(engine, 1), OURS, None)
    reaching.begin()
    assert all(reaching.listening() is not None for _ in range(20))
    assert engine.asked == [f"GET /containers/{OURS}/json"]


@pytest.mark.parametrize("is_allowed", [True, False])
def test_it_is_tried_once_whether_its_network_may_be_entered(
    fake_engine: FakeEngine,
    child: subprocess.Popen[bytes],
    monkeypatch: pytest.MonkeyPatch,
    is_allowed: bool,
) -> None:
    tried: list[int] = []

    def try_it(network: int) -> bool:
        tried.append(os.fstat(network).st_ino)
        return is_allowed

    monkeypatch.setattr(main_process, "may_enter", try_it)
    state = {"State": {"Running": True, "Pid": child.pid}}
    reaching = Reaching(Api(fake_engine((200, {**_networks(first=V4), **state})), 1), OURS, "first")
    reaching.begin()
    for _ in range(3):
        reach = reaching.reach()
        assert reach is not None
        assert reach.is_inside is is_allowed
        assert (reach.namespace is not None) is is_allowed
        assert reach.hosts == (LOCALHOST if is_allowed else ("172.18.0.2",))
        if reach.namespace is not None:
            os.close(reach.namespace)
    assert tried == [Path("/proc/self/ns/net").stat().st_ino]
