"""Flags of ``run exec`` and ``run create`` as the library's values. Loads YAML."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tyger_local.cli.values import merged
from tyger_local.engine.base import PullPolicy
from tyger_local.errors import UsageError
from tyger_local.outcome.events import Event
from tyger_local.plan.model import MountPlan, Overrides
from tyger_local.runner.cancel import Cancellation
from tyger_local.runner.setup import Options
from tyger_local.spec.runs import RunFlags, RunRequest, TargetFlags
from tyger_local.streams.tally import Checksum
from tyger_local.workspace import Workspace
from tyger_local.workspace.execution import ExecOptions

PULL_POLICIES = {"true": PullPolicy.ALWAYS, "false": PullPolicy.MISSING}


def flags_from(given: Mapping[str, Any]) -> RunFlags:
    """Return what the flags say that a run file could hold too."""
    return RunFlags(
        job=TargetFlags(
            given.get("codespec"), given.get("version"), given["replicas"], given["node_pool"]
        ),
        worker=TargetFlags(
            given["worker_codespec"],
            given["worker_version"],
            given["worker_replicas"],
            given["worker_node_pool"],
        ),
        buffers=merged(given["buffers"]) or {},
        buffer_tags=merged(given["buffer_tags"]) or {},
        buffer_ttl=given["buffer_ttl"],
        cluster=given["cluster"],
        timeout_s=given["timeout"],
        tags=merged(given["tags"]) or {},
        buffer_access_ttl=given["buffer_access_ttl"],
    )


def request_from(given: Mapping[str, Any], workspace: Workspace) -> RunRequest:
    """Return the run that the flags and the file ask for.

    Raises:
        UsageError: They make no sense.
    """
    flags = flags_from(given)
    request = workspace.runs.request(given["file"] or None, flags)
    if given["wait_endpoints"] is not None and request.worker is None:
        raise UsageError(
            "--wait-endpoints is about workers, and this run has none",
            "leave it out, or name workers with --worker-codespec",
        )
    return request


def options_from(
    given: Mapping[str, Any],
    emit: Callable[[Event], None] = lambda _: None,
    cancellation: Cancellation | None = None,
) -> ExecOptions:
    """Return how to run it.

    Raises:
        UsageError: A flag makes no sense.
    """
    pull = given["pull"]
    return ExecOptions(
        overrides=overrides_from(given),
        options=Options(
            pull=PULL_POLICIES.get(pull) or PullPolicy(pull),
            checksum=Checksum(given["checksum"]),
            lenient=given["lenient"],
            keep=given["keep"],
            terminal=given.get("shell", False),
            stop_grace_s=given["stop_grace"],
            follow_logs=given.get("logs", False),
            wait_endpoints_s=given["wait_endpoints"],
        ),
        strict=given["strict"],
        emit=emit,
        cancellation=cancellation or Cancellation(),
    )


def overrides_from(given: Mapping[str, Any]) -> Overrides:
    """Return what the local-only flags change in a plan.

    Raises:
        UsageError: A flag makes no sense.
    """
    return Overrides(
        network=given["network"],
        mounts=tuple(_mount(text) for text in given["mounts"]),
        user=given["user"],
        platform=given["platform"],
        no_gpu=given["no_gpu"],
        no_clamp=given["no_clamp"],
    )


def _mount(text: str) -> MountPlan:
    source, _, rest = text.partition(":")
    target, _, mode = rest.partition(":")
    if not source or not target.startswith("/") or mode not in ("", "ro", "rw"):
        raise UsageError(
            f"--mount {text} makes no sense", "write --mount SRC:DST[:ro] with an absolute DST"
        )
    path = Path(source).absolute()
    if not os.path.exists(path):
        raise UsageError(f"--mount {text}: {path} does not exist", "check the path")
    return MountPlan(str(path), target, read_only=mode == "ro")
