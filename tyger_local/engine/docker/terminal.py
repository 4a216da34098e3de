"""Our terminal as a container's own, for ``--shell``."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import socket
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from typing import Any

from docker.api import APIClient

from tyger_local.engine.docker.dockerpy import connect
from tyger_local.engine.docker.errors import translating

RESIZE_CHECK_MS = 500
"""How often the terminal's size is looked at; a handler for SIGWINCH would belong to the program."""

TIMEOUT_S = 120.0
CHUNK_BYTES = 32 * 1024


def connect_terminal(identity: str, start: Callable[[], None]) -> None:
    """Start a container that has a terminal and connect ours to it until it ends.

    Args:
        identity: The container.
        start: Starts it.
    """
    with contextlib.closing(connect(TIMEOUT_S)) as client:
        with translating():
            connection: Any = client.api.attach_socket(
                identity, params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
            )
        remote: socket.socket = getattr(connection, "_sock", connection)
        start()
        with _raw(sys.stdin.fileno()), contextlib.closing(connection):
            _relay(client.api, identity, remote)


@contextlib.contextmanager
def _raw(fd: int) -> Iterator[None]:
    before = termios.tcgetattr(fd)
    tty.setraw(fd)
    try:
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)


def _relay(api: APIClient, identity: str, remote: socket.socket) -> None:
    ours = sys.stdin.fileno()
    size: os.terminal_size | None = None
    poll = select.poll()
    poll.register(ours, select.POLLIN)
    poll.register(remote.fileno(), select.POLLIN)
    while True:
        now = shutil.get_terminal_size()
        if now != size:
            size = now
            with translating():
                api.resize(identity, height=now.lines, width=now.columns)
        for fd, _ in poll.poll(RESIZE_CHECK_MS):
            if fd == ours:
                data = os.read(ours, CHUNK_BYTES)
                if data:
                    remote.sendall(data)
                else:
                    poll.unregister(ours)
            else:
                data = remote.recv(CHUNK_BYTES)
                if not data:
                    return
                while data:
                    data = data[os.write(sys.stdout.fileno(), data) :]
