"""What rules find goes wrong when it is run, and works once it is fixed as they say: real runs of both."""

from __future__ import annotations

from pathlib import Path

import pytest

from tyger_local import Workspace
from tyger_local.lint.model import Subject
from tyger_local.lint.rules import RULES
from tyger_local.lint.run import findings
from tyger_local.spec.models import Buffers, JobCodespec

LINES = b"".join(b"%099d\n" % at for at in range(3000))  # more than a pipe holds
SORT = 'sort "$INPUT_PIPE" > "$OUTPUT_PIPE"'
COPIED = 'cat "$INPUT_PIPE" > "$TMPDIR/input"'

# A rule, a script in which it finds something, the same as it says, and how many bytes that writes.
ROWS = [
    (
        "output-opened-twice",
        f'touch "$OUTPUT_PIPE"; {SORT}',
        SORT,
        300_000,
    ),
    (
        "output-opened-twice",
        'echo head > "$OUTPUT_PIPE"; cat "$INPUT_PIPE" >> "$OUTPUT_PIPE"',
        '{ echo head; cat "$INPUT_PIPE"; } > "$OUTPUT_PIPE"',
        300_005,
    ),
    (
        "pipe-opened-in-loop",
        'while read -r x; do echo "$x" >> "$OUTPUT_PIPE"; done < "$INPUT_PIPE"',
        'while read -r x; do echo "$x"; done < "$INPUT_PIPE" > "$OUTPUT_PIPE"',
        300_000,
    ),
    (
        "input-read-partly",
        'cat "$INPUT_PIPE" | head -n 1 > "$OUTPUT_PIPE"',
        'cat "$INPUT_PIPE" | { head -n 1; cat > /dev/null; } > "$OUTPUT_PIPE"',
        100,
    ),
    (
        "input-read-partly",
        'read -r x < "$INPUT_PIPE"; echo "$x" > "$OUTPUT_PIPE"',
        '{ read -r x; cat > /dev/null; } < "$INPUT_PIPE"; echo "$x" > "$OUTPUT_PIPE"',
        100,
    ),
    (
        "input-read-partly",
        'grep -q 0 "$INPUT_PIPE" && echo yes > "$OUTPUT_PIPE"',
        f'{COPIED}; grep -q 0 "$TMPDIR/input" && echo yes > "$OUTPUT_PIPE"',
        4,
    ),
    (
        "pipe-replaced",
        'sort "$INPUT_PIPE" > "$TMPDIR/x"; mv "$TMPDIR/x" "$OUTPUT_PIPE"',
        'sort "$INPUT_PIPE" > "$TMPDIR/x"; cat "$TMPDIR/x" > "$OUTPUT_PIPE"',
        300_000,
    ),
    (
        "pipe-tested",
        f'[ -s "$INPUT_PIPE" ] || exit 3; {SORT}',
        f'[ -p "$INPUT_PIPE" ] || exit 3; {SORT}',
        300_000,
    ),
    ("output-exists", f'[ -e "$OUTPUT_PIPE" ] && exit 3; {SORT}', SORT, 300_000),
    (
        "pipe-size",
        f'[ "$(stat -c %s "$INPUT_PIPE")" -gt 0 ] || exit 3; {SORT}',
        f'{COPIED}; [ "$(stat -c %s "$TMPDIR/input")" -gt 0 ] || exit 3; sort "$TMPDIR/input" > "$OUTPUT_PIPE"',
        300_000,
    ),
    ("undefined-reference", f"set -u; {SORT}".replace("OUTPUT", "OUTPUTS"), SORT, 300_000),
]


def _rules(script: str) -> set[str]:
    return {one.rule for one in findings(Subject(_codespec(script)), RULES)} - {"buffer-unused"}


def _codespec(script: str) -> JobCodespec:
    buffers = Buffers(inputs=("input",), outputs=("output",))
    return JobCodespec(image="x:1", command=("bash", "-c", script), buffers=buffers)


def _run(script: str, folder: Path) -> tuple[str, bytes]:
    """Run a script; return the verdict and what it wrote."""
    (folder / "input").write_bytes(LINES)
    run = {
        "image": "x:1",
        "command": ["bash", "-c", script],
        "buffers": {"inputs": ["input"], "outputs": ["output"]},
    }
    paths = {name: str(folder / name) for name in ("input", "output")}
    record = Workspace(engine="process").runs.exec(run, paths)
    output = folder / "output"
    return record.verdict.kind.value, output.read_bytes() if output.exists() else b""


@pytest.mark.parametrize(
    ("rule", "bad", "fixed", "written_bytes"),
    ROWS,
    ids=[f"{row[0]}-{at}" for at, row in enumerate(ROWS)],
)
def test_what_is_found_goes_wrong_and_its_fix_works(
    rule: str, bad: str, fixed: str, written_bytes: int, tmp_path: Path
) -> None:
    assert _rules(bad) == {rule}
    assert _rules(fixed) == set()
    verdict, _ = _run(bad, tmp_path)
    assert verdict in ("failed", "buffer-failed")
    verdict, written = _run(fixed, tmp_path)
    assert (verdict, len(written)) == ("succeeded", written_bytes)


def test_a_process_id_is_none(tmp_path: Path) -> None:
    bad = 'cat "$INPUT_PIPE" > /dev/null; echo $$ > "$OUTPUT_PIPE"'
    fixed = bad.replace("$$", "$$$$")
    assert _rules(bad) == {"process-id"}
    assert _rules(fixed) == set()
    assert _run(bad, tmp_path)[1] == b"$\n"
    assert _run(fixed, tmp_path)[1].strip().isdigit()
