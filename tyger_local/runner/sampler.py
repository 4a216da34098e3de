"""Looks now and then at what the containers of a run use, while it goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from tyger_local.outcome.usage import Samples
from tyger_local.runner.member import Member
from tyger_local.spec.versions import JsonObject


class Sampler:
    """Samples the containers of a run in a thread of its own."""

    def __init__(self) -> None:
        self._samples = Samples()
        self._members: Sequence[Member] = ()
        self._began_at: dict[str, float] = {}
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="sampler", daemon=True)

    def start(self, members: Sequence[Member]) -> None:
        """Begin, with a first look after one interval: one that has ended by then was not worth it."""
        self._members = members
        self._thread.start()

    def _work(self) -> None:
        due = time.monotonic()
        while True:
            due = max(due + self._samples.interval_s, time.monotonic())
            if self._is_over.wait(due - time.monotonic()):
                return
            for member in self._members:
                self._look_at(member)

    def _look_at(self, member: Member) -> None:
        if member.started_at is None:
            return
        sample = member.container.sample()
        moved = {transfer.buffer: transfer.moved_bytes for transfer in member.transfers}
        began_at = self._began_at.setdefault(member.label, member.started_at)  # it may start again
        seconds = time.monotonic() - began_at
        self._samples.add(member.label, seconds, sample, moved)

    def finish(self) -> JsonObject | None:
        """Stop, and return what was seen as a document; None when that is nothing."""
        self.stop()
        return self._samples.document()

    def stop(self) -> None:
        """Stop, if it was started."""
        self._is_over.set()
        if self._thread.ident is not None:
            self._thread.join()
