from __future__ import annotations

import pytest

from tyger_local.outcome.diagnosis import Diagnosis, diagnose
from tyger_local.outcome.sight import PipeSight, ProcessSight, WaitsFor
from tyger_local.spec.buffers import Direction

OPENING, CONTAINER, HOST, NOBODY = WaitsFor
SHELL = ProcessSight(10, "S", "do_wait", "sh -c work")
COMPUTES = ProcessSight(11, "R", "", "work")
SLEEPS = ProcessSight(11, "S", "hrtimer_nanosleep", "sleep 100")
OPENS = ProcessSight(12, "S", "wait_for_partner", "cat /etc/buffer-fifos/in")
READS = ProcessSight(13, "S", "anon_pipe_read", "gzip -9")
WRITES = ProcessSight(14, "S", "pipe_write", "producer")
LOCKED = ProcessSight(16, "S", "futex_do_wait", "java")
IS_OVER = ProcessSight(15, "Z", "", "done")


def _in(waits_for: WaitsFor = NOBODY, *, held: bool = False) -> PipeSight:
    return PipeSight("in", Direction.INPUT, waits_for, "raw.mrd", is_held_for_writing=held)


def _out(waits_for: WaitsFor = CONTAINER) -> PipeSight:
    return PipeSight("out", Direction.OUTPUT, waits_for, "standard output")


@pytest.mark.parametrize(
    ("pipes", "threads"),
    [
        ((), ()),
        ((_in(), _out()), ()),  # nobody can tell
        ((_in(), _out()), (COMPUTES,)),
        ((_in(), _out()), (SHELL, SLEEPS)),
        ((_in(HOST), _out()), (COMPUTES,)),  # the input is slow, and nobody misses it
        ((_in(HOST), _out()), ()),
        ((_in(), _out()), (SHELL, COMPUTES, READS)),  # work | gzip
        ((_in(CONTAINER), _out()), (SHELL, SLEEPS, WRITES)),
        ((_in(held=True), _out()), (SHELL, COMPUTES)),
        ((_in(), _out()), (SHELL, LOCKED, READS)),  # whoever waits for a lock or a clock may wake
    ],
)
def test_a_container_that_may_be_computing_is_left_in_peace(
    pipes: tuple[PipeSight, ...], threads: tuple[ProcessSight, ...]
) -> None:
    assert diagnose(pipes, threads) is None


@pytest.mark.parametrize(
    ("pipes", "threads", "text"),
    [
        (
            (_in(HOST), _out()),
            (SHELL, READS),
            "the input 'in' waits for raw.mrd, which gives nothing [pipe-stalled]",
        ),
        (
            (_in(), _out(HOST)),
            (WRITES,),
            "the output 'out' waits for whoever reads standard output [pipe-stalled]",
        ),
        (
            (_in(), _out(HOST)),
            (),
            "the output 'out' waits for whoever reads standard output [pipe-stalled]",
        ),
        (
            (_in(HOST), _out(HOST)),
            (READS, WRITES),
            (
                "the input 'in' waits for raw.mrd, which gives nothing; "
                "the output 'out' waits for whoever reads standard output [pipe-stalled]"
            ),
        ),
        (
            (_in(), _out(OPENING)),
            (COMPUTES, OPENS),
            (
                "'cat /etc/buffer-fifos/in' waits to open a pipe that nobody serves; "
                "not opened yet: the output 'out' [pipe-stalled]"
            ),
        ),
    ],
)
def test_a_stall_says_who_waits_for_whom(
    pipes: tuple[PipeSight, ...], threads: tuple[ProcessSight, ...], text: str
) -> None:
    found = diagnose(pipes, threads)
    assert found is not None
    assert (found.text, found.is_deadlock) == (text, False)


@pytest.mark.parametrize(
    ("pipes", "threads", "text", "hint"),
    [
        (
            (_in(), _out(OPENING)),
            (SHELL, OPENS),
            (
                "'cat /etc/buffer-fifos/in' waits to open a pipe that nobody serves; "
                "not opened yet: the output 'out'"
            ),
            "open each input once and for reading",
        ),
        (
            (_in(held=True), _out(OPENING)),
            (SHELL, READS),
            "'gzip -9' waits to read from a pipe; not opened yet: the output 'out'",
            "the container holds the input 'in' open for writing itself",
        ),
        (
            (_in(CONTAINER), _out()),
            (READS, WRITES, IS_OVER),
            "'gzip -9' waits to read from a pipe; 'producer' waits to write to a pipe",
            "look for a pipe of the container's own",
        ),
        (
            (_in(OPENING),),
            (READS,),
            "'gzip -9' waits to read from a pipe; not opened yet: the input 'in'",
            "look for",
        ),
    ],
)
def test_when_everybody_waits_for_pipes_nothing_can_move(
    pipes: tuple[PipeSight, ...], threads: tuple[ProcessSight, ...], text: str, hint: str
) -> None:
    found = diagnose(pipes, threads)
    assert found is not None
    assert found == Diagnosis(is_deadlock=True, text=f"{text} [pipe-deadlock]", hint=found.hint)
    assert found.hint.startswith(hint)


def test_an_input_held_for_writing_is_told_although_others_sleep() -> None:
    found = diagnose((_in(held=True),), (SLEEPS, READS))
    assert found is not None
    assert not found.is_deadlock
    assert '3< "$IN_PIPE"' in found.hint


def test_what_is_shown_is_short_and_says_each_thing_once() -> None:
    many = tuple(ProcessSight(n, "S", "pipe_read", f"work {n}\n" + "x" * 200) for n in range(9))
    found = diagnose((_in(),), (*many, *many))
    assert found is not None
    assert found.text.count("waits") == 3
    assert "; 6 more wait [" in found.text
    assert "\n" not in found.text
    assert f"'work 0 {'x' * 93}…'" in found.text


def test_an_input_held_for_writing_is_told_of_one_who_polls() -> None:
    found = diagnose((_in(held=True),), (ProcessSight(1, "S", "poll_schedule_timeout", "python"),))
    assert found is not None
    assert found.text == "everything in the container sleeps [pipe-stalled]"
    assert found.hint.startswith("the container holds the input 'in' open for writing itself")
