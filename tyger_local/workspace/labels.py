"""What whatever belongs to a run carries: which run, of which store, and whose."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from tyger_local.plan.model import RUN_LABEL
from tyger_local.workspace.owner import Owner, owner_in

STORE_LABEL = "tyger-local.store"
KEEP_LABEL = "tyger-local.keep"
"""On a container that stays when its run is over."""

LABORATORY = "laboratory"
"""The store in the folder of a laboratory; a folder of pipes holds nothing of that name."""


def run_labels(home: Path, owner: Owner, run_id: int) -> dict[str, str]:
    """Return what tells a run from all others, and lets a later command find what its owner left."""
    return {RUN_LABEL: str(run_id), STORE_LABEL: store_name(home), **owner.labels()}


def is_whole(labels: Mapping[str, str], run_id: int) -> bool:
    """Return whether `labels` say all that tells the run `run_id` from others."""
    return (
        labels.get(RUN_LABEL) == str(run_id)
        and STORE_LABEL in labels
        and owner_in(labels) is not None
    )


def store_name(home: Path) -> str:
    """Return what stands for the store at `home` in labels."""
    return hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:16]
