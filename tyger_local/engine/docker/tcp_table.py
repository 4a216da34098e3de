"""What the kernel says of a network in ``tcp``, ``tcp6``, ``sockstat`` and ``sockstat6``. Reads no file."""

from __future__ import annotations

import sys

LISTEN = "0A"

RESOLVER = bytes((127, 0, 0, 11))
"""Where the engine itself answers the names of a network's containers, inside each of them."""


def listening_ports(table: str) -> frozenset[int]:
    """Return the ports on which programs accept connections.

    The engine's own server is left out: it takes a port by chance, on an address that is the engine's.

    Args:
        table: A line of headings, and one for each socket: its number, its own address and port, the other
            side's, its state.
    """
    rows = (line.split() for line in table.splitlines()[1:])
    local = (row[1].split(":") for row in rows if len(row) > 3 and row[3] == LISTEN)
    return frozenset(int(port, 16) for address, port in local if address != _shown(RESOLVER))


def tcp_in_use(counts: str) -> str:
    """Return what the counts of sockets say of those of TCP that are in use: listening or connected.

    What else stands in that line counts the whole machine.
    """
    rows = (line.split() for line in counts.splitlines())
    return next((row[2] for row in rows if len(row) > 2 and row[0] in ("TCP:", "TCP6:")), "")


def _shown(address: bytes) -> str:
    """Return an address of version 4 as the kernel writes it: as a number of this machine's."""
    return f"{int.from_bytes(address, sys.byteorder):08X}"
