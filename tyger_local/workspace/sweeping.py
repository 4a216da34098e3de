"""Cleaning up after dead processes: whose runs they were, and what is told of it.

Anybody does it who comes by: a watchdog beside the process that was killed, the next run, ``prune``.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tyger_local.errors import NotFoundError, StoreError
from tyger_local.plan.model import RUN_LABEL
from tyger_local.runner.remains import Remains, remains_of
from tyger_local.runner.sweep import Broom, Deed, Fate, Swept, sweep
from tyger_local.store.home import Home
from tyger_local.store.running import RunningStore
from tyger_local.store.runs import RunStore
from tyger_local.streams.leftovers import noted_folders
from tyger_local.workspace.clock import now
from tyger_local.workspace.engines import ENGINES, make_engine
from tyger_local.workspace.labels import KEEP_LABEL, LABORATORY, STORE_LABEL, is_whole, store_name
from tyger_local.workspace.owner import Owner, is_alive, owner_in
from tyger_local.workspace.truth import OWNER_ENDED, as_ended, has_ended

LAST_WORDS_TIMEOUT_S = 5.0
"""How long a run that is over may wait for the sweep that it began with."""


class Sweeper:
    """Cleans up after dead owners in one store.

    Args:
        home: The store.
        is_dead: Decides about owners.
        engines: Where `prune` looks for what is not written down.
    """

    def __init__(
        self,
        home: Home,
        is_dead: Callable[[Owner], bool] = lambda owner: not is_alive(owner),
        engines: Sequence[str] = ENGINES,
    ) -> None:
        self._home = home
        self._running = RunningStore(home)
        self._runs = RunStore(home, lambda _: None)
        self._is_dead = is_dead
        self._engines = engines
        self._damaged: list[str] = []

    def dead(self) -> list[Remains]:
        """Return the runs of which a dead owner may have left something. Asks no engine."""
        found: list[Remains] = []
        for run_id in self._running.ids():
            left = self._read(run_id)
            if left is None or not self._is_over(left):
                continue
            # Read again: an owner that took the run back and ended since then has given its number free.
            if self._read(run_id) == left:
                found.append(left)
        return found

    def _read(self, run_id: int) -> Remains | None:
        try:
            document = self._running.get(run_id)
            return None if document is None else _whole(remains_of(run_id, document))
        except (StoreError, ValueError) as error:
            text = f"what may be left of run {run_id} cannot be read: {error}"
            self._damaged += [] if text in self._damaged else [text]
            return None

    def _is_over(self, left: Remains) -> bool:
        owner = owner_in(left.labels)
        return left.is_over or owner is None or self._is_dead(owner)

    def sweep(self, dead: Sequence[Remains], *, forget: bool = True) -> Swept:
        """Remove what is left of `dead`.

        Args:
            dead: From `dead`.
            forget: Whether a run of which nothing is found counts as done.
        """
        names = sorted({left.engine for left in dead} & set(ENGINES))
        return sweep(dead, self._broom(dead, names, forget=forget))

    def prune(self, *, dry_run: bool) -> Swept:
        """Remove what dead owners have left, written down or not.

        Args:
            dry_run: Only say what would be done.
        """
        dead = self.dead()
        broom = self._broom(dead, self._engines, dry=dry_run)
        known = {folder for left in dead for folder in left.folders}
        folders = [entry for entry in self._lost_folders() if entry[1] not in known]
        swept = sweep(dead, broom, folders)
        return Swept(swept.done, (*self._damaged, *swept.problems), swept.notes)

    def _broom(
        self,
        dead: Sequence[Remains],
        engines: Sequence[str],
        *,
        forget: bool = True,
        dry: bool = False,
    ) -> Broom:
        store = store_name(self._home.root)

        def fate(labels: Mapping[str, str]) -> Fate:
            is_ours = labels.get(STORE_LABEL) == store and any(
                left.labels.items() <= labels.items() for left in dead
            )
            if not is_ours and not self._is_lost(labels, store):
                return Fate.LEAVE
            return Fate.STOP if KEEP_LABEL in labels else Fate.REMOVE

        return Broom(
            engines={name: make_engine(name) for name in engines},
            fate=fate,
            end_record=lambda run_id: self._end_record(run_id, dry=dry),
            forget=self._running.remove if forget else lambda _: None,
            dry=dry,
        )

    def _is_lost(self, labels: Mapping[str, str], store: str) -> bool:
        """Return whether what carries `labels` belongs to this store and to an owner that is dead."""
        owner = owner_in(labels)
        return labels.get(STORE_LABEL) == store and owner is not None and self._is_dead(owner)

    def _lost_folders(self) -> Iterator[tuple[str, Path]]:
        store = store_name(self._home.root)
        for path, note in noted_folders():
            if os.path.isdir(path / LABORATORY):  # its own store says what is to go before it
                continue
            try:
                labels = json.loads(note)
            except ValueError:
                continue
            if isinstance(labels, dict) and self._is_lost(labels, store):
                yield str(labels.get(RUN_LABEL, "")), path

    def _end_record(self, run_id: int, *, dry: bool) -> str | None:
        try:
            record = self._runs.get(run_id)
        except NotFoundError:  # it died before there was one
            if not dry:
                self._runs.release(run_id)
            return None
        if has_ended(record):
            return None
        if not dry:
            self._runs.write_last(run_id, as_ended(record, now()))
        return f"as Failed, {OWNER_ENDED}"

    @contextmanager
    def beside(self, tell: Callable[[str], None]) -> Iterator[None]:
        """Clean up while the block runs; `tell` is told once what came of it, if there was anything to do.

        In a thread of its own, so that an engine that does not answer holds nobody up.
        """
        try:
            dead = self.dead()
        except StoreError:  # the block uses the store too, and tells
            dead = []
        thread = threading.Thread(
            target=self._sweep_and_tell, args=(dead, tell), name="sweep", daemon=True
        )
        if dead:
            thread.start()
        try:
            yield
        finally:
            if dead:
                thread.join(LAST_WORDS_TIMEOUT_S)

    def _sweep_and_tell(self, dead: Sequence[Remains], tell: Callable[[str], None]) -> None:
        try:
            swept = self.sweep(dead)
        except Exception as error:  # noqa: BLE001  (whatever it is, the run beside it goes on)
            tell(f"cleaning up after earlier runs failed: {error}")
            return
        words = [
            f"{done.deed.value} {done.what}"
            for done in swept.done
            if done.deed is not Deed.RECORDED
        ]
        ids = "run " if len(dead) == 1 else "runs "
        ids += ", ".join(str(left.run_id) for left in dead)
        if words:
            tell(f"cleaned up what {ids} had left: {'; '.join(words)}")
        if swept.problems:
            tell(f"something is left of earlier runs: {'; '.join(swept.problems)}")


def _whole(left: Remains) -> Remains:
    """Return `left`, unless its labels fit more than its run: what they fit is removed.

    Raises:
        ValueError: They do.
    """
    if not is_whole(left.labels, left.run_id):
        raise ValueError("its labels do not say whose run it is")
    return left
