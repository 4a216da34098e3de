"""The same two jobs with tyger-local and with other runners: ``compare.py [PATH OF A RUNNER]...``.

Each does its job with what it does unasked, but for what the others do not do at all (hashing the output).
See scripts/bench/compare.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from measure import (
    BUSYBOX,
    DEBIAN,
    GIB,
    CommandError,
    alternate,
    codespec,
    cost,
    end_cleanly_when_stopped,
    fill,
    folder,
    tool,
)
from swarm import swarm
from table import print_machine, print_table

DOCUMENTS = Path(__file__).with_name("others")
REPEATS = 5


@dataclass(frozen=True)
class Runner:
    """Something that runs the job ``start`` or ``copy``.

    Attributes:
        command: Makes its command line from the job, the input and an empty folder.
        surroundings: What it needs around it, made and unmade outside the time.
    """

    name: str
    command: Callable[[str, Path, Path], list[str]]
    surroundings: Callable[[], AbstractContextManager[None]] = nullcontext


def _tyger_local(job: str, source: Path, place: Path) -> list[str]:
    if job == "start":
        return tool(codespec(place, BUSYBOX, "true"))
    script = "cat $(SOURCE_PIPE) > $(TARGET_PIPE)"
    file = codespec(place, DEBIAN, script, ["source"], ["target"])
    return tool(file, {"source": source, "target": place / "target"})


def _cwltool(program: str, job: str, source: Path, place: Path) -> list[str]:
    flags = ["--quiet", "--disable-pull"]
    flags += ["--no-compute-checksum"]  # none of the others hashes an output of this size
    # The output is moved from one to the other: within one file system, that costs nothing.
    flags += ["--tmpdir-prefix", f"{place}/tmp/", "--outdir", f"{place}/out"]
    inputs = [] if job == "start" else ["--source", str(source)]
    return [program, *flags, str(DOCUMENTS / f"{job}.cwl"), *inputs]


def _miniwdl(program: str, job: str, source: Path, place: Path) -> list[str]:
    settings = [
        "MINIWDL__DOCKER_SWARM__AUTO_INIT=false",  # nobody would take the engine out of it again
        "MINIWDL__TASK_RUNTIME__COMMAND_SHELL=/bin/sh",  # Busybox has no bash
    ]
    inputs = [] if job == "start" else [f"source={source}"]
    document = str(DOCUMENTS / f"{job}.wdl")
    return ["env", *settings, program, "run", "--dir", str(place), document, *inputs]


def _other(program: str) -> Runner:
    if Path(program).name == "cwltool":
        return Runner("cwltool", partial(_cwltool, program))
    # A swarm only while it is needed: what it does after a task would slow down who comes next.
    return Runner("miniwdl", partial(_miniwdl, program), swarm)


def main() -> None:
    """Time the jobs with each runner that works here."""
    end_cleanly_when_stopped()
    with folder(room_bytes=3 * GIB) as path:
        source = fill(path / "source", GIB)
        ours = Runner("tyger-local", _tyger_local)
        others = [_other(program) for program in sys.argv[1:]]
        runners = [ours, *(other for other in others if _works(other, source))]
        print_machine()
        print_table(("job", "with", "took", "÷ tyger-local"), _rows(runners, source))


def _works(runner: Runner, source: Path) -> bool:
    try:
        _took_s("start", runner, source)
    except CommandError as error:
        print(f"{runner.name} is left out, since it does not work here: {error}", file=sys.stderr)
        return False
    return True


def _rows(runners: Sequence[Runner], source: Path) -> Iterator[Sequence[str]]:
    for job, what in (("start", "`true`"), ("copy", "1 GiB, file to file")):
        calls = [partial(_took_s, job, runner, source) for runner in runners]
        medians = alternate(REPEATS, *calls)
        for runner, took_s in zip(runners, medians, strict=True):
            yield what, runner.name, f"{took_s:.2f} s", f"{took_s / medians[0]:.1f}"


def _took_s(job: str, runner: Runner, source: Path) -> float:
    place = source.with_name("place")
    shutil.rmtree(place, ignore_errors=True)  # so that nobody replaces a file within the time
    place.mkdir()
    with runner.surroundings():
        return cost(runner.command(job, source, place)).wall_s


if __name__ == "__main__":
    main()
