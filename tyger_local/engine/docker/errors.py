"""What docker-py and the engine say when something fails, in our words. One table, most specific first."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import contextmanager

import docker.errors
import requests
import urllib3.exceptions

from tyger_local.errors import EngineError, EngineUnavailableError, ImageError, TygerLocalError

NO_ENGINE_HINT = (
    "start it (sudo systemctl start docker), or name another on this machine with DOCKER_HOST or "
    "docker context use; --engine process runs a codespec's command without one"
)

TRANSLATIONS: tuple[tuple[type[Exception], type[TygerLocalError], str, str], ...] = (
    (
        docker.errors.ImageNotFound,
        ImageError,
        "the image was not found: {words}",
        "pull it with --pull, or build it for this platform",
    ),
    (
        docker.errors.NotFound,
        EngineError,
        "the Docker engine did not find what it was asked for: {words}",
        "",
    ),
    (docker.errors.APIError, EngineError, "the Docker engine refused: {words}", ""),
    (
        docker.errors.TLSParameterError,
        EngineUnavailableError,
        "the Docker engine cannot be reached: {words}",
        "check DOCKER_CERT_PATH and DOCKER_TLS_VERIFY",
    ),
    (
        docker.errors.DockerException,
        EngineUnavailableError,
        "no Docker engine answers: {words}",
        NO_ENGINE_HINT,
    ),
    (
        requests.exceptions.ReadTimeout,
        EngineError,
        "the Docker engine did not answer in time: {words}",
        "see whether it is overloaded (docker info)",
    ),
    (
        requests.exceptions.RequestException,
        EngineUnavailableError,
        "no Docker engine answers: {words}",
        NO_ENGINE_HINT,
    ),
    (
        docker.errors.StreamParseError,
        EngineError,
        "the Docker engine's answer makes no sense: {words}",
        "see whether DOCKER_HOST names a Docker engine",
    ),
    *(
        (foreign, EngineUnavailableError, "the connection to the Docker engine broke: {words}", "")
        # The first two come out of answers that are streamed, past requests.
        for foreign in (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError)
    ),
)


@contextmanager
def translating() -> Iterator[None]:
    """Turn whatever docker-py raises inside into one of our errors."""
    try:
        yield
    except tuple(foreign for foreign, _, _, _ in TRANSLATIONS) as error:
        raise translate(error) from error


def translate(error: Exception) -> TygerLocalError:
    """Return our error for `error`, which must be of a type in `TRANSLATIONS`."""
    for foreign, ours, what, hint in TRANSLATIONS:
        if isinstance(error, foreign):
            return ours(what.format(words=words(error)), hint)
    raise error


def words(error: BaseException) -> str:
    """Return the engine's or the system's own words, on one line and without Python's wrapping."""
    explanation = getattr(error, "explanation", None)
    if explanation:
        return " ".join(str(explanation).split())
    chain = list(_chain(error))
    for cause in reversed(chain):  # what the system said lies innermost
        said = getattr(cause, "strerror", None)
        if isinstance(cause, OSError) and said:
            return str(said)
    if any(isinstance(cause, requests.exceptions.RequestException) for cause in chain):
        return "the connection was lost"  # what is left are words of Python's HTTP parser
    return " ".join(str(error).split())


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield `error` and what caused it, inwards."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__ or _wrapped(cause)


def _wrapped(error: BaseException) -> BaseException | None:
    """Return the exception that requests and urllib3 hide in their arguments."""
    reason = getattr(error, "reason", None)
    if isinstance(reason, BaseException):
        return reason
    return next((arg for arg in error.args if isinstance(arg, BaseException)), None)
