"""Runs: execute, begin, plan; what can be done with those that were begun stands in `recorded`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from threading import Thread
from typing import TYPE_CHECKING

from tyger_local.errors import TygerLocalError
from tyger_local.store.home import Home
from tyger_local.workspace.codespecs import Codespecs
from tyger_local.workspace.reading import read_file
from tyger_local.workspace.recorded import RecordedRuns

if TYPE_CHECKING:  # what runs something loads much
    from tyger_local.engine.base import Engine
    from tyger_local.outcome.record import RunRecord
    from tyger_local.plan.explanation import Explanation
    from tyger_local.plan.model import Overrides
    from tyger_local.runner.sweep import Swept
    from tyger_local.spec.runs import RunFlags, RunRequest
    from tyger_local.workspace.execution import ExecOptions, Execution

JsonObject = dict[str, object]


class Runs(RecordedRuns):
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
        super().__init__(home, warn)
        self._home = home
        self._warn = warn
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
            buffers: What each buffer is connected to: a path, the id of a buffer in the store, or ``-`` for
                standard input or output. Laid over what `run` says.
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
        from tyger_local.workspace.remarks import Remarks  # noqa: PLC0415
        from tyger_local.workspace.sweeping import Sweeper  # noqa: PLC0415

        options = options or ExecOptions()
        emit = options.emit
        remarks = Remarks(emit)
        if not options.is_detached:  # whoever ordered it has heard them
            options = replace(options, emit=remarks.watch)
        execution = self._execution(run, buffers, options, file)
        remarks.source = execution.remarks
        with Sweeper(self._home).beside(lambda text: emit(Warned(text))), remarks:
            return execution.carry_out(self._records.store, self._records.running, self._home.root)

    def create(
        self,
        run: RunRequest | Mapping[str, object] | str,
        buffers: Mapping[str, str] | None = None,
        options: ExecOptions | None = None,
        *,
        file: str | None = None,
    ) -> int:
        """Begin to run a codespec, and leave it to a process of its own.

        Takes the same as `exec`, but for ``-``; a buffer that is connected to nothing becomes a new one in
        the store, whose id is in the run's record. What `options` say of progress and cancellation does not
        reach that process: see `watch`, `logs` and `cancel`.

        Returns:
            The run's id. Its record is in the store; whether its image is there, for one, shows later.

        Raises:
            TygerLocalError: What `exec` raises before anything runs.
        """
        # Late: what only runs need.
        from tyger_local.workspace.detached import start  # noqa: PLC0415
        from tyger_local.workspace.execution import ExecOptions  # noqa: PLC0415

        options = replace(options or ExecOptions(), is_detached=True)
        execution = self._execution(run, buffers, options, file)
        for difference in execution.differences:
            self._warn(difference.text)
        for text in execution.remarks():
            self._warn(text)
        return start(execution.order(self._home.root))

    def open_notes(self, run_id: int) -> int:
        """Open the file for what the process of a detached run has to say; return a descriptor."""
        return self._records.store.open_notes(run_id)

    def prune(self, *, dry_run: bool = False) -> Swept:
        """Remove what runs have left whose process was killed, also what an earlier attempt could not.

        The next run does so too, as far as the store knows of it.

        Args:
            dry_run: Only say what would be done.

        Raises:
            StoreError: The store cannot be read.
        """
        # Late: only here.
        from tyger_local.runner.sweep import Swept  # noqa: PLC0415
        from tyger_local.workspace.laboratory import sweep_laboratories  # noqa: PLC0415
        from tyger_local.workspace.sweeping import Sweeper  # noqa: PLC0415

        swept = Sweeper(self._home).prune(dry_run=dry_run)
        tried = sweep_laboratories(self._home.root.absolute(), dry_run=dry_run)
        return Swept(
            (*swept.done, *tried.done),
            (*swept.problems, *tried.problems),
            (*swept.notes, *tried.notes),
        )

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

    def explain(
        self,
        file: str | None = None,
        flags: RunFlags | None = None,
        overrides: Overrides | None = None,
    ) -> Explanation:
        """Explain what `exec` would do, value by value, without an engine.

        Args:
            file: A run or codespec file, or ``-`` for standard input; None when flags say everything.
            flags: What is laid over it.
            overrides: What local-only flags change.

        Raises:
            TygerLocalError: What `exec` raises before anything runs. A codespec of workers is no error here,
                and neither are buffers that are connected to nothing.
        """
        # Late: these load YAML, and the engine what talks to it.
        from tyger_local.plan.model import Overrides  # noqa: PLC0415
        from tyger_local.spec.runs import RunFlags  # noqa: PLC0415
        from tyger_local.workspace.buffers import Buffers  # noqa: PLC0415
        from tyger_local.workspace.engines import make_engine  # noqa: PLC0415
        from tyger_local.workspace.explaining import Explainer  # noqa: PLC0415

        store = Buffers(self._home, self._warn)
        explainer = Explainer(self._codespecs, store, make_engine(self._engine))
        return explainer.explain(file, flags or RunFlags(), overrides or Overrides())

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
        from tyger_local.workspace.buffers import Buffers  # noqa: PLC0415
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
        store = Buffers(self._home, self._warn)
        return Execution(run, file, self._codespecs, store, engine, options or ExecOptions())
