"""Questions to the engine itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tyger_local.doctor.model import Check, Section, State
from tyger_local.doctor.patience import within
from tyger_local.doctor.places import check_engine_disk
from tyger_local.engine.base import Engine, EngineDescription, PullPolicy
from tyger_local.engine.docker.elsewhere import elsewhere
from tyger_local.engine.facts import EngineFacts
from tyger_local.errors import ImageError, TygerLocalError
from tyger_local.spec.platforms import satisfies

ANSWER_LIMIT_S = 5.0
PULL_LIMIT_S = 8.0

SMALLEST_SHELL_BYTES = 500_000
"""No image with a shell is smaller."""

KNOWN = ("busybox", "alpine", "debian", "ubuntu")
"""Last parts of names of images that have a shell: they are tried first."""

MOST_CANDIDATES = 4


@dataclass(frozen=True, slots=True)
class EngineSight:
    """What was learned of an engine that answers."""

    description: EngineDescription
    facts: EngineFacts


def meet(engine: Engine) -> EngineSight:
    """Ask the engine what it is.

    Raises:
        TygerLocalError: It does not answer, or not in time.
    """
    return within(
        ANSWER_LIMIT_S,
        f"the engine at {engine.place}" if engine.place else "the engine",
        lambda: EngineSight(engine.describe(), engine.facts()),
    )


def check_engine(engine: Engine, sight: EngineSight) -> Iterator[Check]:
    """Tell what it is, and what is known to be wrong with engines like it."""
    facts, identity = sight.facts, sight.description.identity
    capacity = sight.description.capacity
    details = tuple(f"{title}: {text}" for title, text in facts.details)
    size = f"CPUs: {capacity.nano_cpus // 10**9}, memory: {capacity.memory_bytes / 2**30:.1f} GiB"
    title = f"{identity.name} {identity.version or ''} answers".replace("  ", " ")
    yield Check("engine", Section.ENGINE, title, State.OK, (*details, size))
    for number, caution in enumerate(facts.cautions, 1):
        yield Check(
            f"engine-caution-{number}", Section.ENGINE, caution.text, State.WARNING, (), caution.fix
        )
    if facts.root is not None:
        yield check_engine_disk(facts.root, is_here=engine.place.startswith("unix://"))


def no_engine(engine: Engine, error: TygerLocalError) -> Check:
    """Return the answer of an engine that gives none."""
    details = [error.what]
    if engine.place:
        details.append(f"asked: {engine.place}")
    if engine.name == "docker":
        details += elsewhere(engine.place)
    return Check(
        "engine",
        Section.ENGINE,
        f"{engine.name} does not answer",
        State.PROBLEM,
        tuple(details),
        error.hint,
    )


def candidates(facts: EngineFacts) -> tuple[str, ...]:
    """Return images that are there and that runs may be tried with, best first."""
    likely = [image for image in facts.images if image.size_bytes >= SMALLEST_SHELL_BYTES]
    known = [image for image in likely if _last_part(image.reference) in KNOWN]
    others = [image for image in likely if image not in known]
    return tuple(image.reference for image in (*known, *others))[:MOST_CANDIDATES]


def _last_part(reference: str) -> str:
    return reference.rpartition("/")[2].partition(":")[0]


def check_image(engine: Engine, sight: EngineSight, image: str, *, is_named: bool) -> Check:
    """Look whether an image is there, or can be had in a moment, and for which platform it is.

    Args:
        engine: The engine.
        sight: What is known of it.
        image: The image.
        is_named: Whether somebody asked for this one: then it may be pulled.
    """
    policy = PullPolicy.MISSING if is_named else PullPolicy.NEVER
    try:
        found = within(
            PULL_LIMIT_S,
            f"the registry of {image}",
            lambda: engine.find_image(image, policy, None, lambda _: None),
        )
    except TygerLocalError as error:
        hint = (
            error.hint if isinstance(error, ImageError) else f"docker pull {image}, and try again"
        )
        title = f"no image {image} to try with"
        state = State.PROBLEM if is_named else State.SKIPPED
        return Check("image", Section.ENGINE, title, state, (error.what,), hint)
    title = f"tried with the image {image}"
    machine = sight.description.platform
    if found.platform and machine and not satisfies(found.platform, machine):
        return Check(
            "image",
            Section.ENGINE,
            title,
            State.WARNING,
            (
                f"it is for {found.platform}, and this machine is {machine}: it runs only by emulation",
            ),
            f"use an image for {machine} (docker pull --platform {machine} {image})",
        )
    details = (f"for {found.platform}, as this machine",) if found.platform else ()
    return Check("image", Section.ENGINE, title, State.OK, details)
