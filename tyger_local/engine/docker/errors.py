"""What docker-py and the engine say when something fails, in our words. One table, most specific first.

Foreign types stand there by name: importing docker-py to name them would cost every run what `unix` saves.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tyger_local.errors import EngineError, EngineUnavailableError, ImageError, TygerLocalError

NO_ENGINE_HINT = (
    "start it (sudo systemctl start docker), or name another on this machine with DOCKER_HOST or "
    "docker context use; --engine process runs a codespec's command without one"
)
NO_ACCESS_HINT = (
    "only root and the group docker may: sudo usermod -aG docker $USER, and log in again"
)
SLOW_HINT = "see whether it is overloaded (docker info)"

_API = "tyger_local.engine.docker.transport"

_NO_ACCESS = "builtins.PermissionError"

TRANSLATIONS: tuple[tuple[str, type[TygerLocalError], str, str], ...] = (
    (
        _NO_ACCESS,
        EngineUnavailableError,
        "you may not use the Docker engine: {words}",
        NO_ACCESS_HINT,
    ),
    *(
        (
            image,
            ImageError,
            "the image was not found: {words}",
            "pull it with --pull, or build it for this platform",
        )
        for image in (f"{_API}.MissingImageError", "docker.errors.ImageNotFound")
    ),
    *(
        (
            missing,
            EngineError,
            "the Docker engine did not find what it was asked for: {words}",
            "",
        )
        for missing in (f"{_API}.MissingError", "docker.errors.NotFound")
    ),
    *(
        (refused, EngineError, "the Docker engine refused: {words}", "")
        for refused in (f"{_API}.RefusedError", "docker.errors.APIError")
    ),
    (
        "docker.errors.TLSParameterError",
        EngineUnavailableError,
        "the Docker engine cannot be reached: {words}",
        "check DOCKER_CERT_PATH and DOCKER_TLS_VERIFY",
    ),
    *(
        (silent, EngineError, "the Docker engine did not answer in time: {words}", SLOW_HINT)
        for silent in ("requests.exceptions.ReadTimeout", "builtins.TimeoutError")
    ),
    *(
        (absent, EngineUnavailableError, "no Docker engine answers: {words}", NO_ENGINE_HINT)
        for absent in (
            f"{_API}.UnreachableError",
            "docker.errors.DockerException",
            "requests.exceptions.RequestException",
        )
    ),
    *(
        (
            nonsense,
            EngineError,
            "the Docker engine's answer makes no sense: {words}",
            "see whether DOCKER_HOST names a Docker engine",
        )
        for nonsense in (f"{_API}.NonsenseError", "docker.errors.StreamParseError")
    ),
    *(
        (broken, EngineUnavailableError, "the connection to the Docker engine broke: {words}", "")
        # The first two come out of answers that are streamed, past requests.
        for broken in (
            "urllib3.exceptions.HTTPError",
            "http.client.HTTPException",
            "builtins.OSError",
        )
    ),
)


@contextmanager
def translating() -> Iterator[None]:
    """Turn whatever a transport or docker-py raises inside into one of our errors."""
    try:
        yield
    except Exception as error:
        ours = _translated(error)
        if ours is None:
            raise
        raise ours from error


def _translated(error: Exception) -> TygerLocalError | None:
    if isinstance(error, TygerLocalError):
        return None
    names = _names(error)
    for foreign, ours, what, hint in TRANSLATIONS:
        if foreign in names:
            return ours(what.format(words=words(error)), hint)
    return None


def _names(error: BaseException) -> set[str]:
    """Return the full names of all the types that `error` is of, and that of one that refused the socket."""
    names = {f"{base.__module__}.{base.__qualname__}" for base in type(error).__mro__}
    # Other than a file that may not be read (a certificate), a socket is not named by the system.
    is_refused = any(isinstance(e, PermissionError) and e.filename is None for e in _chain(error))
    return names | {_NO_ACCESS} if is_refused else names - {_NO_ACCESS}


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
    if any("requests.exceptions.RequestException" in _names(cause) for cause in chain):
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
