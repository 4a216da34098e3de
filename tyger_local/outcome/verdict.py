"""`judge`: the facts of a run in, its verdict out. A pure function with a table of cases in the tests.

What ended the run first decides: a container that is killed because of a time-out has not "failed with
137". Among what is seen at a normal end, bytes that our side could not move come first, since the
container may have failed for want of them; then an out-of-memory kill, then the exit code, then unread
input, since on the cluster the earliest container to fail gives the reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from tyger_local.errors import (
    EXIT_BUFFER_FAILED,
    EXIT_ENGINE_FAILED,
    EXIT_ERROR,
    EXIT_OK,
    EXIT_OUT_OF_MEMORY,
    EXIT_READER_CLOSED,
    EXIT_TIMED_OUT,
    sentence,
)
from tyger_local.outcome.evidence import (
    foreign_image,
    how_it_ended,
    once,
    silence,
    untouched,
    waited_for,
)
from tyger_local.outcome.exit_codes import meaning
from tyger_local.outcome.facts import (
    LONG_LIFE_S,
    MOST_SHORT_LIVES,
    UNREAD_ALLOWED_BYTES,
    BufferState,
    BufferStats,
    CancelReason,
    ContainerEnd,
    EndedBy,
    Facts,
)
from tyger_local.outcome.misuse import Misuse
from tyger_local.spec.buffers import Direction


class VerdictKind(str, Enum):
    """How a run ended, in one word."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    OUT_OF_MEMORY = "out-of-memory"
    TIMED_OUT = "timed-out"
    CANCELED = "canceled"
    START_FAILED = "start-failed"
    BUFFER_FAILED = "buffer-failed"
    ENGINE_FAILED = "engine-failed"


class Status(str, Enum):
    """Tyger's statuses of a run."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELED = "Canceled"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a run ended.

    Attributes:
        exit_code: What the tool exits with.
        reason: The status reason in the record; empty for a run that succeeded.
        hint: What to do about it.
        notes: What is worth a warning although the run succeeded.
        is_main_ended: Whether the exit code is that of a program, or of us for want of one; not of a job that
            was stopped when all its sockets had gone through.
    """

    kind: VerdictKind
    exit_code: int
    reason: str = ""
    hint: str = ""
    notes: tuple[str, ...] = ()
    is_main_ended: bool = True

    @property
    def status(self) -> Status:
        """Return Tyger's status for this verdict."""
        if self.kind is VerdictKind.SUCCEEDED:
            return Status.SUCCEEDED
        return Status.CANCELED if self.kind is VerdictKind.CANCELED else Status.FAILED

    @property
    def line(self) -> str:
        """Return reason and next step as one line."""
        return sentence(self.reason, self.hint)


PIPES_HINT = (
    "a pipe cannot be seeked, tested for being a file or opened twice: "
    "see 'Programs and pipes' in the README"
)

CANCELED = {
    CancelReason.INTERRUPT: (130, "Canceled by Ctrl-C"),
    CancelReason.TERMINATE: (143, "Canceled by SIGTERM"),
    CancelReason.HANG_UP: (129, "Canceled by SIGHUP"),
    CancelReason.USER: (130, "Canceled by user"),
    CancelReason.READER_CLOSED: (EXIT_READER_CLOSED, "The reader of standard output closed it"),
}
"""Exit codes and reasons of runs that were canceled."""


def judge(facts: Facts) -> Verdict:
    """Return the verdict over `facts`."""
    if facts.ended_by is EndedBy.ENGINE:
        return Verdict(VerdictKind.ENGINE_FAILED, EXIT_ENGINE_FAILED, facts.message, facts.hint)
    if facts.ended_by is EndedBy.START:
        return _start_failed(facts)
    if facts.ended_by is EndedBy.WORKER:
        return _worker_failed(facts)
    if facts.ended_by is EndedBy.CANCEL:
        exit_code, reason = CANCELED[facts.cancel_reason or CancelReason.USER]
        hint = f"asked for by {facts.canceled_by}" if facts.canceled_by else ""
        return Verdict(VerdictKind.CANCELED, exit_code, reason, hint)
    if facts.ended_by is EndedBy.TIME_OUT:
        return _timed_out(facts)
    if facts.ended_by is EndedBy.BUFFER and facts.message:
        return Verdict(VerdictKind.BUFFER_FAILED, EXIT_BUFFER_FAILED, facts.message, facts.hint)
    return _judge_end(facts)


def _start_failed(facts: Facts) -> Verdict:
    reason, hint = facts.message, facts.hint
    foreign = foreign_image(facts)
    if facts.is_wrong_format and foreign:
        reason = f"{foreign}, which cannot execute it: {facts.message}"
        hint = (
            f"build it for this machine (docker build --platform {facts.machine_platform}), pull it for that "
            f"(--pull --platform {facts.machine_platform}), or set up emulation (qemu and binfmt_misc)"
        )
    return Verdict(VerdictKind.START_FAILED, facts.start_exit_code, reason, hint)


def _worker_failed(facts: Facts) -> Verdict:
    """Judge a run that a worker has ended; the cluster would go on starting that again."""
    worker = facts.worker
    if worker is None:
        raise ValueError("a worker has ended the run, and nobody says which")
    last = worker.ends[-1]
    reason = (
        f"{worker.label} ended {MOST_SHORT_LIVES} times in a row without having run for {LONG_LIFE_S:.0f} s; "
        f"at last it {how_it_ended(last)}"
    )
    hint = "its log tells why, as a rule; the cluster would go on restarting it, with ever longer pauses"
    if last.oom_killed:
        limit = facts.worker_memory_limit
        reason += f" (its limit is {limit})" if limit else ""
        hint = f"{_use_less(limit, ' of the worker')}; {hint}"
        return Verdict(VerdictKind.OUT_OF_MEMORY, EXIT_OUT_OF_MEMORY, reason, hint)
    return Verdict(VerdictKind.FAILED, last.exit_code or EXIT_ERROR, reason, hint)


def _timed_out(facts: Facts) -> Verdict:
    seen = "".join(f"; {text}" for text in silence(facts))
    if not facts.has_job_started:
        return Verdict(
            VerdictKind.TIMED_OUT,
            EXIT_TIMED_OUT,
            f"The job had not started after {facts.timeout_s} s: it waited for its workers{seen}",
            "raise --timeout, or find out with --logs what the workers do",
        )
    return Verdict(
        VerdictKind.TIMED_OUT,
        EXIT_TIMED_OUT,
        f"The container was still running after {facts.timeout_s} s{waited_for(facts.buffers)}{seen}",
        "raise --timeout, or find out what it waits for with --logs",
    )


def _judge_end(facts: Facts) -> Verdict:
    broken = next(_broken(facts), None)
    if broken is not None and facts.ended_by is EndedBy.BUFFER:
        return broken
    killed = [end for end in facts.ends if end.oom_killed]
    unforgiven = next((end for end in killed if end.exit_code != 0 or not facts.lenient), None)
    if unforgiven is not None:
        return _out_of_memory(unforgiven, facts)
    failed = next((end for end in facts.ends if end.exit_code != 0), None)
    if failed is not None and facts.ended_by is EndedBy.EXIT:
        return _failed(failed, facts)
    if broken is not None:
        return broken
    misused = next(_misuses(facts), None)
    if misused is not None:
        return misused
    if facts.ended_by is EndedBy.BUFFER:
        return Verdict(
            VerdictKind.BUFFER_FAILED, EXIT_BUFFER_FAILED, "A buffer failed and ended the run"
        )
    return Verdict(
        VerdictKind.SUCCEEDED,
        EXIT_OK,
        notes=once(_notes(facts, was_killed=bool(killed))),
        is_main_ended=facts.ended_by is not EndedBy.SOCKETS,
    )


def _broken(facts: Facts) -> Iterator[Verdict]:
    for stats in facts.buffers:
        if stats.error is not None:
            yield Verdict(
                VerdictKind.BUFFER_FAILED,
                EXIT_BUFFER_FAILED,
                f"The buffer '{stats.buffer}' failed: {stats.error}",
            )


def _out_of_memory(killed: ContainerEnd, facts: Facts) -> Verdict:
    limit = f" (its limit is {facts.memory_limit})" if facts.memory_limit else ""
    survived = (
        "" if killed.exit_code == EXIT_OUT_OF_MEMORY
        else f"; the job went on and exited with code {killed.exit_code}, "
        "but on the cluster the whole container is killed"
    )  # fmt: skip
    return Verdict(
        VerdictKind.OUT_OF_MEMORY,
        EXIT_OUT_OF_MEMORY,
        f"A process of the container was killed for want of memory{limit}{survived}",
        _use_less(facts.memory_limit),
    )


def _use_less(limit: str, whose: str = "") -> str:
    """Return what to do about a kill for want of memory; without a limit it was the machine's."""
    if limit:
        return f"raise resources.limits.memory{whose}, or use less"
    return "use less: there is no limit to raise, this machine has run short of memory"


def _failed(end: ContainerEnd, facts: Facts) -> Verdict:
    meant = meaning(end.exit_code)
    unused = untouched(facts.buffers)
    misused = tuple(_misuses(facts))
    broken = [stats.error for stats in facts.buffers if stats.error is not None]
    seen = [*unused, *broken, *(verdict.reason for verdict in misused)]
    by_pipe = untouched(stats for stats in facts.buffers if stats.port is None)
    hint = PIPES_HINT if by_pipe else "".join(verdict.hint for verdict in misused[:1])
    if meant is not None:
        seen.insert(0, meant.text)
        hint = misused[0].hint if misused else meant.hint
    if facts.names_replicas:
        seen.insert(0, end.label)
    seen += silence(facts)
    seen += [foreign_image(facts)] if foreign_image(facts) else []
    evidence = f" ({'; '.join(once(seen))})" if seen else ""
    return Verdict(
        VerdictKind.FAILED, end.exit_code, f"Main exited with code {end.exit_code}{evidence}", hint
    )


def _misuses(facts: Facts) -> Iterator[Verdict]:
    for stats in facts.buffers:
        misuse = _misuse(stats, lenient=facts.lenient)
        if misuse is not None:
            reason, hint = misuse.reason(stats.buffer), misuse.instead(stats.buffer)
            yield Verdict(VerdictKind.BUFFER_FAILED, EXIT_BUFFER_FAILED, reason, hint)


def _misuse(stats: BufferStats, *, lenient: bool) -> Misuse | None:
    """Return what the container did wrong with one buffer, if it fails the run."""
    if stats.state is BufferState.REPLACED:
        return Misuse.PIPE_REPLACED
    if stats.state is BufferState.REOPENED:
        is_input = stats.direction is Direction.INPUT
        return Misuse.INPUT_REOPENED if is_input else Misuse.OUTPUT_REOPENED
    return Misuse.INPUT_UNREAD if _left_unread(stats) and not lenient else None


def _left_unread(stats: BufferStats) -> bool:
    return (stats.unread_bytes or 0) > UNREAD_ALLOWED_BYTES


def _notes(facts: Facts, *, was_killed: bool) -> Iterator[str]:
    if was_killed:
        yield (
            "a process of the container was killed for want of memory; "
            "on the cluster the whole container would be"
        )
    for stats in facts.buffers:
        if stats.held_at_end:
            writer = Misuse.BACKGROUND_WRITER
            yield f"{writer.reason(stats.buffer)}; {writer.instead(stats.buffer)}"
        if stats.direction is Direction.OUTPUT and stats.state is BufferState.NEVER_OPENED:
            yield f"the output '{stats.buffer}' was never opened and is empty"
        elif _left_unread(stats):
            yield (
                f"the input '{stats.buffer}' was closed with more than {UNREAD_ALLOWED_BYTES} bytes unread; "
                f"on the cluster this run fails [{Misuse.INPUT_UNREAD.value}]"
            )
        elif stats.unread_bytes:
            yield f"the input '{stats.buffer}' was closed with {stats.unread_bytes} bytes unread"
