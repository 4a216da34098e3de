"""The kernel's tables of connections, as it has written them."""

from __future__ import annotations

import pytest

from tyger_local.engine.docker.tcp_table import listening, tcp_in_use
from tyger_local.outcome.sight import Listening

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
    ("rows", "ports", "local_ports"),
    [
        ((), set(), set()),
        ((("00000000:1F90", NOBODY, "0A"),), {8080}, set()),
        ((("0100007F:0050", NOBODY, "0A"),), set(), {80}),
        ((("0200A8C0:0050", NOBODY, "0A"),), {80}, set()),
        ((("00000000:FFFF", NOBODY, "0A"), ("00000000:0001", NOBODY, "0A")), {65535, 1}, set()),
        ((("0100007F:FFFF", NOBODY, "0A"), ("00000000:0001", NOBODY, "0A")), {1}, {65535}),
        ((("00000000:1F90", NOBODY, "0A"), ("0100007F:1F90", NOBODY, "0A")), {8080}, set()),
        # established, waiting after its end, asked for
        ((("0100007F:1F90", "0100007F:C350", "01"),), set(), set()),
        ((("0100007F:1F90", "0100007F:C350", "06"),), set(), set()),
        ((("0100007F:1F90", "0100007F:C350", "03"),), set(), set()),
        # the engine's own server of names, and a program at another address of the machine itself
        ((("0B00007F:9C4B", NOBODY, "0A"),), set(), set()),
        ((("0C00007F:9C4B", NOBODY, "0A"),), set(), {40011}),
        ((("0B00007F:9C4B", NOBODY, "0A"), ("00000000:9C4B", NOBODY, "0A")), {40011}, set()),
    ],
)
def test_version_4(
    rows: tuple[tuple[str, str, str], ...], ports: set[int], local_ports: set[int]
) -> None:
    table = HEAD + "".join(_row(*row) for row in rows)
    assert listening([table]) == Listening(frozenset(ports), frozenset(local_ports))


HERE = Listening(local_ports=frozenset({8080}))
EVERYWHERE = Listening(frozenset({8080}))
NOBODY_6 = f"{'0' * 32}:0000"


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("0" * 32, EVERYWHERE),
        ("0" * 24 + "01000000", HERE),
        ("0" * 16 + "FFFF0000" + "0100007F", HERE),
        ("0" * 16 + "FFFF0000" + "0200A8C0", EVERYWHERE),
        ("000000FD" + "0" * 16 + "01000000", EVERYWHERE),  # fd00::1
        ("0000007F" + "0" * 16 + "02000000", EVERYWHERE),  # 7f00::2
        ("000080FE" + "0" * 16 + "01000000", EVERYWHERE),  # fe80::1
    ],
)
def test_version_6(address: str, found: Listening) -> None:
    assert listening([HEAD, HEAD_6 + _row(f"{address}:1F90", NOBODY_6, "0A")]) == found
    assert listening([HEAD, HEAD_6 + _row(f"{address}:1F90", NOBODY_6, "01")]) == Listening()


def test_what_is_reached_by_one_version_is_reached() -> None:
    table = HEAD + _row("0100007F:1F90", NOBODY, "0A")
    assert listening([table, HEAD_6 + _row(f"{'0' * 32}:1F90", NOBODY_6, "0A")]) == EVERYWHERE


@pytest.mark.parametrize("table", ["", HEAD, HEAD_6, f"{HEAD}\n", f"{HEAD}   0: 00000000:1F90\n"])
def test_what_says_nothing(table: str) -> None:
    assert listening([table]) == Listening()


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
