"""What is tried rather than asked: each is a run as users make them, in a laboratory that leaves nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence

from tyger_local.doctor.model import Check, Laboratory, Section, State
from tyger_local.errors import StreamError, TygerLocalError
from tyger_local.outcome.record import RunRecord, Usage
from tyger_local.outcome.verdict import Verdict, VerdictKind
from tyger_local.outcome.words import human_bytes, human_memory, human_seconds

FIFO_BYTES = 3 * 2**20 + 7
"""More than the pipes hold on the way, and no round number."""

RUN_TIMEOUT_S = 10

COPY = 'cat "$IN_PIPE" > "$OUT_PIPE"'

MEMORY_LIMIT = "32Mi"
GROW = "a=xxxxxxxxxxxxxxxx; i=0; while [ $i -lt 24 ]; do a=$a$a; i=$((i+1)); done; exit 0"
"""Holds 256 MiB at its end, with nothing but a shell, so that it ends also where nothing limits it."""

CPU_LIMIT = "100m"
COMPUTE = "i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done"

NO_TOOL = 3
SERVE = "trap 'exit 0' TERM; sleep 60 & wait"
FIND = f"""
name=${{TYGER_TRIED_WORKER_ENDPOINT_ADDRESSES#??}}; name=${{name%%:*}}
for i in 1 2 3 4 5 6 7 8 9 10; do
  if command -v ping; then ping -c 1 -W 1 "$name" && exit 0
  elif command -v getent; then getent hosts "$name" && exit 0
  elif command -v python3; then python3 -c "import socket; socket.gethostbyname('$name')" && exit 0
  else exit {NO_TOOL}; fi
  sleep 0.2
done
exit 1
"""
"""Looks for the worker by its name, with whatever the image has."""

NOT_RUN = (VerdictKind.START_FAILED, VerdictKind.ENGINE_FAILED)
"""Ends of runs that say nothing of pipes."""

NO_RUN = "see whether the engine runs anything at all (docker run), and what its own log says"

REACH_LIMIT_S = 3.0
TELL = "if it happens again, tell it to the makers of tyger-local (docker info beside it)"


def _codespec(image: str, script: str, **more: object) -> dict[str, object]:
    return {"image": image, "command": ["sh", "-c", script], **more}


def _request(codespec: object, **more: object) -> dict[str, object]:
    return {"job": {"codespec": codespec}, "timeoutSeconds": RUN_TIMEOUT_S, **more}


def _verdict(record: RunRecord) -> Verdict:
    if record.verdict is None:
        raise AssertionError("a run that ended has a verdict")
    return record.verdict


def has_shell(check: Check) -> bool:
    """Return whether the image that `try_pipes` tried can be used for the other trials."""
    return check.state is not State.SKIPPED


def try_pipes(laboratory: Laboratory, image: str) -> Check:
    """Send bytes through a FIFO into a container, and back through another.

    Returns:
        Skipped when the image has no shell to try with.

    Raises:
        TygerLocalError: The run could not begin.
    """
    sent = os.urandom(FIFO_BYTES)
    source, target = laboratory.folder / "sent", laboratory.folder / "returned"
    try:
        source.write_bytes(sent)
    except OSError as error:
        raise StreamError(
            f"{human_bytes(FIFO_BYTES)} cannot be written to {source.parent}: {error.strerror}",
            "free or choose another folder for temporary files (TMPDIR)",
        ) from error
    codespec = _codespec(image, COPY, buffers={"inputs": ["in"], "outputs": ["out"]})
    verdict = _verdict(laboratory.run(_request(codespec), {"in": str(source), "out": str(target)}))
    if verdict.kind is VerdictKind.START_FAILED and verdict.exit_code in (126, 127):
        return _check(
            "pipes-cross",
            f"the image {image} has no sh to try with",
            State.SKIPPED,
            verdict.reason,
            fix="name an image that has one, and cat: --image busybox",
        )
    if verdict.kind is not VerdictKind.SUCCEEDED:
        hint = verdict.hint or (NO_RUN if verdict.kind in NOT_RUN else _cannot_cross())
        title = "named pipes into a container and back do not work"
        return _check("pipes-cross", title, State.PROBLEM, verdict.reason, fix=hint)
    if target.read_bytes() != sent:
        title = "bytes are lost or changed on their way through named pipes"
        return _check("pipes-cross", title, State.PROBLEM, fix=_cannot_cross())
    amount = human_bytes(FIFO_BYTES)
    title = f"named pipes cross into a container: {amount} went in, and came back the same"
    return _check("pipes-cross", title, State.OK)


def _cannot_cross() -> str:
    return (
        "use an engine that runs on this machine itself, not in a virtual machine or on another one "
        "(docker context ls, DOCKER_HOST), and set TMPDIR to a folder on a local disk that it sees"
    )


def try_memory(laboratory: Laboratory, image: str) -> Check:
    """Let a container ask for more memory than its limit.

    Raises:
        TygerLocalError: The run could not begin.
    """
    limits = {"limits": {"memory": MEMORY_LIMIT}}
    record = laboratory.run(_request(_codespec(image, GROW, resources=limits)), {})
    verdict = _verdict(record)
    if verdict.kind is VerdictKind.OUT_OF_MEMORY:
        title = (
            f"the memory limit works: what took more than {MEMORY_LIMIT} was killed, and reported"
        )
        return _check("memory-limit", title, State.OK, *_measured(record.usage))
    if verdict.kind is VerdictKind.SUCCEEDED:
        return _check(
            "memory-limit",
            f"the memory limit does nothing: {MEMORY_LIMIT} were the limit, and 256Mi could be taken",
            State.WARNING,
            "a run that takes too much is killed on the cluster, and not here",
            fix="see to the engine's control groups (docker info shows what they lack)",
        )
    title = "what passed its memory limit ended otherwise than as out of memory"
    return _check("memory-limit", title, State.WARNING, verdict.reason, fix=verdict.hint or TELL)


def compute(laboratory: Laboratory, image: str, *, is_limited: bool) -> RunRecord:
    """Let a container compute, with a tenth of a CPU if `is_limited`.

    Raises:
        TygerLocalError: The run could not begin.
    """
    resources = {"limits": {"cpu": CPU_LIMIT}} if is_limited else {}
    return laboratory.run(_request(_codespec(image, COMPUTE, resources=resources)), {})


def cpu_check(record: RunRecord) -> Check:
    """Tell whether what `compute` ran was held back."""
    verdict, throttled_s = _verdict(record), (record.usage or Usage()).throttled_seconds
    if verdict.kind not in (VerdictKind.SUCCEEDED, VerdictKind.TIMED_OUT):
        title = "a run with a CPU limit failed"
        return _check("cpu-limit", title, State.WARNING, verdict.reason, fix=verdict.hint or TELL)
    if throttled_s is None:
        title = "whether the CPU limit works cannot be seen here"
        return _check("cpu-limit", title, State.SKIPPED, "the engine does not show it")
    if throttled_s > 0:
        held = human_seconds(throttled_s)
        title = f"the CPU limit works: what was given {CPU_LIMIT} was held back for {held}"
        return _check("cpu-limit", title, State.OK)
    return _check(
        "cpu-limit",
        f"the CPU limit does nothing: what was given {CPU_LIMIT} was never held back",
        State.WARNING,
        fix="see to the engine's control groups (docker info shows what they lack)",
    )


def usage_check(record: RunRecord) -> Check:
    """Tell what of a run's cost could be measured."""
    usage = record.usage or Usage()
    measured = {
        "peak memory": usage.peak_memory_bytes,
        "CPU time": usage.cpu_seconds,
        "throttling": usage.throttled_seconds,
    }
    missing = [what for what, value in measured.items() if value is None]
    method = (f"by {usage.method}",) if usage.method else ()
    if len(missing) == len(measured):
        return _check(
            "usage",
            "what runs cost cannot be measured",
            State.WARNING,
            "reports and suggested resources will lack it",
            fix="run this tool where it sees the engine's control groups: on its machine, not in a container",
        )
    seen = ", ".join(what for what in measured if what not in missing)
    but = f", not {', '.join(missing)}" if missing else ""
    return _check("usage", f"what runs cost is measured: {seen}{but}", State.OK, *method)


def try_network(laboratory: Laboratory, image: str) -> Check:
    """Let a job look for a worker by its name.

    Raises:
        TygerLocalError: The run could not begin.
    """
    worker = _codespec(image, SERVE, kind="worker", endpoints={"tried": 5000})
    request = _request(_codespec(image, FIND), worker={"codespec": worker})
    verdict = _verdict(laboratory.run(request, {}))
    if verdict.kind is VerdictKind.SUCCEEDED:
        title = "networks work: a job found a worker by its name"
        return _check("network", title, State.OK)
    if verdict.kind is VerdictKind.FAILED and verdict.exit_code == NO_TOOL:
        title = "whether a job finds its workers by name was not tried"
        why = f"{image} has neither ping nor getent nor python3"
        return _check(
            "network", title, State.SKIPPED, why, fix="name an image that has: --image busybox"
        )
    return _check(
        "network",
        "a job does not find its workers by name",
        State.WARNING,
        verdict.reason,
        "runs without workers are not concerned",
        fix=verdict.hint
        or "see docker network ls, and a firewall that may stand between containers",
    )


def try_reach(laboratory: Laboratory, image: str) -> Check:
    """See how sockets of a container are reached from here.

    Raises:
        TygerLocalError: The container could not be had.
    """
    with laboratory.container(image, ("sh", "-c", SERVE)) as container:
        deadline = time.monotonic() + REACH_LIMIT_S
        while (reach := container.reach()) is None and time.monotonic() < deadline:
            time.sleep(0.05)
    if reach is not None and reach.namespace is not None:
        os.close(reach.namespace)
    if reach is None:
        return _check(
            "sockets",
            "sockets of containers cannot be reached from here",
            State.WARNING,
            "codespecs with sockets will not work; those with pipes do",
            fix="use an engine on this machine itself, and its default network",
        )
    if reach.is_inside:
        title = "sockets of containers are reached by their own localhost, as on the cluster"
        return _check("sockets", title, State.OK)
    return _check(
        "sockets",
        f"sockets of containers are reached by address ({', '.join(reach.hosts)})",
        State.WARNING,
        "a program that listens on localhost only is reached on the cluster, and not here",
        fix="let it listen on all addresses (0.0.0.0), or run tyger-local as root",
    )


def _measured(usage: Usage | None) -> tuple[str, ...]:
    peak = None if usage is None else usage.peak_memory_bytes
    return () if peak is None else (f"its peak was measured: {human_memory(peak)}",)


def not_tried(ids: Sequence[tuple[str, str]], why: str, fix: str = "") -> Iterator[Check]:
    """Yield the answers to what could not be tried.

    Args:
        ids: Ids and what would have been tried.
        why: Why not.
        fix: What lets it be tried.
    """
    for check_id, title in ids:
        yield _check(check_id, f"{title}: not tried, since {why}", State.SKIPPED, fix=fix)


def failed(check_id: str, title: str, error: TygerLocalError, state: State) -> Check:
    """Return the answer of a trial that could not begin, or did not end.

    Args:
        check_id: Of the answer.
        title: What would have been tried.
        error: What happened.
        state: What that means for runs.
    """
    return _check(check_id, f"{title}: cannot be tried", state, error.what, fix=error.hint)


def _check(check_id: str, title: str, state: State, *details: str, fix: str = "") -> Check:
    return Check(check_id, Section.TRIALS, title, state, tuple(filter(None, details)), fix)
