from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from tyger_local.doctor.machine import check_machine
from tyger_local.doctor.model import Check, State


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """The kernel's settings as a machine has them."""
    (tmp_path / "fs/inotify").mkdir(parents=True)
    values = {
        "inotify/max_user_instances": 128,
        "inotify/max_user_watches": 65536,
        "pipe-user-pages-soft": 16384,
    }
    for name, value in values.items():
        (tmp_path / "fs" / name).write_text(f"{value}\n")
    return tmp_path


def _checks(settings: Path) -> dict[str, Check]:
    return {check.id: check for check in check_machine("1.2.3", settings)}


def test_a_machine_as_it_should_be(settings: Path) -> None:
    found = _checks(settings)
    assert list(found) == ["system", "open-files", "inotify", "pipes"]
    assert {check.state for check in found.values()} == {State.OK}
    assert "tyger-local 1.2.3" in found["system"].title


@pytest.mark.parametrize(
    ("name", "value", "check_id", "fix"),
    [
        ("inotify/max_user_instances", 8, "inotify", "fs.inotify.max_user_instances=128"),
        ("inotify/max_user_watches", 100, "inotify", "fs.inotify.max_user_watches=2048"),
        ("pipe-user-pages-soft", 100, "pipes", "fs.pipe-user-pages-soft=16384"),
    ],
)
def test_a_low_limit_is_a_warning_with_the_command_that_raises_it(
    settings: Path, name: str, value: int, check_id: str, fix: str
) -> None:
    (settings / "fs" / name).write_text(str(value))
    found = _checks(settings)
    assert found[check_id].state is State.WARNING
    assert found[check_id].fix.startswith("sudo sysctl ")
    assert fix in found[check_id].fix
    assert [check.id for check in found.values() if check.state is not State.OK] == [check_id]


def test_pipes_without_a_limit_are_all_right(settings: Path) -> None:
    (settings / "fs/pipe-user-pages-soft").write_text("0\n")
    assert _checks(settings)["pipes"].state is State.OK


def test_what_the_kernel_does_not_show_is_skipped(tmp_path: Path) -> None:
    found = _checks(tmp_path)
    assert found["inotify"].state is State.SKIPPED
    assert found["pipes"].state is State.OK


@pytest.fixture
def few_files() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_few_open_files_are_a_warning(settings: Path, few_files: None) -> None:
    found = _checks(settings)["open-files"]
    assert (found.state, found.fix) == (State.WARNING, "ulimit -n 1024")


def test_no_descriptor_is_left(settings: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    _checks(settings)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
