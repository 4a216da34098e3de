from __future__ import annotations

import errno
import http.client
import importlib
import inspect
from collections.abc import Iterator
from typing import Any

import docker.errors
import pytest
import requests
import urllib3.exceptions

from tyger_local.engine.docker import transport
from tyger_local.engine.docker.errors import TRANSLATIONS, translating, words
from tyger_local.errors import (
    EngineError,
    EngineUnavailableError,
    ImageError,
    TygerLocalError,
)

MADE_OTHERWISE: dict[type[Exception], tuple[Any, ...]] = {
    docker.errors.ContainerError: ("container", 1, "command", "image", b"stderr"),
    docker.errors.BuildError: ("reason", []),
    docker.errors.MissingContextParameter: ("name",),
    docker.errors.ContextAlreadyExists: ("name",),
    docker.errors.ContextException: ("words",),
    docker.errors.ContextNotFound: ("name",),
    requests.exceptions.JSONDecodeError: ("words", "document", 0),
}


def _classes(module: Any, base: type[Exception] = Exception) -> Iterator[type[Exception]]:
    for name, value in sorted(vars(module).items()):
        is_error = inspect.isclass(value) and issubclass(value, base)
        if is_error and not name.startswith("_") and not issubclass(value, Warning):
            yield value


FOREIGN = [
    *_classes(transport),
    *_classes(docker.errors),
    *_classes(requests.exceptions, requests.exceptions.RequestException),
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    OSError,
    ConnectionResetError,
    TimeoutError,
]


def _made(foreign: type[Exception]) -> Exception:
    return foreign(*MADE_OTHERWISE.get(foreign, ("words",)))


@pytest.mark.parametrize("foreign", FOREIGN, ids=lambda c: f"{c.__module__}.{c.__name__}")
def test_the_table_is_complete(foreign: type[Exception]) -> None:
    error = _made(foreign)
    with pytest.raises(TygerLocalError) as caught, translating():
        raise error
    assert isinstance(caught.value, EngineError)
    assert caught.value.__cause__ is error
    assert "{" not in caught.value.what
    assert "\n" not in caught.value.what


def _named(name: str) -> type[Exception]:
    module, _, cls = name.rpartition(".")
    found: type[Exception] = getattr(importlib.import_module(module), cls)
    return found


def test_every_name_is_that_of_a_type() -> None:
    for name, _, _, _ in TRANSLATIONS:
        found = _named(name)
        assert issubclass(found, Exception)
        assert f"{found.__module__}.{found.__qualname__}" == name


def test_the_most_specific_comes_first() -> None:
    classes = [_named(name) for name, _, _, _ in TRANSLATIONS]
    for index, foreign in enumerate(classes):
        assert not [c for c in classes[:index] if issubclass(foreign, c)], foreign


@pytest.mark.parametrize(
    ("error", "ours", "what"),
    [
        (transport.MissingImageError("No such image: x"), ImageError, "No such image: x"),
        (transport.MissingError("No such container: y"), EngineError, "No such container: y"),
        (transport.RefusedError("two\n lines"), EngineError, "refused: two lines"),
        (transport.UnreachableError("gone"), EngineUnavailableError, "no Docker engine answers: gone"),
        (transport.NonsenseError("what"), EngineError, "makes no sense: what"),
        (TimeoutError("timed out"), EngineError, "did not answer in time: timed out"),
        (docker.errors.ImageNotFound("", explanation="No such image: x"), ImageError, "No such image: x"),
        (docker.errors.NotFound("", explanation="No such container: y"), EngineError, "No such container: y"),
        (docker.errors.APIError("", explanation="two\n lines"), EngineError, "refused: two lines"),
        (docker.errors.TLSParameterError("no key"), EngineUnavailableError, "no key"),
        (docker.errors.DockerException("nothing"), EngineUnavailableError, "engine answers: nothing"),
        (requests.exceptions.ReadTimeout("slow"), EngineError, "did not answer in time"),
        (requests.exceptions.ConnectTimeout("slow"), EngineUnavailableError, "no Docker engine answers"),
        (requests.exceptions.ConnectionError("gone"), EngineUnavailableError, "no Docker engine answers"),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), EngineUnavailableError, "broke: Broken pipe"),
    ],
)  # fmt: skip
def test_translations(error: Exception, ours: type[EngineError], what: str) -> None:
    with pytest.raises(ours) as found, translating():
        raise error
    assert type(found.value) is ours
    assert what in found.value.what


def test_an_engine_that_is_not_there_is_told_how_to_start() -> None:
    with pytest.raises(EngineUnavailableError) as found, translating():
        raise docker.errors.DockerException("x")
    hint = found.value.hint
    for step in ("systemctl start docker", "DOCKER_HOST", "docker context", "--engine process"):
        assert step in hint


def _refused(*, at: str | None = None) -> PermissionError:
    return PermissionError(errno.EACCES, "Permission denied", at)


def test_who_may_not_use_the_socket_is_told_how_to() -> None:
    direct = transport.UnreachableError("[Errno 13] Permission denied")
    direct.__cause__ = _refused()
    through_docker_py = docker.errors.DockerException("Error while fetching server API version")
    wrapped = urllib3.exceptions.ProtocolError("Connection aborted.", _refused())
    through_docker_py.__cause__ = requests.exceptions.ConnectionError(wrapped)
    for error in (direct, through_docker_py):
        with pytest.raises(EngineUnavailableError) as found, translating():
            raise error
        assert found.value.what == "you may not use the Docker engine: Permission denied"
        assert "sudo usermod -aG docker $USER" in found.value.hint
        assert "start" not in found.value.hint


def test_a_certificate_that_may_not_be_read_is_no_matter_of_the_socket() -> None:
    error = docker.errors.DockerException("x")
    error.__cause__ = _refused(at="/home/me/.docker/key.pem")
    with pytest.raises(EngineUnavailableError, match="no Docker engine answers"), translating():
        raise error


def test_other_errors_pass() -> None:
    for error in (KeyError("bug"), ValueError("bug"), ImageError("ours")):
        with pytest.raises(type(error)) as caught, translating():
            raise error
        assert caught.value is error


def test_the_systems_words_are_dug_out() -> None:
    inner = FileNotFoundError(errno.ENOENT, "No such file or directory")
    wrapped = urllib3.exceptions.ProtocolError("Connection aborted.", inner)
    assert words(docker.errors.DockerException(f"Error: {wrapped}")).startswith("Error: ")
    assert words(requests.exceptions.ConnectionError(wrapped)) == "No such file or directory"
    outer = docker.errors.DockerException("Error while fetching server API version")
    outer.__cause__ = requests.exceptions.ConnectionError(wrapped)
    assert words(outer) == "No such file or directory"


def test_a_circle_of_causes_ends() -> None:
    one, other = ValueError("one"), ValueError("other")
    one.__context__, other.__context__ = other, one
    assert words(one) in ("one", "other")
