"""Why a command could not run, in words that are the same on every engine, with the nearest help."""

from __future__ import annotations

import errno
import shutil
from pathlib import PurePosixPath

from tyger_local.errors import (
    CommandNotExecutableError,
    CommandNotFoundError,
    StartError,
    WrongFormatError,
)

SHELLS = ("sh", "bash", "ash", "dash", "zsh", "ksh", "busybox")


def not_found(
    subject: str, said: str, command: str | None, *, in_image: bool = True
) -> CommandNotFoundError:
    """Return the error for a command that is not there.

    Args:
        subject: What is not there, as the beginning of a sentence.
        said: The engine's or the system's words.
        command: Its first word; None when the image says it.
        in_image: Whether it was looked for in an image.
    """
    return CommandNotFoundError(
        f"{subject} was not found: {said}", _where_to_look(command or "", in_image=in_image)
    )


def _where_to_look(command: str, *, in_image: bool) -> str:
    if " " in command:
        return "each word of a command is an item of its own: ['echo', 'hi'], not ['echo hi']"
    if not in_image:
        return "check the codespec's command and PATH"
    name = PurePosixPath(command).name
    if name not in SHELLS:
        return "check the codespec's command and args against the image"
    other = "" if name == "sh" else "try sh in its place, "
    return (
        f"the image has no {name}: {other}name the program itself as the command, without a shell, "
        "or build the image from one that has a shell"
    )


def interpreter_not_found(subject: str, said: str) -> CommandNotFoundError:
    """Return the error for a file that is there and needs another one that is not."""
    return CommandNotFoundError(
        f"{subject} is there, but not what it needs to start: {said}",
        "a script's first line (#!) must name a program that the image has, and end without the carriage "
        "return of Windows (CRLF: dos2unix mends it); a program needs the C library that it was linked with",
    )


def not_executable(subject: str, said: str) -> CommandNotExecutableError:
    """Return the error for a file that may not be executed."""
    return CommandNotExecutableError(
        f"{subject} cannot be executed: {said}",
        "make it executable (chmod +x), or name the program that reads it: ['python3', 'job.py']",
    )


def wrong_format(subject: str, said: str) -> WrongFormatError:
    """Return the error for a file that is no program for this machine."""
    return WrongFormatError(
        f"{subject} cannot be executed: {said}",
        "give a script its #! line, as the very first, and build a program for this machine's CPU",
    )


def cannot_start(subject: str, said: str) -> StartError:
    """Return the error for everything else."""
    hint = ""
    if "argument list too long" in said.lower():
        hint = "args and env are too large together; put what is long into a buffer or the image"
    return StartError(f"{subject} could not be started: {said}", hint)


def refused_by_system(command: str, error: OSError) -> StartError:
    """Return the error for a command of this machine, from what the system said.

    Args:
        command: Its first word.
        error: What executing it raised.
    """
    said = error.strerror or str(error)
    subject = f"the command '{command}'"
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        if shutil.which(command):
            return interpreter_not_found(subject, said)
        return not_found(subject, said, command, in_image=False)
    if isinstance(error, PermissionError):
        return not_executable(subject, said)
    if error.errno == errno.ENOEXEC:
        return wrong_format(subject, said)
    return cannot_start(subject, said)
