"""Examining a workspace: its machine, store and engine."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

from tyger_local import __version__
from tyger_local.doctor.examine import examine as ask_everything
from tyger_local.doctor.model import Check, StoreSight, Subject
from tyger_local.outcome.words import counted
from tyger_local.runner.cancel import Cancellation
from tyger_local.store.home import Home
from tyger_local.workspace.engines import make_engine
from tyger_local.workspace.housekeeping import Housekeeping
from tyger_local.workspace.laboratory import Laboratory, folder_note, laboratory
from tyger_local.workspace.workspace import Workspace


def examine(
    workspace: Workspace,
    image: str | None = None,
    cancellation: Cancellation | None = None,
    on_laboratory: Callable[[Path], None] = lambda _: None,
) -> Generator[Check, None, None]:
    """Yield the answer to each question as soon as it is there.

    Args:
        workspace: Whose store and engine.
        image: What to try with; by default a small one that is there.
        cancellation: Lets somebody end it.
        on_laboratory: Is told the store of the runs that are tried, before the first of them.

    Raises:
        UsageError: There is no engine of that name.
        CanceledError: Somebody ended it.
    """
    home = workspace.home.absolute()
    stop = cancellation or Cancellation()

    @contextmanager
    def opened() -> Iterator[Laboratory]:
        with laboratory(home, workspace.engine, stop) as made:
            on_laboratory(made.home)
            yield made

    yield from ask_everything(
        Subject(
            tool_version=__version__,
            home=home,
            note=folder_note(home),
            engine=make_engine(workspace.engine),
            image=image,
            read_store=lambda: _read(home),
            find_leftovers=lambda: workspace.runs.prune(dry_run=True),
            laboratory=opened,
        )
    )


def _read(home: Path) -> StoreSight:
    damaged: list[str] = []
    sizes = Housekeeping(Home(home), damaged.append).sizes()
    counts = {
        noun: part["count"]
        for noun, part in (
            ("codespec", sizes["codespecs"]),
            ("run", sizes["runs"]),
            ("buffer", sizes["buffers"]),
        )
        if isinstance(part, dict)
    }
    words = ", ".join(counted(int(count), noun) for noun, count in counts.items())
    return StoreSight(words, tuple(damaged))
