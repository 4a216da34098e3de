"""The numbered contract of `tyger_local.engine.base`, sentence by sentence, on every engine."""

from __future__ import annotations

import ctypes
import ipaddress
import os
import re
import secrets
import signal
import socket
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace

import pytest

from tyger_local.engine.base import (
    Container,
    Engine,
    Network,
    OutputStream,
    PullPolicy,
    Remnant,
)
from tyger_local.errors import (
    CommandNotExecutableError,
    CommandNotFoundError,
    EngineError,
    ImageError,
    StartError,
    UsageError,
    WrongFormatError,
)
from tyger_local.outcome.facts import ContainerEnd
from tyger_local.outcome.record import Usage
from tyger_local.outcome.sight import Listening, ProcessSight, Reach
from tyger_local.plan.model import ContainerPlan, Limits, NetworkPlan, PipePlan, Role
from tyger_local.spec.buffers import Direction
from tyger_local.streams.fifo import Fifo, PipeFolder
from tyger_local.workspace.engines import make_engine

IMAGE = "tyger-local/busybox"
PYTHON_IMAGE = "tyger-local/mri"
DEADLINE_S = 20
GIVEN_BY_ENGINE = {
    "process": {"PATH", "HOME", "TMPDIR", "LANG", "TYGER_LOCAL_PROCESS"},
    "docker": {"PATH", "HOME", "HOSTNAME"},
}


@dataclass
class Printed:
    """What a container printed, in the order of arrival."""

    pieces: list[tuple[OutputStream, bytes]] = field(default_factory=list)

    def __call__(self, stream: OutputStream, data: bytes) -> None:
        self.pieces.append((stream, data))

    def on(self, stream: OutputStream) -> bytes:
        return b"".join(data for where, data in self.pieces if where is stream)


class Bench:
    """An engine, a folder of real pipes, and containers and networks that are removed at the end."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.folder = PipeFolder()
        self.root = engine.pipe_root or str(self.folder.path)
        self.fifos: dict[str, Fifo] = {}
        self.labels = (
            ("tyger-local.run", "7"),
            ("tyger-local.pid", str(os.getpid())),  # so that the session's guard sees what is left
            ("test", secrets.token_hex(8)),
        )
        self._containers: list[Container] = []
        self._networks: list[Network] = []

    def pipe(self, buffer: str) -> Fifo:
        if buffer not in self.fifos:
            self.fifos[buffer] = Fifo(self.folder.path / buffer)
        return self.fifos[buffer]

    def plan(self, *command: str, env: tuple[tuple[str, str], ...] = ()) -> ContainerPlan:
        return ContainerPlan(
            role=Role.JOB,
            index=2,
            host_name="run-1-job-2",
            image=IMAGE,
            entrypoint=command,
            arguments=None,
            env=env,
            pipe_root=self.root,
            pipes=tuple(
                PipePlan(name, Direction.OUTPUT, f"{self.root}/{name}") for name in self.fifos
            ),
            limits=Limits(),
            labels=self.labels,
        )

    def python(self, program: str, *arguments: str) -> ContainerPlan:
        """Plan what runs a program in Python."""
        if self.engine.name == "process":
            return self.plan(sys.executable, "-c", program, *arguments)
        return replace(self.plan("python3", "-c", program, *arguments), image=PYTHON_IMAGE)

    def create(self, *command: str, env: tuple[tuple[str, str], ...] = ()) -> Container:
        return self.make(self.plan(*command, env=env))

    def make(self, plan: ContainerPlan, *networks: Network) -> Container:
        names = tuple(network.name for network in networks)
        return self.take(self.engine.create(plan, self.folder.path, names))

    def network(self) -> Network:
        self._networks.append(self.engine.create_network(NetworkPlan("run-7", self.labels)))
        return self._networks[-1]

    def take(self, container: Container) -> Container:
        """Remove `container` at the end."""
        self._containers.append(container)
        return container

    def start(self, *command: str) -> tuple[Container, Printed]:
        container, printed = self.create(*command), Printed()
        container.start(printed)
        return container, printed

    def run(
        self, *command: str, env: tuple[tuple[str, str], ...] = ()
    ) -> tuple[ContainerEnd, Printed]:
        container, printed = self.create(*command, env=env), Printed()
        container.start(printed)
        return container.wait(), printed

    def close(self) -> None:
        for container in self._containers:
            container.remove()
        for network in self._networks:
            network.remove()
        for fifo in self.fifos.values():
            fifo.close()
        self.folder.remove()
        self.engine.close()


@pytest.fixture(params=["process", pytest.param("docker", marks=pytest.mark.docker)])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    made = Bench(make_engine(request.param))
    yield made
    made.close()


@pytest.fixture(params=[pytest.param("docker", marks=pytest.mark.docker)])
def networked(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """The bench of an engine that has networks."""
    made = Bench(make_engine(request.param))
    yield made
    made.close()


def _in_time(call: Callable[[], object]) -> object:
    """Return what `call` returns or raises in another thread, or fail when it takes too long."""
    results: list[object] = []

    def work() -> None:
        try:
            results.append(call())
        except Exception as error:  # noqa: BLE001  (handed over)
            results.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(DEADLINE_S)
    assert results, "it hangs"
    return results[0]


def _read_until(reader: int, wanted: bytes) -> None:
    """Read from a pipe until `wanted` has come, however late its writer opens it."""
    received, deadline = b"", time.monotonic() + DEADLINE_S
    os.set_blocking(reader, False)
    pause = threading.Event()
    while wanted not in received:
        assert time.monotonic() < deadline, received
        with suppress(BlockingIOError):
            received += os.read(reader, 1000)
        pause.wait(0.002)


def _check_nobody_writes(reader: int) -> None:
    """Check that no process holds the other end; while one does, there is no end of file."""
    assert os.read(reader, 1000) == b""


# 1


def test_1_it_says_what_it_is_and_has(bench: Bench) -> None:
    description = bench.engine.describe()
    assert description.identity.name == bench.engine.name
    assert description.identity.version
    assert description.capacity.nano_cpus >= 10**9
    assert description.capacity.memory_bytes >= 2**28
    assert re.fullmatch(r"linux/[a-z0-9]+(/v\d+)?", description.platform or "")
    assert description.capacity.limits_apply is (bench.engine.name == "docker")
    assert bench.engine.describe() == description


# 2


@pytest.mark.parametrize("pull", [PullPolicy.MISSING, PullPolicy.NEVER])
def test_2_an_image_that_is_there_is_found(bench: Bench, pull: PullPolicy) -> None:
    told: list[str] = []
    identity = bench.engine.find_image(IMAGE, pull, None, told.append)
    assert identity.reference == IMAGE
    if bench.engine.name == "process":
        assert (identity.digest, identity.platform) == (None, None)
    else:
        assert identity.platform == bench.engine.describe().platform
        assert (identity.digest or "").startswith("sha256:")
        assert len(identity.digest or "") == 71
    assert told == []


def test_2_an_image_for_another_platform_than_asked_is_an_error(bench: Bench) -> None:
    if bench.engine.name == "process":
        return  # it has no images: `review` refuses the question
    with pytest.raises(ImageError) as caught:
        bench.engine.find_image(IMAGE, PullPolicy.NEVER, "linux/mips64le", lambda _: None)
    assert "linux/mips64le" in caught.value.what
    machine = bench.engine.describe().platform
    assert bench.engine.find_image(IMAGE, PullPolicy.NEVER, machine, lambda _: None).digest


# 3


def test_3_what_was_created_has_not_started(bench: Bench) -> None:
    fifo = bench.pipe("output")
    reader = fifo.open_reader()
    container = bench.create("sh", "-c", f"echo started > {bench.root}/output")
    assert os.read(reader, 10) == b""
    container.start(Printed())
    _read_until(reader, b"started")
    os.close(reader)


def test_3_what_cannot_be_created_is_an_error(bench: Bench) -> None:
    plan = bench.plan("sh")
    refused = (
        replace(plan, working_dir="/no/such/folder")
        if bench.engine.name == "process"
        else replace(plan, image="tyger-local/no-such-image")
    )
    with pytest.raises((StartError, EngineError)):
        bench.engine.create(refused, bench.folder.path)


# 4

NOISE = bytes(range(256)) * 100
OUTPUTS = {
    "nothing": ("", b"", b""),
    "a line": ("echo hello", b"hello\n", b""),
    "no end of line": ("printf hello", b"hello", b""),
    "only stderr": ("echo hello >&2", b"", b"hello\n"),
    "both apart": ("echo out; echo err >&2; echo out2; echo err2 >&2", b"out\nout2\n", b"err\nerr2\n"),
    "no text": (r"printf '\377\376\000\200\r\n\303'", b"\xff\xfe\x00\x80\r\n\xc3", b""),
    "empty lines": (r"printf '\n\n\n'", b"\n\n\n", b""),
    "last words": ("sleep 0.05; echo last; exit 0", b"last\n", b""),
    "a failure's last words": ("echo last >&2; exit 3", b"", b"last\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", OUTPUTS)
def test_4_what_it_prints_arrives(bench: Bench, name: str) -> None:
    script, stdout, stderr = OUTPUTS[name]
    _, printed = bench.run("sh", "-c", script)
    assert printed.on(OutputStream.STDOUT) == stdout
    assert printed.on(OutputStream.STDERR) == stderr


def test_4_a_line_of_megabytes_and_an_unterminated_tail_arrive(bench: Bench) -> None:
    script = (
        r"head -c 2000000 /dev/zero | tr '\0' 'x'; echo; printf 'tail\377\376\303';"
        r"head -c 2000000 /dev/zero | tr '\0' 'y' >&2; printf '\377' >&2"
    )
    _, printed = bench.run("sh", "-c", script)
    assert printed.on(OutputStream.STDOUT) == b"x" * 2_000_000 + b"\ntail\xff\xfe\xc3"
    assert printed.on(OutputStream.STDERR) == b"y" * 2_000_000 + b"\xff"


def test_4_many_lines_arrive_in_order(bench: Bench) -> None:
    _, printed = bench.run("sh", "-c", "seq 100000; seq 50000 >&2")
    for stream, count in ((OutputStream.STDOUT, 100_000), (OutputStream.STDERR, 50_000)):
        assert printed.on(stream) == "".join(f"{n}\n" for n in range(1, count + 1)).encode()


def test_4_whoever_listens_slowly_loses_nothing(bench: Bench) -> None:
    received = bytearray()
    pause = threading.Event()

    def listen(stream: OutputStream, data: bytes) -> None:
        if len(received) % 7 == 0:
            pause.wait(0.001)
        received.extend(data)

    container = bench.create("sh", "-c", "head -c 3000000 /dev/zero")
    container.start(listen)
    assert container.wait().exit_code == 0
    assert received == bytes(3_000_000)


@pytest.mark.parametrize(
    ("command", "error"),
    [
        ("/no/such/command", CommandNotFoundError),
        ("no-such-command", CommandNotFoundError),
        ("/etc/passwd", CommandNotExecutableError),
        ("/etc", CommandNotExecutableError),
    ],
)
def test_4_a_command_that_cannot_run_is_told(
    bench: Bench, command: str, error: type[StartError]
) -> None:
    fifo = bench.pipe("output")
    container, printed = bench.create(command, "argument"), Printed()
    with pytest.raises(error) as caught:
        container.start(printed)
    assert command in caught.value.what
    assert caught.value.hint
    assert printed.pieces == []
    container.remove()
    container.remove()
    with pytest.raises(OSError, match="No such device or address"):
        os.open(fifo.path, os.O_WRONLY | os.O_NONBLOCK)  # nobody reads


# 4 or 5: what an engine only sees after the start


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("crlf", CommandNotFoundError),
        ("no-interpreter", CommandNotFoundError),
        ("no-first-line", WrongFormatError),
        ("foreign", WrongFormatError),
    ],
)
def test_5_a_file_that_is_no_program_here_is_told(
    bench: Bench, request: pytest.FixtureRequest, name: str, error: type[StartError]
) -> None:
    if bench.engine.name == "process":
        plan = bench.plan(f"{request.getfixturevalue('odd_folder')}/{name}")
    else:
        machine = (bench.engine.describe().platform or "").partition("/")[2]
        plan = replace(bench.plan(f"/{name}"), image=request.getfixturevalue("odd_image")(machine))
    container = bench.take(bench.engine.create(plan, bench.folder.path))

    def run() -> None:
        container.start(Printed())
        container.wait()

    told = _in_time(run)
    assert type(told) is error
    assert name in told.what
    assert told.hint
    container.remove()


def test_5_a_program_may_print_the_words_of_such_a_failure(bench: Bench) -> None:
    for script in ("echo exec /x: exec format error; exit 1", "echo no such thing >&2; exit 1"):
        assert bench.run("sh", "-c", script)[0] == ContainerEnd("job-2", 1)


# 5


@pytest.mark.parametrize("code", [0, 1, 125, 126, 127, 137, 255])
def test_5_its_exit_code_is_returned(bench: Bench, code: int) -> None:
    end, _ = bench.run("sh", "-c", f"exit {code}")
    assert end == ContainerEnd("job-2", code, oom_killed=False)


def test_5_an_end_by_a_signal_is_128_and_its_number(bench: Bench) -> None:
    container, _ = bench.start("sleep", "60")
    container.signal(signal.SIGKILL)
    assert _in_time(container.wait) == ContainerEnd("job-2", 137)


CHILDREN = {
    "a child": "(echo up >&3; exec sleep 60) & read -r _ < {gate}",
    "one that hears nothing": "(trap '' TERM INT HUP; echo up >&3; exec sleep 60) & read -r _ < {gate}",
    "a session of its own": "setsid sh -c 'echo up >&3; exec sleep 60' & read -r _ < {gate}",
    "a grandchild": "(( echo up >&3; exec sleep 60) & exit) ; read -r _ < {gate}",
    "a stopped one": "(echo up >&3; exec sleep 60) & kill -STOP $!; echo up >&3; read -r _ < {gate}",
    "one that forks": "(echo up >&3; while :; do sleep 0.01 & wait; done) & read -r _ < {gate}",
}


@pytest.mark.parametrize("name", CHILDREN)
def test_5_what_it_left_running_is_killed(bench: Bench, name: str) -> None:
    output, gate = bench.pipe("output"), bench.pipe("gate")
    reader, writer = output.open_reader(), gate.open_writer()
    keep = gate.open_reader()
    script = CHILDREN[name].format(gate=f"{bench.root}/gate")
    container, _ = bench.start("sh", "-c", f"exec 3>{bench.root}/output; {script}; exit 5")
    _read_until(reader, b"up")
    os.write(writer, b"go\n")
    assert _in_time(container.wait) == ContainerEnd("job-2", 5)
    _check_nobody_writes(reader)
    for fd in (reader, writer, keep):
        os.close(fd)


def test_5_it_may_be_waited_for_in_another_thread(bench: Bench) -> None:
    container, _ = bench.start("sh", "-c", "exit 4")
    assert _in_time(container.wait) == ContainerEnd("job-2", 4)


# 6


def _await_ready(bench: Bench, script: str) -> tuple[Container, int]:
    """Start `script`, which gets the output pipe as 3, and wait until it says that it is ready."""
    reader = bench.pipe("output").open_reader()
    container, _ = bench.start("sh", "-c", f"exec 3>{bench.root}/output; {script}")
    _read_until(reader, b"ready")
    return container, reader


LOOP = "echo ready >&3; while :; do sleep 0.01; done"


@pytest.mark.parametrize(
    ("number", "name"), [(signal.SIGTERM, "TERM"), (signal.SIGINT, "INT"), (signal.SIGUSR1, "USR1")]
)
def test_6_a_signal_reaches_the_main_process(bench: Bench, number: int, name: str) -> None:
    container, reader = _await_ready(bench, f"trap 'exit 42' {name}; {LOOP}")
    container.signal(number)
    assert _in_time(container.wait) == ContainerEnd("job-2", 42)
    os.close(reader)


def test_6_the_last_signal_cannot_be_ignored(bench: Bench) -> None:
    container, reader = _await_ready(bench, f"trap '' TERM INT HUP; {LOOP}")
    container.signal(signal.SIGTERM)
    container.signal(signal.SIGKILL)
    assert _in_time(container.wait) == ContainerEnd("job-2", 137)
    _check_nobody_writes(reader)
    os.close(reader)


def test_6_a_signal_after_the_end_does_nothing(bench: Bench) -> None:
    reader = bench.pipe("output").open_reader()
    container, _ = bench.start("sh", "-c", f"echo ready > {bench.root}/output; exit 6")
    _read_until(reader, b"ready")
    waited = threading.Event()
    for _ in range(20):  # somewhere among these it ends
        container.signal(signal.SIGWINCH)
        waited.wait(0.01)
    assert _in_time(container.wait) == ContainerEnd("job-2", 6)
    container.signal(signal.SIGKILL)
    container.remove()
    os.close(reader)


def test_6_a_signal_before_the_start_does_nothing(bench: Bench) -> None:
    container, printed = bench.create("echo", "alive"), Printed()
    container.signal(signal.SIGKILL)
    container.start(printed)
    assert container.wait().exit_code == 0
    assert printed.on(OutputStream.STDOUT) == b"alive\n"


# 7


def test_7_removing_kills_what_runs(bench: Bench) -> None:
    container, reader = _await_ready(bench, f"trap '' TERM; (sleep 60) & {LOOP}")
    container.remove()
    _check_nobody_writes(reader)
    container.remove()
    os.close(reader)


def test_7_whoever_waits_for_one_that_is_removed_is_freed(bench: Bench) -> None:
    container, reader = _await_ready(bench, LOOP)
    ends: list[object] = []
    thread = threading.Thread(target=lambda: ends.append(_in_time(container.wait)))
    thread.start()
    container.remove()
    thread.join(DEADLINE_S)
    assert ends == [ContainerEnd("job-2", 137)] or isinstance(ends[0], EngineError)
    os.close(reader)


def test_7_removing_one_that_never_started_works(bench: Bench) -> None:
    container = bench.create("sh")
    container.remove()
    container.remove()


def test_7_removing_one_that_has_ended_works(bench: Bench) -> None:
    container, _ = bench.start("true")
    container.wait()
    container.remove()
    container.remove()


# 8

ENV = (
    ("TYGER_RUN_ID", "17"),
    ("INPUT_PIPE", "/somewhere"),
    ("MY-BUF_PIPE", "/dashed"),
    ("EMPTY", ""),
    ("EQUALS", "a=b=c"),
    ("SPACES", "  two  "),
    ("LINES", "one\ntwo\n"),
    ("DOLLAR", "$HOME $(HOME) `x` \\"),
    ("UMLAUT", "Grüße 字"),
)


def test_8_its_environment_is_the_plans(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OURS_AND_NOT_THEIRS", "secret")
    end, printed = bench.run("env", "-0", env=ENV)
    assert end.exit_code == 0
    lines = printed.on(OutputStream.STDOUT).decode().split("\0")[:-1]
    found = dict(line.split("=", 1) for line in lines)
    given = {name: value for name, value in found.items() if name in dict(ENV)}
    assert given == dict(ENV)
    assert set(found) - set(given) <= GIVEN_BY_ENGINE[bench.engine.name]
    assert found["PATH"]


def test_8_the_plan_wins_over_what_the_engine_gives(bench: Bench) -> None:
    path = "/bin:/usr/bin"
    _, printed = bench.run("env", "-0", env=(("HOME", "/elsewhere"), ("PATH", path)))
    lines = printed.on(OutputStream.STDOUT).decode().split("\0")
    assert "HOME=/elsewhere" in lines
    assert f"PATH={path}" in lines


def test_8_its_pipes_are_where_the_plan_says(bench: Bench) -> None:
    reader, writer = bench.pipe("output").open_reader(), bench.pipe("in.put").open_writer()
    keep = bench.pipe("in.put").open_reader()  # lets us write before the container has opened it
    script = f"test -p {bench.root}/output && cat {bench.root}/in.put > {bench.root}/output"
    container, _ = bench.start("sh", "-c", script)
    os.write(writer, b"through")
    _read_until(reader, b"through")
    os.close(writer)
    os.close(keep)
    assert container.wait().exit_code == 0
    assert stat.S_ISFIFO(bench.pipe("output").path.lstat().st_mode)
    os.close(reader)


# 9


def test_9_its_standard_input_is_empty_and_no_terminal(bench: Bench) -> None:
    _, printed = bench.run("sh", "-c", "test -t 0 && echo tty; wc -c")
    assert printed.on(OutputStream.STDOUT).split() == [b"0"]


# 10


def _await_wchan(container: Container, wanted: str) -> ProcessSight:
    """Look at a container's processes until one waits in a kernel function of that name."""
    deadline, pause = time.monotonic() + DEADLINE_S, threading.Event()
    while True:
        sights = container.processes()
        for sight in sights:
            if wanted in sight.wchan:
                return sight
        assert time.monotonic() < deadline, sights
        pause.wait(0.01)


def test_10_whoever_waits_for_the_other_end_of_a_pipe_is_seen(bench: Bench) -> None:
    bench.pipe("input")
    container, _ = bench.start("sh", "-c", f"cat {bench.root}/input; exit")
    sight = _await_wchan(container, "wait_for_partner")
    assert sight.state == "S"
    assert sight.command == f"cat {bench.root}/input"
    assert sight.pid > 1


def test_10_whoever_waits_for_bytes_is_seen(bench: Bench) -> None:
    fifo = bench.pipe("input")
    writer = os.open(fifo.path, os.O_RDWR)  # somebody may still write
    container, _ = bench.start("sh", "-c", f"sleep 60 & exec cat {bench.root}/input")
    sight = _await_wchan(container, "pipe_read")
    assert sight.command == f"cat {bench.root}/input"
    commands = {sight.command for sight in container.processes()}
    assert commands == {f"cat {bench.root}/input", "sleep 60"}
    os.close(writer)


def test_10_whoever_computes_waits_nowhere(bench: Bench) -> None:
    container, reader = _await_ready(bench, "echo ready >&3; while :; do :; done")
    sights = container.processes()
    assert [(sight.state, sight.wchan) for sight in sights] == [("R", "")]
    os.close(reader)


def test_10_there_is_nothing_to_see_before_the_start_and_after_the_end(bench: Bench) -> None:
    container = bench.create("true")
    assert container.processes() == ()
    container.start(Printed())
    container.wait()
    assert container.processes() == ()
    container.remove()
    assert container.processes() == ()


# 11


def _remnants(bench: Bench) -> list[Remnant]:
    """Look with another engine of the same kind, as another process would."""
    engine = make_engine(bench.engine.name)
    found = [left for left in engine.remnants() if set(bench.labels) <= set(left.labels.items())]
    engine.close()
    return found


def test_11_a_container_is_found_by_others_with_its_labels(bench: Bench) -> None:
    assert _remnants(bench) == []
    containers = [bench.start("sleep", "600")[0] for _ in range(2)]
    found = _remnants(bench)
    assert [left.is_running for left in found] == [True, True]
    assert len({left.name for left in found}) == 2
    for container in containers:
        container.remove()
    assert _remnants(bench) == []
    assert make_engine(bench.engine.name).place == bench.engine.place


def test_11_one_that_never_started_is_found_if_it_exists(bench: Bench) -> None:
    bench.create("sleep", "600")
    found = _remnants(bench)
    assert [left.is_running for left in found] == (
        [] if bench.engine.name == "process" else [False]
    )
    for left in found:
        left.remove()
    assert _remnants(bench) == []


def test_11_removing_kills_with_all_descendants(bench: Bench) -> None:
    """One of them has a session of its own, another an environment of its own."""
    reader = bench.pipe("output").open_reader()
    hidden = (
        f"{{ env -i sleep 600 & setsid sleep 600 & echo up; sleep 600; }} > {bench.root}/output"
    )
    bench.start("sh", "-c", hidden)
    _read_until(reader, b"up")
    (left,) = _remnants(bench)
    left.remove()
    _check_nobody_writes(reader)
    os.close(reader)
    assert _remnants(bench) == []


def test_11_several_may_remove_at_once_and_again(bench: Bench) -> None:
    bench.start("sh", "-c", "trap '' TERM; sleep 600")
    found = [left for _ in range(4) for left in _remnants(bench)]
    assert len(found) == 4
    threads = [threading.Thread(target=left.remove) for left in found]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)
    deadline = time.monotonic() + DEADLINE_S
    while _remnants(bench):
        assert time.monotonic() < deadline
    for left in found:
        left.remove()
        left.stop()


def test_11_stopping_leaves_what_an_engine_keeps(bench: Bench) -> None:
    container, _ = bench.start("sh", "-c", "trap '' TERM; sleep 600")
    (left,) = _remnants(bench)
    left.stop()
    assert container.wait().exit_code == 137
    assert [left.is_running for left in _remnants(bench)] == (
        [] if bench.engine.name == "process" else [False]
    )


def test_11_a_network_is_found_behind_the_containers(networked: Bench) -> None:
    network = networked.network()
    networked.make(networked.plan("sleep", "600"), network).start(Printed())
    container, found = _remnants(networked)
    assert (found.name, found.is_running) == (f"network {network.name}", False)
    assert network.name not in container.name
    found.stop()
    assert len(_remnants(networked)) == 2
    with pytest.raises(EngineError, match=f"{network.name} still has containers in it"):
        found.remove()
    container.remove()
    found.remove()
    assert _remnants(networked) == []
    found.remove()
    network.remove()


def test_11_several_may_remove_a_network_with_its_containers_at_once(networked: Bench) -> None:
    network = networked.network()
    for _ in range(2):
        networked.make(networked.plan("sleep", "600"), network).start(Printed())
    sweeps = [_remnants(networked) for _ in range(4)]

    def sweep(found: list[Remnant]) -> str:
        for left in found:
            left.remove()
        return "swept"

    told: list[object] = []
    threads = [
        threading.Thread(target=lambda found=found: told.append(_in_time(lambda: sweep(found))))
        for found in sweeps
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)
    assert told == ["swept"] * 4
    assert _remnants(networked) == []


# 12 to 14

BURN = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done"


def test_12_what_it_cost_is_told_after_the_end(bench: Bench) -> None:
    container = bench.create("sh", "-c", f"{BURN}; exit 3")
    assert container.usage() == Usage()
    container.start(Printed())
    assert container.wait().exit_code == 3
    usage = container.usage()
    assert usage.cpu_seconds is not None
    assert 0.05 < usage.cpu_seconds < DEADLINE_S
    assert usage.method
    assert container.usage() == usage
    container.remove()
    assert container.usage() == usage


def test_12_what_its_children_cost_counts(bench: Bench) -> None:
    alone, _ = bench.start("sh", "-c", "exit")
    container, _ = bench.start("sh", "-c", f"sh -c '{BURN}'; exit")
    costs = []
    for one in (alone, container):
        one.wait()
        costs.append(one.usage().cpu_seconds or 0)
    assert costs[1] > costs[0] + 0.05


def test_12_memory_is_the_peak(bench: Bench) -> None:
    script = "x=$(head -c 100000000 /dev/zero | tr '\\0' x); x=; sleep 0.1"
    container, _ = bench.start("sh", "-c", script)
    container.wait()
    assert 100_000_000 < (container.usage().peak_memory_bytes or 0) < 400_000_000


def test_13_what_it_uses_is_told_while_it_runs(bench: Bench) -> None:
    reader = bench.pipe("output").open_reader()
    container = bench.create("sh", "-c", f"exec 3>{bench.root}/output; {BURN}; {LOOP}")
    assert container.sample() is None
    container.start(Printed())
    _read_until(reader, b"ready")
    sample = container.sample()
    assert sample is not None
    assert (sample.memory_bytes or 0) >= (sample.own_memory_bytes or 0) > 0
    assert (sample.cpu_seconds or 0) > 0.05
    container.signal(signal.SIGKILL)
    container.wait()
    assert container.sample() is None
    os.close(reader)


def test_14_nothing_is_known_of_one_that_never_started(bench: Bench) -> None:
    container = bench.create("/no/such/command")
    with pytest.raises(StartError):
        container.start(Printed())
    assert (container.usage(), container.sample()) == (Usage(), None)
    container.remove()
    assert (container.usage(), container.sample()) == (Usage(), None)


def test_14_one_that_is_removed_while_it_runs_may_be_asked(bench: Bench) -> None:
    container, reader = _await_ready(bench, LOOP)
    container.remove()
    assert container.sample() is None
    container.usage()
    os.close(reader)


# 15 to 17

SERVER = """
import socket, sys
with socket.create_server((sys.argv[1], 0)) as server:
    print(server.getsockname()[1], flush=True)
    connection, _ = server.accept()
with connection:
    connection.sendall(b"hello")
    connection.recv(1)
"""
"""Listens at an address and tells on which port; serves one connection, and then no more."""


def _until(condition: Callable[[], object]) -> None:
    deadline, pause = time.monotonic() + DEADLINE_S, threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "a condition did not come true"
        pause.wait(0.01)


SERVED = Listening(frozenset({7000}))


def _serve(bench: Bench, address: str, *networks: Network) -> tuple[Container, int]:
    """Start a server; return it and its port."""
    container, printed = bench.make(bench.python(SERVER, address), *networks), Printed()
    container.start(printed)
    _until(lambda: printed.on(OutputStream.STDOUT).endswith(b"\n"))
    return container, int(printed.on(OutputStream.STDOUT))


def _hear(reach: Reach, port: int) -> object:
    """Connect as it is told, in a thread that ends with it; return what a server says, or what goes wrong."""

    def connect() -> bytes:
        if reach.namespace is not None:
            ctypes.CDLL(None).setns(reach.namespace, 0)
            os.close(reach.namespace)
        with socket.create_connection((reach.hosts[0], port), DEADLINE_S) as connection:
            return connection.recv(100)

    return _in_time(connect)


def test_15_an_engine_without_networks_says_so(bench: Bench) -> None:
    if bench.engine.name != "process":
        return
    with pytest.raises(UsageError, match="cannot give the network run-7") as caught:
        bench.network()
    assert "--engine docker" in caught.value.hint


def test_15_a_name_is_no_other_networks(networked: Bench) -> None:
    names = [networked.network().name for _ in range(2)]
    assert len(set(names)) == 2
    assert all("run-7" in name for name in names)


def test_15_containers_of_a_network_find_each_other(networked: Bench) -> None:
    """Each serves the others under names of its own, long and short, and under one that all have."""
    network, servers = networked.network(), []
    for index in range(2):
        names = (f"w-{index}.workers.tyger.svc", f"w-{index}", "workers")
        plan = replace(networked.plan("nc", "-ll", "-p", "7000", "-e", "hostname"), aliases=names)
        servers.append(networked.make(replace(plan, host_name=f"host-{index}"), network))
        servers[-1].start(Printed())
    _until(lambda: all(server.listening() == SERVED for server in servers))
    asked = ("w-0.workers.tyger.svc", "w-0", "w-1.workers.tyger.svc", "w-1")
    script = "; ".join(f"nc {name} 7000 < /dev/null" for name in (*asked, "workers"))
    client, printed = networked.make(networked.plan("sh", "-ec", script), network), Printed()
    client.start(printed)
    end = _in_time(client.wait)
    *hosts, any_host = printed.on(OutputStream.STDOUT).decode().split()
    assert end == ContainerEnd("job-2", 0)
    assert hosts == ["host-0", "host-0", "host-1", "host-1"]
    assert any_host in hosts


def test_15_what_is_sent_arrives_whole_and_so_does_the_answer(networked: Bench) -> None:
    network = networked.network()
    plan = replace(networked.plan("nc", "-l", "-p", "7000", "-e", "md5sum"), aliases=("worker",))
    server = networked.make(plan, network)
    server.start(Printed())
    _until(lambda: server.listening() == SERVED)
    script = "head -c 5000000 /dev/zero > /tmp/data; md5sum < /tmp/data; nc worker 7000 < /tmp/data"
    client, printed = networked.make(networked.plan("sh", "-ec", script), network), Printed()
    client.start(printed)
    assert _in_time(client.wait) == ContainerEnd("job-2", 0)
    ours, theirs = printed.on(OutputStream.STDOUT).decode().splitlines()
    assert ours == theirs


def test_15_nobody_else_is_in_it(networked: Bench) -> None:
    network = networked.network()
    plan = networked.plan("nc", "-ll", "-p", "7000", "-e", "hostname")
    server = networked.make(replace(plan, aliases=("worker",)), network)
    server.start(Printed())
    _until(lambda: server.listening() == SERVED)
    script = f"for at in worker {server.address()}; do timeout 1 nc $at 7000 < /dev/null; done"
    outsiders = []
    for others in ((), (networked.network(),)):
        printed = Printed()
        outsiders.append((networked.make(networked.plan("sh", "-c", script), *others), printed))
        outsiders[-1][0].start(printed)
    for outsider, printed in outsiders:
        end = _in_time(outsider.wait)
        assert printed.on(OutputStream.STDOUT) == b""
        assert isinstance(end, ContainerEnd)
        assert end.exit_code != 0


def test_15_its_host_name_may_lie_in_a_domain(networked: Bench) -> None:
    plan = replace(
        networked.plan("sh", "-c", "hostname; hostname -f"),
        host_name="run-7-worker-0",
        domain="run-7-worker.tyger.svc.cluster.local",
        aliases=("run-7-worker-0.run-7-worker",),
    )
    container, printed = networked.make(plan, networked.network()), Printed()
    container.start(printed)
    container.wait()
    assert printed.on(OutputStream.STDOUT).decode().split() == [
        "run-7-worker-0",
        "run-7-worker-0.run-7-worker.tyger.svc.cluster.local",
    ]


def test_15_it_is_removed_once_and_again(networked: Bench) -> None:
    network = networked.network()
    container = networked.make(networked.plan("sleep", "600"), network)
    container.start(Printed())
    container.remove()
    network.remove()
    assert _remnants(networked) == []
    network.remove()


def test_15_a_container_may_be_in_more_than_one(networked: Bench) -> None:
    networks = [networked.network() for _ in range(2)]
    plan = networked.plan("nc", "-ll", "-p", "7000", "-e", "hostname")
    server = networked.make(replace(plan, aliases=("worker",)), *networks)
    server.start(Printed())
    _until(lambda: server.listening() == SERVED)
    script = "ip -o -4 address show dev eth0 | awk '{print $4}'; nc worker 7000 < /dev/null"
    client, printed = networked.make(networked.plan("sh", "-c", script), networks[0]), Printed()
    client.start(printed)
    _in_time(client.wait)
    own, host = printed.on(OutputStream.STDOUT).decode().split()
    assert host == "run-1-job-2"
    address = ipaddress.ip_address(server.address() or "")
    assert address in ipaddress.ip_interface(own).network  # the first one's


def test_15_where_one_cannot_be_joined_nothing_is_left(networked: Bench) -> None:
    network = networked.network()
    with pytest.raises(EngineError, match="host network"):
        networked.engine.create(
            networked.plan("true"), networked.folder.path, (network.name, "host")
        )
    assert [left.name for left in _remnants(networked)] == [f"network {network.name}"]


@pytest.mark.parametrize("place", [0, 1])
def test_15_one_that_is_not_there_is_told_at_the_start_or_before(
    networked: Bench, place: int
) -> None:
    names = [networked.network().name]
    names.insert(place, "no-such-network")
    folder = networked.folder.path
    with pytest.raises((StartError, EngineError), match="no-such-network"):
        networked.take(networked.engine.create(networked.plan("true"), folder, tuple(names))).start(
            Printed()
        )


def test_16_the_others_reach_it_at_its_address(networked: Bench) -> None:
    network = networked.network()
    server = networked.make(networked.plan("nc", "-l", "-p", "7000", "-e", "hostname"), network)
    assert server.address() is None
    server.start(Printed())
    _until(lambda: server.listening() == SERVED)
    command = ("sh", "-c", f"nc {server.address()} 7000 < /dev/null")
    client, printed = networked.make(networked.plan(*command), network), Printed()
    client.start(printed)
    assert _in_time(client.wait) == ContainerEnd("job-2", 0)
    assert printed.on(OutputStream.STDOUT) == b"run-1-job-2\n"
    _in_time(server.wait)
    assert server.address() is None


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_17_looking_at_what_listens_uses_no_connection_up(bench: Bench, address: str) -> None:
    container, port = _serve(bench, address)
    seen = [container.listening() for _ in range(100)]
    is_local, ports = address == "127.0.0.1", frozenset({port})
    found = Listening(local_ports=ports) if is_local else Listening(ports)
    assert seen == [None if bench.engine.name == "process" else found] * 100
    reach = container.reach()
    assert reach is not None
    heard = _hear(reach, port)
    if reach.is_inside or not is_local:
        assert heard == b"hello"
        assert _in_time(container.wait) == ContainerEnd("job-2", 0)
    else:
        assert isinstance(heard, ConnectionRefusedError)


def test_17_from_inside_where_that_is_allowed(bench: Bench) -> None:
    container, _ = bench.start("sleep", "600")
    reach = container.reach()
    assert reach is not None
    assert reach.is_inside is (bench.engine.name == "process" or os.geteuid() == 0)
    if reach.is_inside:
        assert reach.hosts == ("127.0.0.1", "::1")
    if reach.namespace is not None:
        assert not os.get_inheritable(reach.namespace)
        os.close(reach.namespace)


LISTENERS = """
import os, socket
servers = [socket.create_server(("127.0.0.1", 0)), socket.create_server(("", 0))]
if socket.has_ipv6 and os.path.exists("/proc/net/tcp6"):
    servers.append(socket.create_server(("::", 0), family=socket.AF_INET6))
client = socket.create_connection(servers[0].getsockname())
bound = socket.socket()
bound.bind(("", 0))
print(*(server.getsockname()[1] for server in servers), flush=True)
input()
servers.pop(0).close()
print("closed", flush=True)
input()
"""
"""Listens at several ports, has connections at others, and closes the first listener when it is told to."""


def test_17_all_that_listens_is_seen_and_nothing_else(networked: Bench) -> None:
    writer, keep = networked.pipe("gate").open_writer(), networked.pipe("gate").open_reader()
    program = f"import sys; sys.stdin = open('{networked.root}/gate')\n{LISTENERS}"
    network, printed = (
        networked.network(),
        Printed(),
    )  # where the engine's own server is inside, too
    container = networked.make(networked.python(program), network)
    container.start(printed)
    _until(lambda: printed.on(OutputStream.STDOUT).endswith(b"\n"))
    local, *rest = (int(port) for port in printed.on(OutputStream.STDOUT).split())
    others = frozenset(rest)
    assert container.listening() == Listening(others, frozenset({local}))
    os.write(writer, b"\n")
    _until(lambda: printed.on(OutputStream.STDOUT).endswith(b"closed\n"))
    _until(lambda: container.listening() == Listening(others))
    os.close(writer)
    os.close(keep)


def _network_sights(container: Container) -> tuple[object, ...]:
    return container.address(), container.listening(), container.reach()


def test_17_nothing_is_known_before_the_start_and_after_the_end(bench: Bench) -> None:
    container = bench.create("sh", "-c", "exit 3")
    assert _network_sights(container) == (None, None, None)
    container.start(Printed())
    container.wait()
    assert _network_sights(container) == (None, None, None)
    container.remove()
    assert _network_sights(container) == (None, None, None)


def test_17_nothing_is_known_of_one_that_could_not_start(bench: Bench) -> None:
    container = bench.create("/no/such/command")
    with pytest.raises(StartError):
        container.start(Printed())
    assert _network_sights(container) == (None, None, None)


def test_17_nothing_is_known_of_one_that_has_died_unnoticed(networked: Bench) -> None:
    container, _ = _serve(networked, "0.0.0.0")
    assert container.listening()
    container.signal(signal.SIGKILL)
    _until(lambda: _network_sights(container) == (None, None, None))


def test_17_one_that_is_removed_while_it_runs_may_be_asked(bench: Bench) -> None:
    container, reader = _await_ready(bench, LOOP)
    container.remove()
    assert _network_sights(container) == (None, None, None)
    os.close(reader)


def test_18_it_tells_more_of_itself(bench: Bench) -> None:
    facts = bench.engine.facts()
    titles = [title for title, _ in facts.details]
    assert "system" in titles
    assert len(set(titles)) == len(titles)
    assert all(text for _, text in facts.details)
    assert all(caution.text and caution.fix for caution in facts.cautions)
    sizes = [image.size_bytes for image in facts.images]
    assert sizes == sorted(sizes)
    names = {image.reference for image in facts.images}
    is_docker = bench.engine.name == "docker"
    assert (f"{IMAGE}:latest" in names) == is_docker
    assert (facts.has_limits, facts.has_networks) == (is_docker, is_docker)
