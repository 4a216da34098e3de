"""P9 and P10: a job with workers, and bytes through a socket."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from figure import Figure, in_seconds
from measure import BUSYBOX, GIB, TOOL, alternate, cost, fill, folder, tool

WORKERS = 3
SERVER = "trap 'exit 0' TERM; sleep 600 & wait"

BY_HAND = f"""
set -e
network=bench-workers workers=
docker network create $network
for index in $(seq {WORKERS}); do
  workers="$workers $(docker run -d --network $network --network-alias worker-$index {BUSYBOX} \\
    sh -c "{SERVER}")"
done
docker run --rm --network $network {BUSYBOX} true
docker stop $workers
docker rm $workers
docker network rm $network
"""
"""The same for somebody who types it."""

COPY = """
import os, socket
{opened}
while data := os.read(source, 1 << 20):
    while data:
        data = data[os.write(target, data):]
"""
"""Passes on what it gets."""

PIPES = """
source = os.open(os.environ["INPUT_PIPE"], os.O_RDONLY)
target = os.open(os.environ["OUTPUT_PIPE"], os.O_WRONLY)
"""
SOCKET = """
connection, _ = socket.create_server(("127.0.0.1", 9000)).accept()
source = target = connection.fileno()
"""

SOCKETS = [{"port": 9000, "inputBuffer": "input", "outputBuffer": "output"}]
PYTHON = "tyger-local/mri"


def with_workers() -> Iterator[Figure]:
    """P9: a job of ``true`` with workers, whole process."""
    with folder() as path:
        ours = [TOOL, "run", "exec", "-q", "-f", _distributed(path)]
        theirs = ["sh", "-c", BY_HAND]
        mine, other = alternate(5, lambda: cost(ours).wall_s, lambda: cost(theirs).wall_s)
        what = f"`true` with {WORKERS} workers ÷ the same with `docker`"
        yield in_seconds("P9", what, mine, other, "≤ 1.0")


def _distributed(path: Path) -> str:
    file = path / "run.json"
    job = {"image": BUSYBOX, "command": ["true"]}
    worker = {
        "image": BUSYBOX,
        "command": ["sh", "-c", SERVER],
        "endpoints": {"none": 1},
        "maxReplicas": WORKERS,
    }
    document = {"job": {"codespec": job}, "worker": {"codespec": worker, "replicas": WORKERS}}
    file.write_text(json.dumps(document))
    return str(file)


def socket_throughput() -> Iterator[Figure]:
    """P10: 1 GiB through a program and back, over a socket and through pipes."""
    with folder(room_bytes=3 * GIB) as path:
        source, target = fill(path / "big", GIB), path / "target"
        buffers = {"input": source, "output": target}
        piped = tool(_copying(path / "pipes.json", PIPES), buffers)
        connected = tool(_copying(path / "socket.json", SOCKET, SOCKETS), buffers)

        def seconds(argv: list[str]) -> float:
            target.unlink(missing_ok=True)
            taken = cost(argv).wall_s
            if target.stat().st_size != GIB:
                raise RuntimeError(f"not all bytes of {source} arrived")
            return taken

        mine, other = alternate(5, lambda: seconds(connected), lambda: seconds(piped))
        what = "1 GiB through a socket and back ÷ through pipes"
        yield in_seconds("P10", what, mine, other, "≤ 2.0")


def _copying(file: Path, opened: str, sockets: Sequence[Mapping[str, object]] = ()) -> str:
    """Write a codespec whose program copies its input to its output; return its file."""
    document = {
        "image": PYTHON,
        "buffers": {"inputs": ["input"], "outputs": ["output"]},
        "sockets": sockets,
        "command": ["python3", "-c", COPY.format(opened=opened)],
    }
    file.write_text(json.dumps(document))
    return str(file)
