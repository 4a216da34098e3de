"""What an engine tells of itself beyond what a run needs: for people, and for whoever tries it out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caution:
    """Something about an engine that lets runs do otherwise than they should.

    Attributes:
        text: What it is and does, as a sentence without its final stop.
        fix: What to do about it, likewise.
    """

    text: str
    fix: str


@dataclass(frozen=True, slots=True)
class PresentImage:
    """An image that an engine has."""

    reference: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """What an engine tells of itself; what it does not tell is not there.

    Attributes:
        details: Titles and what stands behind them, in the order in which people read them.
        cautions: What is known to be wrong with an engine like this.
        root: Where it keeps its images and containers, as its own machine calls it.
        images: Those that have a name, the smallest first.
        has_limits: Whether it can limit memory and CPU at all.
        has_networks: Whether it can make networks.
    """

    details: tuple[tuple[str, str], ...] = ()
    cautions: tuple[Caution, ...] = ()
    root: str | None = None
    images: tuple[PresentImage, ...] = ()
    has_limits: bool = True
    has_networks: bool = True
