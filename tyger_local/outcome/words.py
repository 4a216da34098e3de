"""Figures in words for people.

Bytes that move are counted in powers of 1000, as rates are everywhere; memory in powers of 1024, as limits
are written (``512Mi``), so that a peak and its limit can be compared at a glance.
"""

from __future__ import annotations

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_MEMORY_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def printable(text: str) -> str:
    """Return `text` without what would drive a terminal or turn a page's writing around."""
    return "".join(c if c.isprintable() or c == "\t" else f"\\x{ord(c):02x}" for c in text)


def counted(count: int, noun: str) -> str:
    """Return how many there are of something: ``1 run``, ``0 runs``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def human_bytes(count: float) -> str:
    """Return `count` bytes that moved, in powers of 1000: ``9.5 MB``."""
    return _scaled(count, 1000, _UNITS)


def human_memory(count: float) -> str:
    """Return `count` bytes of memory, in powers of 1024: ``412 MiB``."""
    return _scaled(count, 1024, _MEMORY_UNITS)


def _scaled(count: float, base: int, units: tuple[str, ...]) -> str:
    value, unit = float(count), units[0]
    for larger in units[1:]:
        if value < base:
            break
        value, unit = value / base, larger
    if unit == units[0]:
        return f"{value:.0f} {unit}"
    # Three digits; four where a thousand is not yet a unit (``1010 MiB``).
    return f"{value:.0f} {unit}" if value >= 1000 else f"{value:.3g} {unit}"


def human_seconds(seconds: float) -> str:
    """Return a time: ``0.35 s``, ``12.5 s``, ``3 min 20 s``, ``2 h 5 min``."""
    if seconds < 9.995:
        return f"{seconds:.2f} s"
    if seconds < 119.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min"


def human_cores(cores: float) -> str:
    """Return how many cores were busy: ``0.35``, ``12.5``."""
    return f"{cores:.2f}" if cores < 10 else f"{cores:.1f}"


def human_share(part: float, whole: float) -> str:
    """Return `part` of `whole` as per cent; `whole` is above zero."""
    percent = 100 * part / whole
    if 0 < percent < 0.05:
        return "< 0.1 %"
    return f"{percent:.1f} %" if 0 < percent < 10 else f"{percent:.0f} %"
