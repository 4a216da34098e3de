"""What an engine says when it cannot make or remove a network, in our words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tyger_local.engine.docker import network as network_module
from tyger_local.engine.docker.api import Api
from tyger_local.engine.docker.network import DockerNetwork, create_network
from tyger_local.errors import EngineError
from tyger_local.plan.model import NetworkPlan

FakeEngine = Callable[..., Any]

PLAN = NetworkPlan("run-7", (("tyger-local.run", "7"),))


def _said(status: int, message: str) -> tuple[int, dict[str, str]]:
    return status, {"message": message}


IN_USE = _said(403, "error while removing network: network x id c0ffee has active endpoints")
GONE = _said(404, "network c0ffee not found")
REMOVED = _said(204, "")


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (
            404,  # 20.10
            "could not find an available, non-overlapping IPv4 address pool among the defaults",
        ),
        (400, "all predefined address pools have been fully subnetted"),  # 27
    ],
)
def test_no_addresses_are_left(fake_engine: FakeEngine, status: int, said: str) -> None:
    with pytest.raises(EngineError) as caught:
        create_network(Api(fake_engine(_said(status, said)), 1), PLAN)
    assert caught.value.what == "the Docker engine has no addresses left for one more network"
    assert "docker network prune" in caught.value.hint


def test_another_refusal_is_told_as_it_is(fake_engine: FakeEngine) -> None:
    with pytest.raises(EngineError, match="the Docker engine refused: no plugin bridge"):
        create_network(Api(fake_engine(_said(500, "no plugin bridge")), 1), PLAN)


@pytest.mark.parametrize("last", [REMOVED, GONE])
def test_whoever_is_about_to_leave_is_waited_for(
    fake_engine: FakeEngine, last: tuple[int, dict[str, str]]
) -> None:
    engine = fake_engine(IN_USE, IN_USE, last)
    DockerNetwork(Api(engine, 1), "c0ffee", "tyger-local-run-7-0").remove()
    assert engine.asked == ["DELETE /networks/c0ffee"] * 3


def test_whoever_stays_is_an_error(
    fake_engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network_module, "LEAVE_TIMEOUT_S", 0.2)
    with pytest.raises(EngineError) as caught:
        DockerNetwork(Api(fake_engine(IN_USE), 1), "c0ffee", "tyger-local-run-7-0").remove()
    assert caught.value.what == "the network tyger-local-run-7-0 still has containers in it"
    assert "docker network inspect tyger-local-run-7-0" in caught.value.hint


def test_another_trouble_with_removing_is_told_at_once(fake_engine: FakeEngine) -> None:
    engine = fake_engine(_said(500, "iptables failed"))
    with pytest.raises(EngineError, match="iptables failed"):
        DockerNetwork(Api(engine, 1), "c0ffee", "tyger-local-run-7-0").remove()
    assert len(engine.asked) == 1
