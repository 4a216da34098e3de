"""Words of shell scripts: quotes, variables, substitutions, comments and here-documents."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from bisect import bisect_left

from tyger_local.lint.shell_tree import MARK, UNKNOWN, Sequence, Word

_BLANKS = re.compile(r"(?:[ \t\r]|\\\n|(?<![^\s;&|()<>])#[^\n]*)*")
_PLAIN = re.compile(r"[^\s\\'\"`$;&|()<>]+")
_PLAIN_QUOTED = re.compile(r'[^\\"`$]+')
_SIMPLE_VARIABLE = re.compile(r"\$(?:(?P<name>[A-Za-z_]\w*)|[0-9@*#?!$-])")
# ${NAME}, and where NAME is set, the same with what else it would be.
_BRACED_VARIABLE = re.compile(r"\$\{([A-Za-z_]\w*)(?=\}|:?[-?])")
_ARRAY = re.compile(r"[A-Za-z_]\w*\+?=")


class NotUnderstood(Exception):  # noqa: N818  (it is no error: rules say nothing then)
    """A script is wrong, or beyond what is known here."""


class Words(ABC):
    """A position in a script, and the word that begins there.

    Attributes:
        text: The script.
        position: Where we are.
    """

    def __init__(self, text: str, line: int) -> None:
        self.text = text
        self.position = 0
        self._first_line = line
        self._ends = [at for at, sign in enumerate(text) if sign == "\n"]
        self._here: list[tuple[str, bool]] = []
        self._inner: list[Sequence] = []
        self._beside: list[Sequence] = []

    @abstractmethod
    def sequence(self, ends: tuple[str, ...]) -> Sequence:
        """Read commands up to what ends them."""

    @abstractmethod
    def script(self, text: str, line: int) -> Sequence:
        """Read a script that stands inside this one."""

    @property
    def line(self) -> int:
        """Return the number of the line where we are."""
        return self._first_line + bisect_left(self._ends, self.position)

    @property
    def is_at_end(self) -> bool:
        """Return whether nothing is left."""
        return self.position >= len(self.text)

    @property
    def is_at_word(self) -> bool:
        """Return whether a word begins here."""
        return not self.is_at_end and (
            self.text[self.position] not in " \t\r\n;&|()<>" or self.at("<(", ">(")
        )

    def at(self, *signs: str) -> bool:
        """Return whether one of `signs` stands here."""
        return self.text.startswith(signs, self.position)

    def blanks(self) -> None:
        """Go past blanks and a comment, on this line."""
        found = _BLANKS.match(self.text, self.position)
        self.position = found.end() if found else self.position

    def space(self) -> None:
        """Go past blanks, comments, ends of lines, and the here-documents that follow those."""
        self.blanks()
        while self.at("\n"):
            self.position += 1
            for end, has_tabs in self._here:
                self._skip_here(end, has_tabs=has_tabs)
            self._here.clear()
            self.blanks()

    def here_document(self, end: str, *, has_tabs: bool) -> None:
        """Take note of a here-document, which begins on the next line."""
        self._here.append((end, has_tabs))

    def _skip_here(self, end: str, *, has_tabs: bool) -> None:
        while not self.is_at_end:
            newline = self.text.find("\n", self.position)
            stop = newline if newline >= 0 else len(self.text)
            line = self.text[self.position : stop]
            self.position = min(stop + 1, len(self.text))
            if (line.lstrip("\t") if has_tabs else line) == end:
                self.position -= self.text[self.position - 1] == "\n"
                return
        raise NotUnderstood

    def word(self) -> Word:
        """Read a word.

        Raises:
            NotUnderstood: None begins here, or it does not end.
        """
        line, start = self.line, self.position
        outer = self._inner, self._beside
        self._inner, self._beside = [], []
        parts: list[str] = []
        while self.is_at_word:
            parts.append(self._part())
            if self.at("(") and _ARRAY.fullmatch(self.text[start : self.position]):
                parts.append(self._array())
        if not parts:
            raise NotUnderstood
        read = Word("".join(parts), line, tuple(self._inner), tuple(self._beside))
        self._inner, self._beside = outer
        return read

    def _part(self) -> str:
        match self.text[self.position]:
            case "\\":
                part = self.text[self.position + 1 : self.position + 2]
                self.position += 2
                return part.replace("\n", "")
            case "'":
                return self._up_to("'")
            case '"':
                return self._double_quoted()
            case "$" | "`":
                return self._substitution()
            case "<" | ">":
                self.position += 2
                self._beside.append(self._script())
                return UNKNOWN
            case _:
                return self._matched(_PLAIN)

    def _matched(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.position)
        if found is None:
            raise NotUnderstood
        self.position = found.end()
        return found[0]

    def _up_to(self, quote: str) -> str:
        end = self.text.find(quote, self.position + 1)
        if end < 0:
            raise NotUnderstood
        part = self.text[self.position + 1 : end]
        self.position = end + 1
        return part

    def _double_quoted(self) -> str:
        self.position += 1
        parts: list[str] = []
        while not self.at('"'):
            if self.is_at_end:
                raise NotUnderstood
            if self.at("\\"):
                follower = self.text[self.position + 1 : self.position + 2]
                self.position += 2
                parts.append(
                    follower if follower in '$`"\\' else f"\\{follower}".replace("\\\n", "")
                )
            elif self.at("$", "`"):
                parts.append(self._substitution(is_quoted=True))
            else:
                parts.append(self._matched(_PLAIN_QUOTED))
        self.position += 1
        return "".join(parts)

    def _substitution(self, *, is_quoted: bool = False) -> str:
        if self.at("`"):
            return self._backquoted()
        if self.at("$(("):
            self.position += 1
            self.arithmetic()
            return UNKNOWN
        if self.at("$("):
            self.position += 2
            self._inner.append(self._script())
            return UNKNOWN
        if self.at("${"):
            return self._braced()
        if self.at("$'", '$"') and not is_quoted:
            self.position += 1
            if self.at('"'):
                return self._double_quoted()
            return self._ansi_quoted()
        found = _SIMPLE_VARIABLE.match(self.text, self.position)
        if found is None:
            self.position += 1
            return "$"
        self.position = found.end()
        return f"{MARK}{found['name'] or found[0][1]}{MARK}"

    def _script(self) -> Sequence:
        here, self._here = self._here, []
        script = self.sequence((")",))
        self._here = here
        self.position += 1
        return script

    def _backquoted(self) -> str:
        line = self.line
        script = self._up_to("`")
        if "\\" in script:  # what is quoted there is quoted in a way of its own
            raise NotUnderstood
        self._inner.append(self.script(script, line))
        return UNKNOWN

    def _ansi_quoted(self) -> str:
        part = self._up_to("'")
        if "\\" in part:
            raise NotUnderstood
        return part

    def _braced(self) -> str:
        found = _BRACED_VARIABLE.match(self.text, self.position)
        self.position += 2
        while not self.at("}"):
            if self.is_at_end:
                raise NotUnderstood
            if self.at("\\"):
                self.position += 2
            elif self.at("'"):
                # A quote or an apostrophe, by what stands around it.
                raise NotUnderstood
            elif self.at('"'):
                self._double_quoted()
            elif self.at("$", "`"):
                self._substitution(is_quoted=True)
            else:
                self.position += 1
        self.position += 1
        return f"{MARK}{found[1]}{MARK}" if found else UNKNOWN

    def arithmetic(self) -> None:
        """Go past ``((…))``.

        Raises:
            NotUnderstood: It does not end, or two parentheses were no arithmetic.
        """
        depth, start = 0, self.position
        while depth or self.position == start:
            if self.is_at_end or self.at("`", "'", '"', "\\"):
                raise NotUnderstood
            depth += self.at("(") - self.at(")")
            self.position += 1
            if depth == 1 and self.position > start + 1 and not self.at(")"):
                raise NotUnderstood

    def _array(self) -> str:
        self.position += 1
        self.space()
        while not self.at(")"):
            self.word()
            self.space()
        self.position += 1
        return UNKNOWN
