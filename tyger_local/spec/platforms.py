"""Platforms of images and machines: ``linux/amd64``, ``linux/arm/v7``.

Engines, kernels and images have different words for one thing (``x86_64``, ``amd64``). What runs on what
follows containerd's ``platforms.Only``, by which Docker warns.
"""

from __future__ import annotations

CLUSTER_PLATFORM = "linux/amd64"
"""What the cluster's nodes are, as a rule."""

_ARCHITECTURES = {
    "x86_64": "amd64",
    "x86-64": "amd64",
    "i386": "386",
    "i486": "386",
    "i586": "386",
    "i686": "386",
    "aarch64": "arm64",
    "arm64/v8": "arm64",
    "arm": "arm/v7",
    "armhf": "arm/v7",
    "armv7l": "arm/v7",
    "armv8l": "arm/v7",
    "armel": "arm/v6",
    "armv6l": "arm/v6",
}
_SYSTEMS = ("linux", "windows", "darwin", "freebsd")
_RUNS_ON = {"amd64": ("amd64", "386"), "arm64": ("arm64", "arm")}


def platform(system: object, architecture: object, variant: object = "") -> str | None:
    """Return a platform in Docker's words.

    Args:
        system: The operating system.
        architecture: Of the CPU, in anybody's words.
        variant: ``v7``; empty or None when there is none.

    Returns:
        ``os/architecture`` or ``os/architecture/variant``; None when not both are known.
    """
    if not system or not architecture:
        return None
    cpu = f"{architecture}/{variant}" if variant else str(architecture)
    return f"{system}/{_ARCHITECTURES.get(cpu.lower(), cpu.lower())}".lower()


def satisfies(image: str, asked: str) -> bool:
    """Return whether an image of a platform is what ``--platform`` asks for.

    Args:
        image: As `platform` returns it.
        asked: As people write it: ``linux/arm64``, ``arm64``, ``linux``, ``linux/aarch64``.
    """
    first, _, rest = asked.lower().partition("/")
    if first in _SYSTEMS:
        wanted = platform(first, rest) if rest else None
        return image == wanted if wanted else image.startswith(f"{first}/")
    return image == platform("linux", asked)


def runs_on(image: str, machine: str) -> bool:
    """Return whether a machine runs an image of a platform without emulating another CPU.

    Args:
        image: As `platform` returns it.
        machine: The same.
    """
    (system, cpu), (its_system, its_cpu) = (_parts(image), _parts(machine))
    return system == its_system and (
        image == machine or cpu in _RUNS_ON.get(its_cpu, ()) or cpu == its_cpu == "arm"
    )


def _parts(text: str) -> tuple[str, str]:
    system, _, rest = text.partition("/")
    return system, rest.partition("/")[0]
