"""JSON that whoever reads YAML reads the same: codespec and run files, also those for Tyger's client."""

from __future__ import annotations

import json
import re

_UNREADABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
"""What JSON may hold as it is, but YAML may not."""


def json_text(value: object) -> str:
    r"""Return `value` as indented JSON with a line end.

    Characters stand for themselves: Go's reader refuses the pairs of ``\u`` that JSON has for those beyond
    16 bits.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return _UNREADABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n"
