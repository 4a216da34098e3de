"""The flags of ``codespec create`` as the library's `CodespecFlags`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tyger_local.cli.values import joined, merged
from tyger_local.spec.flags import QUANTITY_FLAGS, CodespecFlags, check_text


def file_and_flags(
    given: Mapping[str, Any], behind: tuple[str, ...] | None
) -> tuple[str | None, CodespecFlags]:
    """Return the path of the file, if any, and the flags.

    Args:
        given: click's values by parameter.
        behind: What stands behind ``--``.

    Raises:
        SpecError: A text is not UTF-8.
    """
    env = merged(given["env"])
    inputs, outputs = joined(given["inputs"]), joined(given["outputs"])
    texts = {
        "--": behind or (),
        "--image": (given["image"] or "",),
        "--identity": (given["identity"] or "",),
        "--env": tuple(text for item in (env or {}).items() for text in item),
        "--input": inputs or (),
        "--output": outputs or (),
    }
    check_text(texts)
    quantities = {
        flag: given[flag.replace("-", "_")]
        for flag in QUANTITY_FLAGS
        if given[flag.replace("-", "_")] is not None
    }
    is_command = bool(given["command"])
    return given["file"] or None, CodespecFlags(
        image=given["image"],
        kind=given["kind"],
        max_replicas=given["max_replicas"],
        inputs=inputs,
        outputs=outputs,
        env=env,
        endpoints=merged(given["endpoints"]),
        identity=given["identity"],
        command=behind if is_command else None,
        args=None if is_command else behind,
        quantities=quantities,
    )
