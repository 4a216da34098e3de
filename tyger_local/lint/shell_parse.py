"""Reading shell scripts, as far as rules need it, and telling when they are not understood.

The standard library's shlex makes words of a line, and knows neither substitutions nor what is nested.
bashlex parses bash, but is licensed otherwise than this project can be, does not know ``case``, and had no
release for years. What is wanted here is less: commands, their words and redirections, and what runs after,
beside or instead of what. Of everything else, `NotUnderstood` is raised, and rules say nothing.
"""

from __future__ import annotations

import re

from tyger_local.lint.shell_tree import (
    ASSIGNMENT,
    MARK,
    UNKNOWN,
    Branch,
    Either,
    Function,
    Group,
    Item,
    Loop,
    Node,
    Pipeline,
    Redirection,
    Sequence,
    Simple,
    Word,
)
from tyger_local.lint.shell_words import NotUnderstood, Words

_REDIRECTION = re.compile(
    r"(?P<descriptor>\d+|\{\w+\})?(?P<operator><<<|<<-?|<>|<&|>>|>&|>\||<(?!\()|>(?!\())"
    r"|(?P<both>&>>?)"
)
_RESERVED = re.compile(
    r"(?:if|then|elif|else|fi|for|select|while|until|do|done|case|esac|in|function|time|coproc|\[\[|[{}!])"
    r"(?=[\s;&|()<>]|$)"
)
_FUNCTION = re.compile(r"([A-Za-z_][\w.:-]*)[ \t]*\([ \t]*\)")
_NAME = re.compile(r"[A-Za-z_]\w*")
_DEEPEST = 60  # nested, or joined by && and ||: whoever walks over the tree stays far from Python's own limit
_NOTHING = Sequence(())


def parse(text: str, line: int = 1) -> Sequence:
    """Read a script whose first line is number `line`.

    Raises:
        NotUnderstood: It is wrong, or beyond what is known here.
    """
    if MARK in text or UNKNOWN in text:
        raise NotUnderstood
    try:
        return _Parser(text, line).sequence(())
    except RecursionError as exc:
        raise NotUnderstood from exc


class _Parser(Words):
    """Commands, over what knows words."""

    def __init__(self, text: str, line: int) -> None:
        super().__init__(text, line)
        self._depth = 0

    def sequence(self, ends: tuple[str, ...]) -> Sequence:
        """Read up to what ends it, a word or a sign, which stays; without any, to the end of the text."""
        self._deeper()
        items: list[Item] = []
        while not self._is_end(ends):
            node = self._either()
            self.blanks()
            is_background = self.at("&")
            if is_background or (self.at(";") and not self.at(";;")):
                self.position += 1
            elif not self.at("\n") and not self._is_end(ends):
                raise NotUnderstood
            items.append(Item(node, is_background))
        self._depth -= 1
        return Sequence(tuple(items))

    def script(self, text: str, line: int) -> Sequence:
        """Read a script that stands inside this one."""
        inner = _Parser(text, line)
        inner._depth = self._depth
        return inner.sequence(())

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise NotUnderstood

    def _is_end(self, ends: tuple[str, ...]) -> bool:
        self.space()
        if self.is_at_end:
            if ends:
                raise NotUnderstood
            return True
        return any(self._reserved() == end or (end in (")", ";;") and self.at(end)) for end in ends)

    def _reserved(self) -> str:
        found = _RESERVED.match(self.text, self.position)
        return found[0] if found else ""

    def _expect(self, sign: str) -> None:
        self.space()
        if not self.at(sign):
            raise NotUnderstood
        self.position += len(sign)

    def _accept(self, *signs: str) -> str:
        self.blanks()
        for sign in signs:
            if self.at(sign):
                self.position += len(sign)
                return sign
        return ""

    def _either(self) -> Node:
        depth = self._depth
        node = self._pipeline()
        while operator := self._accept("&&", "||"):
            self._deeper()
            self.space()
            node = Either(node, operator, self._pipeline())
        self._depth = depth
        return node

    def _pipeline(self) -> Node:
        is_negated = False
        while (word := self._reserved()) in ("!", "time"):
            is_negated ^= word == "!"
            self.position += len(word)
            self.blanks()
        parts = [self._command()]
        self.blanks()
        while self.at("|") and not self.at("||"):
            self._accept("|&", "|")
            self.space()
            parts.append(self._command())
            self.blanks()
        return (
            parts[0] if len(parts) == 1 and not is_negated else Pipeline(tuple(parts), is_negated)
        )

    def _command(self) -> Node:
        if self.at("("):
            return self._calculation() if self.at("((") else self._group("(", ")")
        match self._reserved():
            case "":
                return self._function() or self._simple()
            case "{":
                return self._group("{", "}")
            case "for" | "while" | "until":
                return self._loop()
            case word:
                return self._by_word(word)

    def _by_word(self, word: str) -> Node:
        match word:
            case "if":
                return self._if()
            case "case":
                return self._case()
            case "function":
                return self._bash_function()
            case "[[":
                return self._test()
            case _:
                raise NotUnderstood

    def _calculation(self) -> Simple:
        line = self.line
        self.arithmetic()
        return Simple((Word("((", line),), (), self._redirections(), line)

    def _group(self, start: str, end: str) -> Group:
        self._expect(start)
        body = self.sequence((end,))
        self._expect(end)
        return Group(body, self._redirections(), is_subshell=start == "(")

    def _function(self) -> Function | None:
        found = _FUNCTION.match(self.text, self.position)
        if found is None:
            return None
        self._deeper()
        self.position = found.end()
        self.space()
        body = self._command()
        self._depth -= 1
        return Function(found[1], body)

    def _bash_function(self) -> Function:
        self._expect("function")
        self.blanks()
        name = self.word().plain
        if self._accept("("):
            self._expect(")")
        self.space()
        if not self.at("{", "("):
            raise NotUnderstood
        return Function(name, self._command())

    def _if(self) -> Branch:
        arms: list[tuple[Sequence, Sequence]] = []
        word = "if"
        while word in ("if", "elif"):
            self._expect(word)
            condition = self.sequence(("then",))
            self._expect("then")
            arms.append((condition, self.sequence(("elif", "else", "fi"))))
            word = self._reserved()
        if word == "else":
            self._expect("else")
            arms.append((_NOTHING, self.sequence(("fi",))))
        self._expect("fi")
        return Branch(tuple(arms), word == "else", self._redirections())

    def _loop(self) -> Loop:
        line, word = self.line, self._reserved()
        self._expect(word)
        variable, condition = "", _NOTHING
        words: tuple[Word, ...] = ()
        if word == "for":
            variable, words = self._for()
        else:
            condition = self.sequence(("do",))
        self._expect("do")
        body = self.sequence(("done",))
        self._expect("done")
        return Loop(variable, words, condition, body, self._redirections(), line)

    def _for(self) -> tuple[str, tuple[Word, ...]]:
        self.blanks()
        words: list[Word] = [Word(UNKNOWN, self.line)]  # as many as a run tells
        if self.at("(("):
            self.arithmetic()
            name = ""
        else:
            name = self.word().plain
            if not _NAME.fullmatch(name):
                raise NotUnderstood
            self.space()
            if self._reserved() == "in":
                self._expect("in")
                words = []
                self.blanks()
                while not self.at(";", "\n") and not self.is_at_end:
                    words.append(self.word())
                    self.blanks()
        self._accept(";")
        self.space()
        return name, tuple(words)

    def _case(self) -> Branch:
        self._expect("case")
        self.blanks()
        subject = self.word()
        self._expect("in")
        arms: list[tuple[Sequence, Sequence]] = []
        is_whole = False
        self.space()
        while self._reserved() != "esac":
            self._accept("(")
            patterns = [self._pattern()]
            while self._accept("|"):
                patterns.append(self._pattern())
            self._expect(")")
            is_whole |= "*" in patterns
            arms.append((_NOTHING, self.sequence((";;", "esac"))))
            self._accept(";;")
            if self.at("&"):  # falls through to the next arm
                raise NotUnderstood
            self.space()
        self._expect("esac")
        return Branch(tuple(arms), is_whole, self._redirections(), (subject,))

    def _pattern(self) -> str:
        self.blanks()
        return self.word().text

    def _test(self) -> Simple:
        line, words = self.line, [self.word()]
        while words[-1].text != "]]":
            self.space()
            if self.is_at_end:
                raise NotUnderstood
            if self.is_at_word:
                words.append(self.word())
            else:
                self.position += 1
        return Simple(tuple(words), (), self._redirections(), line)

    def _simple(self) -> Simple:
        line = self.line
        words: list[Word] = []
        assignments: list[Word] = []
        targets: list[Redirection] = []
        while True:
            self.blanks()
            if found := self._redirection():
                targets.append(found)
            elif self.is_at_word:
                is_assignment = not words and ASSIGNMENT.match(self.text, self.position)
                (assignments if is_assignment else words).append(self.word())
            else:
                break
        if not (words or assignments or targets):
            raise NotUnderstood
        return Simple(tuple(words), tuple(assignments), tuple(targets), line)

    def _redirections(self) -> tuple[Redirection, ...]:
        found = []
        self.blanks()
        while one := self._redirection():
            found.append(one)
            self.blanks()
        return tuple(found)

    def _redirection(self) -> Redirection | None:
        found = _REDIRECTION.match(self.text, self.position)
        if found is None:
            return None
        self.position = found.end()
        self.blanks()
        operator = found["operator"] or found["both"]
        descriptor = found["descriptor"] or ("0" if operator.startswith("<") else "1")
        target = self.word()
        if operator in ("<<", "<<-"):
            self.here_document(target.text, has_tabs=operator == "<<-")
        return Redirection(operator, descriptor, target)
