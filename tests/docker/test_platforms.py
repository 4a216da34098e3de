"""Images for other platforms, and commands that cannot be executed, on a real Docker engine."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tyger_local import Workspace
from tyger_local.engine.base import PullPolicy
from tyger_local.outcome.events import Event, Warned
from tyger_local.outcome.record import RunRecord
from tyger_local.outcome.verdict import Verdict
from tyger_local.plan.model import Overrides
from tyger_local.runner.setup import Options
from tyger_local.workspace.engines import make_engine
from tyger_local.workspace.execution import ExecOptions

pytestmark = pytest.mark.docker

FOREIGN = "riscv64"


class Runner:
    """Runs a command of an image and keeps the warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def __call__(self, image: str, *command: str, platform: str | None = None) -> RunRecord:
        codespec = {"image": image, "command": [*command], "buffers": {"outputs": ["out"]}}
        options = ExecOptions(
            overrides=Overrides(platform=platform),
            options=Options(pull=PullPolicy.NEVER),
            emit=self._note,
        )
        return Workspace().runs.exec({"job": {"codespec": codespec}}, {"out": "/dev/null"}, options)

    def _note(self, event: Event) -> None:
        if isinstance(event, Warned):
            self.warnings.append(event.text)


@pytest.fixture
def run() -> Runner:
    return Runner()


@pytest.fixture(scope="module")
def machine() -> str:
    engine = make_engine("docker")
    platform = engine.describe().platform
    engine.close()
    assert platform is not None
    return platform


def _verdict(record: RunRecord) -> Verdict:
    assert record.verdict is not None
    return record.verdict


def test_an_image_for_another_platform(
    run: Runner, odd_image: Callable[[str], str], machine: str
) -> None:
    image = odd_image(FOREIGN)
    record = run(image, "/foreign")
    verdict = _verdict(record)
    assert (verdict.kind.value, verdict.exit_code) == ("start-failed", 126)
    assert verdict.reason == (
        f"the image is for linux/riscv64 and this machine is {machine}, which cannot execute it: "
        "the container's command cannot be executed: exec /foreign: exec format error"
    )
    assert f"docker build --platform {machine}" in verdict.hint
    (warning,) = run.warnings
    assert f"is for linux/riscv64 and this machine is {machine}" in warning
    assert "--platform linux/riscv64" in warning
    document = record.document()["image"]
    assert isinstance(document, dict)
    assert (document["reference"], document["platform"]) == (image, "linux/riscv64")


def test_who_asks_for_another_platform_knows_of_it(
    run: Runner, odd_image: Callable[[str], str]
) -> None:
    record = run(odd_image(FOREIGN), "/foreign", platform="linux/riscv64")
    assert _verdict(record).exit_code == 126
    (warning,) = run.warnings
    assert warning.endswith("build it with --platform linux/amd64 as well")


def test_an_image_that_is_not_there_for_the_platform(
    run: Runner, odd_image: Callable[[str], str]
) -> None:
    image = odd_image(FOREIGN)
    verdict = _verdict(run(image, "/foreign", platform="linux/s390x"))
    assert (verdict.kind.value, verdict.exit_code) == ("engine-failed", 125)
    assert verdict.reason == (
        f"The image '{image}' is not there for linux/s390x, which --platform asks for: "
        "the one that is here is for linux/riscv64"
    )
    assert run.warnings == []


@pytest.mark.parametrize(
    ("command", "exit_code", "reason", "hint"),
    [
        ("/crlf", 127, "is there, but not what it needs to start: exec /crlf: no such", "dos2unix"),
        ("/no-interpreter", 127, "is there, but not what it needs to start", "first line (#!)"),
        ("/no-first-line", 126, "cannot be executed: exec /no-first-line: exec format", "#! line"),
        ("/foreign", 126, "cannot be executed: exec /foreign: exec format error", "CPU"),
        ("sh", 127, 'was not found: exec: "sh": executable file not found', "has no sh: name the"),
        ("/bin/bash", 127, "was not found", "has no bash: try sh in its place"),
        ("/no such", 127, "was not found", "an item of its own"),
        ("/missing", 127, "was not found", "check the codespec's command"),
        ("/", 126, "cannot be executed", "chmod +x"),
    ],
)
def test_a_command_that_cannot_start(
    run: Runner,
    odd_image: Callable[[str], str],
    machine: str,
    command: str,
    exit_code: int,
    reason: str,
    hint: str,
) -> None:
    verdict = _verdict(run(odd_image(machine.partition("/")[2]), command))
    assert (verdict.kind.value, verdict.exit_code) == ("start-failed", exit_code)
    assert reason in verdict.reason
    assert "OCI runtime" not in verdict.reason
    assert hint in verdict.hint
