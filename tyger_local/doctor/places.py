"""Questions to the folders that runs use: the one for temporary files, the store, the engine's root."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from tyger_local.doctor.model import Check, Section, State, Subject
from tyger_local.doctor.patience import within
from tyger_local.errors import StreamError, TygerLocalError
from tyger_local.outcome.words import counted, human_bytes
from tyger_local.store.health import try_store
from tyger_local.store.home import Home
from tyger_local.streams.fifo import Fifo, PipeFolder
from tyger_local.streams.leftovers import new_folder_name

LITTLE_BYTES = 100 * 10**6
LIMIT_S = 5.0


def check_places(subject: Subject) -> Iterator[Check]:
    """Look at the folder for temporary files and at the store."""
    yield answered(
        "temporary-files", Section.STORE, "temporary files", lambda: check_temporary(subject.note)
    )
    yield answered(
        "store", Section.STORE, f"store {subject.home}", lambda: check_store(subject.home)
    )
    title = "what dead runs left"
    yield answered(
        "leftovers",
        Section.STORE,
        title,
        lambda: check_leftovers(subject),
        State.WARNING,  # whatever keeps us from looking: an engine that hangs need not be the one in use
    )
    yield answered(
        "store-health", Section.STORE, "what is in the store", lambda: check_health(subject)
    )


def answered(
    check_id: str,
    section: Section,
    title: str,
    ask: Callable[[], Check],
    without: State = State.PROBLEM,
) -> Check:
    """Return the answer to a question.

    Args:
        check_id: Of the answer.
        section: Where it stands.
        title: What is asked.
        ask: Asks.
        without: What it means that `ask` raised an error or took too long.
    """
    try:
        return within(LIMIT_S, title, ask)
    except TygerLocalError as error:
        return Check(check_id, section, title, without, (error.what,), error.hint)
    except OSError as error:
        return Check(check_id, section, title, without, (str(error),), "look at that place")


def check_temporary(note: str) -> Check:
    """Make a FIFO where runs make theirs.

    Args:
        note: Says whose the folder is, should we be killed meanwhile.

    Raises:
        StreamError: It cannot be made.
    """
    parent = new_folder_name().parent
    folder = PipeFolder(note=note)
    try:
        Fifo(folder.path / "tried").close()
    except OSError as error:
        raise StreamError(
            f"{parent} takes no named pipes: {error.strerror}",
            "set TMPDIR to a folder on a local disk",
        ) from error
    finally:
        folder.remove()
    title = f"temporary files in {parent}, named pipes can be made"
    asked = os.environ.get("TMPDIR")
    if asked and os.path.abspath(asked) != str(parent):  # noqa: PTH100  (as tempfile reads it)
        return Check(
            "temporary-files",
            Section.STORE,
            title,
            State.WARNING,
            (f"TMPDIR is {asked}, where no file can be written: {parent} stands in for it",),
            f"make the folder {asked}, free some space in it, or choose another",
        )
    return _place("temporary-files", title, parent)


def check_store(home: Path) -> Check:
    """Write where the store is, or see whether it can be made.

    Raises:
        StoreError: It cannot be written.
    """
    existing = try_store(Home(home))
    title = f"store in {home}" + ("" if existing == home else ", which the first command makes")
    return _place("store", title, existing)


def _place(check_id: str, title: str, path: Path) -> Check:
    free_bytes = shutil.disk_usage(path).free
    details = (f"{file_system(path)}, {human_bytes(free_bytes)} free",)
    if free_bytes < LITTLE_BYTES:
        fix = f"free some space on the disk of {path}"
        return Check(check_id, Section.STORE, title, State.WARNING, details, fix)
    return Check(check_id, Section.STORE, title, State.OK, details)


def file_system(path: Path) -> str:
    """Return the kind of the file system that holds `path`: ``ext4``."""
    real = os.path.realpath(path)
    mounts = {part.mountpoint: part.fstype for part in psutil.disk_partitions(all=True)}
    above = (str(folder) for folder in (Path(real), *Path(real).parents))
    return next((mounts[folder] for folder in above if folder in mounts), "unknown file system")


def check_health(subject: Subject) -> Check:
    """Read all that is in the store.

    Raises:
        StoreError: Its folders cannot be read.
    """
    sight = subject.read_store()
    if not sight.damaged:
        return Check("store-health", Section.STORE, f"{sight.counts}, all readable", State.OK)
    return Check(
        "store-health",
        Section.STORE,
        f"{sight.counts}; {counted(len(sight.damaged), 'thing')} cannot be read",
        State.WARNING,
        sight.damaged,
        "restore them from a backup, or remove what cannot be read",
    )


def check_leftovers(subject: Subject) -> Check:
    """Look for what dead runs left.

    Raises:
        TygerLocalError: Nobody can look.
    """
    swept = subject.find_leftovers()
    found = [f"run {done.run_id}: {done.what}" if done.run_id else done.what for done in swept.done]
    if found or swept.problems:
        return Check(
            "leftovers",
            Section.STORE,
            f"{counted(len(found), 'thing')} left by runs whose process was killed",
            State.WARNING,
            (*found, *swept.problems),
            "tyger-local prune",
        )
    unseen = ["containers were not looked for: the engine does not answer"] if swept.notes else []
    title = "nothing left by runs whose process was killed"
    return Check("leftovers", Section.STORE, title, State.OK, tuple(unseen))


def check_engine_disk(root: str | None, *, is_here: bool) -> Check:
    """Look at the disk that holds the engine's images and containers."""
    skipped = (
        "the engine does not say where it is"
        if root is None
        else f"{root} is not to be seen from here"
    )
    path = Path(root or "/nonexistent")
    if not is_here or not os.path.exists(path):
        return Check("engine-disk", Section.ENGINE, "the engine's disk", State.SKIPPED, (skipped,))
    free_bytes = shutil.disk_usage(path).free
    title = f"{human_bytes(free_bytes)} free for images and containers"
    details = (f"{path}, {file_system(path)}",)
    if free_bytes < LITTLE_BYTES * 10:
        fix = "docker system df shows what takes it, docker image prune removes unused images"
        return Check("engine-disk", Section.ENGINE, title, State.WARNING, details, fix)
    return Check("engine-disk", Section.ENGINE, title, State.OK, details)
