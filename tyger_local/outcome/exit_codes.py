"""What an exit code says beyond "failed": the signal behind it, or a shell that could not run a command.

Numbers are Linux's, where containers run, whatever machine this is read on.
"""

from __future__ import annotations

from dataclasses import dataclass

from tyger_local.errors import EXIT_NOT_EXECUTABLE, EXIT_NOT_FOUND

AFTER_SIGNAL = 128
"""A process that signal N ended has the exit code 128 + N."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an exit code is known to mean.

    Attributes:
        text: What happened, to stand in brackets behind the code.
        hint: What to do about it.
    """

    text: str
    hint: str


_IN_LOG = "the end of its log tells why, as a rule (--logs)"
_ITS_OWN = "something in the container sent it, or docker stop and its like from outside"

_SIGNALS = {
    1: ("SIGHUP", "it was told that its terminal is gone", _ITS_OWN),
    2: ("SIGINT", "it was interrupted", _ITS_OWN),
    3: ("SIGQUIT", "it was told to quit", _ITS_OWN),
    4: (
        "SIGILL",
        "it used an instruction that this CPU does not have",
        "build it for a plain CPU (no -march=native), or without the newest vector instructions",
    ),
    5: ("SIGTRAP", "it ran into a trap, often a check of its own", _IN_LOG),
    6: (
        "SIGABRT",
        "it gave up: an error that it found itself, such as a failed assertion",
        _IN_LOG,
    ),
    7: (
        "SIGBUS",
        "it touched memory that is not there",
        "raise resources.shm if it uses /dev/shm (else 64 MiB), or see whether a file that it maps was cut",
    ),
    8: (
        "SIGFPE",
        "it divided a whole number by zero, as a rule",
        "check its input, and what it divides by",
    ),
    9: (
        "SIGKILL",
        "it was killed, neither by this tool nor, as far as was seen, for want of memory",
        "look for who did it: docker kill, the program itself, or the kernel for want of memory (dmesg)",
    ),
    11: (
        "SIGSEGV",
        "it crashed: it touched memory that is not its own",
        "a bug in it or in a library of it: run it in a debugger with --shell, or try it with less data",
    ),
    13: (
        "SIGPIPE",
        "it wrote into a pipe that nobody read any more",
        "in a script, what stands behind a | ended first (head does): let it read to the end",
    ),
    14: ("SIGALRM", "an alarm of its own went off", _IN_LOG),
    15: ("SIGTERM", "it was asked to end", _ITS_OWN),
    24: ("SIGXCPU", "it used more CPU time than its ulimit", "raise its ulimit -t"),
    25: ("SIGXFSZ", "it wrote a larger file than its ulimit", "raise its ulimit -f"),
    31: (
        "SIGSYS",
        "it made a system call that the engine does not allow",
        "its log may name the call; the cluster does not allow every call either",
    ),
}

_BY_SHELL = {
    EXIT_NOT_EXECUTABLE: Meaning(
        "a shell's word for a command that it cannot execute",
        "look in the log for which (--logs): it needs chmod +x, and a build for this machine's CPU",
    ),
    EXIT_NOT_FOUND: Meaning(
        "a shell's word for a command that it does not find",
        "look in the log for which (--logs), and install it in the image",
    ),
}


def meaning(exit_code: int) -> Meaning | None:
    """Return what `exit_code` is known to mean; None for one that only its program can explain."""
    known = _SIGNALS.get(exit_code - AFTER_SIGNAL)
    if known is None:
        return _BY_SHELL.get(exit_code)
    name, text, hint = known
    return Meaning(f"{name}: {text}", hint)
