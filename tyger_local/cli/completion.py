"""What may stand in an argument or behind a flag: one function each, declared as ``shell_complete=run_ids``.

They get the line so far as click's context: `ctx.params` holds the flags and arguments before the cursor as
they were typed (a flag that may be repeated as a list), and the global flags count. They may offer more than
fits: what does not begin as the word under the cursor is dropped by whoever asked, and so is what they raise.
Nothing slow may be imported here: somebody waits behind a TAB.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING

import click

from tyger_local.cli.commands import Settings
from tyger_local.cli.values import STATUSES_IN_USE
from tyger_local.errors import TygerLocalError
from tyger_local.outcome.containers import ROLES, labels_of, replicas_in
from tyger_local.workspace import Workspace

if TYPE_CHECKING:  # take a moment to load, which only a TAB is to pay for
    from click.shell_completion import CompletionItem

    from tyger_local.workspace.runs import Runs

MOST = 50
"""How many runs or buffers are offered at once."""

MOST_READ = 500
"""How many codespecs are read at once to see whether they fit."""

SEE_DELETED = ("restore", "purge")

OPEN = "open"
"""The kind of a candidate after which the word goes on: no blank is put behind it."""

FILE = "file"
"""The kind of a candidate that stands for the files which fit behind its value."""

Complete = Callable[[click.Context, click.Parameter, str], "list[CompletionItem]"]


def codespec_names(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer codespecs; behind ``NAME/`` its versions, newest first."""
    del param
    codespecs = _workspace(ctx).codespecs
    name, slash, _ = incomplete.partition("/")
    if slash:
        return [item(f"{name}/versions/{number}") for number in codespecs.versions(name)]
    return [item(name) for name in codespecs.names(incomplete)]


def codespec_names_and_files(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer codespecs (see `codespec_names`), and files."""
    return [*codespec_names(ctx, param, incomplete), *files(ctx, param, incomplete)]


def codespec_versions(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the versions of the codespec that the line names, newest first."""
    del param, incomplete
    name, _ = _named_codespec(ctx.params)
    return [item(str(number)) for number in _workspace(ctx).codespecs.versions(name)]


def worker_codespec_names(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer codespecs of workers; behind ``NAME/`` the versions."""
    if "/" in incomplete:
        return codespec_names(ctx, param, incomplete)
    codespecs = _workspace(ctx).codespecs
    documents = codespecs.list(incomplete, MOST_READ)
    return [item(str(each["name"])) for each in documents if each.get("kind") == "worker"]


def worker_codespec_versions(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the versions of the workers' codespec that the line names, newest first."""
    del param, incomplete
    (name,) = _words(ctx.params.get("worker_codespec"))
    return [item(str(number)) for number in _workspace(ctx).codespecs.versions(name)]


def run_containers(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the containers of the run that the line names, or of the latest; also roles that have several."""
    del param, incomplete
    runs = _workspace(ctx).runs
    named = _words(ctx.params.get("ids"))
    replicas = replicas_in(runs.show(int(named[0]) if named else runs.latest()))
    several = [role for role in ROLES if replicas[role] > 1]
    labels = [label for role in ROLES for label in labels_of(replicas, role)]
    return [item(name) for name in (*several, *labels)]


def run_ids(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the newest runs that are not named yet, each with its status and image."""
    runs = _workspace(ctx).runs
    named = _words(ctx.params.get(param.name or ""))
    fitting = (str(i) for i in runs.ids() if str(i).startswith(incomplete) and str(i) not in named)
    return [item(i, _about_run(runs, int(i))) for i in islice(fitting, MOST)]


def unended_run_ids(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the newest runs that have not ended, each with its status and image."""
    del param
    runs = _workspace(ctx).runs
    fitting = (str(i) for i in runs.unended() if str(i).startswith(incomplete))
    return [item(i, _about_run(runs, int(i))) for i in islice(fitting, MOST)]


def run_statuses(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer statuses, also behind others and a comma."""
    del ctx, param
    before, comma, _ = incomplete.rpartition(",")
    named = before.lower().split(",")
    return [item(f"{before}{comma}{name}") for name in STATUSES_IN_USE if name not in named]


def buffer_ids(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the newest buffers that are not named yet: soft-deleted ones to who restores or purges."""
    deleted = ctx.info_name in SEE_DELETED or "soft_deleted" in ctx.params
    named = _words(ctx.params.get(param.name or ""))
    # No more than is offered: to show one means to read several files.
    buffers = _workspace(ctx).buffers.list(
        limit=MOST + len(named), soft_deleted=deleted, prefix=incomplete
    )
    fitting = ((str(buffer["id"]), buffer) for buffer in buffers if buffer["id"] not in named)
    return [item(i, _about_buffer(buffer)) for i, buffer in islice(fitting, MOST)]


def run_buffers(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer ``NAME=`` for the codespec's buffers that are not connected yet; behind it files and buffers."""
    name, equals, value = incomplete.partition("=")
    if equals:
        stored = (
            buffer_ids(ctx, param, value) if value else []
        )  # else the files are what is looked for
        return [item(f"{name}={each.value}") for each in stored] + [item(f"{name}=", kind=FILE)]
    codespec, version = _named_codespec(ctx.params)
    document = _workspace(ctx).codespecs.show(codespec, version)
    connected = {word.partition("=")[0] for word in _words(ctx.params.get(param.name or ""))}
    return [
        item(f"{buffer}=", direction, kind=OPEN)
        for buffer, direction in _buffers(document)
        if buffer not in connected
    ]


def files(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer files and folders."""
    del ctx, param, incomplete
    return [item("", kind=FILE)]


def words(*choices: str) -> Complete:
    """Return what offers `choices`."""

    def offer(_: click.Context, __: click.Parameter, ___: str) -> list[CompletionItem]:
        return [item(choice) for choice in choices]

    return offer


def only_one(complete: Complete) -> Complete:
    """Return `complete` for an argument that may be given once, though its parser would take more."""

    def offer(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        given = _words(ctx.params.get(param.name or ""))
        return [] if given else complete(ctx, param, incomplete)

    return offer


def item(value: str, about: str = "", kind: str = "plain") -> CompletionItem:
    """Return a candidate.

    Args:
        value: What stands on the line then; of a `FILE`, what stands before the path.
        about: What it is, in a few words.
        kind: ``plain``, `OPEN` or `FILE`.
    """
    from click.shell_completion import CompletionItem  # noqa: PLC0415  (late: only for a TAB)

    return CompletionItem(value, kind, about or None)


def _workspace(ctx: click.Context) -> Workspace:
    return Workspace(ctx.ensure_object(Settings).home, warn=lambda _: None)


def _words(value: object) -> tuple[str, ...]:
    """Return what stands on the line for a flag or argument, once or repeated."""
    if isinstance(value, (list, tuple)):
        return tuple(str(word) for word in value)
    return () if value is None else (str(value),)


def _named_codespec(params: Mapping[str, object]) -> tuple[str, int | None]:
    """Return the codespec that the line names, and the version if it names one."""
    named = [*_words(params.get("codespec")), *_words(params.get("names"))]
    name, _, number = named[0].partition("/versions/")
    version = number or "".join(_words(params.get("version")))
    return name, int(version) if version else None


def _about_run(runs: Runs, run_id: int) -> str:
    record: Mapping[str, object] = {}
    with suppress(TygerLocalError):  # one that is damaged has an id all the same
        record = runs.show(run_id)
    image: object = record
    for field in ("job", "codespec", "image"):
        image = image.get(field) if isinstance(image, Mapping) else None
    return " ".join(str(word) for word in (record.get("status"), image) if word)


def _about_buffer(buffer: Mapping[str, object]) -> str:
    tags = buffer.get("tags")
    said = [f"{name}={value}" for name, value in tags.items()] if isinstance(tags, Mapping) else []
    return " ".join([str(buffer.get("createdAt")), str(buffer.get("state")), *said])


def _buffers(codespec: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    buffers = codespec.get("buffers")
    for names, direction in (("inputs", "input"), ("outputs", "output")):
        listed = buffers.get(names) if isinstance(buffers, Mapping) else None
        for name in listed if isinstance(listed, list) else ():
            yield str(name), direction
