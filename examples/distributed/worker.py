"""Reconstructs repetitions of an MRI scan for job.py: one connection each, one after the other.

A request is a complete MRD stream. It ends where the job closes its side of the connection, and the
answer, an MRD stream of images, ends where we close ours: the two need no further framing.
"""

from __future__ import annotations

import io
import signal
import socket
import socketserver
import sys
import time

from mrd.tools.stream_recon import reconstruct_mrd_stream

SILENCE_S = 60
"""How long a request may stop coming; then the job is taken for dead."""


class Reconstruction(socketserver.StreamRequestHandler):
    """One request and its answer. An exception is printed, and ends this connection only."""

    timeout = SILENCE_S

    def handle(self) -> None:
        """Answer with the images of what was sent."""
        request = self.rfile.read()
        if not request:
            return  # somebody only tried whether we listen
        started = time.monotonic()
        # All is read before anything is written: were both sides to write first, each would wait
        # for the other to read.
        answer = io.BytesIO()
        reconstruct_mrd_stream(io.BytesIO(request), answer)
        self.wfile.write(answer.getvalue())
        log(f"{len(request)} bytes reconstructed in {time.monotonic() - started:.2f} s")


class Server(socketserver.TCPServer):
    """Listens on all addresses, since the job comes from another host."""

    # A worker that ended is started again under the same address, where connections of the one
    # before it may still fade away. Without this, binding to the port fails for a minute.
    allow_reuse_address = True


def log(text: str) -> None:
    """Say something on stderr, with the host name, by which workers are told apart."""
    print(f"{socket.gethostname()}: {text}", file=sys.stderr, flush=True)


def main() -> None:
    """Serve until we are stopped."""
    # A run ends its workers with SIGTERM, which does nothing to a container's first process
    # unless it asks for it; it would be killed only later.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    port = int(sys.argv[1])
    with Server(("", port), Reconstruction) as server:
        log(f"listening on port {port}")
        server.serve_forever()


if __name__ == "__main__":
    main()
