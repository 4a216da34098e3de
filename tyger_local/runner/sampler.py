"""Looks now and then at what the containers of a run use, while it goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from tyger_local.outcome.usage import Samples
from tyger_local.runner.replica import Replica
from tyger_local.spec.versions import JsonObject


class Sampler:
    """Samples the replicas of a run in a thread of its own."""

    def __init__(self) -> None:
        self._samples = Samples()
        self._replicas: Sequence[Replica] = ()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="sampler", daemon=True)

    def start(self, replicas: Sequence[Replica]) -> None:
        """Begin, with a first look after one interval: one that has ended by then was not worth it."""
        self._replicas = replicas
        self._thread.start()

    def _work(self) -> None:
        due = time.monotonic()
        while True:
            due = max(due + self._samples.interval_s, time.monotonic())
            if self._is_over.wait(due - time.monotonic()):
                return
            for replica in self._replicas:
                self._look_at(replica)

    def _look_at(self, replica: Replica) -> None:
        if replica.started_at is None:
            return
        sample = replica.container.sample()
        moved = {transfer.buffer: transfer.moved_bytes for transfer in replica.transfers}
        seconds = time.monotonic() - replica.started_at
        self._samples.add(replica.plan.label, seconds, sample, moved)

    def finish(self) -> JsonObject | None:
        """Stop, and return what was seen as a document; None when that is nothing."""
        self.stop()
        return self._samples.document()

    def stop(self) -> None:
        """Stop, if it was started."""
        self._is_over.set()
        if self._thread.ident is not None:
            self._thread.join()
