"""Every error that tyger-local raises on purpose, with its exit code and its next step.

::

    TygerLocalError                  1    something expected went wrong
    ├── NotFoundError                1    a codespec, version, run or buffer that is not in the store
    ├── StoreError                   1    the store cannot be read or written
    │   └── DamagedError             1    a file of it does not hold what it should
    ├── StateError                   1    a run or buffer is in a state that does not allow this
    ├── UsageError                   2    flags or arguments that make no sense
    │   ├── SpecError                2    a codespec or run file that makes no sense; names the place
    │   │   └── QuantityError        2    text that is no Kubernetes quantity
    │   ├── BufferArgumentError      2    a buffer argument that cannot be used (path, stdin, stdout)
    │   └── ClusterDifferenceError   2    ``--strict``, or what the cluster's API would refuse
    ├── EngineError                  125  the engine cannot do what is asked
    │   ├── EngineUnavailableError   125  no engine answers
    │   └── ImageError               125  the image cannot be had
    ├── StartError                   125  the container could not be started
    │   ├── CommandNotFoundError     127
    │   └── CommandNotExecutableError 126
    │       └── WrongFormatError     126  its file is no program for this machine
    └── StreamError                  74   bytes could not be moved between a host file and a pipe
        └── ReaderClosedError        141  whoever read our standard output has closed it

An error is a sentence (`what`) and the next step (`hint`); `str()` joins them into one line.
The base is `Exception`: nothing here is meant to pass a handler for ordinary errors unseen.
"""

from __future__ import annotations

EXIT_OK = 0
EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_BUFFER_FAILED = 74
EXIT_BUG = 70
EXIT_TIMED_OUT = 124
EXIT_ENGINE_FAILED = 125
EXIT_NOT_EXECUTABLE = 126
EXIT_NOT_FOUND = 127
EXIT_OUT_OF_MEMORY = 137
EXIT_READER_CLOSED = 141

MORE_FILES = "let this program open more files (ulimit -n)"
"""The next step where the system gives no more descriptors."""

TO_TYPE = ("docker", "tyger-local")
"""First words of a hint that are commands, and keep their case."""


class TygerLocalError(Exception):
    """Something expected went wrong.

    Args:
        what: What happened, as a sentence without its final stop.
        hint: What to do about it, as a sentence without its final stop; empty where there is
            nothing to do.
    """

    exit_code = EXIT_ERROR

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what, hint)
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        return sentence(self.what, self.hint)


def sentence(*parts: str) -> str:
    """Join `parts` into one line of sentences.

    Each gets a stop at its end if it has no mark of its own, and each but the first a capital at its
    beginning, unless that is something to type (``docker login``, ``--home``).
    """
    closed: list[str] = []
    for part in parts:
        flat = " ".join(part.splitlines()).strip()
        if not flat:
            continue
        if closed and flat.split(" ", 1)[0] not in TO_TYPE:
            flat = flat[0].upper() + flat[1:]
        closed.append(flat if flat[-1] in ".!?" else f"{flat}.")
    return " ".join(closed)


class NotFoundError(TygerLocalError):
    """A codespec, version, run or buffer that the store does not have."""


class StoreError(TygerLocalError):
    """The store's files cannot be read or written, or do not hold what they should."""


class DamagedError(StoreError):
    """A file of the store is there, can be read, and does not hold what it should."""


class StateError(TygerLocalError):
    """A run or buffer is in a state that does not allow what was asked."""


class UsageError(TygerLocalError):
    """Flags or arguments that make no sense."""

    exit_code = EXIT_USAGE


class SpecError(UsageError):
    """A codespec or run file that makes no sense.

    Args:
        what: What is wrong.
        hint: What to do about it.
        where: The place, as ``file:line:column`` or ``--flag``; empty when the whole is meant.
    """

    def __init__(self, what: str, hint: str = "", where: str = "") -> None:
        super().__init__(what, hint)
        self.where = where

    def __str__(self) -> str:
        line = super().__str__()
        return f"{self.where}: {line}" if self.where else line


class QuantityError(SpecError):
    """Text that is not a Kubernetes quantity."""


class BufferArgumentError(UsageError):
    """A buffer argument that cannot be used."""


class ClusterDifferenceError(UsageError):
    """The cluster would refuse this or, under ``--strict``, do something else with it."""


class EngineError(TygerLocalError):
    """The engine cannot do what is asked of it."""

    exit_code = EXIT_ENGINE_FAILED


class EngineUnavailableError(EngineError):
    """No engine answers."""


class ImageError(EngineError):
    """The image cannot be had."""


class StartError(TygerLocalError):
    """The container could not be started."""

    exit_code = EXIT_ENGINE_FAILED


class CommandNotFoundError(StartError):
    """The container's command does not exist."""

    exit_code = EXIT_NOT_FOUND


class CommandNotExecutableError(StartError):
    """The container's command exists and cannot be executed."""

    exit_code = EXIT_NOT_EXECUTABLE


class WrongFormatError(CommandNotExecutableError):
    """Its file is no program for this machine: built for another CPU, or a script without its first line."""


class StreamError(TygerLocalError):
    """Bytes could not be moved between a host file and a pipe."""

    exit_code = EXIT_BUFFER_FAILED


class ReaderClosedError(StreamError):
    """Whoever read our standard output has closed it (``| head``)."""

    exit_code = EXIT_READER_CLOSED
