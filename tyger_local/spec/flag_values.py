"""How Tyger's flags read their values: the types of Go's pflag library, version 1.0.10.

Each function reads one occurrence of a flag; merging the occurrences is the caller's. Every error
is a `ValueError` whose text is what Tyger prints after ``invalid argument ... flag:``. Where Tyger
would show the inside of Go (``strconv.Atoi: parsing "x": invalid syntax``), the words are ours.
"""

from __future__ import annotations

from tyger_local.spec.csv_record import read_record
from tyger_local.spec.go_text import parse_int, quote

_TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False"})


def split_list(text: str) -> list[str]:
    """Read a list flag (pflag ``StringSlice``): one CSV record; empty text is an empty list.

    Raises:
        ValueError: The text is no CSV record.
    """
    return read_record(text) if text else []


def split_map(text: str) -> dict[str, str]:
    """Read a ``key=value`` flag (pflag ``StringToString``); a later key wins.

    With exactly one ``=`` the whole text is one pair, commas included, and its outer ``"`` are
    dropped. With more, the text is a CSV record of pairs, each cut at its first ``=``.

    Raises:
        ValueError: A pair without ``=``, or no CSV record.
    """
    signs = text.count("=")
    if not signs:
        raise _no_pair(text)
    pairs = [text.strip('"')] if signs == 1 else read_record(text)
    return dict(_pair(pair) for pair in pairs)


def split_int_map(text: str) -> dict[str, int]:
    """Read a ``key=integer`` flag (pflag ``StringToInt``); plain commas separate, a later key wins.

    Raises:
        ValueError: A pair without ``=``, or a value that is no 64-bit integer.
    """
    pairs = (_pair(pair) for pair in text.split(","))
    return {key: parse_int(value, 10) for key, value in pairs}


def parse_bool(text: str) -> bool:
    """Read a boolean flag (Go ``strconv.ParseBool``): ``1 t T true TRUE True`` and their opposites.

    Raises:
        ValueError: Any other text.
    """
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise ValueError(f"{quote(text)} is neither true nor false")


def _pair(text: str) -> tuple[str, str]:
    key, sign, value = text.partition("=")
    if not sign:
        raise _no_pair(text)
    return key, value


def _no_pair(text: str) -> ValueError:
    return ValueError(f"{text} must be formatted as key=value")
