"""For Docker alone: the lines of the dry run as a script, its pipes made, fed and emptied.

The script judges nothing: it is what the tool does, without the checks and explanations.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence

from tyger_local.errors import UsageError
from tyger_local.plan.docker_lines import PIPE_FOLDER, bind, docker_network_line, docker_run_line
from tyger_local.plan.model import ContainerPlan, PipePlan, RunPlan
from tyger_local.spec.buffers import Direction

_HEAD = """\
#!/usr/bin/env bash
# Can be run as a file, or pasted into bash. It ends when the job has; there is no time-out.
(
set -euo pipefail
"""

_PREPARE = """
pipes=$(mktemp -d)
feeders=() drains=() holders=() jobs=() workers=() network=
clean_up() {
  kill "${feeders[@]}" "${jobs[@]}" 2>/dev/null || :
  for id in "$pipes"/*.id; do
    [ ! -s "$id" ] || docker rm --force "$(cat "$id")" >/dev/null 2>&1 || :
  done
  [ ${#workers[@]} -eq 0 ] || docker rm --force "${workers[@]}" >/dev/null || :
  [ -z "$network" ] || docker network rm "$network" >/dev/null || :
  rm -rf "$pipes"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
chmod 755 "$pipes"  # the image's user may be anybody
"""

_FEED = """
# Standard input is not opened by its name: that would begin at the start of a file again.
feed() {
  {
    [ "$2" = /dev/stdin ] || exec <"$2"
    exec cat >"$1"
  } <&0 &
  feeders+=($!)
}
"""

_DRAIN = """
# Our own ends of an output are opened before anything runs: so the copy never waits for a program that
# does not open it, and ends when the job has. Standard output is not opened by its name: that would
# empty a file.
drain() {
  if [ "$2" = /dev/stdout ]; then exec {sink}>&1; else exec {sink}>"$2"; fi
  exec 8<>"$1" 9<"$1" {holder}>"$1" 8>&-
  cat <&9 >&"$sink" {holder}>&- &
  drains+=($!) holders+=("$holder")
  exec 9<&- {sink}>&-
}
"""

_END = """
code=0
for job in "${jobs[@]}"; do wait "$job" || code=$?; done
kill "${feeders[@]}" 2>/dev/null || :  # of inputs that nobody has opened
"""

_DRAINED = """\
for holder in "${holders[@]}"; do exec {holder}>&-; done
for drain in "${drains[@]}"; do wait "$drain" || code=74; done
"""


def docker_script(plan: RunPlan, files: Mapping[str, str]) -> str:
    """Return a shell script that does what a plan says.

    Args:
        plan: The run.
        files: The path that each buffer is connected to; one that is missing gets a file of its name in the
            current folder.

    Raises:
        UsageError: The run needs more than Docker.
    """
    if any(job.sockets for job in plan.jobs):
        raise UsageError(
            "docker lines cannot connect to sockets",
            "export it to kubernetes, or run it with 'tyger-local run exec'",
        )
    return "".join(_parts(plan, files))


def _parts(plan: RunPlan, files: Mapping[str, str]) -> Iterator[str]:
    pipes = plan.jobs[0].pipes
    variables = {pipe.buffer: f"file_{number}" for number, pipe in enumerate(pipes, 1)}
    network = docker_network_line(plan)
    directions = {pipe.direction for pipe in pipes}
    yield _HEAD
    yield from _file_lines(pipes, variables, files)
    yield _PREPARE
    if Direction.INPUT in directions:
        yield _FEED
    if Direction.OUTPUT in directions:
        yield _DRAIN
    yield from _pipe_lines(plan, variables)
    if plan.private_network is not None:
        # Removed at the end only if it was made: one of that name may be another script's.
        yield f"\n{network} >/dev/null\nnetwork={shlex.quote(plan.private_network.name)}\n"
    for worker in plan.workers:
        yield f'workers+=("$({docker_run_line(plan, worker)})")\n'
    yield "\n"
    for job in plan.jobs:
        # What a program prints is its log; standard output may be where a buffer goes.
        yield f"{_job_line(plan, job)} >&2 &\njobs+=($!)\n"
    yield _END
    if Direction.OUTPUT in directions:
        yield _DRAINED
    yield 'exit "$code"\n)\n'


def _file_lines(
    pipes: Sequence[PipePlan], variables: Mapping[str, str], files: Mapping[str, str]
) -> Iterator[str]:
    """Yield the lines that say what the buffers are connected to, and look whether inputs are there."""
    if pipes:
        yield "# What the buffers are connected to; /dev/stdin and /dev/stdout are files, too.\n"
    for pipe in pipes:
        path = shlex.quote(files.get(pipe.buffer, f"./{pipe.buffer}"))
        yield f"{variables[pipe.buffer]}={path}  # {pipe.direction.value} {pipe.buffer}\n"
    for pipe in pipes:
        if pipe.direction is Direction.INPUT:
            file = f"${variables[pipe.buffer]}"
            yield f'[ -r "{file}" ] || {{ echo "{file} cannot be read" >&2; exit 2; }}\n'


def _pipe_lines(plan: RunPlan, variables: Mapping[str, str]) -> Iterator[str]:
    for job in plan.jobs:
        for pipe in job.pipes:
            path, file = f'"$pipes/{job.label}/{pipe.buffer}"', f'"${variables[pipe.buffer]}"'
            if pipe is job.pipes[0]:
                yield f'\nmkdir "$pipes/{job.label}"\n'
            yield f"mkfifo -m 666 {path}\n"
            if pipe.direction is Direction.INPUT:
                yield f"feed {path} {file}\n"
            else:
                yield f"drain {path} {file}\n"


def _job_line(plan: RunPlan, job: ContainerPlan) -> str:
    """Return a job's line, with the folder of its pipes where the dry run has a name for that.

    Its container's id is noted, since one that heeds no signal outlives the command.
    """
    line = docker_run_line(plan, job)
    stand_in = shlex.quote(f"--volume={bind(PIPE_FOLDER, job.pipe_root)}")
    folder = f'--volume="$pipes/{job.label}":{shlex.quote(job.pipe_root)}'
    noted = f'docker run --cidfile="$pipes/{job.label}.id"'
    return line.replace(stand_in, folder, 1).replace("docker run", noted, 1)
