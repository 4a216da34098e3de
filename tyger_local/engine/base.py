"""The seam between a run and whatever executes it.

The contract, which one test suite checks on every engine:

1. `Engine.describe` says what the engine is and has and the platform of its machine, or raises
   `EngineUnavailableError`; it starts nothing.
2. `Engine.find_image` makes the image available by the pull policy and says for which platform it is
   built, or raises `ImageError`, also when it is not for the platform that is asked for. An engine without
   images returns an identity without a digest and without a platform.
3. `Engine.create` makes a container that has not started, or raises `StartError` or `EngineError`
   and leaves nothing behind.
4. `Container.start` delivers every byte that the container prints, in order for each stream, to
   `on_output` from a thread of the engine's, before `wait` returns. It raises
   `CommandNotFoundError`, `CommandNotExecutableError` or `StartError` when the command cannot
   run; the container then is as if it had never started, and `remove` still works.
5. `Container.wait` blocks until the container has ended and none of its processes is left, and may be
   called once, from any thread. It returns the exit code, 128 + N after signal N. It raises
   `EngineError` when the engine is lost, and the errors of 4 when it shows only after the start that the
   command cannot run: its interpreter is missing, or its file is no program for this machine, which is a
   `WrongFormatError` in either place.
6. `Container.signal` sends a signal to the main process. It does nothing when that has ended.
7. `Container.remove` kills what is left, removes everything the engine made for the container, and does
   nothing when called again. It works on one that never started.
8. The container finds each of its pipes at the path that the plan says, and no environment variables but
   the plan's, the image's or, for an engine without images, a few that every program needs.
9. Its standard input is empty and not a terminal, unless it was created with a terminal.
10. `Container.processes` tells what each thread of the container's processes is doing, as far as the
   engine shows it; empty where it cannot, before the start and after the end. It never raises because of
   that, and may be called from any thread.
11. `Engine.remnants` finds every container that is there, whichever process created it and whether or not
   that lives, with at least the labels of its plan, and behind them every network of sentence 15 with its
   own. `Remnant.remove` and `Remnant.stop` kill what runs of a container; they do nothing when it is gone,
   also when others remove it at the same moment. A network never runs, and `stop` does nothing to it.
12. `Container.usage`, once `wait` has returned, tells what the container with all its processes has cost;
   None stands for what the engine does not show, and never 0. Before that it may know nothing.
13. `Container.sample` tells what it uses at this moment, without waiting for anybody; None before the start,
   after the end and where it cannot be seen.
14. Neither of the two raises because something cannot be known, and both may be called from any thread.
15. `Engine.create_network` makes a network that is not there yet, or raises `EngineError` and leaves nothing
   behind. Containers that are created with it find each other by the aliases of their plans as soon as they
   run, and nobody else is in it. `Network.remove` removes it once its containers are removed, and does
   nothing when it is gone. An engine without networks raises `UsageError`.
16. `Container.address` is where those others reach it: None before it runs, after its end, and on an engine
   without networks.
17. `Container.listening` tells on which TCP ports its programs accept connections, without making one, and
   which of them nobody but the container itself reaches, since they are its ``localhost``'s only; None where
   that cannot be seen, before the start and after the end. `Container.reach` tells how to connect to
   a port of it, by its own ``localhost`` where the engine and our rights allow that; None before the start,
   after the end and where it cannot be reached. None of the three raises, and all may be called from any
   thread.
18. `Engine.facts` tells of the engine what no run needs but people want to know. It raises what `describe`
   raises, and starts and changes nothing; what the engine does not say is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol

from tyger_local.engine.facts import EngineFacts
from tyger_local.outcome.facts import ContainerEnd
from tyger_local.outcome.record import EngineIdentity, ImageIdentity, Usage
from tyger_local.outcome.sight import Listening, ProcessSight, Reach, UsageSample
from tyger_local.plan.model import Capacity, ContainerPlan, Difference, NetworkPlan, RunPlan


class PullPolicy(str, Enum):
    """When an image is pulled."""

    ALWAYS = "always"
    MISSING = "missing"
    NEVER = "never"


class OutputStream(str, Enum):
    """Where a container printed something."""

    STDOUT = "stdout"
    STDERR = "stderr"


OnOutput = Callable[[OutputStream, bytes], None]


@dataclass(frozen=True, slots=True)
class EngineDescription:
    """What an engine is and has.

    Attributes:
        is_other_user: Whether it opens mounted folders as somebody else than us or root.
        platform: Its machine's, as `tyger_local.spec.platforms` writes it; None when it does not say.
        notes: What whoever uses this engine should be told after every run.
    """

    identity: EngineIdentity
    capacity: Capacity
    is_other_user: bool = False
    platform: str | None = None
    notes: tuple[str, ...] = ()


class Container(Protocol):
    """One container of a run; see the contract above."""

    @property
    def id(self) -> str:
        """Return what the engine calls it."""
        ...

    def start(self, on_output: OnOutput) -> None:
        """Start it; see sentence 4."""
        ...

    def wait(self) -> ContainerEnd:
        """Wait for its end; see sentence 5."""
        ...

    def signal(self, number: int) -> None:
        """Send a signal to its main process; see sentence 6."""
        ...

    def remove(self) -> None:
        """Remove it; see sentence 7."""
        ...

    def processes(self) -> tuple[ProcessSight, ...]:
        """Tell what its processes are doing; see sentence 10."""
        ...

    def usage(self) -> Usage:
        """Tell what it has cost; see sentence 12."""
        ...

    def sample(self) -> UsageSample | None:
        """Tell what it uses now; see sentence 13."""
        ...

    def address(self) -> str | None:
        """Tell where the run's other containers reach it; see sentence 16."""
        ...

    def listening(self) -> Listening | None:
        """Tell on which TCP ports it accepts connections; see sentence 17."""
        ...

    def reach(self) -> Reach | None:
        """Tell how to connect to it; see sentence 17. What it returns now belongs to the caller."""
        ...

    def run_in_terminal(self) -> None:
        """Start it with our terminal as its own and return when it has ended (``--shell``).

        Only for a container that was created with a terminal; takes the place of `start`.
        """
        ...


class Network(Protocol):
    """A network of one run's containers; see sentence 15."""

    @property
    def name(self) -> str:
        """Return what the engine calls it."""
        ...

    def remove(self) -> None:
        """Remove it."""
        ...


class Remnant(Protocol):
    """A container or a network that somebody created; see sentence 11."""

    @property
    def name(self) -> str:
        """Return what it is called, for people."""
        ...

    @property
    def labels(self) -> Mapping[str, str]:
        """Return the labels of its plan."""
        ...

    @property
    def is_running(self) -> bool:
        """Return whether it ran when it was found."""
        ...

    def stop(self) -> None:
        """Kill it at once, and leave it."""
        ...

    def remove(self) -> None:
        """Kill and remove it."""
        ...


class Engine(Protocol):
    """Something that executes plans; see the contract above."""

    @property
    def name(self) -> str:
        """Return the name by which ``--engine`` chooses it."""
        ...

    @property
    def pipe_root(self) -> str | None:
        """Return where its containers see their pipes; None when they see the host's own folder."""
        ...

    @property
    def place(self) -> str:
        """Return which one of its kind this is; what one of them runs, another does not find."""
        ...

    def review(self, plan: RunPlan) -> tuple[Difference, ...]:
        """Return what this engine does otherwise than `plan` asks for; asks nobody.

        Raises:
            UsageError: It cannot give what the plan asks for at all; the message names what.
        """
        ...

    def describe(self) -> EngineDescription:
        """Say what the engine is and has; see sentence 1."""
        ...

    def facts(self) -> EngineFacts:
        """Tell people more of the engine; see sentence 18.

        Raises:
            EngineError: The engine cannot be asked.
        """
        ...

    def find_image(
        self,
        reference: str,
        pull: PullPolicy,
        platform: str | None,
        on_progress: Callable[[str], None],
    ) -> ImageIdentity:
        """Make an image available; see sentence 2."""
        ...

    def create_network(self, plan: NetworkPlan) -> Network:
        """Make a network; see sentence 15."""
        ...

    def create(
        self,
        plan: ContainerPlan,
        pipes: Path,
        networks: tuple[str, ...] = (),
        *,
        terminal: bool = False,
    ) -> Container:
        """Make a container; see sentence 3.

        Args:
            plan: What it is to be.
            pipes: The host's folder that holds its FIFOs; not looked at when it has none.
            networks: The networks to join, by the engine's names; none is the engine's default. In the first
                it is known by its aliases, if it has any.
            terminal: Whether it gets a terminal (``--shell``).
        """
        ...

    def remnants(self) -> tuple[Remnant, ...]:
        """Find the containers and networks of all runs; see sentence 11.

        Raises:
            EngineError: The engine cannot be asked.
        """
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...
