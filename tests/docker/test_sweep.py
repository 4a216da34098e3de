"""Containers and networks that dead owners left on a real engine are removed, in that order; others stay."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tyger_local.engine.base import Network
from tyger_local.engine.docker import DockerEngine
from tyger_local.engine.docker.container import DockerContainer
from tyger_local.plan.model import ContainerPlan, Limits, NetworkPlan, Role
from tyger_local.runner.remains import Remains
from tyger_local.runner.sweep import Deed, Swept
from tyger_local.store.home import Home
from tyger_local.store.running import RunningStore
from tyger_local.store.runs import RunStore
from tyger_local.workspace.labels import KEEP_LABEL, run_labels
from tyger_local.workspace.owner import Owner, this_process
from tyger_local.workspace.sweeping import Sweeper

pytestmark = pytest.mark.docker

DEADLINE_S = 30
PLAN = ContainerPlan(
    role=Role.WORKER,
    index=0,
    host_name="",
    image="tyger-local/busybox",
    entrypoint=("sleep", "600"),
    arguments=None,
    env=(),
    pipe_root="",
    pipes=(),
    limits=Limits(),
)


@pytest.fixture(scope="module")
def dead() -> Owner:
    """A process that has been here and is gone."""
    program = "from tyger_local.workspace.owner import *; print(this_process().started)"
    child = subprocess.Popen((sys.executable, "-c", program), stdout=subprocess.PIPE, text=True)
    started = child.communicate()[0].strip()
    return replace(this_process(), pid=child.pid, started=started)


class Left:
    """A network with two containers, one of which has started, and what is written of them."""

    def __init__(self, home: Path, folder: Path, owner: Owner, **labels: str) -> None:
        self.engine = DockerEngine()
        self.run_id = RunStore(Home(home), lambda _: None).allocate()
        told = run_labels(home, owner, self.run_id)
        remains = Remains(self.run_id, told, "docker", self.engine.place)
        RunningStore(Home(home)).write(self.run_id, remains.document())
        noted = tuple({**told, **labels}.items())
        self.network: Network = self.engine.create_network(NetworkPlan(f"run-{self.run_id}", noted))
        plan = replace(PLAN, host_name=f"run-{self.run_id}-worker-0", labels=noted)
        self.containers: list[DockerContainer] = [
            self.engine.create(plan, folder, (self.network.name,)) for _ in range(2)
        ]
        self.containers[0].start(lambda *_: None)

    def there(self) -> list[str]:
        """Name what is there of it; a network says so, a container that does not run too."""
        found = (r for r in self.engine.remnants() if r.labels["tyger-local.run"] == self._run)
        return [f"{left.name}{'' if left.is_running else ' (still)'}" for left in found]

    @property
    def _run(self) -> str:
        return str(self.run_id)

    def close(self) -> None:
        for container in self.containers:
            container.remove()
        self.network.remove()
        self.engine.close()


@pytest.fixture
def lefts() -> Iterator[list[Left]]:
    made: list[Left] = []
    yield made
    for left in made:
        left.close()


def _prune(home: Path, *, dry_run: bool = False) -> Swept:
    return Sweeper(Home(home), engines=["docker"]).prune(dry_run=dry_run)


def _in_engine(home: Path) -> int:
    """Count what is there of a store."""
    engine = DockerEngine()
    store = run_labels(home, this_process(), 1)["tyger-local.store"]
    found = [r for r in engine.remnants() if r.labels.get("tyger-local.store") == store]
    engine.close()
    return len(found)


def test_a_network_goes_after_its_containers(
    home: Path, tmp_path: Path, dead: Owner, lefts: list[Left]
) -> None:
    left = Left(home, tmp_path, dead)
    lefts.append(left)
    said = _prune(home, dry_run=True)
    assert _in_engine(home) == 3
    swept = _prune(home)
    assert swept == said
    assert [done.deed for done in swept.done] == [Deed.REMOVED] * 3
    *containers, network = (done.what for done in swept.done)
    assert network == f"network {left.network.name}"
    assert all(name.startswith("tyger-local-run-1-worker-0-") for name in containers)
    assert swept.problems == ()
    assert _in_engine(home) == 0
    assert RunningStore(Home(home)).ids() == []


def test_one_that_is_found_though_nothing_is_written_about_it(
    home: Path, tmp_path: Path, dead: Owner, lefts: list[Left]
) -> None:
    lefts.append(Left(home, tmp_path, dead))
    RunningStore(Home(home)).remove(1)
    assert len(_prune(home).done) == 3
    assert _in_engine(home) == 0


def test_what_the_living_and_other_stores_have_stays(
    home: Path, tmp_path: Path, dead: Owner, lefts: list[Left]
) -> None:
    another = tmp_path / "another"
    lefts.append(Left(home, tmp_path, this_process()))
    lefts.append(Left(another, tmp_path, dead))
    assert _prune(home).done == ()
    assert (_in_engine(home), _in_engine(another)) == (3, 3)


def test_what_is_to_be_kept_is_stopped_and_stays_with_its_network(
    home: Path, tmp_path: Path, dead: Owner, lefts: list[Left]
) -> None:
    lefts.append(Left(home, tmp_path, dead, **{KEEP_LABEL: "true"}))
    (done,) = _prune(home).done
    assert done.deed is Deed.STOPPED
    assert done.what.startswith("tyger-local-run-1-worker-0-")
    assert _in_engine(home) == 3
    assert _prune(home).done == ()


def test_several_may_sweep_at_once(
    home: Path, tmp_path: Path, dead: Owner, lefts: list[Left]
) -> None:
    lefts.extend(Left(home, tmp_path, dead) for _ in range(2))
    results: list[Swept] = []
    threads = [threading.Thread(target=lambda: results.append(_prune(home))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)
    assert [swept.problems for swept in results] == [()] * 4
    assert _in_engine(home) == 0
    assert RunningStore(Home(home)).ids() == []


def test_a_network_that_a_stranger_is_in_is_told_and_removed_later(
    home: Path, tmp_path: Path, dead: Owner, lefts: list[Left]
) -> None:
    left = Left(home, tmp_path, dead)
    lefts.append(left)
    stranger = left.engine.create(
        replace(PLAN, host_name="stranger", labels=()), tmp_path, (left.network.name,)
    )
    left.containers.append(stranger)  # so that it is removed, whatever happens here
    stranger.start(lambda *_: None)
    swept = _prune(home)
    (problem,) = swept.problems
    name = left.network.name
    assert problem.startswith(
        f"run 1: network {name} is left: the network {name} still has containers in it"
    )
    assert f"docker network rm {name}" in problem
    assert RunningStore(Home(home)).ids() == [1]
    stranger.remove()
    assert [done.what for done in _prune(home).done] == [f"network {name}"]
    assert RunningStore(Home(home)).ids() == []
