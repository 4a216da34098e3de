"""YAML that reads back as what it was.

PyYAML decides which strings need quotes by its own rules; files are read by Go's, which take more words
for numbers (``0o17``, ``1e3``). So a string is quoted when either would read something else.
"""

from __future__ import annotations

import re
import sys

import yaml

from tyger_local.spec.yaml_scalars import ScalarError, resolve

_ODD_BREAK = re.compile("[\r\x85\u2028\u2029]")
"""Ends of lines to YAML, which are kept only when they are escaped."""


class _Dumper(yaml.SafeDumper):
    """A dumper whose strings stay strings."""

    def ignore_aliases(self, data: object) -> bool:
        """Write what stands in two places twice: people read this, and change one of them."""
        del data
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Indent lists below their key, as Tyger's examples do."""
        del indentless
        super().increase_indent(flow, False)


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    try:
        is_plain = resolve(text) == text and not _ODD_BREAK.search(text)
    except ScalarError:
        is_plain = False
    style = None if is_plain else '"'
    if "\n" in text and is_plain:
        style = "|"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def yaml_text(value: object) -> str:
    """Return `value` as a YAML document in the order of its keys."""
    text: str = yaml.dump(
        value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=sys.maxsize
    )
    return text
