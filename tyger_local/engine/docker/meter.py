"""Reads what a container uses, from the kernel while it lives, or else from the engine.

What the kernel counts is gone with the cgroup, 8 to 12 ms after the container's last process, and the engine
tells no peak afterwards. So, in a thread of its own:

* The cgroup is looked for every 5 ms while the engine still starts the container: one that runs ``true`` has
  ended before the engine says that it has started.
* The end is waited for with a pidfd and then read at once. The first process that is found may be a helper
  of the engine's, so it is over only when no process is left or the cgroup is gone.
* The end is missed when this thread has to wait for a processor meanwhile. So it is looked at before as
  well, often while it is young, and the last look counts if it was shortly before the end.

Where there is no such cgroup (an engine on another machine or in a virtual one) the engine's statistics are
asked for now and then. It takes a second to answer, so short runs are not worth it.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

from tyger_local.engine.docker.api import Api
from tyger_local.engine.docker.cgroups import (
    ROOT,
    Counters,
    Group,
    counters_of_engine,
    group_by_name,
    group_of_process,
)
from tyger_local.engine.docker.opened import OpenedGroup
from tyger_local.engine.sights import PROC
from tyger_local.errors import EngineError
from tyger_local.outcome.record import Usage
from tyger_local.outcome.sight import UsageSample

SHORTLY_S = 0.001
LOOK_S = 0.005
LOOK_SHARE = 0.02
LONGEST_S = 5.0
"""How often it is looked at: at first, as a share of its age, and at last. About 500 looks in an hour, of
0.1 ms each, so that little is lost where this thread had to wait for a processor when the end came."""

SAMPLE_S = 0.1
"""How often memory is looked at where the kernel keeps no peak."""

ENGINE_S = 2.0
"""How often the engine is asked, if it has to be; it is not asked about a run that is shorter."""

AT_ONCE_S = 0.01
CLOSE_S = 0.05
CLOSE_SHARE = 0.05
"""How long before the end a last look may have been: not to be told of, and to count for the whole, at least
and as a share of it."""

PRIORITY = -15

CACHED = "(file cache included)"


class Meter:
    """Measures one container.

    Args:
        api: The engine.
        container: Its id.
        info: What the engine says of itself.
        root: Where the kernel shows cgroups.
        proc: Where it shows processes.
    """

    def __init__(
        self,
        api: Api,
        container: str,
        info: Mapping[str, object],
        root: str = ROOT,
        proc: Path = PROC,
    ) -> None:
        self._api = api
        self._container = container
        self._root = root
        self._proc = proc
        driver, version = str(info.get("CgroupDriver")), str(info.get("CgroupVersion", "1"))
        self._opened = OpenedGroup(group_by_name(container, driver, version, root))
        self._reading = threading.Lock()
        self._last = Counters()
        self._peak = 0
        self._oom_kills: int | None = None
        self._began = self._read_at = time.monotonic()
        self._ended_at: float | None = None
        self._asks_engine = False
        self._has_started = threading.Event()
        self._stopped, self._stop = os.pipe()
        self._has_ended = threading.Event()
        self._is_stopping = threading.Event()
        self._is_read = threading.Event()

    def run(self) -> None:
        """Measure until the container has ended or `stop` is called."""
        _hurry()
        try:
            if self._find():
                self._watch()
            else:
                self._ask_engine()
        finally:
            self._opened.close()
            os.close(self._stopped)
            self._is_read.set()

    def engine_has_started(self) -> None:
        """Say that the engine has started the container."""
        self._has_started.set()

    def stop(self, patience_s: float) -> None:
        """Say that the container has ended, and give what there is to read so long to be read."""
        self._has_ended.set()
        self._is_read.wait(patience_s)
        self._is_stopping.set()
        self._has_started.set()
        os.close(self._stop)

    def _find(self) -> bool:
        """Open the cgroup, from before it is there; return whether it came."""
        while not self._opened.open() and not self._has_started.wait(LOOK_S):
            pass
        if not self._opened.open() and not self._is_stopping.is_set():
            group = self._group_by_process()
            if group is not None:
                self._opened.close()
                self._opened = OpenedGroup(group)
        self._began = time.monotonic()
        return self._opened.open()

    def _group_by_process(self) -> Group | None:
        """Ask the engine for a process of the container, and the kernel where that is counted."""
        try:
            pid = int(self._api.state(self._container).get("Pid") or 0)
            text = (self._proc / str(pid) / "cgroup").read_text()
        except (EngineError, OSError, ValueError):
            return None
        return group_of_process(text, self._container, self._root)

    def _watch(self) -> None:
        """Wait for the last process of the cgroup, and read what was used."""
        while not self._is_stopping.is_set():
            self._opened.open()
            processes = self._opened.processes()
            if processes:
                self._wait_for(min(processes))
                self._read()
            elif processes is None or self._has_started.is_set():
                break
            else:  # none is in it yet, or the end of the last is not told yet
                self._read()
                self._has_started.wait(LOOK_S)
        self._ended_at = time.monotonic()
        self._read()

    def _wait_for(self, pid: int) -> None:
        """Wait for the end of a process, or as long as may pass before the next look."""
        try:
            process = os.pidfd_open(pid)
        except ProcessLookupError:
            self._is_stopping.wait(SHORTLY_S)
            return
        except (OSError, AttributeError):  # an old kernel, or a process that we cannot see
            self._wait_without_seeing_it()
            return
        try:
            poll = select.poll()
            poll.register(process, select.POLLIN)
            poll.register(self._stopped, 0)  # hung up by `stop`
            poll.poll(self._patience_s * 1000)
        finally:
            os.close(process)

    def _wait_without_seeing_it(self) -> None:
        """Wait until the engine says that the container has ended, or for the next look."""
        if self._has_ended.is_set():
            self._is_stopping.wait(LOOK_S)
        else:
            self._has_ended.wait(self._patience_s)

    @property
    def _patience_s(self) -> float:
        """How long to wait for the end before the next look: to miss it matters less the older it is."""
        patience_s = max(LOOK_S, LOOK_SHARE * (time.monotonic() - self._began))
        longest_s = LONGEST_S if self._opened.keeps_peak else SAMPLE_S
        return min(patience_s, longest_s)

    def _read(self) -> Counters:
        """Read what is used now; nothing when the cgroup is gone, or some of it is."""
        with self._reading:  # so that no older reading is taken for the last
            found, last = self._opened.read(), self._last
            self._peak = max(self._peak, found.peak_bytes or found.memory_bytes or 0)
            if found.oom_kills is not None:
                self._oom_kills = found.oom_kills
            if any(_is_lost(getattr(last, f.name), getattr(found, f.name)) for f in fields(found)):
                return Counters()
            if found != Counters():
                self._last, self._read_at = found, time.monotonic()
            return found

    def _ask_engine(self) -> None:
        self._asks_engine = True
        self._is_read.set()  # at the end there will be nothing to ask
        while not self._is_stopping.wait(ENGINE_S):
            try:
                found = counters_of_engine(self._api.statistics(self._container))
            except EngineError:
                continue
            if found != Counters():
                self._peak = max(self._peak, found.peak_bytes or found.memory_bytes or 0)
                self._last = found

    def sample(self) -> UsageSample | None:
        """Return what is used now, or was when the engine was last asked; None when that is not known."""
        if self._ended_at is not None or self._is_stopping.is_set():
            return None
        found = self._last if self._asks_engine else self._read()
        if found == Counters():
            return None
        return UsageSample(found.memory_bytes, found.own_bytes, found.cpu_s)

    def usage(self) -> Usage:
        """Return what the container has cost; nothing before its end."""
        missed_s = self._missed_s
        if not self._is_stopping.is_set() or self._last == Counters() or missed_s is None:
            return Usage()
        method = self._method
        if missed_s > 0:
            method += f", last read {missed_s:.2f} s before the end"
        return Usage(self._peak or None, self._last.cpu_s, self._last.throttled_s, method)

    @property
    def oom_kills(self) -> int | None:
        """Return how many processes were killed for want of memory by the last look; None if unseen."""
        return self._oom_kills

    @property
    def _missed_s(self) -> float | None:
        """Return how long before the end the last look was, 0 for at once; None for too long."""
        if self._asks_engine or self._ended_at is None:
            return 0.0 if self._asks_engine else None
        gap_s = self._ended_at - self._read_at
        if gap_s <= AT_ONCE_S:
            return 0.0
        return (
            gap_s if gap_s <= max(CLOSE_S, CLOSE_SHARE * (self._ended_at - self._began)) else None
        )

    @property
    def _method(self) -> str:
        if self._asks_engine:
            return f"the engine's statistics, sampled: at least this {CACHED}"
        version = self._opened.version
        if not self._peak:
            return f"cgroup v{version}, which counts no memory here"
        if self._last.peak_bytes is None:
            return f"cgroup v{version} memory.current, sampled every {SAMPLE_S:g} s {CACHED}"
        name = "memory.max_usage_in_bytes" if version == 1 else "memory.peak"
        return f"cgroup v{version} {name} {CACHED}"


def _hurry() -> None:
    """Let this thread have a processor at once, where we may decide that.

    With three busy loops on two cores, 25 of 30 ends were then seen within 10 ms, and else 19.
    """
    if sys.platform == "linux":  # elsewhere the number of a thread is another process's
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), PRIORITY)


def _is_lost(before: float | None, now: float | None) -> bool:
    return before is not None and now is None
