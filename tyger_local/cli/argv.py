"""Command lines as Tyger's own client reads them.

Tyger's client is written in Go and reads flags with pflag, whose rules differ from click's in the
corners: ``-i=input``, ``--command=false``, a value that begins with a dash, what stands behind ``--``. So an
argv is read here by pflag's rules and handed to click in one canonical spelling (``--name=value``, then the
positional arguments), which leaves to click what it does well: types, defaults, help.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tyger_local.errors import UsageError
from tyger_local.spec.go_text import quote
from tyger_local.spec.names import nearest


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag as pflag knows it.

    Attributes:
        name: The long name without dashes.
        bare_value: What the flag means when it stands without ``=value``; None when it needs a value.
        is_switch: Whether it takes no value at all (``--help``).
        check: Raises what is wrong with a value. Every one is checked as it is met, also one that a later
            one replaces: the first mistake on the line is the one that is told.
    """

    name: str
    bare_value: str | None = None
    is_switch: bool = False
    check: Callable[[str], object] = lambda _: None


@dataclass(slots=True)
class Parsed:
    """What an argv says.

    Attributes:
        flags: Names and values in order; None for switches.
        after_dashes: What stands behind ``--``; None when there is no ``--``.
    """

    flags: list[tuple[str, str | None]] = field(default_factory=list)
    positionals: list[str] = field(default_factory=list)
    after_dashes: list[str] | None = None

    def add(self, flag: Flag, value: str) -> None:
        """Note a flag with its value.

        Raises:
            UsageError: The value is bad.
        """
        flag.check(value)
        self.flags.append((flag.name, value))

    def canonical(self) -> list[str]:
        """Return an argv that click reads without ambiguity."""
        flags = [f"--{n}" if value is None else f"--{n}={value}" for n, value in self.flags]
        return [*flags, "--", *self.positionals] if self.positionals else flags


@dataclass(slots=True)
class Parser:
    """Reads an argv.

    Args:
        by_name: Flags by long name.
        by_letter: Flags by short name.
        interspersed: Whether flags may follow positional arguments; otherwise the first positional argument
            ends the flags and takes the rest with it.
    """

    by_name: Mapping[str, Flag]
    by_letter: Mapping[str, Flag]
    interspersed: bool = True

    def parse(self, argv: Sequence[str]) -> Parsed:
        """Read `argv`.

        Raises:
            UsageError: A flag is unknown, malformed or lacks its value.
        """
        parsed = Parsed()
        rest = list(argv)
        while rest:
            word = rest.pop(0)
            if word == "--":
                parsed.after_dashes = rest
                break
            if word.startswith("--"):
                self._long(word[2:], rest, parsed)
            elif word.startswith("-") and word != "-":
                self._short(word[1:], rest, parsed)
            else:
                parsed.positionals.append(word)
                if not self.interspersed:
                    parsed.positionals += rest
                    break
        return parsed

    def _long(self, word: str, rest: list[str], parsed: Parsed) -> None:
        name, equals, value = word.partition("=")
        if not name or name.startswith("-"):
            raise UsageError(f"bad flag syntax: --{word}")
        flag = self.by_name.get(name)
        if flag is None:
            close = nearest(name, self.by_name)
            hint = f"did you mean --{close}?" if close else "see --help"
            raise UsageError(f"unknown flag: --{name}", hint)
        if flag.is_switch:
            if equals:
                raise UsageError(f"the flag --{name} takes no value")
            parsed.flags.append((name, None))
        elif equals:
            parsed.add(flag, value)
        elif flag.bare_value is not None:
            parsed.add(flag, flag.bare_value)
        elif rest:
            parsed.add(flag, rest.pop(0))
        else:
            raise UsageError(f"flag needs an argument: --{name}")

    def _short(self, letters: str, rest: list[str], parsed: Parsed) -> None:
        """Read a word of short flags: ``-i=a``, ``-ia``, ``-i a``, or several switches together."""
        while letters:
            letter, letters = letters[0], letters[1:]
            flag = self.by_letter.get(letter)
            if flag is None:
                raise UsageError(
                    f"unknown shorthand flag: '{letter}' in -{letter}{letters}", "see --help"
                )
            if flag.is_switch:
                parsed.flags.append((flag.name, None))
            elif len(letters) > 1 and letters[0] == "=":
                parsed.add(flag, letters[1:])
                return
            elif flag.bare_value is not None:
                parsed.add(flag, flag.bare_value)
            elif letters:
                parsed.add(flag, letters)
                return
            elif rest:
                parsed.add(flag, rest.pop(0))
            else:
                raise UsageError(f"flag needs an argument: '{letter}' in -{letter}")


def invalid_argument(value: str, flag: str, reason: str) -> UsageError:
    """Return the error for a flag's bad value, in pflag's words.

    Args:
        value: What was given.
        flag: The flag as help shows it: ``-e, --env``.
        reason: Why it is bad.
    """
    return UsageError(f'invalid argument {quote(value)} for "{flag}" flag: {reason}')
