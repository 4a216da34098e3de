"""R7: a container that means harm. Host files stay as they are, disks stay bounded, and it ends."""

from __future__ import annotations

import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from soak.case import BUSYBOX, DEBIAN, HANGS_AFTER_S
from soak.ends import STUBBORN, finished, left_by, running
from soak.tool import Answer, run_tool, tool_argv

LOG_BYTES = 2 * 10**9
STORED_BYTES = 300 * 2**20
GRACE_S = 1.0
AFTER_GRACE_S = 2.0
SLEEPERS = 300


def hostile_rounds(rounds: int) -> list[str]:
    """Run every hostile container, `rounds` times.

    Returns:
        What was wrong: nothing when all is well.
    """
    failures: list[str] = []
    for number in range(1, rounds + 1):
        for name in HOSTILE:
            failures += [f"round {number}, {name}: {fault}" for fault in check_hostile(name)]
    return failures


def check_hostile(name: str) -> list[str]:
    """Run one container of `HOSTILE` and return what was wrong."""
    with tempfile.TemporaryDirectory(prefix="soak-hostile-") as folder:
        own = Path(folder)
        (own / "tmp").mkdir()
        faults = [*HOSTILE[name](own), *left_by(own)]
        left = [path.name for path in (own / "tmp").iterdir()]
        return faults + ([f"folders of pipes are left: {left}"] if left else [])


def _run(
    folder: Path, script: str, image: str = BUSYBOX, inputs: Mapping[str, bytes] | None = None
) -> Answer:
    """Run a script with the output ``out`` and the given inputs."""
    argv = tool_argv(folder, image, script, [*(inputs or {})], ["out"])
    for name, data in (inputs or {}).items():
        (folder / name).write_bytes(data)
        argv += ["-b", f"{name}={folder / name}"]
    return run_tool([*argv, "-b", f"out={folder / 'out'}"], {"TMPDIR": str(folder / "tmp")})


def _ended(answer: Answer, code: int, verdict: str) -> Iterator[str]:
    if answer.code != code or (verdict != "succeeded" and verdict not in answer.last_line):
        yield f"exit code {answer.code} instead of {code}, {verdict}: {answer.err}"


def links_to_host_files(folder: Path) -> Iterator[str]:
    """Put links to files of the host in the place of its pipes, the input's too."""
    victim, secret = folder / "victim", folder / "secret"
    victim.write_bytes(b"precious")
    secret.write_bytes(b"secret")
    script = (
        f"exec 3< $IN_PIPE; ln -sf {secret} $IN_PIPE; ln -sf {victim} $OUT_PIPE; "
        f"ln -s {victim} ${{OUT_PIPE%/*}}/more; cat <&3; sleep 0.5"
    )
    answer = _run(folder, script, inputs={"in": bytes(5_000_000)})
    yield from _ended(answer, 74, "buffer-failed")
    if victim.read_bytes() != b"precious" or secret.read_bytes() != b"secret":
        yield "a file of the host was written"
    if (folder / "out").exists():
        yield "a link of the container's became an output"


def fills_the_log(folder: Path) -> Iterator[str]:
    """Print two gigabytes."""
    began = time.monotonic()
    answer = _run(folder, f"yes 0123456789012345678901234567890123456789 | head -c {LOG_BYTES}")
    yield from _ended(answer, 0, "succeeded")
    stored = sum(path.stat().st_size for path in (folder / "home").rglob("*") if path.is_file())
    if stored > STORED_BYTES:
        yield f"{stored} bytes are stored"
    if "log" not in answer.err:
        yield f"nobody is told that the log was cut, in {time.monotonic() - began:.0f} s: {answer.err}"


def hears_nothing(folder: Path) -> Iterator[str]:
    """Ignore SIGTERM."""
    argv = tool_argv(folder, BUSYBOX, STUBBORN, flags=["--logs", f"--stop-grace={GRACE_S}"])
    with running(argv) as (process, said):
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        answer = finished(process, said)
    yield from _ended(answer, 143, "canceled")
    if time.monotonic() - began > GRACE_S + AFTER_GRACE_S:
        yield f"it was stopped after {time.monotonic() - began:.1f} s"


def leaves_sleepers(folder: Path) -> Iterator[str]:
    """Leave hundreds of children behind that hold its output."""
    script = (
        f"exec 3> $OUT_PIPE; for i in $(seq {SLEEPERS}); do (trap '' TERM; sleep 86399) & done; "
        "echo a >&3; exec 3>&-; exit 0"
    )
    answer = _run(folder, script)
    yield from _ended(answer, 0, "succeeded")
    sleepers = [path for path in Path("/proc").glob("[0-9]*") if _sleeps(path)]
    if sleepers:
        yield f"{len(sleepers)} of its children live"


def _sleeps(process: Path) -> bool:
    try:
        return (process / "cmdline").read_bytes() == b"sleep\x0086399\x00"
    except OSError:
        return False


def _loop(pipe: str, script: str) -> Callable[[Path], Iterator[str]]:
    def check(folder: Path) -> Iterator[str]:
        began = time.monotonic()
        answer = _run(folder, script, DEBIAN, inputs={"in": bytes(3_000_000)})
        yield from _ended(answer, 74, "buffer-failed")
        if f"'{pipe}'" not in answer.last_line:
            yield f"the pipe is not named: {answer.last_line}"
        if time.monotonic() - began > HANGS_AFTER_S:
            yield f"it took {time.monotonic() - began:.0f} s"

    return check


def litters(folder: Path) -> Iterator[str]:
    """Leave all kinds of files next to its pipes."""
    script = (
        "cd ${OUT_PIPE%/*}; mkfifo other; ln -s other link; ln -s /nowhere lost; "
        "mkdir -p deep/er; head -c 3000000 /dev/zero > deep/er/file; "
        "touch -- '-rf' 'a b' \"$(printf 'x\\ny')\"; "
        "chmod 0 deep; chmod 0 .; echo a > $OUT_PIPE"
    )
    yield from _ended(_run(folder, script), 0, "succeeded")
    if not (folder / "out").exists() or (folder / "out").read_bytes() != b"a\n":
        yield "the output is not what was written"


HOSTILE: dict[str, Callable[[Path], Iterator[str]]] = {
    "links to host files": links_to_host_files,
    "fills the log": fills_the_log,
    "hears nothing": hears_nothing,
    "leaves hundreds of children": leaves_sleepers,
    "opens its output again and again": _loop(
        "out", "for i in $(seq 20000); do : > $OUT_PIPE; done; sleep 60"
    ),
    "opens its input again and again": _loop(
        "in", "for i in $(seq 20000); do : < $IN_PIPE; done; sleep 60"
    ),
    "litters": litters,
}
