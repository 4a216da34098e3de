"""An explanation for people: lines of a terminal that is 80 columns wide, without colours."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from textwrap import wrap

from tyger_local.outcome.words import counted, printable
from tyger_local.plan.docker_lines import PIPE_FOLDER
from tyger_local.plan.explanation import Explanation, Part, Row
from tyger_local.plan.model import Difference

WIDTH = 80
WIDEST_NAME = 26
INDENT = "  "

_PLACEHOLDER = re.compile(r"\[[^\[\]]*\]")
_JOINT = "\ue000"  # not printable, so in no text that is

FOOT = (
    "No engine was asked: what this machine has not is lowered, or refused, when it runs.",
    "[…] stands for what only the image, the engine or the run itself can tell.",
)
PIPES_FOOT = f"{PIPE_FOLDER} stands for a folder with a FIFO for each buffer."


def explanation_text(explanation: Explanation) -> str:
    """Return an explanation as text; lines are only longer than `WIDTH` where one word is."""
    lines: list[str] = []
    for part in explanation.parts:
        lines += [_title(part), *_rows(part), ""]
    lines += ["The same by hand", *_commands(explanation.docker_lines), ""]
    lines += [*_warnings(explanation.differences), ""]
    has_pipes = any(f"={PIPE_FOLDER}:" in line for line in explanation.docker_lines)
    for sentence in (*FOOT, PIPES_FOOT) if has_pipes else FOOT:
        lines += wrap(sentence, WIDTH)
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _title(part: Part) -> str:
    replicas = next((int(row.value) for row in part.rows if row.name == "replicas"), 1)
    title = part.name.capitalize()
    return title if replicas == 1 else f"{title}, {counted(replicas, 'replica')}"


def _rows(part: Part) -> Iterator[str]:
    width = min(max(len(row.name) for row in part.rows), WIDEST_NAME)
    for row in part.rows:
        yield from _row(row, width)


def _row(row: Row, width: int) -> Iterator[str]:
    """Yield a row: the name, the value and its origin on one line if they fit there."""
    margin = " " * (len(INDENT) + width + 2)
    name = f"{INDENT}{printable(row.name):<{width}}  "
    origin = f"({printable(str(row.origin))})"
    lines = list(_value_lines(row.value, WIDTH - len(margin)))
    if len(lines) == 1 and len(f"{name}{lines[0]}  {origin}") <= WIDTH:
        yield f"{name}{lines[0]}  {origin}"
    else:
        if len(name) > len(margin):
            yield name
            name = margin
        yield f"{name}{lines[0]}"
        yield from (f"{margin}{line}" for line in (*lines[1:], origin))
    if row.written is not None and "\n" not in row.written:
        yield from _aside("written as", row.written, margin)
    if row.cluster is not None:
        yield from _aside("on the cluster:", row.cluster, margin)


def _aside(words: str, value: str, margin: str) -> Iterator[str]:
    """Yield a remark below a value."""
    width = WIDTH - len(margin)
    first, *others = _value_lines(value, width)
    if others or len(words) + 1 + len(first) > width:
        yield f"{margin}{words}"
        yield from (f"{margin}{INDENT}{line}" for line in _value_lines(value, width - len(INDENT)))
    else:
        yield f"{margin}{words} {first}"


def _value_lines(value: str, width: int) -> Iterator[str]:
    """Yield the lines of a value, folded between words; in quotes where its ends would not be seen."""
    bare = value.removesuffix("\n")  # as a script in a file ends
    is_seen = bool(bare) and (bare == bare.strip() or "\n" in bare.strip())
    for line in (bare if is_seen else json.dumps(value, ensure_ascii=False)).split("\n"):
        text = _PLACEHOLDER.sub(lambda found: found[0].replace(" ", _JOINT), printable(line))
        indent = text[: len(text) - len(text.lstrip())]
        folded = wrap(
            text,
            width,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
        yield from (part.replace(_JOINT, " ") for part in folded or [""])


def _commands(lines: tuple[str, ...]) -> Iterator[str]:
    """Yield commands that can be pasted into a shell, folded before words."""
    for line in lines:
        folded = INDENT
        for word in map(_quoted, shlex.split(line)):
            if folded.strip() and len(folded) + 1 + len(word) + len(" \\") > WIDTH:
                yield f"{folded} \\"
                folded = INDENT * 2 + word
            else:
                folded += f" {word}" if folded.strip() else word
        yield folded


def _quoted(word: str) -> str:
    """Return a word for a shell; what would drive a terminal is escaped in ``$'…'``, as shells read it."""
    if all(c.isprintable() or c in "\t\n" for c in word):
        return shlex.quote(word)
    return f"$'{''.join(map(_escaped, word))}'"


def _escaped(character: str) -> str:
    if character in "\\'":
        return f"\\{character}"
    if character.isprintable():
        return character
    return "".join(f"\\{byte:03o}" for byte in character.encode())


def _warnings(differences: tuple[Difference, ...]) -> Iterator[str]:
    if not differences:
        yield "Nothing of it is known to differ on the cluster."
        return
    yield "Warnings"
    for found in differences:
        strictly = "; --strict refuses it" if found.strict else ""
        text = printable(f"{found.text}{strictly}.")
        yield from wrap(
            text,
            WIDTH,
            initial_indent=f"{INDENT}- ",
            subsequent_indent=INDENT * 2,
            break_long_words=False,
            break_on_hyphens=False,
        )
