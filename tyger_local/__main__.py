"""``python -m tyger_local`` and the ``tyger-local`` command."""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
import threading
from contextlib import suppress
from typing import NoReturn

EXIT_BUG = 70
"""As in `tyger_local.errors`, which is not loaded yet."""

OBJECTS_BETWEEN_COLLECTIONS = 100_000
"""Loading code makes many objects and no garbage, and looking for it took a fifth of the start."""


def main() -> NoReturn:
    """Run the command line and exit."""
    _occupy_closed_descriptors()
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    # Whoever started us may ignore it; then nobody learns how a child has ended.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    watchdog = None
    code = EXIT_BUG
    try:
        # Late: Ctrl-C while these load shall not end in a traceback, and a watchdog inherits little.
        from tyger_local.cli.loading import leaving_on_interrupt  # noqa: PLC0415

        with leaving_on_interrupt():
            from tyger_local.cli.watchdog import start_watchdog  # noqa: PLC0415

            watchdog = start_watchdog(sys.argv[1:])
            from tyger_local.cli.main import run_command_line  # noqa: PLC0415

        code = run_command_line(sys.argv[1:], watchdog)
    except KeyboardInterrupt:
        code = 130
    finally:
        # After a bug nobody knows what is left; the watchdog looks once we are gone.
        if watchdog is not None and code != EXIT_BUG:
            watchdog.dismiss()
    _exit(code)


def _exit(code: int) -> NoReturn:
    """Exit as Python does, but for taking itself to pieces, which takes longer than a short command.

    What was registered for the exit is called: coverage writes its data there.
    """
    if any(not thread.daemon for thread in threading.enumerate()[1:]):
        sys.exit(code)  # which waits for it
    atexit._run_exitfuncs()  # noqa: SLF001  (it has no public name)
    for stream in (sys.stdout, sys.stderr):
        # What could not be written was told by who wrote it; a stream that was closed from the start is None.
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code)


def _occupy_closed_descriptors() -> None:
    """Keep the numbers 0, 1 and 2 from the files that are opened later, which would be taken for ours.

    What takes their place is opened the wrong way around, so that using it is still an error.
    """
    for fd, flags in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_RDONLY)):
        if not _is_open(fd):
            os.open(os.devnull, flags)


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main()
