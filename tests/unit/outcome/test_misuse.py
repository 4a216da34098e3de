from __future__ import annotations

from pathlib import Path

import pytest

from tyger_local.outcome.misuse import Misuse, coded, pipe_in_shell

TOLD_LIVE = (Misuse.PIPE_DEADLOCK, Misuse.PIPE_STALLED)
"""Their words come from what is seen."""

DOCS = Path(__file__).parents[3] / "docs" / "pipes.md"


@pytest.mark.parametrize("misuse", [m for m in Misuse if m not in TOLD_LIVE])
def test_each_names_the_buffer_its_code_and_what_to_write(misuse: Misuse) -> None:
    reason = misuse.reason("some{buffer}")
    assert "'some{buffer}'" in reason
    assert reason.endswith(f"[{misuse.value}]")
    assert '"$MY_BUF_PIPE"' in misuse.instead("my_buf")


def test_a_code_stands_at_the_end() -> None:
    assert coded("what happened", Misuse.PIPE_DEADLOCK) == "what happened [pipe-deadlock]"


@pytest.mark.parametrize(
    ("buffer", "shown"),
    [("input", '"$INPUT_PIPE"'), ("my-buf", "'$(MY-BUF_PIPE)'"), ("i2", '"$I2_PIPE"')],
)
def test_a_pipe_is_named_in_a_way_that_works(buffer: str, shown: str) -> None:
    assert pipe_in_shell(buffer) == shown


@pytest.mark.parametrize("misuse", Misuse)
def test_each_code_is_explained(misuse: Misuse) -> None:
    assert f"\n## {misuse.value}\n" in DOCS.read_text()
