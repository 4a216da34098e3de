"""R6: what goes wrong around a container has its own verdict, its own exit code and one clear last line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from soak.case import BUSYBOX
from soak.tool import TIMEOUT_S, Answer, in_engine, run_tool, tool_argv

FULL_AT = "1m"
STOPPED_WITHIN_S = 10.0
STUBBORN = "trap '' TERM; echo ready >&2; while :; do sleep 0.1; done"
SMALL: Mapping[str, object] = {"resources": {"limits": {"memory": "24Mi"}}}

# What ends a run by itself: script, flags, changes of the codespec, environment; exit code, verdict, words.
ENDS: dict[str, tuple[str, Sequence[str], Mapping[str, object], Mapping[str, str], int, str, str]] = {
    "image missing": ("true", ["--pull=never"], {"image": "tyger-local/none"}, {}, 125, "engine-failed",
                      "was not found"),
    "out of memory": ("exec tail /dev/zero", [], SMALL, {}, 137, "out-of-memory", "24Mi"),
    "a child out of memory": ("tail /dev/zero; exit 0", [], SMALL, {}, 137, "out-of-memory", "went on"),
    "time-out": ("exec sleep 60", ["--timeout=1s", "--stop-grace=0"], {}, {}, 124, "timed-out",
                 "after 1 s"),
    "no engine": ("true", [], {}, {"DOCKER_HOST": "unix:///nonexistent/docker.sock"}, 125,
                  "engine-failed", "no Docker engine answers"),
    "nobody at the engine's port": ("true", [], {}, {"DOCKER_HOST": "tcp://127.0.0.1:1"}, 125,
                                    "engine-failed", "no Docker engine answers"),
}  # fmt: skip


def end_rounds(rounds: int) -> list[str]:
    """Bring every end about, `rounds` times.

    Returns:
        What was wrong: nothing when all is well.
    """
    failures: list[str] = []
    for number in range(1, rounds + 1):
        for name in ENDS:
            failures += [f"round {number}, {name}: {fault}" for fault in check_end(name)]
        for name, check in OTHERS.items():
            with tempfile.TemporaryDirectory(prefix="soak-ends-") as folder:
                faults = [*check(Path(folder)), *left_by(Path(folder))]
                failures += [f"round {number}, {name}: {fault}" for fault in faults]
    return failures


def check_end(name: str) -> list[str]:
    """Bring one end of `ENDS` about and return what was wrong."""
    script, flags, changes, env, code, verdict, words = ENDS[name]
    with tempfile.TemporaryDirectory(prefix="soak-ends-") as folder:
        own = Path(folder)
        argv = tool_argv(own, BUSYBOX, script, flags=flags, changes=changes)
        return [*faults_of(run_tool(argv, env), code, verdict, words), *left_by(own)]


def faults_of(answer: Answer, code: int, verdict: str, words: str = "") -> Iterator[str]:
    """Return what is wrong with an answer that tells of an end."""
    if answer.code != code:
        yield f"exit code {answer.code} instead of {code}: {answer.err}"
    line = answer.last_line
    if not line.startswith(f"Error: run 1 {verdict}: ") or words not in line:
        yield f"the last line tells of no '{verdict}', '{words}': {line}"
    if answer.err.count("Error: ") != 1 or "Traceback" in answer.err:
        yield f"more than one error is told: {answer.err}"


def left_by(folder: Path) -> Iterator[str]:
    """Return what is left of the runs in `folder`."""
    left = in_engine(folder)
    if left:
        yield f"containers or networks are left: {left}"


def full_disk(folder: Path) -> Iterator[str]:
    """Write an output onto a disk that is too small for it."""
    if sys.platform != "linux" or os.geteuid() != 0:
        print("R6, disk full: not tried, only root can mount a small disk", file=sys.stderr)
        return
    disk = folder / "disk"
    disk.mkdir()
    mount = ("mount", "-t", "tmpfs", "-o", f"size={FULL_AT}", "tmpfs", str(disk))
    subprocess.run(mount, check=True)
    try:
        argv = tool_argv(folder, BUSYBOX, "head -c 5000000 /dev/zero > $OUT_PIPE", [], ["out"])
        answer = run_tool([*argv, "-b", f"out={disk / 'out'}"])
        yield from faults_of(answer, 74, "buffer-failed", "No space left on device")
        if (disk / "out").exists():
            yield "half an output has its name"
    finally:
        subprocess.run(("umount", str(disk)), check=True)


def interrupted(times: int) -> Callable[[Path], Iterator[str]]:
    """Return a check that presses Ctrl-C `times` times."""

    def check(folder: Path) -> Iterator[str]:
        # Whoever hears nothing is killed after the grace, or at once when asked a second time.
        grace_s = 1 if times == 1 else 60
        argv = tool_argv(folder, BUSYBOX, STUBBORN, flags=["--logs", f"--stop-grace={grace_s}"])
        with running(argv) as (process, said):
            began = time.monotonic()
            for _ in range(times):
                process.send_signal(signal.SIGINT)
                time.sleep(0.2)  # two at the same moment are one signal
            answer = finished(process, said)
        yield from faults_of(answer, 130, "canceled", "Ctrl-C")
        if time.monotonic() - began > STOPPED_WITHIN_S:
            yield f"it took {time.monotonic() - began:.1f} s"

    return check


def head_closes(folder: Path) -> Iterator[str]:
    """Close standard output after a few bytes."""
    argv = tool_argv(folder, BUSYBOX, "cat /dev/zero > $OUT_PIPE", [], ["out"])
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        timer = threading.Timer(TIMEOUT_S, process.kill)
        timer.start()
        assert process.stdout is not None
        process.stdout.read(100)
        process.stdout.close()
        assert process.stderr is not None
        err = process.stderr.read().decode()
        process.wait()
        timer.cancel()
    if process.returncode != 141:
        yield f"exit code {process.returncode} instead of 141: {err}"
    if "Error" in err or "Traceback" in err:
        yield f"whoever has left is told more: {err}"


@contextmanager
def running(argv: Sequence[str]) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """Start a run whose container says ``ready``; give it and what was said until then."""
    with subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        timer = threading.Timer(TIMEOUT_S, process.kill)
        timer.start()
        said: list[str] = []
        try:
            assert process.stderr is not None
            for line in process.stderr:
                said.append(line)
                if line == "ready\n":
                    break
            yield process, said
        finally:
            timer.cancel()
            process.kill()


def finished(process: subprocess.Popen[str], said: list[str]) -> Answer:
    """Wait for the end of a run that was begun with `running`."""
    try:
        out, err = process.communicate(timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
    return Answer(process.returncode, out.encode(), "".join(said) + err)


OTHERS: dict[str, Callable[[Path], Iterator[str]]] = {
    "disk full": full_disk,
    "Ctrl-C": interrupted(1),
    "Ctrl-C twice": interrupted(2),
    "standard output closed": head_closes,
}
