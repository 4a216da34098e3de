from __future__ import annotations

import pytest

from tyger_local.plan.platforms import review_platform

AMD, ARM = "linux/amd64", "linux/arm64"


@pytest.mark.parametrize(
    ("image", "machine", "asked"),
    [
        (AMD, AMD, None),
        (AMD, AMD, AMD),
        ("linux/386", AMD, None),
        (AMD, ARM, AMD),
        (AMD, None, None),
        (None, AMD, None),
        (None, None, None),
    ],
)
def test_nothing_to_say(image: str | None, machine: str | None, asked: str | None) -> None:
    assert review_platform("x", image, machine, asked) == ()


@pytest.mark.parametrize(("image", "machine"), [(ARM, AMD), (AMD, ARM)])
def test_an_image_for_another_machine(image: str, machine: str) -> None:
    (difference,) = review_platform("x", image, machine, None)
    assert difference.code == "image-platform"
    assert f"'x' is for {image} and this machine is {machine}" in difference.text
    assert f"build it with --platform {machine}" in difference.text
    assert f"--platform {image} if it is meant" in difference.text
    assert "the cluster's nodes are linux/amd64" in difference.text


@pytest.mark.parametrize(("machine", "asked"), [(ARM, None), (ARM, ARM), (AMD, ARM), (None, None)])
def test_an_image_for_other_nodes_than_the_clusters(machine: str | None, asked: str | None) -> None:
    (difference,) = review_platform("x", ARM, machine, asked)
    assert difference.text == (
        "the image 'x' is for linux/arm64, and the cluster's nodes are linux/amd64 as a rule; "
        "build it with --platform linux/amd64 as well"
    )
