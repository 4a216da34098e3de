"""`run`: a setup in, the record of the ended run out.

Reads from top to bottom like the life of a run: engine asked, plan made, pipes made and held, containers
created and started, bytes moved until the end, facts, verdict, outputs published, record written,
everything removed. What goes wrong on the way becomes a fact and then a verdict.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from itertools import chain
from pathlib import Path

from tyger_local.engine.base import EngineDescription
from tyger_local.errors import EngineError, StartError, StoreError, StreamError, WrongFormatError
from tyger_local.outcome.events import ImagePull, StatusChanged, Transfers, Warned
from tyger_local.outcome.facts import BufferStats, EndedBy, Facts
from tyger_local.outcome.record import ImageIdentity, RunRecord
from tyger_local.outcome.usage import total
from tyger_local.outcome.verdict import Verdict, VerdictKind, judge
from tyger_local.plan.model import ContainerPlan, RunPlan
from tyger_local.plan.platforms import review_platform
from tyger_local.runner.cause import Cause, failure
from tyger_local.runner.crew import Crew
from tyger_local.runner.inbox import CanceledWaitingError, Inbox
from tyger_local.runner.member import Member
from tyger_local.runner.sampler import Sampler
from tyger_local.runner.setup import Setup
from tyger_local.runner.stalls import StallWatch
from tyger_local.runner.stopwatch import Phase, Stopwatch
from tyger_local.runner.teller import Teller
from tyger_local.runner.watch import Watch
from tyger_local.streams.fifo import PipeFolder


def run(setup: Setup) -> RunRecord:
    """Carry a run out.

    Returns:
        Its record, with a verdict. It has been saved, and nothing is left of the run but its outputs, its
        record and its logs.
    """
    return _Run(setup).carry_out()


class _Run:
    """A run on its way."""

    def __init__(self, setup: Setup) -> None:
        self._teller = Teller(setup.emit)
        self._is_saved = True
        self._setup = setup = replace(setup, emit=self._teller)
        self._inbox = Inbox()
        self._record = setup.record
        self._crew = Crew(setup, self._inbox)
        self._images: dict[str, ImageIdentity] = {}
        self._watch: Watch | None = None
        self._machine_platform: str | None = None
        self._warned: list[Member] = []
        self._sampler = Sampler()
        self._stopwatch = Stopwatch()

    def carry_out(self) -> RunRecord:
        setup, crew = self._setup, self._crew
        setup.cancellation.listen(self._inbox.cancel)
        with ExitStack() as stack:
            stack.callback(setup.cancellation.ignore)
            stack.callback(setup.engine.close)
            stack.callback(self._sampler.stop)
            stack.callback(crew.stop_looking)
            cause = self._until_end(stack)
            if self._watch is not None:
                cause = self._settle(self._watch, cause)
            self._stopwatch.end()
            buffers = {member.label: member.statistics() for member in crew.members}
            self._note_cost(buffers)
            everything = tuple(chain.from_iterable(buffers.values()))
            verdict = self._publish(self._judge(cause, everything), everything)
            first = next(iter(buffers.values()), ())
            self._record = replace(self._record, warnings=tuple(self._teller.warnings))
            self._save(self._record.ended(verdict, setup.now(), first))
            for member in crew.members:
                self._finish_log(member)
        setup.emit(StatusChanged(self._record.id, verdict.status))
        return self._record

    def _note_cost(self, buffers: Mapping[str, tuple[BufferStats, ...]]) -> None:
        """Take note of what became of each container, and what the run has cost, over time as well."""
        members = self._crew.members
        usage = total([member.usage() for member in members if member.started_at is not None])
        self._record = replace(self._record, usage=usage, phases=self._stopwatch.phases)
        if len(members) > 1:
            containers = (
                member.record(self._images.get(member.plan.image), buffers[member.label])
                for member in members
            )
            self._record = replace(self._record, containers=tuple(containers))
        samples = self._sampler.finish()
        if samples is not None:
            try:
                self._setup.save_samples(samples)
            except StoreError as error:
                self._setup.emit(
                    Warned(f"what the run used over time is not written down: {error}")
                )

    def _until_end(self, stack: ExitStack) -> Cause:
        """Do everything up to what ends the run, and return that."""
        try:
            plan = self._prepare(stack)
            self._stopwatch.enter(Phase.START)
            watch = self._watch = self._make_watch(plan)
            cause = self._crew.start_workers(watch)
            if cause is None:
                self._start_job(watch)
                self._stopwatch.enter(Phase.RUN)
                cause = watch.until_end()
        except CanceledWaitingError as canceled:
            cause = Cause(EndedBy.CANCEL, cancel_reason=canceled.reason)
        except StreamError as error:
            cause = Cause(EndedBy.BUFFER, error)
        except (StartError, EngineError) as error:
            cause = failure(error)
        except StoreError as error:  # a log cannot be made
            cause = failure(StartError(error.what, error.hint))
        if self._stopwatch.phase is not Phase.RUN:
            self._stopwatch.end()
        return cause

    def _prepare(self, stack: ExitStack) -> RunPlan:
        """Ask the engine, plan, and make what the containers need, and then them."""
        setup = self._setup
        description = self._inbox.wait_for(setup.engine.describe)
        self._record = replace(self._record, engine=description.identity, notes=description.notes)
        self._machine_platform = description.platform
        folders = [self._pipe_folder(outer, description, stack) for outer in setup.pipe_folders]
        plan = setup.make_plan(description, lambda index: str(folders[index]))
        for difference in plan.differences:
            setup.emit(Warned(difference.text))
        self._stopwatch.enter(Phase.PULL)
        for container in {c.image: c for c in plan.containers}.values():
            self._find_image(container, description)
        self._record = replace(self._record, image=self._images[plan.containers[0].image])
        self._stopwatch.enter(Phase.CREATE)
        self._crew.muster(plan, folders, stack)
        self._crew.create(plan, stack)
        self._inbox.check()
        return plan

    def _find_image(self, container: ContainerPlan, description: EngineDescription) -> None:
        setup = self._setup
        image = self._inbox.wait_for(
            lambda: setup.engine.find_image(
                container.image,
                setup.options.pull,
                container.platform,
                lambda text: setup.emit(ImagePull(container.image, text)),
            )
        )
        self._images[container.image] = image
        for difference in review_platform(
            container.image, image.platform, description.platform, container.platform
        ):
            setup.emit(Warned(difference.text))

    def _pipe_folder(self, outer: Path, description: EngineDescription, stack: ExitStack) -> Path:
        note = self._setup.folder_note
        folder = PipeFolder(outer, note, engine_is_other_user=description.is_other_user)
        stack.callback(folder.remove)
        return folder.path

    def _start_job(self, watch: Watch) -> None:
        try:
            self._sampler.start(self._crew.members)
            if self._setup.options.terminal:
                self._teller.hold()
            self._crew.start_job()
        finally:  # what did start is to be stopped, and its last bytes are to be moved
            watch.begin()
            watch.follow_bytes()
        self._crew.job_started()
        running = len(self._crew.replicas)
        self._save(self._record.started(self._setup.now(), running))
        self._setup.emit(StatusChanged(self._record.id, self._record.status, running))

    def _make_watch(self, plan: RunPlan) -> Watch:
        crew, setup = self._crew, self._setup
        return Watch(
            crew.replicas,
            crew.workers,
            self._inbox,
            StallWatch(
                crew.replicas,
                self._inbox,
                setup.emit,
                is_isolated=setup.engine.pipe_root is not None,
            ),
            timeout_s=math.inf if setup.options.terminal else plan.timeout_s,
            lenient=setup.options.lenient,
            on_tick=self._tick,
        )

    def _tick(self) -> None:
        self._report_progress()
        if self._is_saved and len(self._teller.warnings) > len(self._record.warnings):
            # Whoever looks at a run in the background learns of a stall while it lasts.
            self._save(replace(self._record, warnings=tuple(self._teller.warnings)))

    def _report_progress(self) -> None:
        stats = (
            transfer.stats for replica in self._crew.replicas for transfer in replica.transfers
        )
        self._setup.emit(Transfers(tuple(stats)))
        self._warn_of_logs()

    def _settle(self, watch: Watch, cause: Cause) -> Cause:
        """Stop what still runs and let the last bytes arrive."""
        self._crew.stop_looking()
        self._teller.release()
        if not any(replica.is_running for replica in self._crew.replicas):
            self._stopwatch.leave_run()  # workers that take their time are not the job's
        watch.stop(self._setup.options.stop_grace_s)
        self._crew.tell_of_the_stopped()
        self._stopwatch.leave_run()
        succeeded = cause.ended_by in (EndedBy.EXIT, EndedBy.SOCKETS) and all(
            replica.was_stopped or (replica.end is not None and replica.end.exit_code == 0)
            for replica in self._crew.replicas
        )
        cause = watch.last_bytes(cause, succeeded=succeeded)
        self._report_progress()
        return cause

    def _judge(self, cause: Cause, buffers: tuple[BufferStats, ...]) -> Verdict:
        setup, error = self._setup, cause.error
        facts = Facts(
            ended_by=cause.ended_by,
            ends=() if self._watch is None else tuple(self._watch.ends),
            buffers=buffers,
            message="" if error is None else error.what,
            hint="" if error is None else error.hint,
            start_exit_code=StartError.exit_code if error is None else error.exit_code,
            is_wrong_format=isinstance(error, WrongFormatError),
            image_platform=self._crew.platform_of(cause.label, self._images),
            machine_platform=self._machine_platform,
            cancel_reason=cause.cancel_reason,
            canceled_by=setup.cancellation.by,
            timeout_s=self._record.timeout_s,
            memory_limit=setup.memory_limit,
            worker=cause.worker,
            names_replicas=len(self._crew.replicas) > 1,
            has_job_started=self._crew.has_job_started,
            silent_endpoints=self._crew.silent_endpoints,
            local_endpoints=self._crew.local_endpoints,
            worker_memory_limit=setup.worker_memory_limit,
            lenient=setup.options.lenient,
        )
        return judge(facts)

    def _publish(self, verdict: Verdict, buffers: tuple[BufferStats, ...]) -> Verdict:
        """Publish the outputs of a run that succeeded; keep the parts of one that did not."""
        ends = self._setup.ends
        try:
            ends.end_buffers(buffers, verdict.kind)
            if verdict.kind is VerdictKind.SUCCEEDED:
                ends.publish()
        except StreamError as error:
            if verdict.kind is VerdictKind.SUCCEEDED:
                failed = Facts(EndedBy.BUFFER, message=error.what, hint=error.hint)
                verdict = judge(failed)
        kept = ends.close()
        if kept and verdict.kind is not VerdictKind.SUCCEEDED:
            note = f"what arrived of the output is in {' and '.join(kept)}"
            verdict = replace(verdict, hint=f"{verdict.hint}; {note}" if verdict.hint else note)
        return verdict

    def _save(self, record: RunRecord) -> None:
        self._record = record
        try:
            self._setup.save(record)
        except StoreError as error:
            self._is_saved = False
            self._setup.note_left()
            self._setup.emit(Warned(f"the run's record could not be written: {error}"))

    def _finish_log(self, member: Member) -> None:
        if not member.finish_log():
            text = f"Timed out waiting for logs to finish streaming; the whole log is {member.log.path}"
            self._setup.emit(Warned(text))
        self._warn_of_logs()

    def _warn_of_logs(self) -> None:
        """Tell once of each log that could not be kept whole."""
        for member in self._crew.members:
            fault = member.log.fault
            if fault is not None and member not in self._warned:
                self._warned.append(member)
                whose = f"{member.label}: " if len(self._crew.members) > 1 else ""
                self._setup.emit(Warned(f"{whose}{fault}"))
