"""Exports as text. Loads YAML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tyger_local.cli.run_values import flags_from
from tyger_local.cli.yaml_text import yaml_text
from tyger_local.errors import UsageError
from tyger_local.export import kubernetes, tyger
from tyger_local.export.docker_script import docker_script
from tyger_local.export.sheet import Sheet
from tyger_local.export.target import COPYING_IMAGE, Target
from tyger_local.plan.build import plan_run
from tyger_local.plan.resolved import ResolvedRun
from tyger_local.plan.workers import NAMESPACE
from tyger_local.spec.names import check_codespec_name
from tyger_local.spec.runs import RunRequest
from tyger_local.workspace import Workspace
from tyger_local.workspace.exporting import Exported, exported

DEFAULT_RUN_ID = "1"


def export_text(
    workspace: Workspace, where: str, path: str | None, given: Mapping[str, Any]
) -> str:
    """Return what is exported.

    Args:
        workspace: Where named codespecs are.
        where: The codespec or file that is meant.
        path: Where the text will be written; None when that is not known.
        given: click's values by parameter.

    Raises:
        TygerLocalError: There is no such thing, or it cannot be exported so.
    """
    to = given["to"]
    found = exported(workspace.codespecs, where, flags_from(given), always_run=to != "tyger")
    if to == "tyger":
        return _tyger(found, path, only_command=given["command"])
    if to == "kubernetes":
        return _yaml(_kubernetes(found, _target(given)))
    for name, buffer_id in found.buffer_ids().items():
        raise UsageError(
            f"the buffer '{name}' is connected to {buffer_id}, and Docker knows only files",
            f"name a file, with -b {name}=FILE; 'tyger-local buffer read' makes one of a buffer of the store",
        )
    _, run = _run(found)
    plan = plan_run(run, run_id=_target(given).run_id)
    return docker_script(plan, found.buffer_files())


def _target(given: Mapping[str, Any]) -> Target:
    return Target(
        run_id=given["run_id"] or DEFAULT_RUN_ID,
        namespace=given["namespace"] or NAMESPACE,
        claim=given["claim"] or "",
        copying_image=given["sidecar_image"] or COPYING_IMAGE,
    )


def _tyger(found: Exported, path: str | None, *, only_command: bool) -> str:
    if found.codespec is not None:
        check_codespec_name(found.name)
        file = path or f"{found.name}.yml"
        if only_command:
            return f"{tyger.codespec_command(found.name, file)}\n"
        return _yaml([tyger.codespec_sheet(found.name, found.codespec, file)])
    file = path or f"{found.name or 'run'}.yml"
    if only_command:
        return f"{tyger.run_command(file)}\n"
    return _yaml([tyger.run_sheet(*_run(found), found.buffer_ids(), file)])


def _kubernetes(found: Exported, target: Target) -> Iterable[Sheet]:
    if found.worker is not None:
        return kubernetes.worker_sheets(found.worker, target)
    _, run = _run(found)
    return kubernetes.run_sheets(run, target)


def _run(found: Exported) -> tuple[RunRequest, ResolvedRun]:
    if found.request is None or found.run is None:
        raise UsageError(
            "the codespec is a worker's, and a run is of a job",
            "name the job, and the worker with --worker-codespec",
        )
    return found.request, found.run


def _yaml(sheets: Iterable[Sheet]) -> str:
    texts = []
    for sheet in sheets:
        comment = "".join(f"# {line}".rstrip() + "\n" for line in sheet.comment)
        texts.append(f"{comment}{yaml_text(sheet.document)}")
    return "---\n".join(texts)
