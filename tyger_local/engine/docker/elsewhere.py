"""Where else an engine may be, when the one that Docker's own client would use does not answer."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

INSTALL = "https://docs.docker.com/engine/install"

SOCKETS = (
    ("Docker", "/var/run/docker.sock"),
    ("rootless Docker", "{runtime}/docker.sock"),
    ("Docker Desktop", "{home}/.docker/desktop/docker.sock"),
    ("Podman", "{runtime}/podman/podman.sock"),
    ("Podman", "/run/podman/podman.sock"),
)


def elsewhere(asked: str) -> Iterator[str]:
    """Yield what may help, in sentences without their final stops.

    Args:
        asked: The address of the engine that does not answer.
    """
    if not any(map(shutil.which, ("docker", "dockerd", "podman"))):
        yield f"no docker is on the PATH; to install one: {INSTALL}"
    places = {
        "home": str(Path("~").expanduser()),
        "runtime": os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}",
    }
    for kind, pattern in SOCKETS:
        path = pattern.format(**places)
        if f"unix://{path}" != asked and _is_socket(path):
            yield f"there is a socket of {kind}: DOCKER_HOST=unix://{path}"


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(Path(path).stat().st_mode)
    except OSError:
        return False
