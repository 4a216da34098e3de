"""Runs cases of R3, several at once, each with an end: what hangs is canceled and reported."""

from __future__ import annotations

import os
import random
import re
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from soak.case import HANGS_AFTER_S, Case

from tyger_local import ExecOptions, Workspace
from tyger_local.outcome.events import Event, Warned
from tyger_local.outcome.facts import CancelReason
from tyger_local.outcome.record import RunRecord
from tyger_local.plan.model import Overrides
from tyger_local.runner.cancel import Cancellation
from tyger_local.runner.setup import Options

CODES = (
    *("output-reopened", "input-reopened", "pipe-replaced", "input-unread"),
    *("background-writer", "pipe-deadlock"),
)
IN_BRACKETS = re.compile(rf"\[({'|'.join(CODES)})\]")
CANCEL_TIMEOUT_S = 30.0
LIVES_S = 600
"""The runs' own time-out: never what ends a case."""


@dataclass(frozen=True)
class Pace:
    """How long the pauses in the scripts are, in seconds."""

    pause_s: float
    long_s: float


SOAK = Pace(pause_s=1.0, long_s=12.0)
BRISK = Pace(pause_s=0.4, long_s=1.0)


class Trial:
    """One run of a case in a thread.

    Args:
        case: What to run.
        engine: ``docker`` or ``process``.
        folder: An empty folder of its own.
        slots: Bounds how many run at once; the time of a case counts from when it has one.
    """

    def __init__(
        self, case: Case, engine: str, folder: Path, pace: Pace, slots: threading.Semaphore
    ) -> None:
        self._case, self._engine, self._folder, self._pace = case, engine, folder, pace
        self._slots = slots
        self._cancellation = Cancellation()
        self._warnings: list[str] = []
        self._record: RunRecord | None = None
        self._error = ""
        self._seconds = 0.0
        self._has_begun = threading.Event()
        self._thread = threading.Thread(target=self._work, name=str(case), daemon=True)
        self._thread.start()

    def faults(self) -> list[str]:
        """Wait for the end and return what was not as it must be."""
        self._has_begun.wait()
        self._thread.join(HANGS_AFTER_S)
        if self._thread.is_alive():
            for _ in range(2):
                self._cancellation.request(CancelReason.USER)
            self._thread.join(CANCEL_TIMEOUT_S)
            if not self._thread.is_alive():
                return ["it hangs"]
            self._slots.release()  # the others shall not hang with it
            return ["it hangs, even when canceled twice"]
        return list(self._faults())

    def _faults(self) -> Iterator[str]:
        if self._record is None or self._record.verdict is None:
            yield self._error
            return
        case, verdict = self._case, self._record.verdict
        said = [verdict.line, *verdict.notes, *self._warnings]
        if (verdict.kind.value, verdict.exit_code) != (case.verdict, case.exit_code):
            yield f"{verdict.kind.value}, exit code {verdict.exit_code}: {verdict.line}"
        codes = {code for text in said for code in IN_BRACKETS.findall(text)}
        if case.codes and not codes & {*case.codes}:
            yield f"none of {case.codes} in {said}"
        if codes - {*case.codes}:
            yield f"{codes - {*case.codes}} in {said}"
        if self._seconds > HANGS_AFTER_S:
            yield f"it took {self._seconds:.0f} s"
        yield from self._wrong_outputs()

    def _wrong_outputs(self) -> Iterator[str]:
        wanted = {
            name: (self._folder / f"{of}.in").read_bytes() for name, of in self._case.copies.items()
        }
        for name, data in {**wanted, **self._case.gives}.items():
            path = self._folder / f"{name}.out"
            if not path.exists() or path.read_bytes() != data:
                yield f"the output '{name}' is not what was written"

    def _work(self) -> None:
        with self._slots:
            self._has_begun.set()
            began = time.monotonic()
            try:
                self._record = self._run()
            except Exception as error:  # noqa: BLE001  (whatever it is, it is a failure of this case)
                self._error = repr(error)
            self._seconds = time.monotonic() - began

    def _run(self) -> RunRecord:
        case, folder = self._case, self._folder
        buffers = {name: str(folder / f"{name}.out") for name in case.outputs}
        for name, size in case.inputs.items():
            source = folder / f"{name}.in"
            source.write_bytes(random.randbytes(size))
            buffers[name] = str(source)
        work = folder / "work"
        work.mkdir()
        document: dict[str, object] = {
            "image": case.image,
            "command": [case.shell, "-c", case.script],
            "buffers": {"inputs": [*case.inputs], "outputs": [*case.outputs]},
            "env": {
                "PAUSE": str(self._pace.pause_s),
                "LONG": str(self._pace.long_s),
                "WORK": str(work) if self._engine == "process" else "/tmp",
            },
        }
        request: Mapping[str, object] = {"job": {"codespec": document}, "timeoutSeconds": LIVES_S}
        options = ExecOptions(
            overrides=Overrides(network="none" if self._engine == "docker" else None),
            options=replace(Options(), stop_grace_s=0.2),
            emit=self._note,
            cancellation=self._cancellation,
        )
        workspace = Workspace(folder / "home", engine=self._engine, warn=self._warnings.append)
        return workspace.runs.exec(request, buffers, options)

    def _note(self, event: Event) -> None:
        if isinstance(event, Warned):
            self._warnings.append(event.text)


def start_all(
    cases: Iterable[Case], engine: str, folder: Path, pace: Pace, at_once: int
) -> dict[Case, Trial]:
    """Start a trial of each case; `at_once` of them run at a time, in that order."""
    slots = threading.Semaphore(at_once)
    trials: dict[Case, Trial] = {}
    for number, case in enumerate(cases):
        own = folder / f"{engine}-{number}"
        own.mkdir()
        trials[case] = Trial(case, engine, own, pace, slots)
    return trials


def misuse_rounds(
    rounds: int, cases: Iterable[Case], engines: Iterable[str], folder: Path
) -> list[str]:
    """Run each case `rounds` times on each engine.

    Returns:
        What was wrong: nothing when all is well.
    """
    failures: list[str] = []
    for number in range(1, rounds + 1):
        for engine in engines:
            chosen = [case for case in cases if engine == "docker" or case.is_local]
            own = folder / f"round-{number}-{engine}"
            own.mkdir()
            trials = start_all(chosen, engine, own, SOAK, 2 * (os.cpu_count() or 1))
            failures += [
                f"round {number}, {engine}, {case.name}: {fault}"
                for case, trial in trials.items()
                for fault in trial.faults()
            ]
    return failures
