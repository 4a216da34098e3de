"""What a container is seen doing with its pipes, from the outside: opening, closing, replacing them.

One inotify instance and one thread serve all pipes of a container. An instance for each pipe was simpler and
did not last: a system gives a user 128 of them, and since each has to watch the folder too (see `inotify`),
each pipe would be woken by what happens to all others.

Says nothing where the system has no inotify or no more of it; then the pipe's own signs (`POLLHUP`,
`POLLERR`) are all there is, which know a state and not its history.
"""

from __future__ import annotations

import os
import select
import threading
import time
from contextlib import ExitStack
from pathlib import Path

from tyger_local.errors import MORE_FILES, StreamError
from tyger_local.spec.buffers import Direction
from tyger_local.streams.fifo import Fifo
from tyger_local.streams.inotify import ENTRIES, USES, Inotify, Notice, Seen
from tyger_local.streams.wake import Wake

COUNTED_AS_CLOSED = {
    # Our own write end of an input is closed at its end, and is no business of the container's.
    Direction.INPUT: Notice.CLOSED_AFTER_READING,
    Direction.OUTPUT: Notice.CLOSED_AFTER_READING | Notice.CLOSED_AFTER_WRITING,
}
NO_WATCH = -1


class PipeWatch:
    """Watches the FIFOs of one folder.

    Args:
        folder: Where they are.

    Raises:
        StreamError: The system gives no descriptors for it.
    """

    def __init__(self, folder: Path) -> None:
        try:
            self._stop = Wake()
        except OSError as error:
            raise StreamError(
                f"the pipes cannot be watched: {error.strerror}",
                MORE_FILES,
            ) from error
        self._lock = threading.RLock()
        self._by_number: dict[int, Sightings] = {}
        self._by_name: dict[str, Sightings] = {}
        self._inotify: Inotify | None = None
        self._thread = threading.Thread(target=self._work, name="pipe watch", daemon=True)
        try:
            with ExitStack() as on_failure:
                inotify = Inotify()
                on_failure.callback(inotify.close)
                self._folder = inotify.watch(str(folder), USES | ENTRIES)
                on_failure.pop_all()
        except OSError:
            return
        self._inotify = inotify
        self._thread.start()

    def watch(self, fifo: Fifo, direction: Direction) -> Sightings:
        """Begin to watch one; our own ends of it are open already, and the container does not run yet.

        Raises:
            OSError: The system gives no descriptors for it.
        """
        with self._lock:
            self.pump()  # that it was made is no news
            number = NO_WATCH
            if self._inotify is not None:
                try:
                    number = self._inotify.watch(fifo.held_path, USES)
                except OSError:  # too many watches
                    number = NO_WATCH
            made = Sightings(self, direction, is_blind=number == NO_WATCH)
            if not made.is_blind:
                self._by_number[number] = made
                self._by_name[fifo.path.name] = made
            return made

    def _work(self) -> None:
        poll = select.poll()
        with self._lock:
            if self._inotify is None:
                return
            poll.register(self._inotify.fd, select.POLLIN)
        poll.register(self._stop.fd, select.POLLIN)
        while not self._stop.is_set:
            self.pump()
            poll.poll()

    def pump(self) -> None:
        """Hand out what has happened until now."""
        with self._lock:
            if self._inotify is None:
                return
            for seen in self._inotify.read():
                self._hand_out(seen)

    def _hand_out(self, seen: Seen) -> None:
        if seen.notice & Notice.LOST:
            for one in self._by_number.values():
                one.is_sure = False
        elif seen.watch == self._folder:
            self._note_in_folder(seen)
        elif seen.watch in self._by_number:
            self._by_number[seen.watch].note(seen.notice)

    def _note_in_folder(self, seen: Seen) -> None:
        one = self._by_name.get(seen.name)
        if one is not None and seen.notice & ENTRIES:
            one.change_entry()
        elif one is not None and seen.notice & Notice.OPENED:
            one.note_by_name()

    def locked(self) -> threading.RLock:
        """Return what guards everything that is counted here."""
        return self._lock

    def close(self) -> None:
        """Stop looking."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
        with self._lock:
            inotify, self._inotify = self._inotify, None
        if inotify is not None:
            inotify.close()
        self._stop.close()


class Sightings:
    """Counts who opens and closes one FIFO.

    Attributes:
        fd: Becomes readable when the container has done something; -1 where nothing can be seen.
        was_opened: Whether the container has opened the pipe.
        holders: How many opens have not been closed again.
        opened_again: Whether it was opened after the last holder had closed it.
        surely_opened_again: The same, seen while the count could be trusted; a later loss changes nothing.
        is_sure: Whether the count can be trusted: no notice was lost, and no two holders came at a time of
            which the notices might have been merged.
        entry_changed: Whether something was put in the place of the pipe, or taken away from it.
        opens_by_name: How often it was opened by its name; what we open is not among that, but some of those
            that came at the same moment may be missing.
        last_close: When a holder last closed it, by `time.monotonic`; 0 when none has.
    """

    def __init__(self, watch: PipeWatch, direction: Direction, *, is_blind: bool) -> None:
        self.is_blind = is_blind
        self.was_opened = False
        self.holders = 0
        self.opened_again = False
        self.surely_opened_again = False
        self.is_sure = True
        self.entry_changed = False
        self.opens_by_name = 0
        self.last_close = 0.0
        self._watch = watch
        self._closing = COUNTED_AS_CLOSED[direction]
        self._own_opens = 0
        self._opens = 0
        self._was_closed = False
        self._is_told = False
        self.fd, self._tell_fd = (NO_WATCH, NO_WATCH) if is_blind else _pipe()

    def expect_own_open(self) -> None:
        """Do not count the next open: it is ours."""
        with self._watch.locked():
            self._watch.pump()  # ours leaves no notice of the folder, and would be merged with one before it
            self._own_opens += 1

    def read(self) -> bool:
        """Take note of what has happened until now; return whether somebody opened it since the last call."""
        self._watch.pump()
        with self._watch.locked():
            if self._is_told and self.fd >= 0:
                os.read(self.fd, 1)
                self._is_told = False
            opens, self._opens = self._opens, 0
            return opens > 0

    def note(self, notice: Notice) -> None:
        """Take note of one thing that happened to the pipe."""
        if notice & Notice.OPENED:
            self._opened()
        elif notice & self._closing:
            self._was_closed = True
            self.holders = max(self.holders - 1, 0)
            self.last_close = time.monotonic()
            self._tell()

    def note_by_name(self) -> None:
        """Take note that somebody has opened it by its name."""
        self.opens_by_name += 1
        self._tell()

    def change_entry(self) -> None:
        """Take note that the folder has another entry, or none, in the place of the pipe."""
        self.entry_changed = True
        self._tell()

    def _opened(self) -> None:
        if self._own_opens:
            self._own_opens -= 1
            return
        self.opened_again |= self._was_closed and self.holders == 0
        self.surely_opened_again |= self.opened_again and self.is_sure
        self.was_opened = True
        self.holders += 1
        self.is_sure &= self.holders == 1
        self._opens += 1
        self._tell()

    def _tell(self) -> None:
        if not self._is_told and self._tell_fd >= 0:
            self._is_told = True
            os.write(self._tell_fd, b"!")

    def close(self) -> None:
        """Stop telling."""
        with self._watch.locked():
            ends = self.fd, self._tell_fd
            self.fd = self._tell_fd = NO_WATCH
            for end in ends:
                if end >= 0:
                    os.close(end)


def _pipe() -> tuple[int, int]:
    return os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
