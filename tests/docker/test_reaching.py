"""How containers of a real engine are reached, also by whoever may not enter their networks."""

from __future__ import annotations

import os
import socket
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tyger_local.engine.docker import DockerEngine
from tyger_local.engine.docker.api import Api
from tyger_local.engine.docker.container import DockerContainer
from tyger_local.engine.docker.main_process import may_enter
from tyger_local.engine.docker.reaching import LOCALHOST, Reaching
from tyger_local.engine.docker.unix import UnixTransport, local_socket
from tyger_local.outcome.sight import Listening, Reach
from tyger_local.plan.model import ContainerPlan, Limits, NetworkPlan, Role

pytestmark = pytest.mark.docker

DEADLINE_S = 20.0
NOBODY = 65534
SERVED = Listening(frozenset({7000}))
SERVER = ("nc", "-ll", "-p", "7000", "-e", "hostname")
PLAN = ContainerPlan(
    role=Role.WORKER,
    index=0,
    host_name="run-7-worker-0",
    image="tyger-local/busybox",
    entrypoint=SERVER,
    arguments=None,
    env=(),
    pipe_root="",
    pipes=(),
    limits=Limits(),
)

Start = Callable[..., DockerContainer]


@pytest.fixture
def engine() -> Iterator[DockerEngine]:
    made = DockerEngine()
    yield made
    made.close()


@pytest.fixture
def start(engine: DockerEngine, tmp_path: Path) -> Iterator[Start]:
    made: list[DockerContainer] = []

    def start(*networks: str, plan: ContainerPlan = PLAN) -> DockerContainer:
        made.append(engine.create(plan, tmp_path, networks))
        made[-1].start(lambda *_: None)
        return made[-1]

    yield start
    for container in made:
        container.remove()


def _as_nobody(place: Path, look: Callable[[], str]) -> str:
    """Return what `look` returns in a child without any rights but that to use the engine at a socket."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # there are threads, which it needs not
        pid = os.fork()
    if pid == 0:
        try:
            if os.geteuid() == 0:
                os.setgroups([place.stat().st_gid])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            os.write(writer, look().encode())
        except BaseException as error:  # noqa: BLE001  (told by the parent)
            os.write(writer, repr(error).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as said:
        text = said.read()
    os.waitpid(pid, 0)
    return text


def _looked_at_by_nobody(container: DockerContainer, network: str | None) -> str:
    place = local_socket(os.environ)
    assert place is not None

    def look() -> str:
        api = Api(UnixTransport(place, DEADLINE_S), DEADLINE_S)
        reaching = Reaching(api, container.id, network)
        reaching.begin()
        return repr((reaching.listening(), reaching.reach()))

    may_enter(0)  # loads what the child, who may not read our files, needs
    return _as_nobody(Path(place), look)


def _until_it_listens(container: DockerContainer) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while container.listening() != SERVED:
        assert time.monotonic() < deadline


def test_whoever_is_not_root_sees_what_listens_and_connects_from_outside(start: Start) -> None:
    container = start()
    _until_it_listens(container)
    address = container.address()
    expected = (SERVED, Reach((str(address),), None, False))
    assert _looked_at_by_nobody(container, None) == repr(expected)
    with socket.create_connection((address, 7000), DEADLINE_S) as connection:
        assert connection.recv(100) == b"run-7-worker-0\n"


def test_without_a_network_whoever_is_not_root_cannot_connect(start: Start) -> None:
    container = start("none")
    _until_it_listens(container)
    assert container.address() is None
    assert _looked_at_by_nobody(container, "none") == repr((SERVED, None))


def test_the_machines_own_network_needs_no_rights(start: Start) -> None:
    container = start("host", plan=replace(PLAN, entrypoint=("sleep", "600")))
    assert container.address() is None
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = container.listening()
        assert found is not None
        assert server.getsockname()[1] in found.local_ports
    said = _looked_at_by_nobody(container, "host")
    assert said.endswith(f", {Reach(LOCALHOST, None, True)!r})")


@pytest.mark.parametrize("network", ["none", "host", "default"])
def test_root_connects_from_inside_whatever_the_network(start: Start, network: str) -> None:
    container = start(network, plan=replace(PLAN, entrypoint=("sleep", "600")))
    if os.geteuid() != 0:
        return  # what others see is looked at above
    reach = container.reach()
    assert reach is not None
    assert (reach.hosts, reach.is_inside) == (LOCALHOST, True)
    assert reach.namespace is not None
    theirs, ours = os.fstat(reach.namespace).st_ino, Path("/proc/self/ns/net").stat().st_ino
    os.close(reach.namespace)
    assert (theirs == ours) is (network == "host")


def test_its_address_is_that_in_the_network_of_its_run(engine: DockerEngine, start: Start) -> None:
    """The other one comes first in the engine's words, and is the one beside it."""
    network = engine.create_network(NetworkPlan("run-7"))
    try:
        container = start(network.name, "bridge", plan=replace(PLAN, aliases=("worker",)))
        told = engine._api.container(container.id)["NetworkSettings"]["Networks"]
        assert set(told) == {network.name, "bridge"}
        assert container.address() == told[network.name]["IPAddress"] != told["bridge"]["IPAddress"]
        container.remove()
    finally:
        network.remove()
