"""One container script and what must come of it: the shape of the tables in `misuses` and `legal`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

BUSYBOX, DEBIAN, MRI, FFMPEG = (
    f"tyger-local/{name}" for name in ("busybox", "base", "mri", "ffmpeg")
)
MIB = 2**20
HANGS_AFTER_S = 80.0
"""Every case ends by itself within this time."""


@dataclass(frozen=True, eq=False)  # its mappings cannot be hashed: each case is only itself
class Case:
    """A script, run with `sh` in a container.

    Its pauses are `$PAUSE` and `$LONG` seconds, fewer in the tests than in a soak, and `$WORK` is a folder
    for what it writes beside its pipes.

    Attributes:
        name: Which case this is, for people.
        codes: Any of these is the right code to end with; empty for a case in which nothing is wrong.
        is_warning: The run succeeds, and the code stands in a warning.
        inputs: Name and size of each input.
        outputs: Names of the outputs.
        gives: What outputs must hold at the end, as far as that is looked at.
        copies: Outputs that must hold what an input holds.
        shell: What runs the script: sh, bash or python3.
        image: An image that has it.
        is_local: Whether the process engine can run it, with the tools of any Linux machine.
    """

    name: str
    script: str
    codes: tuple[str, ...] = ()
    is_warning: bool = False
    inputs: Mapping[str, int] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()
    gives: Mapping[str, bytes] = field(default_factory=dict)
    copies: Mapping[str, str] = field(default_factory=dict)
    shell: str = "sh"
    image: str = BUSYBOX
    is_local: bool = True

    @property
    def verdict(self) -> str:
        """Return the verdict that is right."""
        return "buffer-failed" if self.codes and not self.is_warning else "succeeded"

    @property
    def exit_code(self) -> int:
        """Return the exit code that is right."""
        return 74 if self.verdict == "buffer-failed" else 0

    def __str__(self) -> str:
        return self.name.replace(" ", "-")


def one_input(size: int) -> Mapping[str, int]:
    """Return the inputs of a case that has one."""
    return {"in": size}


def text(**outputs: str) -> Mapping[str, bytes]:
    """Return what outputs must hold."""
    return {name: held.encode() for name, held in outputs.items()}
