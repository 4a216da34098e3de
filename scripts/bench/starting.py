"""P1, P6 and P7: how long it takes when there is next to nothing to do."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import docker
from figure import Figure, in_seconds
from measure import BUSYBOX, TOOL, alternate, codespec, cost, folder, tool
from store import make_store

from tyger_local import Workspace

RUNS = 32
AT_ONCE = 4


def start_up() -> Iterator[Figure]:
    """P1: run ``true``, whole process."""
    with folder() as path:
        ours = tool(codespec(path, BUSYBOX, "true"))
        theirs = ["docker", "run", "--rm", BUSYBOX, "true"]
        mine, other = alternate(9, lambda: cost(ours).wall_s, lambda: cost(theirs).wall_s)
        yield in_seconds("P1", "`run exec` of `true` ÷ `docker run --rm`", mine, other, "≤ 1.5")


def small_commands() -> Iterator[Figure]:
    """P6: list ten codespecs, whole process."""
    with folder() as path:
        env = make_store(path / "ten", 10)
        listing = [TOOL, "codespec", "list"]
        bare = [sys.executable, "-c", "import click, json"]
        mine, other = alternate(
            15, lambda: cost(listing, env).wall_s, lambda: cost(bare, env).wall_s
        )
        what = "`codespec list` of 10 ÷ `import click, json`"
        yield in_seconds("P6", what, mine, other, "≤ 2.0")


def many_runs() -> Iterator[Figure]:
    """P7: many runs, four at a time, in one process."""
    with folder() as path:
        workspace = Workspace(path / "home")
        client = docker.from_env(max_pool_size=16)

        def ours(_: int) -> None:
            workspace.runs.exec({"image": BUSYBOX, "command": ["true"]})

        def theirs(_: int) -> None:
            container = client.containers.create(BUSYBOX, "true")
            container.start()
            container.wait()
            container.remove()

        mine, other = alternate(3, lambda: _rate(ours), lambda: _rate(theirs))
        what = f"runs of `true`, {AT_ONCE} at a time, rate ÷ docker-py"
        shown = f"{mine:.1f} a second against {other:.1f}"
        yield Figure("P7", what, shown, mine / other, "≥ 0.9")


def _rate(call: Callable[[int], None]) -> float:
    began = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(call, range(RUNS)))
    return RUNS / (time.monotonic() - began)
