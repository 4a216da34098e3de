"""The kernel's tables of connections, as it has written them."""

from __future__ import annotations

import pytest

from tyger_local.engine.docker.tcp_table import listening_ports, tcp_in_use

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
HEAD_6 = (
    "  sl  local_address                         remote_address                        st tx_queue "
    "rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
)
REST = (
    "00000000:00000000 00:00000000 00000000     0        0 44104 1 0000000000000000 100 0 0 10 0\n"
)
NOBODY = "00000000:0000"


def _row(local: str, remote: str, state: str) -> str:
    return f"   0: {local} {remote} {state} {REST}"


@pytest.mark.parametrize(
    ("rows", "ports"),
    [
        ((), set()),
        ((("00000000:1F90", NOBODY, "0A"),), {8080}),
        ((("0100007F:0050", NOBODY, "0A"),), {80}),
        ((("00000000:FFFF", NOBODY, "0A"), ("00000000:0001", NOBODY, "0A")), {65535, 1}),
        ((("00000000:1F90", NOBODY, "0A"), ("0100007F:1F90", NOBODY, "0A")), {8080}),
        # established, waiting after its end, asked for
        ((("0100007F:1F90", "0100007F:C350", "01"),), set()),
        ((("0100007F:1F90", "0100007F:C350", "06"),), set()),
        ((("0100007F:1F90", "0100007F:C350", "03"),), set()),
        # the engine's own server of names, and a program at another address of the machine itself
        ((("0B00007F:9C4B", NOBODY, "0A"),), set()),
        ((("0C00007F:9C4B", NOBODY, "0A"),), {40011}),
        ((("0B00007F:9C4B", NOBODY, "0A"), ("00000000:9C4B", NOBODY, "0A")), {40011}),
    ],
)
def test_version_4(rows: tuple[tuple[str, str, str], ...], ports: set[int]) -> None:
    assert listening_ports(HEAD + "".join(_row(*row) for row in rows)) == ports


@pytest.mark.parametrize(
    "address", ["0" * 32, "0" * 24 + "01000000", "0" * 16 + "FFFF00000100007F"]
)
def test_version_6(address: str) -> None:
    nobody = f"{'0' * 32}:0000"
    assert listening_ports(HEAD_6 + _row(f"{address}:1F90", nobody, "0A")) == {8080}
    assert listening_ports(HEAD_6 + _row(f"{address}:1F90", nobody, "01")) == set()


@pytest.mark.parametrize("table", ["", HEAD, HEAD_6, f"{HEAD}\n", f"{HEAD}   0: 00000000:1F90\n"])
def test_what_says_nothing(table: str) -> None:
    assert listening_ports(table) == set()


COUNTS = """sockets: used 75
TCP: inuse 4 orphan 1 tw 70 alloc 11 mem 516
UDP: inuse 9 mem 0
"""
COUNTS_6 = """TCP6: inuse 12
UDP6: inuse 3
FRAG6: inuse 0 memory 0
"""


@pytest.mark.parametrize(
    ("counts", "in_use"), [(COUNTS, "4"), (COUNTS_6, "12"), ("", ""), ("TCP:\n", "")]
)
def test_how_many_are_in_use(counts: str, in_use: str) -> None:
    assert tcp_in_use(counts) == in_use
