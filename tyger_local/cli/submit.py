"""``tyger-local submit``: the same run on the cluster, through Tyger's client."""

from __future__ import annotations

import copy

import click

from tyger_local.cli.commands import Command, boolean
from tyger_local.cli.completion import run_ids
from tyger_local.cli.loading import leaving_on_interrupt
from tyger_local.cli.positionals import no_positionals
from tyger_local.cli.run_flags import buffer_option, run_flags
from tyger_local.cli.state import console, settings, workspace
from tyger_local.cli.values import INT

ON_CLUSTER = {
    "node_pool": "Where the job runs on the cluster.",
    "cluster": "Which cluster runs it.",
    "worker_node_pool": "Where the workers run on the cluster.",
}
"""Help for flags that mean nothing to a run here."""


@run_flags
@click.command("submit", cls=Command)
@click.argument("extra", nargs=-1, metavar="")
@buffer_option(
    ", NAME=- for stdin or stdout. One input and one output left out are connected to these."
)
@click.option(
    "--run",
    "compared_run",
    type=INT,
    help="Compare with this earlier run here, by what its record says of the outputs.",
    shell_complete=run_ids,
)
@click.option("--record", metavar="FILE", help="Write the document of the run there to a file.")
def submit(extra: tuple[str, ...], **given: object) -> int:
    """Run a codespec on the cluster, with Tyger's client: the program 'tyger', which must be logged in.

    Creates the same codespec there, writes the inputs to buffers, starts the run, waits for its end and reads
    the outputs, which are files here as with 'run exec'. The exit code is 0 for Succeeded, 1 for Failed or
    whatever went wrong on the way, 130 for Canceled. Ctrl-C cancels the run there. Flags that concern this
    machine (--engine, --mount, --pull ...) only count with --compare.
    """
    no_positionals(extra, "submit")
    here = workspace(str(given["engine"] or "") or None)
    with leaving_on_interrupt():
        # Late: loads YAML.
        from tyger_local.cli.submit_run import rehearse, submit_run  # noqa: PLC0415

    if given["dry_run"]:
        rehearse(given, here, console())
        return 0
    watchdog = settings().watchdog
    if watchdog is not None and given["compare"]:
        watchdog.guard(str(here.home.absolute()))
    return submit_run(given, here, console())


submit.params += [
    boolean("--compare", help="Run it here first, and compare each output there byte by byte."),
    boolean("--detach", help="Print the run's id there, and leave it."),
    boolean("--logs", help="Show what the containers printed there, on stderr, after the end."),
    boolean("--timestamps", help="Put the time before each line of --logs."),
    boolean("--dry-run", help="Print the commands of Tyger's client, and run none."),
]


def _for_cluster(param: click.Parameter) -> click.Parameter:
    """Return a flag with the help that holds on the cluster; others keep theirs, which are shared."""
    if not isinstance(param, click.Option) or param.name not in ON_CLUSTER:
        return param
    own = copy.copy(param)
    own.help = ON_CLUSTER[param.name]
    return own


submit.params = [_for_cluster(param) for param in submit.params]
