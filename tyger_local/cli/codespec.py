"""``tyger-local codespec``: create, show, list, delete; import stands in a file of its own."""

from __future__ import annotations

from contextlib import suppress

import click

from tyger_local.cli.asking import confirm
from tyger_local.cli.commands import Command, ContainerCommand, Group, after_dashes, boolean
from tyger_local.cli.completion import codespec_names, codespec_versions, only_one, words
from tyger_local.cli.limits import DEFAULT_LIMIT, asked_limit, cut
from tyger_local.cli.output import write_out
from tyger_local.cli.positionals import is_number, no_positionals
from tyger_local.cli.render import format_option, print_document, print_documents, print_value
from tyger_local.cli.state import console, workspace
from tyger_local.cli.values import INT, INT_MAP, LIST, MAP
from tyger_local.errors import StoreError, UsageError
from tyger_local.spec.names import check_codespec_name
from tyger_local.spec.versions import shown

COLUMNS = {
    "NAME": lambda doc: doc.get("name"),
    "VERSION": lambda doc: doc.get("version"),
    "KIND": lambda doc: doc.get("kind"),
    "CREATED": lambda doc: doc.get("createdAt"),
    "IMAGE": lambda doc: doc.get("image"),
}

codespec = Group(
    "codespec",
    help="Manage codespecs.",
    modules={"import": "codespec_import:import_"},
    aliases={"get": "show"},
)

QUANTITY_HELP = {
    "cpu-request": "CPU cores that the container asks for (500m, 2).",
    "memory-request": "Memory that the container asks for (512Mi, 4Gi).",
    "cpu-limit": "CPU cores that it may not exceed.",
    "memory-limit": "Memory that it may not exceed.",
    "gpu": "Number of GPUs.",
    "shm": "Size of /dev/shm.",
}


def _quantity_options(command: click.Command) -> click.Command:
    for name, text in QUANTITY_HELP.items():
        command.params.append(click.Option([f"--{name}"], metavar="QUANTITY", help=text))
    return command


@codespec.command("create", cls=ContainerCommand)
@click.argument(
    "names", nargs=-1, metavar="[NAME] [-- ARGS...]", shell_complete=only_one(codespec_names)
)
@click.option("-f", "--file", metavar="FILE", help="YAML file with the codespec; - reads stdin.")
@click.option(
    "--image", metavar="IMAGE", help="The container image (required here or in the file)."
)
@click.option(
    "-k",
    "--kind",
    metavar="job|worker",
    shell_complete=words("job", "worker"),
    help="The kind of codespec (default: job).",
)
@click.option("-i", "--input", "inputs", type=LIST, multiple=True, help="Input buffers.")
@click.option("-o", "--output", "outputs", type=LIST, multiple=True, help="Output buffers.")
@click.option("-e", "--env", type=MAP, multiple=True, help="Environment variables.")
@click.option(
    "--endpoint", "endpoints", type=INT_MAP, multiple=True, help="TCP endpoints of a worker."
)
@click.option("-r", "--max-replicas", metavar="N", help="The largest number of replicas.")
@click.option("--identity", metavar="NAME", help="The workload identity (ignored here).")
def create(names: tuple[str, ...], **given: object) -> None:
    """Create or update a codespec.

    Prints the version. When nothing differs from the latest version, no new one is made and its number is
    printed. What stands behind -- are the container's arguments, or with --command its command.
    """
    # Late: loads YAML.
    from tyger_local.cli.codespec_flags import file_and_flags  # noqa: PLC0415
    from tyger_local.spec.decode import decode_codespec_file  # noqa: PLC0415
    from tyger_local.workspace.reading import read_file  # noqa: PLC0415

    codespecs = workspace().codespecs
    behind = after_dashes()
    path, flags = file_and_flags(given, behind)
    document = None if path is None else read_file(path)
    file = None if document is None else decode_codespec_file(document)
    name = names[0] if names else (file.name if file else "")
    if not names and path is None:
        raise UsageError(
            "if -f|--file is not provided, a name for the codespec is required",
            "for example: tyger-local codespec create NAME --image IMAGE",
        )
    if not names and not name:
        raise UsageError(
            "a name for the codespec is required", f"add it on the command line or to {path}"
        )
    _refuse_extra(names[1:], behind)
    check_codespec_name(name)
    if given["dry_run"]:
        resolved = codespecs.resolve(file or {}, flags, document)
        print_value(shown({**resolved, "name": name}), "json")
        return
    created = codespecs.create(name, file or {}, flags, document)
    console().say(
        "debug", "Created" if created.is_new else "Unchanged", name=name, version=created.version
    )
    write_out(f"{created.version}\n")


create.params.append(
    boolean("--command", help="What stands behind -- is the command and not the arguments.")
)
create.params.append(
    boolean("--dry-run", help="Check and print the codespec as JSON; store nothing.")
)
_quantity_options(create)


def _refuse_extra(extra: tuple[str, ...], behind: tuple[str, ...] | None) -> None:
    if extra and behind is None:
        raise UsageError(
            f"unexpected positional args [{' '.join(extra)}]. Container arguments must be "
            "preceded by -- and placed at the end of the command-line"
        )
    if extra:
        raise UsageError(
            f"unexpected positional args before container args: [{' '.join(extra)}]",
            "give one name, then --, then the arguments",
        )


@codespec.command("show", cls=Command)
@click.argument("names", nargs=-1, metavar="NAME", shell_complete=only_one(codespec_names))
@click.option(
    "-v",
    "--version",
    type=INT,
    shell_complete=codespec_versions,
    help="The version (default: the latest).",
)
@format_option
def show(names: tuple[str, ...], version: int | None, output_format: str) -> None:
    """Show a codespec."""
    name, version = _name_and_version(names, version)
    document = workspace().codespecs.show(name, version)
    print_document(document, output_format, name="name", columns=COLUMNS)


def _name_and_version(names: tuple[str, ...], version: int | None) -> tuple[str, int | None]:
    """Return the codespec that is meant: ``NAME``, or ``NAME/versions/N``."""
    if not names:
        raise UsageError(
            "one codespec name positional argument is required", "see 'tyger-local codespec list'"
        )
    if len(names) > 1:
        raise UsageError(
            f"unexpected positional arguments after the codespec name: [{' '.join(names[1:])}]"
        )
    name, slash, number = names[0].partition("/versions/")
    if slash and version is None and is_number(number):
        return name, int(number)
    return names[0], version


@codespec.command("delete", cls=Command)
@click.argument("names", nargs=-1, metavar="NAME", shell_complete=only_one(codespec_names))
@click.option(
    "-v",
    "--version",
    type=INT,
    shell_complete=codespec_versions,
    help="The version (default: all of them).",
)
def delete(names: tuple[str, ...], version: int | None, *, force: bool) -> None:
    """Delete a codespec for good, or one version of it; its number is not used again.

    Runs of it keep their copy.
    """
    name, version = _name_and_version(names, version)
    codespecs = workspace().codespecs
    with suppress(StoreError):  # what is damaged can be deleted
        codespecs.show(name, version)  # what is not there is not asked about
    what = f"version {version} of" if version is not None else "all versions of"
    confirm(f"Delete {what} the codespec '{name}'?", force=force)
    versions = codespecs.delete(name, version)
    console().info("Deleted", name=name, versions=", ".join(map(str, versions)))


delete.params.append(boolean("--force", help="Do not ask."))


@codespec.command("list", cls=Command)
@click.argument("extra", nargs=-1, metavar="")
@click.option(
    "-p",
    "--prefix",
    default="",
    metavar="PREFIX",
    shell_complete=codespec_names,
    help="Only names that begin with it.",
)
@click.option("-l", "--limit", type=INT, help=f"How many at most (default: {DEFAULT_LIMIT}).")
@format_option
def list_(extra: tuple[str, ...], prefix: str, limit: int | None, output_format: str) -> None:
    """List codespecs, each in its latest version, by name."""
    no_positionals(extra, "codespec list")
    documents = workspace().codespecs.list(prefix, asked_limit(limit))
    print_documents(cut(documents, limit), output_format, name="name", columns=COLUMNS)
