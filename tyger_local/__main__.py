"""``python -m tyger_local`` and the ``tyger-local`` command."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line and exit."""
    _occupy_closed_descriptors()
    try:
        # Late: Ctrl-C while this loads shall not end in a traceback.
        from tyger_local.cli.main import run_command_line  # noqa: PLC0415
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(run_command_line(sys.argv[1:]))


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
