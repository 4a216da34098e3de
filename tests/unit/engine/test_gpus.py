from __future__ import annotations

from pathlib import Path

import pytest

from tyger_local.engine.docker import gpus
from tyger_local.engine.docker.gpus import choose, gpu_ids
from tyger_local.errors import EngineError

PRESENT = ("GPU-a", "GPU-b", "GPU-c")


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def _nvidia_smi(tools: Path, script: str) -> None:
    path = tools / "nvidia-smi"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("echo GPU-1; echo GPU-2", ("GPU-1", "GPU-2")),
        (r"printf '  GPU-1  \r\n\nGPU-2'", ("GPU-1", "GPU-2")),
        (":", ()),
        ("echo 'No devices were found'; exit 6", ()),
        ("echo GPU-1; exit 9", ()),
    ],
)
def test_what_the_drivers_tool_says(tools: Path, script: str, found: tuple[str, ...]) -> None:
    _nvidia_smi(tools, script)
    assert gpu_ids() == found


def test_how_it_is_asked(tools: Path) -> None:
    _nvidia_smi(tools, 'echo "$*"')
    assert gpu_ids() == ("--query-gpu=uuid --format=csv,noheader",)


def test_without_the_tool_there_is_none(tools: Path) -> None:
    assert gpu_ids() == ()


def test_a_tool_that_hangs_is_not_waited_for(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpus, "QUERY_TIMEOUT_S", 0.05)
    _nvidia_smi(tools, "exec /bin/sleep 60")
    assert gpu_ids() == ()


@pytest.mark.parametrize(
    ("count", "held", "chosen"),
    [
        (0, (), ()),
        (0, PRESENT, ()),
        (1, (), ("GPU-a",)),
        (1, ("GPU-a",), ("GPU-b",)),
        (1, ("GPU-c", "GPU-a"), ("GPU-b",)),
        (2, ("GPU-a", "GPU-a", "GPU-of-another-machine"), ("GPU-b", "GPU-c")),
        (3, (), PRESENT),
    ],
)
def test_one_that_is_free_is_chosen(
    count: int, held: tuple[str, ...], chosen: tuple[str, ...]
) -> None:
    assert choose(count, PRESENT, held) == chosen


@pytest.mark.parametrize(
    ("count", "held", "what"),
    [
        (1, PRESENT, "1 GPUs are asked for and 0 of 3 are free"),
        (3, ("GPU-b",), "3 GPUs are asked for and 2 of 3 are free"),
        (4, (), "4 GPUs are asked for and 3 of 3 are free"),
    ],
)
def test_too_few_free_ones_are_an_error(count: int, held: tuple[str, ...], what: str) -> None:
    with pytest.raises(EngineError) as caught:
        choose(count, PRESENT, held)
    assert caught.value.what == what
    assert "--no-gpu" in caught.value.hint
