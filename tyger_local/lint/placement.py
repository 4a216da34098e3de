"""Fields that the cluster reads otherwise than this machine, or not at all."""

from __future__ import annotations

from collections.abc import Iterator

from tyger_local.lint.model import Finding, Rule, Severity, Subject


def working_dir(subject: Subject) -> Iterator[Finding]:
    """The cluster ignores `workingDir`.

    Tyger's server sets a container's working directory only where it runs containers through Docker. On the
    cluster the image's own WORKDIR holds, so relative paths in the command lead somewhere else.
    """
    if subject.codespec.working_dir:
        yield Finding(
            ("workingDir",),
            "the cluster ignores workingDir and starts the command in the image's own WORKDIR",
            "remove it, and use absolute paths in the command, or WORKDIR in the image's Dockerfile",
        )


RULES = (Rule("working-dir", Severity.WARNING, "workingDir is ignored", working_dir),)
