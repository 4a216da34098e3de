"""Run the tool and write to a file how much memory it had at most: ``peak.py FILE ARGUMENT...``.

The kernel's ``VmHWM`` is asked for by the process itself at its very end, since what ``wait4`` tells from
outside is something else: the largest of the process, of its children, and, because a child begins as a
copy, of the script that started it. It counts the program and its libraries, and not what
the kernel keeps of files that are read and written.
"""

from __future__ import annotations

import atexit
import sys
from pathlib import Path

from tyger_local.__main__ import main


def _write_peak_kib(file: Path) -> None:
    status = Path("/proc/self/status").read_text()
    file.write_text(status.partition("VmHWM:")[2].split()[0])


atexit.register(_write_peak_kib, Path(sys.argv.pop(1)))
main()
