"""Images: found here by the pull policy and the platform that is asked for, or pulled."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from tyger_local.engine.base import PullPolicy
from tyger_local.engine.docker.api import Api
from tyger_local.engine.docker.errors import translating, words
from tyger_local.errors import EngineError, ImageError
from tyger_local.outcome.record import ImageIdentity
from tyger_local.spec.platforms import platform as spec_platform
from tyger_local.spec.platforms import satisfies

IMAGE_NAME = re.compile(r"(?!.*//)[A-Za-z0-9]+([._:@/-]+[A-Za-z0-9_]+)*")
"""What may be part of the engine's URL; the engine itself knows the whole rule."""


def find_image(
    api: Api,
    reference: str,
    pull: PullPolicy,
    platform: str | None,
    on_progress: Callable[[str], None],
) -> ImageIdentity:
    """Make an image available.

    Raises:
        ImageError: It is not there, or not for `platform`, and cannot be pulled.
    """
    if not IMAGE_NAME.fullmatch(reference):
        raise ImageError(f"'{reference}' is no name for an image", "mend 'image:'")
    present = None if pull is PullPolicy.ALWAYS else _inspect(api, reference)
    other = "" if present is None else _other_platform(present, platform)
    if pull is PullPolicy.NEVER:
        _check_present(reference, present, other, platform)
    if present is None or other:
        try:
            _pull(reference, platform, on_progress)
        except ImageError as error:
            if other:
                raise wrong_platform(reference, platform, f"{other}, and {error.what}") from error
            raise
        present = _inspect(api, reference)
    if present is None:
        raise ImageError(f"The image '{reference}' was pulled and is not there")
    digests = present.get("RepoDigests") or [present["Id"]]
    return ImageIdentity(reference, str(digests[0]).rpartition("@")[2], _platform(present))


def _inspect(api: Api, reference: str) -> dict[str, Any] | None:
    try:
        return api.image(reference)
    except EngineError as error:
        if "invalid reference" in error.what or "repository name" in error.what:
            raise ImageError(
                f"'{reference}' is no name for an image: {error.what}", "mend 'image:'"
            ) from error
        raise


def _pull(reference: str, platform: str | None, on_progress: Callable[[str], None]) -> None:
    # Late: docker-py knows where credentials are, and takes long to load.
    from tyger_local.engine.docker import dockerpy  # noqa: PLC0415

    try:
        with translating():
            for line in dockerpy.pull(reference, platform):
                on_progress(line)
    except EngineError as error:
        said = words(error.__cause__ or error)
        hint = (
            f"check the name, build it here (docker build -t {reference} .), "
            "or log in to its registry (docker login)"
        )
        if "no matching manifest" in said:
            hint = "it is there for other platforms only: build it for this one, or name one with --platform"
        raise ImageError(f"Failed to pull image '{reference}': {said}", hint) from error


def _platform(image: Mapping[str, Any]) -> str | None:
    return spec_platform(image.get("Os"), image.get("Architecture"), image.get("Variant"))


def _other_platform(image: Mapping[str, Any], asked: str | None) -> str:
    """Tell that an image is not for the platform that is asked for; empty when it may be."""
    its = _platform(image)
    if asked is None or its is None or satisfies(its, asked):
        return ""
    return f"the one that is here is for {its}"


def _check_present(
    reference: str, image: Mapping[str, Any] | None, other: str, asked: str | None
) -> None:
    if image is None:
        raise ImageError(
            f"The image '{reference}' was not found on the system",
            f"Run `docker pull {reference}` and try again, "
            f"or build it (docker build -t {reference} .)",
        )
    if other:
        raise wrong_platform(reference, asked, other)


def wrong_platform(reference: str, asked: str | None, why: str) -> ImageError:
    """Return the error for an image that is there for other platforms only.

    Args:
        reference: The image's name.
        asked: The platform that is asked for.
        why: What was found.
    """
    return ImageError(
        f"The image '{reference}' is not there for {asked}, which --platform asks for: {why}",
        f"leave --platform out, or build it (docker build --platform {asked} -t {reference} .)",
    )
