from __future__ import annotations

import pytest

from tyger_local.spec.platforms import platform, runs_on, satisfies


@pytest.mark.parametrize(
    ("system", "architecture", "variant", "expected"),
    [
        ("linux", "x86_64", None, "linux/amd64"),
        ("Linux", "x86_64", "", "linux/amd64"),
        ("linux", "amd64", "v3", "linux/amd64/v3"),
        ("linux", "aarch64", "", "linux/arm64"),
        ("linux", "arm64", "v8", "linux/arm64"),
        ("linux", "arm64", "v9", "linux/arm64/v9"),
        ("linux", "arm", "v7", "linux/arm/v7"),
        ("linux", "arm", "", "linux/arm/v7"),
        ("linux", "armv7l", "", "linux/arm/v7"),
        ("linux", "armhf", "", "linux/arm/v7"),
        ("linux", "arm", "v6", "linux/arm/v6"),
        ("linux", "armel", "", "linux/arm/v6"),
        ("linux", "i686", "", "linux/386"),
        ("linux", "riscv64", "", "linux/riscv64"),
        ("windows", "AMD64", "", "windows/amd64"),
        ("", "amd64", "", None),
        (None, "amd64", "", None),
        ("linux", "", "", None),
        ("linux", None, None, None),
    ],
)
def test_words_for_a_platform(
    system: object, architecture: object, variant: object, expected: str | None
) -> None:
    assert platform(system, architecture, variant) == expected


@pytest.mark.parametrize(
    ("image", "asked", "expected"),
    [
        ("linux/amd64", "linux/amd64", True),
        ("linux/amd64", "linux/x86_64", True),
        ("linux/amd64", "amd64", True),
        ("linux/amd64", "Linux/AMD64", True),
        ("linux/amd64", "linux", True),
        ("linux/amd64", "windows", False),
        ("linux/amd64", "linux/arm64", False),
        ("linux/arm64", "linux/arm64/v8", True),
        ("linux/arm64", "aarch64", True),
        ("linux/arm/v7", "linux/arm", True),
        ("linux/arm/v7", "arm/v7", True),
        ("linux/arm/v6", "linux/arm/v7", False),
        ("linux/amd64", "nonsense", False),
        ("linux/amd64", "linux/", True),
    ],
)
def test_what_platform_asks_for(image: str, asked: str, *, expected: bool) -> None:
    assert satisfies(image, asked) is expected


@pytest.mark.parametrize(
    ("image", "machine", "expected"),
    [
        ("linux/amd64", "linux/amd64", True),
        ("linux/386", "linux/amd64", True),
        ("linux/amd64/v3", "linux/amd64", True),
        ("linux/amd64", "linux/386", False),
        ("linux/arm64", "linux/amd64", False),
        ("linux/amd64", "linux/arm64", False),
        ("linux/arm/v7", "linux/arm64", True),
        ("linux/arm/v6", "linux/arm/v7", True),
        ("linux/riscv64", "linux/riscv64", True),
        ("windows/amd64", "linux/amd64", False),
    ],
)
def test_what_runs_on_what(image: str, machine: str, *, expected: bool) -> None:
    assert runs_on(image, machine) is expected
