"""What was seen of a run's buffers, in words that stand behind the reason of a verdict."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tyger_local.outcome.exit_codes import meaning
from tyger_local.outcome.facts import BufferState, BufferStats, ContainerEnd, Facts
from tyger_local.spec.buffers import Direction
from tyger_local.spec.platforms import runs_on

LOCALHOST_ONLY = "on localhost only, where the job cannot reach it: let it listen on 0.0.0.0"
"""Where a worker listens in vain, to go on with behind its endpoint and a verb."""


def once(texts: Iterable[str]) -> tuple[str, ...]:
    """Drop what is said again: replicas have the same buffers."""
    return tuple(dict.fromkeys(texts))


def untouched(buffers: Iterable[BufferStats]) -> tuple[str, ...]:
    """Name the buffers that a container which failed never opened, and outputs that gave nothing."""
    return tuple(
        f"{b.direction.value} '{b.buffer}' "
        + ("was never opened" if b.state is BufferState.NEVER_OPENED else "gave no byte")
        for b in buffers
        if b.error is None
        and (
            b.state is BufferState.NEVER_OPENED
            or (b.direction is Direction.OUTPUT and b.bytes == 0)
        )
    )


def how_it_ended(end: ContainerEnd) -> str:
    """Return in words how a container ended, to go on with behind its name."""
    if end.oom_killed:
        return "was killed for want of memory"
    meant = meaning(end.exit_code)
    return f"ended with code {end.exit_code}" + (f" ({meant.text})" if meant else "")


def silence(facts: Facts) -> tuple[str, ...]:
    """Name the endpoints of workers that never listened, or not where a job could reach them."""
    return (
        *(f"{endpoint} never listened" for endpoint in facts.silent_endpoints),
        *(f"{endpoint} listened {LOCALHOST_ONLY}" for endpoint in facts.local_endpoints),
    )


def foreign_image(facts: Facts) -> str:
    """Tell that the image is for another platform than the machine's; empty when it is not."""
    image, machine = facts.image_platform, facts.machine_platform
    if image is None or machine is None or runs_on(image, machine):
        return ""
    return f"the image is for {image} and this machine is {machine}"


def waited_for(buffers: tuple[BufferStats, ...]) -> str:
    """Tell what a container that was still running had not done with its buffers.

    Returns:
        Text to go on with behind a sentence: empty, or one that begins with ``; ``.
    """
    never = once(f"'{b.buffer}'" for b in buffers if b.state is BufferState.NEVER_OPENED)
    parts = [f"never opened: {', '.join(never)}"] if never else []
    return "".join(f"; {part}" for part in (*parts, *once(_unfinished(buffers))))


def _unfinished(buffers: Iterable[BufferStats]) -> Iterator[str]:
    for stats in buffers:
        if stats.error:
            yield f"'{stats.buffer}': {stats.error}"
        elif _is_unconnected(stats):
            yield f"nothing accepted a connection on port {stats.port}"
        elif stats.state in (BufferState.STOPPED, BufferState.CLOSED_EARLY):
            verb = "read" if stats.direction is Direction.INPUT else "written"
            yield f"'{stats.buffer}' was not {verb} to its end ({stats.bytes} bytes so far)"


def _is_unconnected(stats: BufferStats) -> bool:
    """Return whether a buffer that goes through a socket was given up before there was a connection."""
    began = stats.bytes or stats.waited_container_s or stats.waited_host_s
    return stats.port is not None and stats.state is BufferState.STOPPED and not began
