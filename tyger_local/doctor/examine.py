"""All questions, in the order in which they are asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from tyger_local.doctor.engine import (
    EngineSight,
    candidates,
    check_engine,
    check_image,
    meet,
    no_engine,
)
from tyger_local.doctor.machine import check_machine
from tyger_local.doctor.model import CanceledError, Check, Laboratory, State, Subject
from tyger_local.doctor.places import check_places
from tyger_local.doctor.trials import (
    compute,
    cpu_check,
    failed,
    has_shell,
    not_tried,
    try_memory,
    try_network,
    try_pipes,
    try_reach,
    usage_check,
)
from tyger_local.errors import TygerLocalError

NO_IMAGE = "process"
"""Stands for an image on engines that have none."""

PIPES = ("pipes-cross", "named pipes into a container and back")
LIMITS = (
    ("memory-limit", "the memory limit"),
    ("cpu-limit", "the CPU limit"),
)
USAGE = ("usage", "measuring what runs cost")
NETWORK = ("network", "a network with names, for workers")
SOCKETS = ("sockets", "reaching sockets of containers")
EVERYTHING = (PIPES, *LIMITS, USAGE, NETWORK, SOCKETS)


def examine(subject: Subject) -> Iterator[Check]:
    """Yield the answer to each question as soon as it is there.

    Raises:
        CanceledError: Somebody wants it to end.
    """
    yield from check_machine(subject.tool_version)
    yield from check_places(subject)
    try:
        sight = meet(subject.engine)
    except TygerLocalError as error:
        yield no_engine(subject.engine, error)
        yield from not_tried(EVERYTHING, "no engine answers")
        return
    yield from check_engine(subject.engine, sight)
    yield from _try_all(subject, sight)


def _try_all(subject: Subject, sight: EngineSight) -> Iterator[Check]:
    try:
        with subject.laboratory() as laboratory:
            chosen: list[str] = []
            yield from _choose(subject, sight, laboratory, chosen)
            for image in chosen:
                yield from _try_with(image, sight, laboratory)
    except CanceledError:
        raise
    except TygerLocalError as error:
        yield failed("laboratory", "runs", error, State.PROBLEM)


def _choose(
    subject: Subject, sight: EngineSight, laboratory: Laboratory, chosen: list[str]
) -> Iterator[Check]:
    """Find the image to try with, which the first trial shows, and put it into `chosen`."""
    has_images = subject.engine.pipe_root is not None
    is_named = subject.image is not None
    images = (subject.image,) if subject.image is not None else candidates(sight.facts)
    answers: list[Check] = []
    for image in images if has_images else (NO_IMAGE,):
        answers = []
        if has_images:
            answers.append(check_image(subject.engine, sight, image, is_named=is_named))
            if answers[0].state not in (State.OK, State.WARNING):
                continue
        answers.append(_tried(PIPES, partial(try_pipes, laboratory, image), State.PROBLEM))
        if answers[-1].state is State.OK:
            chosen.append(image)
        if has_shell(answers[-1]):
            break
    yield from answers
    if not answers:
        why = "the engine has no image to try with, and none is pulled unasked"
        yield from not_tried(EVERYTHING, why, "docker pull busybox, or name one with --image")
    elif not chosen:
        rest = EVERYTHING if answers[-1].id != PIPES[0] else EVERYTHING[1:]
        yield from not_tried(rest, "no run works so far")


def _try_with(image: str, sight: EngineSight, laboratory: Laboratory) -> Iterator[Check]:
    """Try everything that needs an image with which runs work."""
    facts = sight.facts
    why = f"the engine {sight.description.identity.name} has none"
    if facts.has_limits:
        yield _tried(LIMITS[0], partial(try_memory, laboratory, image))
    else:
        yield from not_tried(LIMITS, why)
    try:
        record = compute(laboratory, image, is_limited=facts.has_limits)
    except CanceledError:
        raise
    except TygerLocalError as error:
        yield failed(*USAGE, error, State.WARNING)
    else:
        if facts.has_limits:
            yield cpu_check(record)
        yield usage_check(record)
    if facts.has_networks:
        yield _tried(NETWORK, partial(try_network, laboratory, image))
    else:
        yield from not_tried((NETWORK,), why)
    yield _tried(SOCKETS, partial(try_reach, laboratory, image))


def _tried(
    what: tuple[str, str], attempt: Callable[[], Check], without: State = State.WARNING
) -> Check:
    """Return the answer of a trial.

    Args:
        what: Its id, and what is tried.
        attempt: Tries.
        without: What it means that it could not begin: once pipes have crossed, runs work.
    """
    try:
        return attempt()
    except CanceledError:
        raise
    except TygerLocalError as error:
        return failed(*what, error, without)
