"""Whether a store can be written, tried without leaving anything."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from tyger_local.errors import StoreError
from tyger_local.store.files import translating
from tyger_local.store.home import Home

TRIAL = b"tried"


def try_store(home: Home) -> Path:
    """Write and link a file in the store, or see whether the store can be made.

    Returns:
        The store's root; when it does not exist yet, the nearest folder that does.

    Raises:
        StoreError: It cannot be written, or made.
    """
    home.check()
    root = home.root.absolute()
    existing = next(path for path in (root, *root.parents) if os.path.exists(path))
    if existing != root:
        if not os.path.isdir(existing) or not os.access(
            existing, os.W_OK | os.X_OK, effective_ids=True
        ):
            raise StoreError(
                f"The store '{root}' cannot be made: {existing} cannot be written",
                "Ask for access to it, or choose another folder with --home or TYGER_LOCAL_HOME",
            )
        with translating(root), tempfile.TemporaryFile(dir=existing, buffering=0) as nameless:
            nameless.write(TRIAL)  # a full disk still takes folders
        return existing
    trial = root / f".tried-{os.urandom(6).hex()}~.tmp"
    linked = trial.with_suffix(".tmp2")
    with translating(root):
        try:
            trial.write_bytes(TRIAL)
            os.link(trial, linked)  # how the store decides between concurrent writers
        finally:
            linked.unlink(missing_ok=True)
            trial.unlink(missing_ok=True)
    return root
