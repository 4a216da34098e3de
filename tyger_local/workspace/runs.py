"""Runs: execute, plan, show, list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from threading import Thread
from typing import TYPE_CHECKING

from tyger_local.errors import NotFoundError, StoreError, TygerLocalError
from tyger_local.store.home import Home
from tyger_local.store.logs import read_tail
from tyger_local.store.running import RunningStore
from tyger_local.store.runs import RunStore
from tyger_local.workspace.codespecs import Codespecs
from tyger_local.workspace.owner import is_alive, owner_in
from tyger_local.workspace.reading import read_file
from tyger_local.workspace.truth import as_ended, has_ended

if TYPE_CHECKING:  # what runs something loads much
    from tyger_local.engine.base import Engine
    from tyger_local.outcome.record import RunRecord
    from tyger_local.runner.sweep import Swept
    from tyger_local.spec.runs import RunFlags, RunRequest
    from tyger_local.workspace.execution import ExecOptions, Execution

JsonObject = dict[str, object]


class Runs:
    """The runs of a workspace.

    Args:
        home: The store.
        warn: Is told what is wrong but no error.
        codespecs: The workspace's codespecs.
        engine: The name of the engine to run on.
    """

    def __init__(
        self, home: Home, warn: Callable[[str], None], codespecs: Codespecs, engine: str
    ) -> None:
        self._home = home
        self._store = RunStore(home, warn)
        self._running = RunningStore(home)
        self._codespecs = codespecs
        self._engine = engine
        self._asked: list[Engine] = []

    def expect(self) -> None:
        """Begin to ask the engine what it is, for whoever has yet to load and read what shall run.

        Raises:
            UsageError: There is no such engine.
        """
        from tyger_local.workspace.engines import make_engine  # noqa: PLC0415  (loads the plan)

        engine = make_engine(self._engine)

        def ask() -> None:
            with suppress(TygerLocalError):  # the run will ask again, and say so
                engine.describe()

        Thread(target=ask, name="early question", daemon=True).start()
        self._asked.append(engine)

    def request(self, file: str | None = None, flags: RunFlags | None = None) -> RunRequest:
        """Read a run or codespec file and lay flags over it.

        Args:
            file: Its path, or ``-`` for standard input; None when flags say everything.
            flags: What is laid over it.

        Raises:
            SpecError: The file cannot be read or makes no sense.
            UsageError: No codespec is named.
        """
        from tyger_local.spec.runs import RunFlags, run_request  # noqa: PLC0415  (loads YAML)

        document = None if file is None else read_file(file)
        return run_request(document, flags or RunFlags())

    def exec(
        self,
        run: RunRequest | Mapping[str, object] | str,
        buffers: Mapping[str, str] | None = None,
        options: ExecOptions | None = None,
        *,
        file: str | None = None,
    ) -> RunRecord:
        """Run a codespec and wait for its end.

        Args:
            run: A codespec's name (``NAME`` or ``NAME/versions/N``), a codespec or run file as a mapping, or
                a request.
            buffers: What each buffer is connected to: a path, or ``-`` for standard input or output. Laid
                over what `run` says.
            options: How to run it.
            file: Where the request came from; its relative paths count from that file's folder.

        Returns:
            The record of the ended run; its `verdict` says how it ended.

        Raises:
            UsageError: The run makes no sense, or the cluster would refuse it.
            NotFoundError: The codespec does not exist.
            StoreError: The store cannot be written.
        """
        # Late: what only runs and cleaning up need.
        from tyger_local.outcome.events import Warned  # noqa: PLC0415
        from tyger_local.workspace.execution import ExecOptions  # noqa: PLC0415
        from tyger_local.workspace.sweeping import Sweeper  # noqa: PLC0415

        options = options or ExecOptions()
        emit = options.emit
        execution = self._execution(run, buffers, options, file)
        with Sweeper(self._home).beside(lambda text: emit(Warned(text))):
            return execution.carry_out(self._store, self._running, self._home.root)

    def prune(self, *, dry_run: bool = False) -> Swept:
        """Remove what runs have left whose process was killed, also what an earlier attempt could not.

        `exec` does so too, as far as the store knows of it.

        Args:
            dry_run: Only say what would be done.

        Raises:
            StoreError: The store cannot be read.
        """
        from tyger_local.workspace.sweeping import Sweeper  # noqa: PLC0415  (late: only here)

        return Sweeper(self._home).prune(dry_run=dry_run)

    def plan(
        self,
        run: RunRequest | Mapping[str, object] | str,
        buffers: Mapping[str, str] | None = None,
        options: ExecOptions | None = None,
        *,
        file: str | None = None,
    ) -> JsonObject:
        """Return what `exec` would do, as a document, without an engine.

        Takes and raises the same as `exec`.
        """
        return self._execution(run, buffers, options, file).plan()

    def _execution(
        self,
        run: RunRequest | Mapping[str, object] | str,
        buffers: Mapping[str, str] | None,
        options: ExecOptions | None,
        file: str | None,
    ) -> Execution:
        # Late: these load YAML, and the engine what talks to it.
        from tyger_local.spec.decode import plain_document  # noqa: PLC0415
        from tyger_local.spec.place import Place  # noqa: PLC0415
        from tyger_local.spec.runs import (  # noqa: PLC0415
            BufferArgument,
            RunFlags,
            TargetFlags,
            run_request,
        )
        from tyger_local.workspace.engines import make_engine  # noqa: PLC0415
        from tyger_local.workspace.execution import ExecOptions, Execution  # noqa: PLC0415

        given = dict(buffers or {})
        if isinstance(run, str):
            run = run_request(None, RunFlags(job=TargetFlags(codespec=run), buffers=given))
        elif isinstance(run, Mapping):
            run = run_request(plain_document(run, "the run"), RunFlags(buffers=given))
        else:
            own = {name: BufferArgument(text, Place("buffers")) for name, text in given.items()}
            run = replace(run, job=replace(run.job, buffers={**run.job.buffers, **own}))
        try:
            engine = self._asked.pop()
        except IndexError:
            engine = make_engine(self._engine)
        return Execution(run, file, self._codespecs, engine, options or ExecOptions())

    def show(self, run_id: int) -> JsonObject:
        """Return the record of a run.

        Raises:
            NotFoundError: There is no such run.
            StoreError: Its record is damaged.
        """
        return self._truth(self._store.get(run_id))

    def log_tail(self, run_id: int, container: str, lines: int) -> list[str]:
        """Return the last lines that a container of a run printed.

        Args:
            run_id: The run.
            container: Which one (``job-0``).
            lines: How many at most.

        Raises:
            StoreError: The log cannot be read; one that is not there is empty.
        """
        path = self._store.folder(run_id) / f"{container}.log"
        return read_tail(path, lines) if path.exists() else []

    def _truth(self, record: JsonObject) -> JsonObject:
        """Return `record`, or what is true of it when its owner died before its end."""
        run_id = record.get("id")
        if has_ended(record) or (isinstance(run_id, int) and self._is_running(run_id)):
            return record
        if isinstance(run_id, int):
            with suppress(NotFoundError, StoreError):
                record = self._store.get(run_id)  # it may just have ended
        return record if has_ended(record) else as_ended(record)

    def _is_running(self, run_id: int) -> bool:
        try:
            entry = self._running.get(run_id) or {}
        except StoreError:
            return False
        labels = entry.get("labels")
        owner = owner_in(labels) if isinstance(labels, dict) else None
        return owner is not None and not entry.get("isOver") and is_alive(owner)

    # Last, since below it the name in an annotation would be the method.
    def list(self, limit: int | None = None) -> list[JsonObject]:
        """Return the records of the newest runs, newest first, no more than `limit`."""
        return [self._truth(record) for record in self._store.list(limit)]
