"""Where the values of a run come from: a place in a file, a flag, a stored codespec, or nobody said them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from tyger_local.plan.model import Role
from tyger_local.spec.decode import part_of
from tyger_local.spec.document import Document, Path
from tyger_local.spec.runs import RunFlags, TargetFlags, holds_codespec


class OriginKind(str, Enum):
    """What a value comes from."""

    FILE = "file"
    FLAG = "flag"
    STORE = "codespec"
    IMAGE = "image"
    ADDED = "added"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value comes from.

    Attributes:
        where: The place in the file (``recon.yml:3:8``), the flag, or the codespec's name and version; else
            empty.
    """

    kind: OriginKind
    where: str = ""

    def __str__(self) -> str:
        return self.where or _WORDS[self.kind]


IMAGE = Origin(OriginKind.IMAGE)
ADDED = Origin(OriginKind.ADDED)
DEFAULT = Origin(OriginKind.DEFAULT)

_WORDS = {
    OriginKind.IMAGE: "the image",
    OriginKind.ADDED: "added to every run",
    OriginKind.DEFAULT: "default",
}


def from_flag(flag: str) -> Origin:
    """Return the origin of what a flag says."""
    return Origin(OriginKind.FLAG, flag)


@dataclass(frozen=True, slots=True)
class Origins:
    """What a run was made of.

    Attributes:
        document: The run or codespec file; None where there is none.
        flags: What was laid over it.
        stored: By role, ``NAME/versions/N`` of the codespec that came from the store.
    """

    document: Document | None = None
    flags: RunFlags = field(default_factory=RunFlags)
    stored: Mapping[Role, str] = field(default_factory=dict)

    def of_codespec(self, role: Role, path: Path) -> Origin:
        """Return where a value of a codespec comes from that somebody gave."""
        if role in self.stored:
            return Origin(OriginKind.STORE, self.stored[role])
        document = self.document
        if document is None:
            raise AssertionError("a codespec that is not stored is in the file")
        below = () if holds_codespec(document) else (role.value, "codespec")
        return Origin(OriginKind.FILE, str(document.place((*below, *path))))

    def of_run(self, path: Path, flag: str, *, is_flag_given: bool) -> Origin:
        """Return where a value of the run comes from.

        Args:
            path: Where a run file has it.
            flag: What would be laid over that.
            is_flag_given: Whether it is.
        """
        if is_flag_given:
            return from_flag(flag)
        document = self.document
        if document is None or part_of(document.value, path) is None:
            return DEFAULT
        return Origin(OriginKind.FILE, str(document.place(path)))

    def of_target(self, role: Role, name: str, flag: str, *, is_flag_given: bool) -> Origin:
        """Return where a value of a run file's ``job`` or ``worker`` comes from; see `of_run`."""
        prefix = "--worker-" if role is Role.WORKER else "--"
        return self.of_run((role.value, name), f"{prefix}{flag}", is_flag_given=is_flag_given)

    def target_flags(self, role: Role) -> TargetFlags:
        """Return the flags that concern the job, or the workers."""
        return self.flags.worker if role is Role.WORKER else self.flags.job
