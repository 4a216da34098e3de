"""What the kernel says of a network in ``tcp``, ``tcp6``, ``sockstat`` and ``sockstat6``. Reads no file."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from tyger_local.outcome.sight import Listening

LISTEN = "0A"

RESOLVER = bytes((127, 0, 0, 11))
"""Where the engine itself answers the names of a network's containers, inside each of them."""

LOOPBACK_6 = bytes((*bytes(15), 1))
LOOPBACK_4 = 127
"""The address by which a container reaches only itself, and the first byte of all such in version 4."""

MAPPED_4 = bytes((*bytes(10), 255, 255))
"""How an address of version 6 begins that stands for one of version 4."""


def listening(tables: Iterable[str]) -> Listening:
    """Return the ports on which programs accept connections.

    The engine's own server is left out: it takes a port by chance, on an address that is the engine's.

    Args:
        tables: Of one network. In each a line of headings, and one for each socket: its number, its own
            address and port, the other side's, its state.
    """
    found = [at for table in tables for at in _listeners(table) if at[0] != RESOLVER]
    ports = frozenset(port for address, port in found if not _is_local(address))
    return Listening(ports, frozenset(port for _, port in found) - ports)


def _listeners(table: str) -> Iterator[tuple[bytes, int]]:
    """Yield the address and the port of each socket that listens."""
    for line in table.splitlines()[1:]:
        row = line.split()
        if len(row) > 3 and row[3] == LISTEN:
            address, port = row[1].split(":")
            yield _address(address), int(port, 16)


def tcp_in_use(counts: str) -> str:
    """Return what the counts of sockets say of those of TCP that are in use: listening or connected.

    What else stands in that line counts the whole machine.
    """
    rows = (line.split() for line in counts.splitlines())
    return next((row[2] for row in rows if len(row) > 2 and row[0] in ("TCP:", "TCP6:")), "")


def _address(shown: str) -> bytes:
    """Return an address, of which the kernel writes each four bytes as a number of this machine's."""
    numbers = (int(shown[at : at + 8], 16) for at in range(0, len(shown), 8))
    return b"".join(number.to_bytes(4, sys.byteorder) for number in numbers)


def _is_local(address: bytes) -> bool:
    address = address.removeprefix(MAPPED_4)
    return address == LOOPBACK_6 or (len(address) == 4 and address[0] == LOOPBACK_4)
