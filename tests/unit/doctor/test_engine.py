from __future__ import annotations

from tyger_local.doctor.engine import candidates
from tyger_local.engine.facts import EngineFacts, PresentImage

MIB = 2**20


def _chosen(**sizes: int) -> tuple[str, ...]:
    images = tuple(PresentImage(name, size) for name, size in sizes.items())
    return candidates(EngineFacts(images=images))


def test_small_images_with_a_shell_come_first() -> None:
    images = (
        PresentImage("no/shell:1", 300),
        PresentImage("some/program:1", MIB),
        PresentImage("somebody/busybox:1.36", 2 * MIB),
        PresentImage("debian:12", 70 * MIB),
    )
    assert candidates(EngineFacts(images=images)) == (
        "somebody/busybox:1.36",
        "debian:12",
        "some/program:1",
    )


def test_no_more_than_a_few_are_tried() -> None:
    assert len(_chosen(**{f"image{number}": MIB for number in range(20)})) == 4


def test_without_images_there_is_nothing_to_try_with() -> None:
    assert _chosen() == ()
