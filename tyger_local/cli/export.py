"""``tyger-local export``: a codespec or a run, for something else that runs it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from tyger_local.cli.commands import Choice, Command, boolean
from tyger_local.cli.completion import codespec_names, files, only_one
from tyger_local.cli.output import write_out
from tyger_local.cli.positionals import the_one
from tyger_local.cli.run_flags import buffer_option, request_flags
from tyger_local.cli.state import workspace
from tyger_local.errors import TygerLocalError, UsageError

if TYPE_CHECKING:  # takes a moment to load, which only a TAB is to pay for
    from click.shell_completion import CompletionItem

TYGER, KUBERNETES, DOCKER_RUN = "tyger", "kubernetes", "docker-run"
FOR_KUBERNETES = ("namespace", "claim", "sidecar_image")


def _codespecs_and_files(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer codespecs, and the files beside them."""
    return [*codespec_names(ctx, param, incomplete), *files(ctx, param, incomplete)]


@partial(
    request_flags,
    without=("file", "codespec", "version", "node_pool", "worker_node_pool", "cluster"),
)
@click.command("export", cls=Command)
@click.argument(
    "names",
    nargs=-1,
    metavar="NAME|NAME/versions/N|FILE",
    shell_complete=only_one(_codespecs_and_files),
)
@click.option(
    "--to",
    type=Choice(TYGER, KUBERNETES, DOCKER_RUN),
    help="What shall run it (required).",
)
@click.option(
    "-o",
    "--output",
    "path",
    metavar="FILE",
    help="Where it is written (default: standard output, which - is, too).",
)
@buffer_option(". For --to docker-run; --to tyger keeps an ID.")
@click.option("--node-pool", metavar="NAME", help="The nodes on which the job shall run.")
@click.option("--worker-node-pool", metavar="NAME", help="Those on which workers shall run.")
@click.option("--cluster", metavar="NAME", help="Of --to tyger: the cluster of the run.")
@click.option("--run-id", metavar="ID", help="The run's id, part of all names (default: 1).")
@click.option(
    "--namespace", metavar="NAME", help="Of --to kubernetes: where it shall be (default: tyger)."
)
@click.option(
    "--claim",
    metavar="NAME",
    help="Of --to kubernetes: the PersistentVolumeClaim with the buffers' files (default: a new one).",
)
@click.option(
    "--sidecar-image",
    metavar="IMAGE",
    help="Of --to kubernetes: what makes the pipes and copies (default: busybox:1.36).",
)
def export(names: tuple[str, ...], path: str | None, **given: object) -> None:
    """Write a codespec or a run down for something else that runs it.

    'tyger' is the file that Tyger's own client makes the same version of, or the same run; the command
    stands above it. 'kubernetes' is what Tyger's server would make on a cluster, to be applied where there
    is no Tyger. 'docker-run' is a shell script of docker commands, with the pipes made, fed and emptied.

    A codespec of the store goes before a file of the same name; what ends in .yml, .yaml or .json is always
    a file. Flags of a run make a run of a codespec.
    """
    where = the_one(names, "codespec or file", "see 'tyger-local codespec list'")
    _check(given)
    # Late: loads YAML.
    from tyger_local.cli.export_text import export_text  # noqa: PLC0415
    from tyger_local.cli.whole_file import WholeFile  # noqa: PLC0415

    file = None if path in {None, "-"} else WholeFile(path, "the export")
    text = export_text(workspace(), where, path, given)
    if file is None:
        write_out(text)
        return
    problem = file.write(text)
    if problem:
        raise TygerLocalError(problem, "write it somewhere else")


export.params.append(
    boolean("--command", help="Of --to tyger: print only the command that reads the file.")
)


def _check(given: dict[str, object]) -> None:
    to = given["to"]
    if to is None:
        raise UsageError(
            "export needs to know what shall run it",
            f"add --to {TYGER}, --to {KUBERNETES} or --to {DOCKER_RUN}",
        )
    of_kubernetes = [name for name in FOR_KUBERNETES if given[name] is not None]
    if of_kubernetes and to != KUBERNETES:
        raise UsageError(
            f"--{of_kubernetes[0].replace('_', '-')} is about --to {KUBERNETES}", "leave it out"
        )
    if given["command"] and to != TYGER:
        raise UsageError(f"--command is about --to {TYGER}", "leave it out")
    if given["run_id"] is not None and to == TYGER:
        raise UsageError("Tyger gives a run its id itself", "leave --run-id out")
