"""Engines by name. Each is imported only when it is asked for: docker-py takes long to load."""

from __future__ import annotations

from tyger_local.engine.base import Engine
from tyger_local.errors import UsageError

ENGINES = ("docker", "process")


def make_engine(name: str) -> Engine:
    """Return a new engine.

    Raises:
        UsageError: There is none of that name.
    """
    if name not in ENGINES:
        raise UsageError(f"there is no engine '{name}'", f"choose one of {', '.join(ENGINES)}")
    if name == "process":
        from tyger_local.engine.process import ProcessEngine  # noqa: PLC0415  (see above)

        return ProcessEngine()
    from tyger_local.engine.docker import DockerEngine  # noqa: PLC0415  (see above)

    return DockerEngine()
