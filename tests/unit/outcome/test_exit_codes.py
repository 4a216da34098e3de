from __future__ import annotations

import signal

import pytest

from tyger_local.outcome.exit_codes import AFTER_SIGNAL, meaning


@pytest.mark.parametrize("code", [0, 1, 2, 3, 74, 124, 125, 128, 144, 128 + 64, 255])
def test_what_only_the_program_can_explain(code: int) -> None:
    assert meaning(code) is None


@pytest.mark.parametrize(
    "name",
    [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "SEGV", "PIPE", "ALRM", "TERM",
        "XCPU", "XFSZ", "SYS",
    ],
)  # fmt: skip
def test_signals_are_told_by_name_with_a_next_step(name: str) -> None:
    number = signal.Signals[f"SIG{name}"]
    meant = meaning(AFTER_SIGNAL + number)
    assert meant is not None
    assert meant.text.startswith(f"SIG{name}: it ") or name == "ALRM"
    assert meant.hint
    assert not meant.hint.endswith(".")


@pytest.mark.parametrize("code", [126, 127])
def test_what_a_shell_says(code: int) -> None:
    meant = meaning(code)
    assert meant is not None
    assert meant.text.startswith("a shell's word for")
