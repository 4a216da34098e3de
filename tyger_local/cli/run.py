"""``tyger-local run``: exec, show, list."""

from __future__ import annotations

from collections.abc import Mapping

import click

from tyger_local.cli.codespec import asked_limit, cut, is_number, no_positionals
from tyger_local.cli.commands import Choice, Command, Group, boolean
from tyger_local.cli.loading import leaving_on_interrupt
from tyger_local.cli.render import format_option, print_document, print_documents, print_value
from tyger_local.cli.state import console, settings, workspace
from tyger_local.cli.values import INT, MAP, SECONDS, WHOLE_SECONDS
from tyger_local.errors import NotFoundError, UsageError


def _image(record: Mapping[str, object]) -> object:
    value: object = record
    for name in ("job", "codespec", "image"):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


COLUMNS = {
    "ID": lambda doc: doc.get("id"),
    "STATUS": lambda doc: doc.get("status"),
    "VERDICT": lambda doc: doc.get("verdict"),
    "CREATED": lambda doc: doc.get("createdAt"),
    "IMAGE": _image,
    "REASON": lambda doc: doc.get("statusReason"),
}


run = Group("run", help="Run codespecs and look at runs.", aliases={"get": "show"})


@run.command("exec", cls=Command)
@click.argument("extra", nargs=-1, metavar="")
@click.option(
    "-f", "--file", metavar="FILE", help="Run file, or a codespec file to run; - reads stdin."
)
@click.option("-c", "--codespec", metavar="NAME", help="The codespec to run.")
@click.option("--version", metavar="N", help="Its version (default: the latest).")
@click.option(
    "-b",
    "--buffer",
    "buffers",
    type=MAP,
    multiple=True,
    help="What a buffer is connected to: NAME=FILE, or NAME=- for stdin or stdout. One input and one "
    "output left out are connected to these.",
)
@click.option("-r", "--replicas", type=INT, help="How many containers (default: 1).")
@click.option("--timeout", type=WHOLE_SECONDS, help="When to give up: 300s, 1h30m (default: 12h).")
@click.option("--tag", "tags", type=MAP, multiple=True, help="Tags of the run.")
@click.option("--buffer-tag", "buffer_tags", type=MAP, multiple=True, help="Tags of its buffers.")
@click.option("--buffer-ttl", metavar="D.HH:MM", help="How long its buffers are kept.")
@click.option("--node-pool", metavar="NAME", help="Ignored here.")
@click.option("--cluster", metavar="NAME", help="Ignored here.")
@click.option("--worker-codespec", metavar="NAME", help="Workers cannot be run here yet.")
@click.option("--worker-version", metavar="N", hidden=True)
@click.option("--worker-replicas", type=INT, hidden=True)
@click.option("--worker-node-pool", metavar="NAME", hidden=True)
@click.option("--buffer-access-ttl", metavar="D.HH:MM", hidden=True)
@click.option("--block-size", metavar="SIZE", hidden=True)
@click.option("--write-dop", metavar="N", hidden=True)
@click.option("--read-dop", metavar="N", hidden=True)
@click.option(
    "--engine",
    type=Choice("docker", "process"),
    help="What runs it (default: $TYGER_LOCAL_ENGINE or docker).",
)
@click.option("--record", metavar="FILE", help="Write the run's record to a file as JSON.")
@click.option(
    "--checksum",
    type=Choice("auto", "always", "never"),
    default="auto",
    help="Whether sha256 of buffers is computed (default: auto, up to 64 MiB).",
)
@click.option("--network", metavar="NETWORK", help="The engine's network to join.")
@click.option(
    "--mount",
    "mounts",
    metavar="SRC:DST[:ro]",
    multiple=True,
    help="Show a host path to the container.",
)
@click.option("--user", metavar="USER[:GROUP]", help="Run as another user than the image's.")
@click.option("--platform", metavar="OS/ARCH", help="The image's platform.")
@click.option(
    "--stop-grace", type=SECONDS, default=2.0, help="From SIGTERM to SIGKILL (default: 2)."
)
def exec_(extra: tuple[str, ...], **given: object) -> int:
    """Run a codespec, its buffers connected to files or to stdin and stdout.

    The exit code is the container's own; 124 means a time-out, 137 out of memory, 74 a buffer that failed,
    125 an engine or image that failed, 126 or 127 a command that cannot be executed or found.
    """
    no_positionals(extra, "run exec")
    here = workspace(str(given["engine"] or "") or None)
    if not given["dry_run"]:
        here.runs.expect()
    with leaving_on_interrupt():
        # Late: loads YAML, while the engine answers.
        from tyger_local.cli.execute import execute, show_plan  # noqa: PLC0415

    if given["dry_run"]:
        print_value(show_plan(given, here), "yaml")
        return 0
    watchdog = settings().watchdog
    if watchdog is not None:
        watchdog.guard(str(here.home.absolute()))
    return execute(given, here, console())


exec_.params += [
    boolean("--logs", help="Show what the container prints, on stderr."),
    boolean("--timestamps", help="Put the time before each line of --logs."),
    boolean("--dry-run", help="Print what would be done, without an engine."),
    boolean(
        "--strict",
        envvar="TYGER_LOCAL_STRICT",
        help="Any known difference from the cluster is an error; $TYGER_LOCAL_STRICT=1 means the same.",
    ),
    boolean("--lenient", help="Unread input and a survived out-of-memory kill are only warnings."),
    boolean("--keep", help="Leave the container."),
    boolean("--no-gpu", help="Run without the GPUs that are asked for."),
    boolean("--no-clamp", help="Refuse limits above this machine's, instead of lowering them."),
    boolean("--shell", help="A terminal in the container instead of its command."),
    click.Option(
        ["--pull"],
        type=Choice("always", "missing", "never", "true", "false"),
        is_flag=False,
        flag_value="always",
        default="missing",
        metavar="[=always|missing|never]",
        help="When the image is pulled (default: missing).",
    ),
]


@run.command("show", cls=Command)
@click.argument("ids", nargs=-1, metavar="ID")
@format_option
def show(ids: tuple[str, ...], output_format: str) -> None:
    """Show a run."""
    if len(ids) != 1:
        raise UsageError("one run id positional argument is required", "see 'tyger-local run list'")
    if not is_number(ids[0]):
        raise NotFoundError(f"The run '{ids[0]}' was not found", "a run's id is a number")
    document = workspace().runs.show(int(ids[0]))
    print_document(document, output_format, name="id", columns=COLUMNS)


@run.command("list", cls=Command)
@click.argument("extra", nargs=-1, metavar="")
@click.option("-l", "--limit", type=INT, help="How many at most (default: 1000).")
@format_option
def list_(extra: tuple[str, ...], limit: int | None, output_format: str) -> None:
    """List runs, newest first."""
    no_positionals(extra, "run list")
    documents = workspace().runs.list(asked_limit(limit))
    print_documents(cut(documents, limit), output_format, name="id", columns=COLUMNS)
