"""One run on the cluster: codespecs, inputs, the run, its end, outputs."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tyger_local.errors import TygerLocalError
from tyger_local.outcome.words import human_bytes
from tyger_local.plan.model import Role
from tyger_local.spec.buffers import Direction
from tyger_local.spec.versions import JsonObject
from tyger_local.submit.client import Client, unexpected
from tyger_local.submit.commands import (
    PROGRAM,
    Command,
    cancel_run,
    create_buffer,
    create_codespec,
    create_run,
    delete_buffers,
    run_logs,
    show_run,
    watch_run,
)
from tyger_local.submit.documents import buffer_tags, codespec_file, run_file
from tyger_local.submit.model import ENDED, Order, StoppedError, Submitted, Told
from tyger_local.submit.transfer import fetch, send

_NUMBER = re.compile("[0-9]{1,18}", re.ASCII)
_BUFFER_ID = re.compile("[a-z0-9][a-z0-9-]*", re.ASCII)

STATUS_FIELDS = ("status", "runningCount")


class Submission:
    """A run that is handed to the cluster.

    Args:
        client: Tyger's.
        order: The run.
        tell: Is told how it goes.
    """

    def __init__(self, client: Client, order: Order, tell: Callable[[Told], None]) -> None:
        self._client = client
        self._order = order
        self._tell = tell

    def begin(self) -> int:
        """Create the codespecs, write the inputs and start the run.

        Returns:
            Its id there.

        Raises:
            TygerLocalError: The client failed or refused; buffers that were made by then are told of.
            StoppedError: Somebody wanted it to end; the run, if it was started, is canceled.
        """
        buffers: dict[str, str] = {}
        try:
            with tempfile.TemporaryDirectory(prefix="tyger-submit-") as folder:
                references = dict(self._create_codespecs(Path(folder)))
                for name, connection in self._order.connected(Direction.INPUT).items():
                    buffers[name] = self._create_buffer(name)
                    size = send(self._client, connection, buffers[name])
                    self._say("Input written", buffer=name, id=buffers[name], bytes=_words(size))
                file = _written(
                    Path(folder, "run.json"), run_file(self._order, references, buffers)
                )
                return self._create_run(file)
        except BaseException:
            if buffers:
                ids = tuple(buffers.values())
                self._warn(
                    f"what was made there stays there: the buffer{'s' if len(ids) > 1 else ''} of "
                    f"{', '.join(buffers)}; '{_typed(delete_buffers(ids))}' removes that"
                )
            raise

    def wait(self, run_id: int) -> Submitted:
        """Wait for the end of the run.

        Raises:
            TygerLocalError: The client failed; the run goes on there.
            StoppedError: Somebody wanted it to end; the run has been canceled.
        """
        watch = watch_run(str(run_id))
        trouble = TygerLocalError(
            f"'tyger run watch' ended, and the run {run_id} has not",
            f"it goes on there: see '{_typed(watch)}'",
        )
        try:
            try:
                for line in self._client.lines(watch):
                    self._tell_status(run_id, watch, line)
            except StoppedError:
                raise
            except TygerLocalError as error:
                trouble = TygerLocalError(error.what, trouble.hint)
            record = self._show(run_id)
        except StoppedError:
            self.cancel(run_id)
            raise
        status = record.get("status")
        if status not in ENDED:
            raise trouble
        return Submitted(run_id, str(status), str(record.get("statusReason") or ""), record)

    def cancel(self, run_id: int) -> None:
        """End the run there, and tell what came of that."""
        command = cancel_run(str(run_id))
        self._client.resume()
        try:
            self._client.ask(command, finishes=True)
        except TygerLocalError as error:
            self._warn(f"the run {run_id} was not canceled there: {error} Try '{_typed(command)}'.")
        else:
            self._say("Run canceled there", runId=run_id)

    def read_outputs(self, run: Submitted) -> None:
        """Read the outputs of a run that succeeded to what they are connected to.

        Raises:
            TygerLocalError: The client failed, or an output cannot be written.
            StoppedError: Somebody wanted it to end.
        """
        outputs = self._order.connected(Direction.OUTPUT)
        left = {name: _buffer_of(run, name) for name in outputs}
        try:
            for name, connection in outputs.items():
                size = fetch(self._client, connection, left[name], self._tell_partial)
                self._say("Output read", buffer=name, id=left.pop(name), bytes=_words(size))
        except BaseException:
            for name, buffer_id in left.items():
                self._warn(f"the output '{name}' is there still, in the buffer {buffer_id}")
            raise

    def logs(
        self, run_id: int, *, timestamps: bool = False, tail: int | None = None
    ) -> Iterator[str]:
        """Yield what the run's containers printed there, line by line.

        Args:
            run_id: The run.
            timestamps: Whether each line begins with its time.
            tail: How many lines from the end; None is all.

        Raises:
            TygerLocalError: The client failed.
            StoppedError: Somebody wanted it to end.
        """
        return self._client.lines(run_logs(str(run_id), timestamps=timestamps, tail=tail))

    def _create_codespecs(self, folder: Path) -> Iterator[tuple[Role, str]]:
        """Create the codespecs that have names; yield how a run file refers to each."""
        for role, part in ((Role.JOB, self._order.job), (Role.WORKER, self._order.worker)):
            if part is None or part.name is None:
                continue
            file = folder / f"{role.value}.json"
            command = create_codespec(_written(file, codespec_file(part.name, part.codespec)))
            answer = self._client.ask(command, finishes=True)
            if not _NUMBER.fullmatch(answer):
                raise unexpected(command, answer, "version")
            self._say("Codespec created", name=part.name, version=answer)
            yield role, f"{part.name}/versions/{answer}"

    def _create_buffer(self, name: str) -> str:
        command = create_buffer(buffer_tags(self._order, name), self._order.buffer_ttl)
        answer = self._client.ask(command, finishes=True)
        if not _BUFFER_ID.fullmatch(answer):
            raise unexpected(command, answer, "id of a buffer")
        return answer

    def _create_run(self, file: str) -> int:
        command = create_run(file)
        try:
            answer = self._client.ask(command, finishes=True)
        except StoppedError:
            self._warn("the run may have begun there: see 'tyger run list'")
            raise
        if not _NUMBER.fullmatch(answer):
            raise unexpected(command, answer, "id of a run")
        self._say("Run created", runId=answer)
        return int(answer)

    def _show(self, run_id: int) -> JsonObject:
        command = show_run(str(run_id))
        answer = self._client.ask(command)
        document = _object(answer)
        if document is None:
            raise unexpected(command, answer, "run")
        return document

    def _tell_status(self, run_id: int, command: Command, line: str) -> None:
        document = _object(line)
        if document is None or "status" not in document:
            raise unexpected(command, line, "status of the run")
        fields = {name: document[name] for name in STATUS_FIELDS if name in document}
        self._say("Run status changed", **fields, runId=run_id)

    def _tell_partial(self, path: str) -> None:
        self._warn(f"what arrived is kept as {path}")

    def _say(self, text: str, **fields: object) -> None:
        self._tell(Told(text, {name: value for name, value in fields.items() if value is not None}))

    def _warn(self, text: str) -> None:
        self._tell(Told(text, is_warning=True))


def _buffer_of(run: Submitted, name: str) -> str:
    """Return the id of a run's buffer.

    Raises:
        TygerLocalError: The run's document does not hold it.
    """
    job = run.record.get("job")
    buffers = job.get("buffers") if isinstance(job, dict) else None
    buffer_id = buffers.get(name) if isinstance(buffers, dict) else None
    if not isinstance(buffer_id, str) or not _BUFFER_ID.fullmatch(buffer_id):
        command = show_run(str(run.run_id))
        raise unexpected(command, json.dumps(run.record), f"id of the buffer '{name}'")
    return buffer_id


def _object(text: str) -> JsonObject | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _written(file: Path, text: str) -> str:
    file.write_text(text, "utf-8")
    return str(file)


def _typed(command: Command) -> str:
    return " ".join((PROGRAM, *command))


def _words(size: int | None) -> str | None:
    return None if size is None else human_bytes(size).replace(" ", "")
