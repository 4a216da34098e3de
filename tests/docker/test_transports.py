"""The two ways to an engine do the same; what only one of them can go wrong with is told in our words."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tyger_local import Workspace
from tyger_local.engine.base import OutputStream, PullPolicy
from tyger_local.engine.docker import DockerEngine
from tyger_local.engine.docker.api import Api
from tyger_local.engine.docker.container import DockerContainer
from tyger_local.engine.docker.dockerpy import DockerPyTransport
from tyger_local.engine.docker.transport import Transport
from tyger_local.engine.docker.unix import DEFAULT_SOCKET, UnixTransport, local_socket
from tyger_local.errors import (
    CommandNotFoundError,
    EngineError,
    EngineUnavailableError,
    ImageError,
)
from tyger_local.plan.model import ContainerPlan, Limits, NetworkPlan, Role

IMAGE = "tyger-local/busybox"
TIMEOUT_S = 20.0
LABELS = (("tyger-local.run", "transport-test"), ("tyger-local.pid", str(os.getpid())))

# Where the engine is


@pytest.mark.parametrize(
    ("environment", "path"),
    [
        ({}, DEFAULT_SOCKET),
        ({"DOCKER_HOST": ""}, DEFAULT_SOCKET),
        ({"DOCKER_HOST": "unix:///run/user/1/docker.sock"}, "/run/user/1/docker.sock"),
        ({"DOCKER_HOST": "unix:///a", "DOCKER_CONTEXT": "other"}, "/a"),
        ({"DOCKER_HOST": "unix://relative"}, None),
        ({"DOCKER_HOST": "tcp://127.0.0.1:1"}, None),
        ({"DOCKER_HOST": "ssh://host"}, None),
        ({"DOCKER_CONTEXT": "default"}, DEFAULT_SOCKET),
        ({"DOCKER_CONTEXT": "other"}, None),
        ({"DOCKER_TLS_VERIFY": "1"}, None),
        ({"DOCKER_TLS_VERIFY": "", "DOCKER_CERT_PATH": ""}, DEFAULT_SOCKET),
        ({"DOCKER_CERT_PATH": "/certificates"}, None),
    ],
)
def test_where_the_engine_is(environment: dict[str, str], path: str | None) -> None:
    assert local_socket(environment) == path


@pytest.mark.parametrize(
    ("config", "path"),
    [
        ("{}", DEFAULT_SOCKET),
        ('{"auths": {}, "currentContext": "default"}', DEFAULT_SOCKET),
        ('{"currentContext": ""}', DEFAULT_SOCKET),
        ('{"currentContext": "other"}', None),
        ("no JSON", None),
        ("[]", None),
    ],
)
@pytest.mark.parametrize("named", [True, False])
def test_the_context_that_was_chosen(
    config: str, path: str | None, named: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / (".docker" if not named else "elsewhere")
    folder.mkdir()
    (folder / "config.json").write_text(config)
    assert local_socket({"DOCKER_CONFIG": str(folder)} if named else {}) == path


# What both do


def _engine(transport: Transport) -> DockerEngine:
    engine = DockerEngine()
    engine.__dict__["_api"] = Api(transport, TIMEOUT_S)
    return engine


WAYS: dict[str, Callable[[], Transport]] = {
    "unix": lambda: UnixTransport(DEFAULT_SOCKET, TIMEOUT_S),
    "docker-py": lambda: DockerPyTransport(TIMEOUT_S),
}


@pytest.fixture(params=WAYS)
def engine(request: pytest.FixtureRequest) -> Iterator[DockerEngine]:
    with closing(_engine(WAYS[request.param]())) as made:
        yield made


@pytest.fixture
def create(engine: DockerEngine, tmp_path: Path) -> Iterator[Callable[..., DockerContainer]]:
    made: list[DockerContainer] = []

    def create(*command: str, networks: tuple[str, ...] = ("none",)) -> DockerContainer:
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
        made.append(engine.create(plan, tmp_path, networks))
        return made[-1]

    yield create
    for container in made:
        container.remove()


@pytest.mark.docker
def test_both_run_a_container(engine: DockerEngine, create: Callable[..., DockerContainer]) -> None:
    assert engine.describe().identity.version
    assert engine.find_image(IMAGE, PullPolicy.NEVER, None, lambda _: None).digest
    printed: dict[OutputStream, bytes] = dict.fromkeys(OutputStream, b"")

    def listen(stream: OutputStream, data: bytes) -> None:
        printed[stream] += data

    container = create("sh", "-c", "seq 10000; echo oh >&2; exit 3")
    container.start(listen)
    assert container.wait().exit_code == 3
    assert len(printed[OutputStream.STDOUT]) == 48894
    assert printed[OutputStream.STDERR] == b"oh\n"


@pytest.mark.docker
def test_both_see_signal_and_remove(create: Callable[..., DockerContainer]) -> None:
    container = create("sleep", "60")
    container.start(lambda *_: None)
    assert [sight.command for sight in container.processes()] == ["sleep 60"]
    container.signal(9)
    assert container.wait().exit_code == 137
    container.signal(9)
    container.remove()
    container.remove()


@pytest.mark.docker
def test_both_remove_what_runs(create: Callable[..., DockerContainer]) -> None:
    container = create("sleep", "60")
    container.start(lambda *_: None)
    container.remove()


@pytest.mark.docker
def test_both_make_find_and_remove_a_network(
    engine: DockerEngine, create: Callable[..., DockerContainer]
) -> None:
    networks = [engine.create_network(NetworkPlan("run-1", LABELS)) for _ in range(2)]
    names = [network.name for network in networks]
    try:
        container = create("sleep", "60", networks=tuple(names))
        container.start(lambda *_: None)
        told = engine._api.container(container.id)["NetworkSettings"]["Networks"]
        assert {name: told[name]["IPAddress"] != "" for name in names} == dict.fromkeys(names, True)
        assert container.address() == told[names[0]]["IPAddress"]
        mine = [left for left in engine.remnants() if dict(LABELS).items() <= left.labels.items()]
        assert {left.name for left in mine[1:]} == {f"network {name}" for name in names}
        for left in mine:
            left.remove()
            left.remove()
    finally:
        for network in networks:
            network.remove()


@pytest.mark.docker
def test_both_tell_what_the_engine_refuses(
    engine: DockerEngine, create: Callable[..., DockerContainer]
) -> None:
    with pytest.raises(CommandNotFoundError, match="no-such-command"):
        create("no-such-command").start(lambda *_: None)
    with pytest.raises(ImageError, match="was not found on the system"):
        engine.find_image("tyger-local/none", PullPolicy.NEVER, None, lambda _: None)
    gone = create("true")
    engine._api.remove(gone.id)
    with pytest.raises(EngineError, match=f"did not find .* No such container: {gone.id}"):
        gone.wait()


# What a socket may answer


class Impostor:
    """Answers each connection to a socket with the next of some texts, and closes it."""

    def __init__(self, path: Path, *answers: bytes) -> None:
        self.asked: list[bytes] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve, args=answers)
        self._thread.start()

    def _serve(self, *answers: bytes) -> None:
        for answer in answers:
            connection, _ = self._listener.accept()
            with connection:
                self.asked.append(connection.recv(65536))
                connection.sendall(answer)

    def close(self) -> None:
        self._thread.join()
        self._listener.close()


PING = b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 2\r\n\r\nOK"
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = b'Transfer-Encoding: chunked\r\n\r\n4\r\n{"a"\r\n3;x=y\r\n: 1\r\n1\r\n}\r\n0\r\n\r\n'


@pytest.mark.parametrize(
    "answer",
    [
        OK + b'Content-Length: 8\r\n\r\n{"a": 1}and more',
        OK + b'content-length:8\r\n\r\n{"a": 1}',
        OK + b'\r\n{"a": 1}',
        OK + CHUNKED,
        b'HTTP/1.0 200\n\n{"a": 1}',
    ],
)
def test_answers_that_make_sense(answer: bytes, tmp_path: Path) -> None:
    with closing(Impostor(tmp_path / "s", PING, answer)) as impostor:
        api = Api(UnixTransport(str(tmp_path / "s"), TIMEOUT_S), TIMEOUT_S)
        assert api.info() == {"a": 1}
    assert impostor.asked[0].startswith(b"GET /_ping HTTP/1.1\r\n")
    assert impostor.asked[1].startswith(b"GET /v1.41/info? HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("answers", "error", "words"),
    [
        ([b""], EngineUnavailableError, "the connection was lost"),
        ([b"SSH-2.0-OpenSSH\r\n"], EngineError, "makes no sense: it says 'SSH-2.0-OpenSSH'"),
        ([OK + b"Content-Length: 2\r\n\r\nhi"], EngineError, "it tells no version"),
        ([PING, b""], EngineUnavailableError, "the connection was lost"),
        ([PING, OK], EngineUnavailableError, "the connection was lost"),
        ([PING, OK + b"Content-Length: 9\r\n\r\n{}"], EngineUnavailableError, "lost"),
        ([PING, OK + b"Content-Length: x\r\n\r\n{}"], EngineError, "unreadable length"),
        ([PING, OK + CHUNKED[:40]], EngineUnavailableError, "lost"),
        ([PING, OK + b"\r\n<html>"], EngineError, "makes no sense: no JSON"),
        ([PING, b"HTTP/1.1 500 X\r\n\r\n" + b'{"message": "two\\nlines"}'], EngineError, "two lines"),
        ([PING, b"HTTP/1.1 503 X\r\n\r\nplain words"], EngineError, "refused: plain words"),
        ([PING, b"HTTP/1.1 302 X\r\n\r\n"], EngineError, "refused: HTTP status 302"),
    ],
)  # fmt: skip
def test_answers_that_make_none(
    answers: list[bytes], error: type[EngineError], words: str, tmp_path: Path
) -> None:
    with closing(Impostor(tmp_path / "s", *answers)):
        api = Api(UnixTransport(str(tmp_path / "s"), TIMEOUT_S), TIMEOUT_S)
        with pytest.raises(error) as caught:
            api.info()
    assert type(caught.value) is error
    assert words in caught.value.what


def test_an_engine_that_is_silent(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        api = Api(UnixTransport(str(tmp_path / "s"), 0.05), TIMEOUT_S)
        with pytest.raises(EngineError, match="did not answer in time") as caught:
            api.info()
    assert "overloaded" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "words"),
    [("none", "No such file or directory"), ("x" * 200, "path too long"), (".", "Connection refused")],
)  # fmt: skip
def test_sockets_that_nobody_can_reach(name: str, words: str, tmp_path: Path) -> None:
    api = Api(UnixTransport(str(tmp_path / name), TIMEOUT_S), TIMEOUT_S)
    with pytest.raises(EngineUnavailableError, match=words) as caught:
        api.info()
    assert "DOCKER_HOST" in caught.value.hint


INFO = b'{"ServerVersion": "early", "NCPU": 1, "MemTotal": 1073741824}'


def test_an_engine_that_is_asked_early_is_asked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/s")
    runs = Workspace(engine="docker").runs
    with closing(Impostor(tmp_path / "s", PING, OK + b"\r\n" + INFO)):
        runs.expect()
        for thread in threading.enumerate():
            if thread.name == "early question":
                thread.join()
    record = runs.exec({"image": "x"})  # nobody answers any more
    assert record.engine is not None
    assert record.engine.version == "early"
    assert record.status_reason is not None
    assert "Connection refused" in record.status_reason
