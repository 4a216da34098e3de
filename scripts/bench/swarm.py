"""A Docker swarm of one engine, for as long as it is needed."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from measure import CommandError

# What the engine makes with a swarm and does not remove when it leaves.
_GATEWAY = "docker_gwbridge"


@contextmanager
def swarm() -> Iterator[None]:
    """Put the engine into a swarm of its own, unless it is in one, and out of it again.

    Raises:
        CommandError: It cannot be put into one.
    """
    if _docker("info", "--format", "{{.Swarm.LocalNodeState}}") == "active":
        yield
        return
    had_gateway = _GATEWAY in _networks()
    here = "127.0.0.1"
    _docker("swarm", "init", "--listen-addr", here, "--advertise-addr", here)
    try:
        yield
    finally:
        _docker("swarm", "leave", "--force")
        if not had_gateway and _GATEWAY in _networks():
            _docker("network", "rm", _GATEWAY)


def _networks() -> list[str]:
    return _docker("network", "ls", "--format", "{{.Name}}").split()


def _docker(*args: str) -> str:
    done = subprocess.run(["docker", *args], capture_output=True, text=True, check=False)
    if done.returncode:
        raise CommandError(f"docker {' '.join(args)} failed: {done.stderr.strip()}")
    return done.stdout.strip()
