"""What is asked of a real Docker engine is what the container really gets."""

from __future__ import annotations

import gc
import json
import os
import platform
import signal
import socket
import subprocess
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tyger_local.engine.base import OutputStream, PullPolicy
from tyger_local.engine.docker import DockerEngine
from tyger_local.engine.docker import engine as engine_module
from tyger_local.engine.docker.api import Api
from tyger_local.engine.docker.container import DockerContainer
from tyger_local.engine.docker.measuring import Measuring
from tyger_local.errors import EngineError, EngineUnavailableError, ImageError, StartError
from tyger_local.outcome.facts import ContainerEnd
from tyger_local.plan.model import ContainerPlan, Limits, MountPlan, PipePlan, Role
from tyger_local.spec.buffers import Direction
from tyger_local.streams.fifo import PipeFolder

needs_engine = pytest.mark.docker

IMAGE = "tyger-local/busybox"
MISSING_IMAGE = "tyger-local.invalid/no-such-image:1"
MIB = 2**20
DEADLINE_S = 60
LABELS = (("tyger-local.run", "engine-test"), ("tyger-local.store", "0123"))

Run = Callable[..., tuple[ContainerEnd, str]]


def _plan(*command: str, **fields: Any) -> ContainerPlan:
    plan = ContainerPlan(
        role=Role.JOB,
        index=0,
        host_name="run-1-job-0",
        image=IMAGE,
        entrypoint=command,
        arguments=None,
        env=(),
        pipe_root="/etc/buffer-fifos",
        pipes=(),
        limits=Limits(),
        labels=LABELS,
    )
    return replace(plan, **fields)


@pytest.fixture
def engine() -> Iterator[DockerEngine]:
    made = DockerEngine()
    yield made
    made.close()


@pytest.fixture
def pipes() -> Iterator[Path]:
    folder = PipeFolder()
    yield folder.path
    folder.remove()


@pytest.fixture
def create(engine: DockerEngine, pipes: Path) -> Iterator[Callable[..., DockerContainer]]:
    made: list[DockerContainer] = []

    def create(plan: ContainerPlan, *networks: str) -> DockerContainer:
        made.append(engine.create(plan, pipes, networks or ("none",)))
        return made[-1]

    yield create
    for container in made:
        container.remove()


@pytest.fixture
def run(create: Callable[..., DockerContainer]) -> Run:
    """Run a shell script in a container; return its end and what it printed."""

    def run(script: str, network: str = "none", **fields: Any) -> tuple[ContainerEnd, str]:
        printed = bytearray()
        container = create(_plan("sh", "-c", script, **fields), network)
        container.start(lambda _, data: printed.extend(data))
        return container.wait(), printed.decode().strip()

    return run


def _inspected(container: DockerContainer) -> dict[str, Any]:
    command = ("docker", "inspect", container.id)
    (found,) = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return dict(found)


# Limits: what the kernel says, in cgroup v1's words or v2's


def _first_of(*paths: str) -> str:
    """Return a script that prints the first of these files of the container's cgroup."""
    tests = "; ".join(f"if [ -e {path} ]; then cat {path}; exit; fi" for path in paths)
    return f"cd /sys/fs/cgroup; {tests}; echo none"


MEMORY = _first_of("memory/memory.limit_in_bytes", "memory.max")
SWAP = _first_of("memory/memory.memsw.limit_in_bytes", "memory.swap.max")
RESERVATION = _first_of("memory/memory.soft_limit_in_bytes", "memory.low")
CPU = _first_of("cpu.max") + "; cat cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us"
SHARES = _first_of("cpu/cpu.shares", "cpu.weight")


@needs_engine
def test_the_memory_limit(run: Run) -> None:
    limits = Limits(memory_bytes=64 * MIB)
    assert run(MEMORY, limits=limits)[1] == str(64 * MIB)


@needs_engine
def test_no_swap_comes_on_top(run: Run) -> None:
    # v1 counts memory and swap together, v2 swap alone; some kernels have no such counter.
    limits = Limits(memory_bytes=64 * MIB)
    assert run(SWAP, limits=limits)[1] in (str(64 * MIB), "0", "none")


@needs_engine
def test_the_memory_reservation(run: Run) -> None:
    limits = Limits(memory_reservation_bytes=32 * MIB)
    assert run(RESERVATION, limits=limits)[1] == str(32 * MIB)


@needs_engine
def test_the_cpu_quota(run: Run) -> None:
    limits = Limits(cpu_quota_us=30_000, cpu_period_us=100_000)
    script = "cd /sys/fs/cgroup; cat cpu.max 2>/dev/null || cat cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us"
    assert run(script, limits=limits)[1].split() == ["30000", "100000"]


@needs_engine
def test_a_cpu_quota_above_the_machines_is_taken(run: Run) -> None:
    quota = 100_000 * ((os.cpu_count() or 1) + 64)
    script = "cd /sys/fs/cgroup; cat cpu.max 2>/dev/null || cat cpu/cpu.cfs_quota_us"
    assert run(script, limits=Limits(cpu_quota_us=quota))[1].split()[0] == str(quota)


@needs_engine
@pytest.mark.parametrize("shares", [2, 262_144])
def test_the_cpu_shares(run: Run, shares: int) -> None:
    weight = 1 + (shares - 2) * 9999 // 262_142  # how runc turns shares into v2's weight
    assert run(SHARES, limits=Limits(cpu_shares=shares))[1] in (str(shares), str(weight))


@needs_engine
@pytest.mark.parametrize("size", [MIB, 128 * MIB])
def test_the_size_of_shm(run: Run, size: int) -> None:
    _, printed = run("df -k /dev/shm | tail -n 1", limits=Limits(shm_bytes=size))
    assert printed.split()[1] == str(size // 1024)


@needs_engine
def test_without_limits_the_engines_defaults_apply(run: Run) -> None:
    assert int(run(MEMORY)[1].replace("max", str(2**60))) > 2**40
    assert run("df -k /dev/shm | tail -n 1")[1].split()[1] == str(64 * 1024)


@needs_engine
def test_a_memory_limit_that_the_engine_refuses(create: Callable[..., DockerContainer]) -> None:
    with pytest.raises(EngineError) as caught:
        create(_plan("true", limits=Limits(memory_bytes=5 * MIB)))
    assert "inimum memory limit" in caught.value.what


@needs_engine
def test_the_smallest_memory_is_the_engines(engine: DockerEngine, run: Run) -> None:
    smallest = engine.describe().capacity.smallest_memory_bytes
    assert smallest == 6 * MIB
    assert run("true", limits=Limits(memory_bytes=smallest))[0].exit_code in (0, 137)


# Out of memory

GREEDY = "tail /dev/zero"
SMALL = Limits(memory_bytes=24 * MIB)


@needs_engine
@pytest.mark.parametrize(
    ("script", "exit_code"),
    [
        (f"exec {GREEDY}", 137),
        (f"{GREEDY}; exit 0", 0),
        (f"{GREEDY} || exit 9", 9),
        (f"( {GREEDY} & wait ); echo went on", 0),
    ],
)
def test_a_kill_for_want_of_memory_is_told(run: Run, script: str, exit_code: int) -> None:
    end, _ = run(script, limits=SMALL)
    assert end == ContainerEnd("job-0", exit_code, oom_killed=True)


@needs_engine
def test_a_kill_of_which_the_engine_says_nothing_is_told(
    create: Callable[..., DockerContainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it is now and then on a busy machine: the kernel's count is enough."""
    container = create(_plan("sh", "-c", f"{GREEDY}; exec sleep 600", limits=SMALL))
    container.start(lambda *_: None)
    deadline = time.monotonic() + DEADLINE_S
    while container._measuring.oom_kills != 1:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    container.signal(signal.SIGKILL)
    state = Api.state
    monkeypatch.setattr(Api, "state", lambda *asked: {**state(*asked), "OOMKilled": False})
    assert container.wait() == ContainerEnd("job-0", 137, oom_killed=True)


@needs_engine
def test_a_kill_that_the_kernel_does_not_show_us_is_told(
    create: Callable[..., DockerContainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As from another machine: the engine's word is enough."""
    script = f"{GREEDY}; sleep 1"  # a kill so long before the end is never lost on the engine
    container = create(_plan("sh", "-c", script, limits=SMALL))
    monkeypatch.setattr(Measuring, "oom_kills", None)
    container.start(lambda *_: None)
    assert container.wait() == ContainerEnd("job-0", 0, oom_killed=True)


@needs_engine
def test_a_kill_that_shows_in_the_kernels_log_only_is_told(
    create: Callable[..., DockerContainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when neither the engine nor we had a processor at the right moment; where the log is shown to us."""
    container = create(_plan("sh", "-c", f"exec {GREEDY}", limits=SMALL))
    state = Api.state
    monkeypatch.setattr(Api, "state", lambda *asked: {**state(*asked), "OOMKilled": False})
    monkeypatch.setattr(Measuring, "oom_kills", None)
    container.start(lambda *_: None)
    shown = os.geteuid() == 0 and Path("/dev/kmsg").exists()
    assert container.wait() == ContainerEnd("job-0", 137, oom_killed=shown)


@needs_engine
@pytest.mark.parametrize("script", ["exit 137", "kill -9 $$; exit 0", "sh -c 'kill -9 $$'"])
def test_other_ends_are_not_taken_for_it(run: Run, script: str) -> None:
    assert not run(script, limits=SMALL)[0].oom_killed


# The rest of a container


@needs_engine
@pytest.mark.parametrize("user", ["1234", "1234:5678", "nobody"])
def test_the_user(run: Run, user: str) -> None:
    wanted = {"1234": "1234 0", "1234:5678": "1234 5678", "nobody": "65534 65534"}
    assert run("echo $(id -u) $(id -g)", user=user)[1] == wanted[user]


@needs_engine
def test_a_user_that_the_image_has_not_is_an_error(run: Run) -> None:
    with pytest.raises(StartError, match="no-such-user"):
        run("true", user="no-such-user")


@needs_engine
def test_the_working_directory(run: Run) -> None:
    assert run("pwd", working_dir="/tmp")[1] == "/tmp"
    assert run("pwd", working_dir="/made/by/the/engine")[1] == "/made/by/the/engine"
    assert run("pwd")[1] == "/"


@needs_engine
def test_the_host_name(run: Run) -> None:
    assert run("hostname", host_name="run-12-job-3")[1] == "run-12-job-3"


@needs_engine
def test_without_a_network_there_is_only_the_machine_itself(run: Run) -> None:
    assert run("ls /sys/class/net", network="none")[1] == "lo"


@needs_engine
def test_a_network_that_does_not_exist_is_an_error(run: Run) -> None:
    with pytest.raises((EngineError, StartError)) as caught:
        run("true", network="tyger-local-no-such-network")
    assert "tyger-local-no-such-network not found" in caught.value.what
    assert "container any more" not in caught.value.what


@needs_engine
def test_mounts(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("of the host")
    mounts = (
        MountPlan(str(tmp_path), "/writable"),
        MountPlan(str(tmp_path), "/readable", read_only=True),
    )
    script = (
        "cat /readable/file; echo more > /writable/new; "
        "(echo > /readable/other) 2>/dev/null || echo refused"
    )
    _, printed = run(script, mounts=mounts)
    assert printed.startswith("of the host")
    assert printed.endswith("refused")
    assert sorted(path.name for path in tmp_path.glob("*") if path.is_file()) == ["file", "new"]


@needs_engine
def test_a_mount_of_what_is_missing_is_an_error_and_makes_nothing(run: Run, tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    with pytest.raises((EngineError, StartError), match="bind source path does not exist"):
        run("true", mounts=(MountPlan(str(missing), "/here"),))
    assert not missing.exists()


@needs_engine
def test_the_pipes_are_mounted_where_the_cluster_has_them(
    create: Callable[..., DockerContainer], pipes: Path
) -> None:
    os.mkfifo(pipes / "input")
    pipe = PipePlan("input", Direction.INPUT, "/etc/buffer-fifos/input")
    container = create(_plan("test", "-p", "/etc/buffer-fifos/input", pipes=(pipe,)))
    container.start(lambda _, __: None)
    assert container.wait().exit_code == 0


@needs_engine
def test_what_the_engine_noted(create: Callable[..., DockerContainer]) -> None:
    found = _inspected(create(_plan("true")))
    labels = found["Config"]["Labels"]
    assert {name: value for name, value in labels.items() if name in dict(LABELS)} == dict(LABELS)
    assert found["HostConfig"]["LogConfig"]["Type"] == "none"
    assert found["HostConfig"]["Init"] is False
    assert found["HostConfig"]["AutoRemove"] is False
    assert found["HostConfig"]["Privileged"] is False
    assert found["Config"]["Tty"] is False
    assert found["Config"]["OpenStdin"] is False
    assert found["Name"].startswith("/tyger-local-run-1-job-0-")


@needs_engine
def test_process_1_is_the_command_itself(run: Run) -> None:
    assert run("exec cat /proc/1/comm")[1] == "cat"


@needs_engine
def test_silence_longer_than_the_engines_timeout_is_no_loss(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "TIMEOUT_S", 1)
    end, printed = run("sleep 2.5; echo still here; exit 3")
    assert (end.exit_code, printed) == (3, "still here")


@needs_engine
def test_entrypoint_and_arguments_of_image_and_codespec(
    create: Callable[..., DockerContainer],
) -> None:
    def printed(**fields: Any) -> str:
        output = bytearray()
        container = create(_plan(**fields))
        container.start(
            lambda stream, data: output.extend(data) if stream is OutputStream.STDOUT else None
        )
        container.wait()
        return output.decode().strip()

    assert printed(entrypoint=("echo", "a"), arguments=("b c",)) == "a b c"
    assert printed(entrypoint=None, arguments=("echo", "only args")) == "only args"
    assert printed(entrypoint=("echo", "no CMD"), arguments=None) == "no CMD"
    assert printed(entrypoint=None, arguments=None) == ""  # the image's CMD, a shell without input


@needs_engine
def test_each_thread_of_a_process_is_seen(
    create: Callable[..., DockerContainer], pipes: Path
) -> None:
    os.mkfifo(pipes / "input")
    pipe = PipePlan("input", Direction.INPUT, "/etc/buffer-fifos/input")
    program = (
        "import threading\n"
        "threading.Thread(target=lambda: [None for _ in iter(int, 1)], daemon=True).start()\n"
        "open('/etc/buffer-fifos/input')"
    )
    container = create(
        _plan("python3", "-c", program, image="tyger-local/mri", pipes=(pipe,)),
    )
    container.start(lambda _, __: None)
    deadline = time.monotonic() + 20
    while {(s.state, s.wchan) for s in container.processes()} != {
        ("S", "wait_for_partner"),
        ("R", ""),
    }:
        assert time.monotonic() < deadline, container.processes()
    assert len({sight.pid for sight in container.processes()}) == 1


# A container that somebody else removes


@needs_engine
def test_a_container_that_somebody_removed_is_an_engine_error(
    create: Callable[..., DockerContainer],
) -> None:
    container = create(_plan("sleep", "60"))
    container.start(lambda _, __: None)
    subprocess.run(("docker", "rm", "--force", container.id), capture_output=True, check=True)
    with pytest.raises(EngineError, match="No such container"):
        container.wait()
    container.remove()


# Images and platforms


@needs_engine
def test_an_image_that_may_not_be_pulled(engine: DockerEngine) -> None:
    with pytest.raises(ImageError) as caught:
        engine.find_image(MISSING_IMAGE, PullPolicy.NEVER, None, lambda _: None)
    assert caught.value.what == f"The image '{MISSING_IMAGE}' was not found on the system"
    assert f"docker pull {MISSING_IMAGE}" in caught.value.hint


@needs_engine
@pytest.mark.parametrize("pull", [PullPolicy.MISSING, PullPolicy.ALWAYS])
def test_an_image_that_cannot_be_pulled(engine: DockerEngine, pull: PullPolicy) -> None:
    with pytest.raises(ImageError) as caught:
        engine.find_image(MISSING_IMAGE, pull, None, lambda _: None)
    assert caught.value.what.startswith(f"Failed to pull image '{MISSING_IMAGE}': ")
    assert "docker login" in caught.value.hint


@needs_engine
@pytest.mark.parametrize("reference", ["UPPER/case", "a b", "http://x/y"])
@pytest.mark.parametrize("pull", PullPolicy)
def test_what_is_no_name_for_an_image(
    engine: DockerEngine, reference: str, pull: PullPolicy
) -> None:
    with pytest.raises(ImageError):
        engine.find_image(reference, pull, None, lambda _: None)


@needs_engine
def test_the_engines_own_platform(engine: DockerEngine, run: Run) -> None:
    machine = engine._info["Architecture"]
    own = f"linux/{ {'x86_64': 'amd64', 'aarch64': 'arm64'}.get(machine, machine) }"
    assert run("echo here", platform=own)[1] == "here"


@needs_engine
def test_another_platform_than_the_images_is_an_error(engine: DockerEngine, run: Run) -> None:
    other = "linux/s390x" if platform.machine() != "s390x" else "linux/amd64"
    with pytest.raises(EngineError, match="platform"):
        run("true", platform=other)


# GPUs, as far as they go without one


@needs_engine
def test_two_containers_never_share_a_gpu(
    engine: DockerEngine, create: Callable[..., DockerContainer]
) -> None:
    engine.__dict__["_gpus"] = ("GPU-test-a", "GPU-test-b")
    plan = _plan("true", limits=Limits(gpus=1))
    first, second = create(plan), create(plan)
    labels = [_inspected(c)["Config"]["Labels"]["tyger-local.gpus"] for c in (first, second)]
    assert labels == ["GPU-test-a", "GPU-test-b"]
    with pytest.raises(EngineError, match="1 GPUs are asked for and 0 of 2 are free"):
        create(plan)
    first.remove()
    third = create(plan)
    request = _inspected(third)["HostConfig"]["DeviceRequests"]
    assert request[0]["DeviceIDs"] == ["GPU-test-a"]


@needs_engine
def test_without_gpus_none_are_described(engine: DockerEngine) -> None:
    if "nvidia" not in engine._info.get("Runtimes", {}):
        assert engine.describe().capacity.gpus == 0


@needs_engine
@pytest.mark.gpu
def test_a_real_gpu_and_only_that_one_is_given(run: Run) -> None:
    count = "ls /dev | grep -c '^nvidia[0-9]'"
    assert run(count, limits=Limits(gpus=1))[1] == "1"
    assert run(count)[1] == "0"


# No engine


STARTING = ("sudo systemctl start docker", "DOCKER_HOST", "--engine process")


def _check_unavailable(words: str, *steps: str) -> None:
    engine = DockerEngine()
    with warnings.catch_warnings():
        # docker-py leaves a socket that it could not connect to the garbage collector.
        warnings.simplefilter("ignore", ResourceWarning)
        with pytest.raises(EngineUnavailableError) as caught:
            engine.describe()
        said, hint = str(caught.value), caught.value.hint
        del caught
        gc.collect()
    assert words in said
    assert "Traceback" not in said
    assert "HTTPConnection" not in said
    assert [step for step in steps if step not in hint] == []
    engine.close()


def test_no_engine_at_a_socket_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    _check_unavailable("No such file or directory", *STARTING)


def test_no_engine_behind_a_socket_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))  # and never listens
        monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
        _check_unavailable("Connection refused", *STARTING)


def test_no_engine_at_a_port(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))  # taken, and nobody listens
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{listener.getsockname()[1]}")
        _check_unavailable("Connection refused", *STARTING)


def test_an_address_that_makes_no_sense(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "nonsense://somewhere")
    _check_unavailable("nonsense", *STARTING)


def test_a_context_that_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setenv("DOCKER_CONTEXT", "no-such-context")
    _check_unavailable("no-such-context", "docker context")
