"""GPUs of the engine's machine, and which of them no other run of this tool holds."""

from __future__ import annotations

from collections.abc import Iterable

from tyger_local.errors import EngineError

QUERY = ("nvidia-smi", "--query-gpu=uuid", "--format=csv,noheader")
QUERY_TIMEOUT_S = 20


def gpu_ids() -> tuple[str, ...]:
    """Return the ids of this machine's GPUs; none where the driver's tool is missing or fails."""
    import subprocess  # noqa: PLC0415  (late: few engines have GPUs)

    try:
        answer = subprocess.run(
            QUERY, capture_output=True, check=True, text=True, timeout=QUERY_TIMEOUT_S
        )
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(line.strip() for line in answer.stdout.splitlines() if line.strip())


def choose(count: int, present: tuple[str, ...], held: Iterable[str]) -> tuple[str, ...]:
    """Choose `count` GPUs that are not among `held`.

    Raises:
        EngineError: Too few are free.
    """
    if count == 0:
        return ()
    taken = set(held)
    free = [gpu for gpu in present if gpu not in taken]
    if count > len(free):
        raise EngineError(
            f"{count} GPUs are asked for and {len(free)} of {len(present)} are free",
            "wait until the other runs of tyger-local have ended (docker ps), or use --no-gpu",
        )
    return tuple(free[:count])
