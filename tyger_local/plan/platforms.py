"""What is to be said of an image's platform before it runs."""

from __future__ import annotations

from tyger_local.plan.model import Difference
from tyger_local.spec.platforms import CLUSTER_PLATFORM, runs_on


def review_platform(
    reference: str, image: str | None, machine: str | None, asked: str | None
) -> tuple[Difference, ...]:
    """Return what is worth a warning: the image is for another CPU than this machine's, or the cluster's.

    Args:
        reference: The image's name.
        image: Its platform; None when it is not known.
        machine: That of the engine's machine; the same.
        asked: What ``--platform`` says: who names another platform knows of it.
    """
    if image is None:
        return ()
    if machine is not None and asked is None and not runs_on(image, machine):
        return (
            Difference(
                "image-platform",
                f"the image '{reference}' is for {image} and this machine is {machine}, which runs it only "
                f"if it emulates the other, and slowly; build it with --platform {machine}, or say "
                f"--platform {image} if it is meant (the cluster's nodes are {CLUSTER_PLATFORM} as a rule)",
            ),
        )
    if not runs_on(image, CLUSTER_PLATFORM):
        return (
            Difference(
                "image-platform",
                f"the image '{reference}' is for {image}, and the cluster's nodes are {CLUSTER_PLATFORM} "
                f"as a rule; build it with --platform {CLUSTER_PLATFORM} as well",
            ),
        )
    return ()
