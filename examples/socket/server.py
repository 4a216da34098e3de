"""Reconstructs MRI scans that come through a TCP port, and knows nothing of Tyger.

What is sent to it is an MRD stream that ends where the sender closes its side of the connection; the
images go back while the scan still comes, and their end is where we close ours.
"""

from __future__ import annotations

import signal
import socket
import sys

from mrd.tools.stream_recon import reconstruct_mrd_stream


def serve(connection: socket.socket) -> None:
    """Reconstruct one scan."""
    with connection, connection.makefile("rb") as source, connection.makefile("wb") as target:
        reconstruct_mrd_stream(source, target)
        # A connection that is closed with something unread is cut off at once, together with what
        # it still has to deliver. So read to the end, whatever may stand behind the scan.
        source.read()


def main() -> None:
    """Serve one connection after the other, until we are stopped."""
    # A run ends a server with SIGTERM, which does nothing to a container's first process unless
    # it asks for it; it would be killed only later.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    host, port = sys.argv[1], int(sys.argv[2])
    with socket.create_server((host, port)) as listener:
        print(f"listening on {host}, port {port}", file=sys.stderr, flush=True)
        while True:
            connection, (client, _) = listener.accept()
            print(f"connected: {client}", file=sys.stderr, flush=True)
            serve(connection)
            print("all images are sent", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
