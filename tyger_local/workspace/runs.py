"""Runs: execute, plan, show, list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from tyger_local.store.home import Home
from tyger_local.store.logs import read_tail
from tyger_local.store.runs import RunStore
from tyger_local.workspace.codespecs import Codespecs
from tyger_local.workspace.owner import is_alive
from tyger_local.workspace.reading import read_file

if TYPE_CHECKING:  # what runs something loads pydantic
    from tyger_local.outcome.record import RunRecord
    from tyger_local.spec.runs import RunFlags, RunRequest
    from tyger_local.workspace.execution import ExecOptions, Execution

JsonObject = dict[str, object]

TERMINAL_STATUSES = ("Succeeded", "Failed", "Canceled")
OWNER_ENDED = "the process that ran it ended"
"""The status reason of a run whose owner died without writing an end."""


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
        self._codespecs = codespecs
        self._engine = engine

    def request(self, file: str | None = None, flags: RunFlags | None = None) -> RunRequest:
        """Read a run or codespec file and lay flags over it.

        Args:
            file: Its path, or ``-`` for standard input; None when flags say everything.
            flags: What is laid over it.

        Raises:
            SpecError: The file cannot be read or makes no sense.
            UsageError: No codespec is named.
        """
        from tyger_local.spec.runs import RunFlags, run_request  # noqa: PLC0415  (loads pydantic)

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
        execution = self._execution(run, buffers, options, file)
        return execution.carry_out(self._store, self._home.root)

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
        # Late: these load pydantic, and the engine docker-py.
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
        if record.get("status") in TERMINAL_STATUSES:
            return record
        run_id = record.get("id")
        owner = self._store.owner(run_id) if isinstance(run_id, int) else None
        if owner is not None and is_alive(owner):
            return record
        ended: JsonObject = {}
        for name, value in record.items():
            if name == "status":
                ended["status"] = "Failed"
                ended["statusReason"] = OWNER_ENDED
            elif name not in ("statusReason", "runningCount"):
                ended[name] = value
        return ended

    # Last, since below it the name in an annotation would be the method.
    def list(self, limit: int | None = None) -> list[JsonObject]:
        """Return the records of the newest runs, newest first, no more than `limit`."""
        return [self._truth(record) for record in self._store.list(limit)]
