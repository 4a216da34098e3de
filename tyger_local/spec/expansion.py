"""``$(NAME)`` references in commands, arguments and environment values, as Kubernetes reads them.

The grammar is that of Kubernetes' ``third_party/forked/golang/expansion``, which the kubelet uses:

- ``$(NAME)`` is a reference; the name is everything up to the first ``)``, whatever it holds;
- ``$$`` is one ``$`` everywhere, so ``$$(NAME)`` is the text ``$(NAME)``;
- every other ``$`` stands for itself: ``$x``, ``${x}``, ``$(`` without ``)``, a last ``$``.

One pass: what a reference is replaced by is not read again. Tyger's local Docker mode has another
grammar, which loses text after ``$$``; it is not followed here.

One oddity of Kubernetes is left out on purpose: a character outside ASCII straight after a single
``$`` comes out of its scanner as broken UTF-8. Here it stays as written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_TOKEN = re.compile(r"\$(?:\$|\((?P<name>[^)]*)\))")


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Replace each reference in `text` by its variable's value.

    A reference to a name that `variables` lacks stays exactly as written; this is never an error.
    """

    def replacement(token: re.Match[str]) -> str:
        name = token["name"]
        return "$" if name is None else variables.get(name, token[0])

    return _TOKEN.sub(replacement, text)


def references(text: str) -> tuple[str, ...]:
    """The names that `text` refers to, in order and as often as they occur; escaped ones left out.

    A name is whatever stands between the parentheses: ``$(cat file)`` refers to ``cat file``.
    """
    names = (token["name"] for token in _TOKEN.finditer(text))
    return tuple(name for name in names if name is not None)
