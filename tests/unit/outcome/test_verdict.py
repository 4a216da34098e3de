from __future__ import annotations

from dataclasses import replace

import pytest

from tyger_local.outcome.facts import (
    BufferState,
    BufferStats,
    CancelReason,
    ContainerEnd,
    EndedBy,
    Facts,
    WorkerEnds,
)
from tyger_local.outcome.verdict import Status, Verdict, VerdictKind, judge
from tyger_local.spec.buffers import Direction

K = VerdictKind
OK = ContainerEnd("job-0", 0)
FAILED = ContainerEnd("job-0", 3)
KILLED = ContainerEnd("job-0", 137, oom_killed=True)
DEAD = WorkerEnds("worker-1", (ContainerEnd("worker-1", 5),) * 3)
SURVIVED = ContainerEnd("job-0", 0, oom_killed=True)
MUCH, LITTLE = 65_537, 65_536
PIPES_HINT = (
    "a pipe cannot be seeked, tested for being a file or opened twice: "
    "see 'Programs and pipes' in the README"
)
OUT_OF_MEMORY = "A process of the container was killed for want of memory"
REPLACED = (
    "The container replaced the pipe of 'out' by something else, "
    "and what it wrote there is lost, as on the cluster [pipe-replaced]"
)
UNREAD = (
    "The container closed the input 'in' with more than 65536 bytes unread "
    "(Sidecar exited with code 1) [input-unread]"
)
AGAIN_OUT = (
    "The container opened the output 'out' again after it had closed it, and on the cluster that hangs or "
    "loses what is written [output-reopened]"
)
AGAIN_IN = (
    "The container opened the input 'in' a second time, or only after its end, and on the cluster that waits "
    "for ever or misses what was read before [input-reopened]"
)


def _in(
    state: BufferState = BufferState.COMPLETE,
    unread: int | None = None,
    error: str | None = None,
) -> BufferStats:
    return BufferStats("in", Direction.INPUT, state, 100, unread_bytes=unread, error=error)


def _out(
    state: BufferState = BufferState.COMPLETE, count: int = 100, error: str | None = None
) -> BufferStats:
    return BufferStats("out", Direction.OUTPUT, state, count, error=error)


EARLY = _in(BufferState.CLOSED_EARLY, MUCH)
MOVED = _out(BufferState.REPLACED, 0)
REOPENED_OUT, REOPENED_IN = _out(BufferState.REOPENED), _in(BufferState.REOPENED)
BROKEN = _out(BufferState.FAILED, error="No space left on device")
NEVER_IN = _in(BufferState.NEVER_OPENED)
NEVER_OUT = _out(BufferState.NEVER_OPENED, 0)


def _exit(
    *ends: ContainerEnd, buffers: tuple[BufferStats, ...] = (), lenient: bool = False
) -> Facts:
    return Facts(EndedBy.EXIT, ends, buffers, lenient=lenient)


@pytest.mark.parametrize(
    ("facts", "kind", "exit_code", "status", "reason"),
    [
        (Facts(EndedBy.EXIT, (OK,)), K.SUCCEEDED, 0, Status.SUCCEEDED, ""),
        (Facts(EndedBy.EXIT, (OK, OK)), K.SUCCEEDED, 0, Status.SUCCEEDED, ""),
        (Facts(EndedBy.EXIT, (FAILED,)), K.FAILED, 3, Status.FAILED, "Main exited with code 3"),
        (
            Facts(EndedBy.EXIT, (OK, FAILED)),
            K.FAILED,
            3,
            Status.FAILED,
            "Main exited with code 3",
        ),
        (
            Facts(EndedBy.EXIT, (ContainerEnd("job-0", 137),)),
            K.FAILED,
            137,
            Status.FAILED,
            (
                "Main exited with code 137 "
                "(SIGKILL: it was killed, neither by this tool nor, as far as was seen, for want of memory)"
            ),
        ),
        (Facts(EndedBy.EXIT, (KILLED,)), K.OUT_OF_MEMORY, 137, Status.FAILED, OUT_OF_MEMORY),
        (
            Facts(EndedBy.TIME_OUT, (ContainerEnd("job-0", 137),), timeout_s=5),
            K.TIMED_OUT,
            124,
            Status.FAILED,
            "The container was still running after 5 s",
        ),
        (
            Facts(EndedBy.CANCEL, cancel_reason=CancelReason.INTERRUPT),
            K.CANCELED,
            130,
            Status.CANCELED,
            "Canceled by Ctrl-C",
        ),
        (
            Facts(EndedBy.CANCEL, cancel_reason=CancelReason.TERMINATE),
            K.CANCELED,
            143,
            Status.CANCELED,
            "Canceled by SIGTERM",
        ),
        (
            Facts(EndedBy.CANCEL, cancel_reason=CancelReason.HANG_UP),
            K.CANCELED,
            129,
            Status.CANCELED,
            "Canceled by SIGHUP",
        ),
        (
            Facts(EndedBy.CANCEL, cancel_reason=CancelReason.USER),
            K.CANCELED,
            130,
            Status.CANCELED,
            "Canceled by user",
        ),
        (Facts(EndedBy.CANCEL), K.CANCELED, 130, Status.CANCELED, "Canceled by user"),
        (
            Facts(EndedBy.CANCEL, cancel_reason=CancelReason.READER_CLOSED),
            K.CANCELED,
            141,
            Status.CANCELED,
            "The reader of standard output closed it",
        ),
        *[
            (
                Facts(EndedBy.START, message="no such file", start_exit_code=code),
                K.START_FAILED,
                code,
                Status.FAILED,
                "no such file",
            )
            for code in (127, 126, 125)
        ],
        (
            Facts(EndedBy.ENGINE, message="no engine answers"),
            K.ENGINE_FAILED,
            125,
            Status.FAILED,
            "no engine answers",
        ),
        (
            Facts(EndedBy.BUFFER, message="a pipe could not be made"),
            K.BUFFER_FAILED,
            74,
            Status.FAILED,
            "a pipe could not be made",
        ),
        (
            Facts(EndedBy.BUFFER, buffers=(BROKEN,)),
            K.BUFFER_FAILED,
            74,
            Status.FAILED,
            "The buffer 'out' failed: No space left on device",
        ),
        (Facts(EndedBy.BUFFER, buffers=(EARLY,)), K.BUFFER_FAILED, 74, Status.FAILED, UNREAD),
        (Facts(EndedBy.BUFFER, buffers=(MOVED,)), K.BUFFER_FAILED, 74, Status.FAILED, REPLACED),
        (
            Facts(EndedBy.BUFFER, (FAILED,), (REOPENED_OUT,)),
            K.BUFFER_FAILED,
            74,
            Status.FAILED,
            AGAIN_OUT,
        ),
        (_exit(OK, buffers=(REOPENED_OUT,)), K.BUFFER_FAILED, 74, Status.FAILED, AGAIN_OUT),
        (
            _exit(OK, buffers=(REOPENED_IN,), lenient=True),
            K.BUFFER_FAILED,
            74,
            Status.FAILED,
            AGAIN_IN,
        ),
    ],
)
def test_what_ended_the_run_decides(
    facts: Facts, kind: VerdictKind, exit_code: int, status: Status, reason: str
) -> None:
    verdict = judge(facts)
    assert (verdict.kind, verdict.exit_code, verdict.status) == (kind, exit_code, status)
    assert verdict.reason == reason
    assert verdict.notes == ()


@pytest.mark.parametrize("ended_by", list(EndedBy))
def test_no_way_to_end_but_an_exit_can_succeed(ended_by: EndedBy) -> None:
    can_succeed = ended_by in (EndedBy.EXIT, EndedBy.SOCKETS)
    for lenient in (False, True):
        facts = Facts(ended_by, (OK,), (_in(), _out()), worker=DEAD, lenient=lenient)
        assert (judge(facts).kind is K.SUCCEEDED) == can_succeed
        assert (judge(facts).exit_code == 0) == can_succeed


@pytest.mark.parametrize(
    "ended_by", [EndedBy.TIME_OUT, EndedBy.CANCEL, EndedBy.START, EndedBy.ENGINE]
)
def test_what_happens_during_the_teardown_is_not_judged(ended_by: EndedBy) -> None:
    quiet = judge(Facts(ended_by))
    torn = judge(Facts(ended_by, (KILLED, FAILED), (EARLY, MOVED)))
    assert (torn.kind, torn.exit_code) == (quiet.kind, quiet.exit_code)
    assert torn.reason.startswith(quiet.reason)
    assert not {"137", "exited", "memory"} & {*torn.reason.split()}


@pytest.mark.parametrize(
    ("facts", "kind"),
    [
        # What ended the run, then memory, then the exit code, then bytes that we could not move, then misuse.
        (Facts(EndedBy.BUFFER, (KILLED, FAILED), (EARLY, BROKEN)), K.BUFFER_FAILED),
        (_exit(KILLED, FAILED, buffers=(EARLY, BROKEN)), K.OUT_OF_MEMORY),
        (_exit(FAILED, buffers=(EARLY, BROKEN)), K.FAILED),
        (_exit(OK, buffers=(EARLY, BROKEN)), K.BUFFER_FAILED),
        (_exit(FAILED, KILLED, buffers=(EARLY, MOVED)), K.OUT_OF_MEMORY),
        (_exit(FAILED, SURVIVED, buffers=(EARLY, MOVED)), K.OUT_OF_MEMORY),
        (_exit(FAILED, buffers=(EARLY, MOVED)), K.FAILED),
        (_exit(OK, buffers=(EARLY, MOVED)), K.BUFFER_FAILED),
        # When a buffer ended the run, the exit code is our own kill's.
        (Facts(EndedBy.BUFFER, (ContainerEnd("job-0", 137),), (EARLY,)), K.BUFFER_FAILED),
        (Facts(EndedBy.BUFFER, (ContainerEnd("job-0", 143),)), K.BUFFER_FAILED),
        # A reader that the kernel killed closes its input too.
        (Facts(EndedBy.BUFFER, (SURVIVED,), (EARLY,)), K.OUT_OF_MEMORY),
    ],
)
def test_precedence(facts: Facts, kind: VerdictKind) -> None:
    assert judge(facts).kind is kind


def test_a_time_out_names_what_a_buffer_met() -> None:
    verdict = judge(Facts(EndedBy.TIME_OUT, buffers=(BROKEN,), timeout_s=5))
    assert f"'{BROKEN.buffer}': {BROKEN.error}" in verdict.reason


def test_the_first_misused_buffer_gives_the_reason() -> None:
    assert judge(_exit(OK, buffers=(EARLY, MOVED))).reason == UNREAD
    assert judge(_exit(OK, buffers=(MOVED, EARLY))).reason == REPLACED


NO_LIMIT = "there is no limit to raise, this machine has run short of memory"


@pytest.mark.parametrize(
    ("end", "limit", "reason"),
    [
        (KILLED, "", OUT_OF_MEMORY),
        (KILLED, "1Gi", f"{OUT_OF_MEMORY} (its limit is 1Gi)"),
        (
            SURVIVED,
            "1Gi",
            (
                f"{OUT_OF_MEMORY} (its limit is 1Gi); the job went on and exited with code 0, "
                "but on the cluster the whole container is killed"
            ),
        ),
        (
            ContainerEnd("job-0", 1, oom_killed=True),
            "",
            (
                f"{OUT_OF_MEMORY}; the job went on and exited with code 1, "
                "but on the cluster the whole container is killed"
            ),
        ),
    ],
)
def test_out_of_memory(end: ContainerEnd, limit: str, reason: str) -> None:
    verdict = judge(Facts(EndedBy.EXIT, (end,), memory_limit=limit))
    assert (verdict.kind, verdict.exit_code, verdict.reason) == (K.OUT_OF_MEMORY, 137, reason)
    assert verdict.hint == (
        "raise resources.limits.memory, or use less" if limit else f"use less: {NO_LIMIT}"
    )


@pytest.mark.parametrize(
    ("buffers", "evidence", "hint"),
    [
        ((), "", ""),
        ((_in(), _out()), "", ""),
        ((NEVER_IN,), " (input 'in' was never opened)", PIPES_HINT),
        ((NEVER_OUT,), " (output 'out' was never opened)", PIPES_HINT),
        ((_out(count=0),), " (output 'out' gave no byte)", PIPES_HINT),
        (
            (NEVER_IN, _out(BufferState.STOPPED, 0)),
            " (input 'in' was never opened; output 'out' gave no byte)",
            PIPES_HINT,
        ),
        ((NEVER_IN, NEVER_IN), " (input 'in' was never opened)", PIPES_HINT),  # two replicas
        ((_in(unread=5),), "", ""),
        (
            (REOPENED_IN,),
            f" ({AGAIN_IN})",
            'read it once and never write to it, or copy it first: cat "$IN_PIPE" > /tmp/copy',
        ),
        (
            (NEVER_IN, MOVED),
            f" (input 'in' was never opened; output 'out' gave no byte; {REPLACED})",
            PIPES_HINT,
        ),
    ],
)
def test_a_failure_names_the_buffers_that_were_not_used(
    buffers: tuple[BufferStats, ...], evidence: str, hint: str
) -> None:
    verdict = judge(_exit(FAILED, buffers=buffers))
    assert (verdict.reason, verdict.hint) == (f"Main exited with code 3{evidence}", hint)


@pytest.mark.parametrize(
    ("code", "text", "hint"),
    [
        (126, "a shell's word for a command that it cannot execute", "chmod +x"),
        (127, "a shell's word for a command that it does not find", "install it in the image"),
        (132, "SIGILL: it used an instruction that this CPU does not have", "-march=native"),
        (134, "SIGABRT: it gave up", "--logs"),
        (139, "SIGSEGV: it crashed", "--shell"),
        (141, "SIGPIPE: it wrote into a pipe that nobody read any more", "head does"),
        (143, "SIGTERM: it was asked to end", "docker stop"),
    ],
)
def test_an_exit_code_that_says_more_is_explained(code: int, text: str, hint: str) -> None:
    verdict = judge(_exit(ContainerEnd("job-0", code), buffers=(NEVER_IN,)))
    assert verdict.reason.startswith(f"Main exited with code {code} ({text}")
    assert verdict.reason.endswith("; input 'in' was never opened)")
    assert hint in verdict.hint
    assert verdict.exit_code == code


def test_a_misuse_that_was_seen_explains_more_than_an_exit_code() -> None:
    verdict = judge(_exit(ContainerEnd("job-0", 141), buffers=(REOPENED_IN,)))
    assert verdict.reason == (
        "Main exited with code 141 "
        f"(SIGPIPE: it wrote into a pipe that nobody read any more; {AGAIN_IN})"
    )
    assert verdict.hint.startswith("read it once")


@pytest.mark.parametrize(
    ("buffers", "evidence"),
    [
        ((), ""),
        ((_in(BufferState.STREAMING),), ""),
        ((NEVER_IN, NEVER_OUT), "; never opened: 'in', 'out'"),
        ((NEVER_IN, NEVER_IN), "; never opened: 'in'"),
        (
            (replace(_in(), state=BufferState.STOPPED), NEVER_OUT),
            "; never opened: 'out'; 'in' was not read to its end (100 bytes so far)",
        ),
        ((EARLY,), "; 'in' was not read to its end (100 bytes so far)"),
        (
            (_out(BufferState.STOPPED), _out(BufferState.STOPPED)),
            "; 'out' was not written to its end (100 bytes so far)",
        ),
    ],
)
def test_a_time_out_names_the_buffers_that_were_never_opened(
    buffers: tuple[BufferStats, ...], evidence: str
) -> None:
    verdict = judge(Facts(EndedBy.TIME_OUT, buffers=buffers, timeout_s=60))
    assert verdict.reason == f"The container was still running after 60 s{evidence}"
    assert verdict.hint == "raise --timeout, or find out what it waits for with --logs"


@pytest.mark.parametrize(
    ("buffers", "notes"),
    [
        ((_in(), _out()), ()),
        ((NEVER_IN,), ()),  # unread input is no error
        ((NEVER_OUT,), ("the output 'out' was never opened and is empty",)),
        ((_out(count=0),), ()),
        (
            (_in(BufferState.CLOSED_EARLY, LITTLE),),
            ("the input 'in' was closed with 65536 bytes unread",),
        ),
        ((_in(unread=0),), ()),
        (
            (replace(_out(), held_at_end=True),),
            (
                (
                    "a child process still held the output 'out' when the container ended and was "
                    "killed with it, as on the cluster: what it may have had left to write is lost "
                    "[background-writer]; wait for it "
                    'before the main process ends: work > "$OUT_PIPE" & wait $!'
                ),
            ),
        ),
        ((NEVER_OUT, NEVER_OUT), ("the output 'out' was never opened and is empty",)),
    ],
)
@pytest.mark.parametrize("lenient", [False, True])
def test_what_is_only_worth_a_note(
    buffers: tuple[BufferStats, ...], notes: tuple[str, ...], lenient: bool
) -> None:
    assert judge(_exit(OK, buffers=buffers, lenient=lenient)) == Verdict(
        K.SUCCEEDED, 0, notes=notes
    )


@pytest.mark.parametrize(
    ("facts", "note"),
    [
        (
            _exit(OK, buffers=(EARLY,), lenient=True),
            (
                "the input 'in' was closed with more than 65536 bytes unread; "
                "on the cluster this run fails [input-unread]"
            ),
        ),
        (
            _exit(SURVIVED, lenient=True),
            (
                "a process of the container was killed for want of memory; "
                "on the cluster the whole container would be"
            ),
        ),
    ],
)
def test_lenient_turns_two_things_into_notes(facts: Facts, note: str) -> None:
    assert judge(facts) == Verdict(K.SUCCEEDED, 0, notes=(note,))


@pytest.mark.parametrize(
    ("facts", "kind"),
    [
        (_exit(KILLED, lenient=True), K.OUT_OF_MEMORY),
        (_exit(SURVIVED, KILLED, lenient=True), K.OUT_OF_MEMORY),
        (_exit(ContainerEnd("job-0", 1, oom_killed=True), lenient=True), K.OUT_OF_MEMORY),
        (_exit(SURVIVED, FAILED, lenient=True), K.FAILED),
        (_exit(OK, buffers=(MOVED,), lenient=True), K.BUFFER_FAILED),
        (_exit(OK, buffers=(BROKEN,), lenient=True), K.BUFFER_FAILED),
        (_exit(FAILED, buffers=(EARLY,), lenient=True), K.FAILED),
    ],
)
def test_lenient_turns_nothing_else_into_a_note(facts: Facts, kind: VerdictKind) -> None:
    assert judge(facts).kind is kind


@pytest.mark.parametrize("facts", [_exit(OK, buffers=(b,)) for b in (EARLY, MOVED)])
def test_a_misuse_comes_with_its_next_step(facts: Facts) -> None:
    assert judge(facts).hint


@pytest.mark.parametrize("ended_by", [EndedBy.START, EndedBy.ENGINE, EndedBy.BUFFER])
def test_the_words_of_others_are_passed_on(ended_by: EndedBy) -> None:
    verdict = judge(Facts(ended_by, message="no such file", hint="look at command"))
    assert verdict.line == "no such file. Look at command."


AMD, ARM = "linux/amd64", "linux/arm64"


def _start(message: str, image: str | None, machine: str | None, *, is_wrong: bool) -> Verdict:
    facts = Facts(
        EndedBy.START,
        message=message,
        hint="do this",
        start_exit_code=126,
        is_wrong_format=is_wrong,
        image_platform=image,
        machine_platform=machine,
    )
    return judge(facts)


def test_a_start_that_an_image_for_another_platform_explains() -> None:
    verdict = _start("exec format error", ARM, AMD, is_wrong=True)
    assert (verdict.kind, verdict.exit_code) == (K.START_FAILED, 126)
    assert verdict.reason == (
        "the image is for linux/arm64 and this machine is linux/amd64, which cannot execute it: "
        "exec format error"
    )
    assert "docker build --platform linux/amd64" in verdict.hint


@pytest.mark.parametrize(
    ("image", "machine", "is_wrong"),
    [(AMD, AMD, True), ("linux/386", AMD, True), (None, AMD, True), (ARM, None, True), (ARM, AMD, False)],
)  # fmt: skip
def test_a_start_that_it_does_not_explain(
    image: str | None, machine: str | None, is_wrong: bool
) -> None:
    verdict = _start("no", image, machine, is_wrong=is_wrong)
    assert (verdict.reason, verdict.hint) == ("no", "do this")


def test_a_failure_of_a_foreign_image_says_so() -> None:
    facts = replace(_exit(FAILED), image_platform=ARM, machine_platform=AMD)
    assert judge(facts).reason == (
        "Main exited with code 3 (the image is for linux/arm64 and this machine is linux/amd64)"
    )


def test_a_verdict_as_one_line() -> None:
    assert judge(_exit(OK)).line == ""
    assert judge(_exit(FAILED)).line == "Main exited with code 3."
    assert (
        judge(Facts(EndedBy.EXIT, (KILLED,), memory_limit="1Gi")).line
        == f"{OUT_OF_MEMORY} (its limit is 1Gi). Raise resources.limits.memory, or use less."
    )


def test_every_verdict_leads_to_a_terminal_status() -> None:
    statuses = {kind: Verdict(kind, 1).status for kind in K}
    assert set(statuses.values()) == {Status.SUCCEEDED, Status.FAILED, Status.CANCELED}
    assert [kind for kind, status in statuses.items() if status is not Status.FAILED] == [
        K.SUCCEEDED,
        K.CANCELED,
    ]


def test_who_canceled_is_told_where_the_reason_does_not_say_it() -> None:
    facts = Facts(EndedBy.CANCEL, cancel_reason=CancelReason.USER, canceled_by="ann on box")
    assert judge(facts).line == "Canceled by user. Asked for by ann on box."
    assert judge(facts).reason == "Canceled by user"


# Workers, sockets


def test_a_job_that_was_stopped_when_its_sockets_had_gone_through() -> None:
    verdict = judge(Facts(EndedBy.SOCKETS, (), (_in(), _out())))
    assert (verdict.kind, verdict.exit_code, verdict.is_main_ended) == (K.SUCCEEDED, 0, False)
    assert judge(_exit(OK)).is_main_ended


def test_sockets_do_not_excuse_a_replica_that_failed() -> None:
    assert judge(Facts(EndedBy.SOCKETS, (KILLED,), ())).kind is K.OUT_OF_MEMORY
    misused = judge(Facts(EndedBy.SOCKETS, (), (EARLY,)))
    assert misused.kind is K.BUFFER_FAILED


@pytest.mark.parametrize(
    ("end", "limit", "kind", "exit_code", "words"),
    [
        (ContainerEnd("worker-1", 5), "", K.FAILED, 5, "at last it ended with code 5"),
        (ContainerEnd("worker-1", 0), "", K.FAILED, 1, "at last it ended with code 0"),
        (
            ContainerEnd("worker-1", 139),
            "",
            K.FAILED,
            139,
            "at last it ended with code 139 (SIGSEGV: it crashed: it touched memory that is not its own)",
        ),
        (
            ContainerEnd("worker-1", 137, oom_killed=True),
            "",
            K.OUT_OF_MEMORY,
            137,
            "at last it was killed for want of memory",
        ),
        (
            ContainerEnd("worker-1", 1, oom_killed=True),
            "64Mi",
            K.OUT_OF_MEMORY,
            137,
            "at last it was killed for want of memory (its limit is 64Mi)",
        ),
    ],
)
def test_a_worker_that_ends_too_often(
    end: ContainerEnd, limit: str, kind: VerdictKind, exit_code: int, words: str
) -> None:
    worker = WorkerEnds("worker-1", (end, end, end))
    verdict = judge(Facts(EndedBy.WORKER, worker=worker, worker_memory_limit=limit))
    assert (verdict.kind, verdict.exit_code) == (kind, exit_code)
    before = "worker-1 ended 3 times in a row without having run for 10 s; "
    assert verdict.reason == before + words
    assert "the cluster would go on restarting it" in verdict.hint
    assert (NO_LIMIT in verdict.hint) is (end.oom_killed and not limit)
    assert ("raise resources.limits.memory of the worker" in verdict.hint) is bool(limit)


def test_a_worker_that_ended_the_run_is_named() -> None:
    with pytest.raises(ValueError, match="nobody says which"):
        judge(Facts(EndedBy.WORKER))


SILENT = ("worker-0 on 'http' (port 80)", "worker-1 on 'http' (port 80)")


def test_endpoints_that_never_listened_are_named() -> None:
    failed = judge(Facts(EndedBy.EXIT, (FAILED,), silent_endpoints=SILENT))
    assert failed.reason == (
        "Main exited with code 3 (worker-0 on 'http' (port 80) never listened; "
        "worker-1 on 'http' (port 80) never listened)"
    )
    late = judge(Facts(EndedBy.TIME_OUT, timeout_s=5, silent_endpoints=SILENT[:1]))
    assert late.reason.endswith("; worker-0 on 'http' (port 80) never listened")
    assert judge(Facts(EndedBy.EXIT, (OK,), silent_endpoints=SILENT)).notes == ()


def test_a_job_that_was_never_started_was_not_still_running() -> None:
    facts = Facts(EndedBy.TIME_OUT, timeout_s=5, has_job_started=False, silent_endpoints=SILENT[:1])
    verdict = judge(facts)
    assert (verdict.kind, verdict.exit_code) == (VerdictKind.TIMED_OUT, 124)
    assert verdict.reason == (
        "The job had not started after 5 s: it waited for its workers; "
        "worker-0 on 'http' (port 80) never listened"
    )


def test_of_several_replicas_the_one_that_failed_is_named() -> None:
    failed = ContainerEnd("job-1", 3)
    verdict = judge(Facts(EndedBy.EXIT, (OK, failed), names_replicas=True))
    assert verdict.reason == "Main exited with code 3 (job-1)"


def test_a_socket_is_no_pipe() -> None:
    silent = BufferStats("out", Direction.OUTPUT, BufferState.COMPLETE, port=9000)
    failed = judge(_exit(FAILED, buffers=(silent,)))
    assert failed.reason == "Main exited with code 3 (output 'out' gave no byte)"
    assert failed.hint == ""


def test_a_time_out_without_a_connection() -> None:
    waiting = BufferStats(
        "in", Direction.INPUT, BufferState.STOPPED, waited_opening_s=5.0, port=9000
    )
    late = judge(Facts(EndedBy.TIME_OUT, buffers=(waiting,), timeout_s=5))
    assert late.reason.endswith("; nothing accepted a connection on port 9000")
    begun = replace(waiting, waited_container_s=1.0)
    late = judge(Facts(EndedBy.TIME_OUT, buffers=(begun,), timeout_s=5))
    assert late.reason.endswith("'in' was not read to its end (0 bytes so far)")


def test_endpoints_on_localhost_are_named() -> None:
    failed = judge(
        Facts(EndedBy.EXIT, (FAILED,), silent_endpoints=SILENT[1:], local_endpoints=SILENT[:1])
    )
    assert failed.reason == (
        "Main exited with code 3 (worker-1 on 'http' (port 80) never listened; worker-0 on 'http' (port 80) "
        "listened on localhost only, where the job cannot reach it: let it listen on 0.0.0.0)"
    )
    late = judge(Facts(EndedBy.TIME_OUT, timeout_s=5, local_endpoints=SILENT[:1]))
    assert late.reason.endswith("where the job cannot reach it: let it listen on 0.0.0.0")
