"""What is found in how programs and shells are called, and nothing once it is fixed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tyger_local.lint import pipe_files, pipes, programs, shells, unused
from tyger_local.lint.model import Severity, Subject
from tyger_local.lint.run import findings
from tyger_local.spec.decode import decode_codespec_file
from tyger_local.spec.document import read_document
from tyger_local.spec.models import Buffers, JobCodespec

RULES = (
    *shells.RULES,
    *pipes.RULES,
    *pipe_files.RULES,
    *programs.RULES,
    *unused.RULES,
)

EXAMPLES = Path(__file__).parents[3] / "examples"
BUFFERS = Buffers(inputs=("in",), outputs=("out",))
IN, OUT = "$(IN_PIPE)", "$(OUT_PIPE)"


def _found(command: list[str], args: list[str] | None = None, image: str = "x") -> list[str]:
    codespec = JobCodespec(
        image=image,
        command=tuple(command),
        args=tuple(args or []),
        env={"LEVEL": "3"},
        buffers=BUFFERS,
    )
    return [one.rule for one in findings(Subject(codespec), RULES) if one.severity != Severity.NOTE]


# A rule, a command in which it finds something, and the same with its fix.
FIXES = [
    ("script-without-shell", ["echo hi > $OUT_PIPE"], ["sh", "-c", "echo hi > $OUT_PIPE"]),
    ("script-without-shell", ["python3 x.py"], ["python3", "x.py"]),
    ("operator-without-shell", ["recon", f"<{IN}", f">{OUT}"], ["sh", "-c", f"recon <{IN} >{OUT}"]),
    ("operator-without-shell", ["recon", "2>/dev/null"], ["sh", "-c", "recon 2>/dev/null"]),
    ("variable-without-shell", ["recon", "--level", "$LEVEL"], ["recon", "--level", "$(LEVEL)"]),
    ("shell-arguments-lost", ["sh", "-c", "python3 x.py", "-i", IN], ["sh", "-c", f"python3 x.py -i {IN}"]),
    ("operator-without-shell", ["cat", IN, "|", "sort", ">", OUT], ["sh", "-c", f"cat {IN} | sort > {OUT}"]),
    ("operator-without-shell", ["bash", "x.sh", ">", OUT], ["sh", "-c", f"bash x.sh > {OUT}"]),
    ("variable-without-shell", ["python3", "x.py", "$IN_PIPE"], ["python3", "x.py", IN]),
    ("variable-without-shell", ["python3", "x.py", "--in=${IN_PIPE}"], ["python3", "x.py", f"--in={IN}"]),
    ("variable-without-shell", ["bash", "x.sh", '"$OUT_PIPE"'], ["bash", "x.sh", OUT]),
    ("option-with-value", ["recon", f"-i {IN}"], ["recon", "-i", IN]),
    ("option-with-value", ["recon", f"--out  {OUT}\n"], ["recon", "--out", OUT]),
    ("pattern-without-shell", ["python3", "~/x.py"], ["python3", "/root/x.py"]),
    ("pattern-without-shell", ["cat", "-v", "*.dat"], ["sh", "-c", "cat -v *.dat"]),
    ("shell-without-c", ["sh", f"cat {IN} > {OUT}"], ["sh", "-c", f"cat {IN} > {OUT}"]),
    ("shell-without-c", ["bash", "-e", f"cat {IN} > {OUT}"], ["bash", "-e", "-c", f"cat {IN} > {OUT}"]),
    ("shell-arguments-lost", ["sh", "-c", "cat", IN], ["sh", "-c", f"cat {IN}"]),
    ("shell-arguments-lost", ["sh", "-c", "./run.sh", "x"], ["./run.sh", "x"]),
    ("pipe-replaced", ["mv", "/tmp/x", OUT], ["sh", "-c", f"cat /tmp/x > {OUT}"]),
    ("pipe-wrong-way", ["cp", OUT, "/tmp/x"], ["cp", IN, "/tmp/x"]),
    ("needs-file", ["h5dump", IN], ["sh", "-c", f"cat {IN} > /tmp/in; h5dump /tmp/in"]),
    ("ffmpeg-overwrite", ["ffmpeg", "-i", IN, "-f", "nut", OUT], ["ffmpeg", "-i", IN, "-f", "nut", "-y", OUT]),
    ("ffmpeg-format", ["env", "A=b", "ffmpeg", "-y", "-f", "nut", "-i", IN, OUT], ["ffmpeg", "-y", "-i", IN, "-f", "nut", OUT]),
    ("ffmpeg-seeks", ["ffmpeg", "-y", "-i", IN, "-f", "mp4", OUT], ["ffmpeg", "-y", "-i", IN, "-f", "mp4", "-movflags", "frag_keyframe+empty_moov", OUT]),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "bad", "good"), FIXES)
def test_what_is_found_is_gone_once_it_is_fixed(rule: str, bad: list[str], good: list[str]) -> None:
    assert _found(bad) == [rule]
    assert _found(bad[:1], bad[1:]) == [rule]
    assert _found(good) == []


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["env"],
        ["env", "A=~/x"],
        ["cat", IN],
        ["jq", ".a | .b", "|"],
        ["tr", "|", ","],
        ["cut", "-d", "|", "-f", "1"],
        ["tar", "--exclude", "*.o", "-cf", OUT, "/x"],
        ["find", "/x", "-name", "*.dat", "-exec", "cat", "{}", ";"],
        ["rsync", "/x/*", OUT],
        ["python3", "-c", "print(1 > 2)", "*.dat"],
        ["grep", "-r", "a*", "/x"],
        ["sh", "-c", 'cat "$1" > "$2"', "x", IN, OUT],
        ["sh", "-c", "$0", "x"],
        ["sh", "-c", f"-i {IN}"],
        ["recon", f"--text a {IN}", "- x", f"x {IN}", "-i /x"],
        ["sh", "-c", "cat $IN_PIPE", "catter"],
        ["sh", "-c", "for x; do cat $x; done", "x", IN, OUT],
        ["sh", "-c", "set -e; . /x.sh", "x", IN, OUT],
        ["recon", "<b>", "</a>", "->x", "$LEVELS", "$1"],
        ["sh", "-c", "cat $IN_PIPE > $OUT_PIPE"],
        ["sh", "x.sh", "a b"],
        ["sh"],
        ["sh", "-c"],
        ["sh", "-c", "case $x in a) b ;;& esac"],
        ["ffmpeg", "-version"],
        ["ffmpeg", "-i", IN, "-f", "mp4", "/tmp/x.mp4"],
        ["unzip", "/tmp/x"],
        ["samtools", "view", IN],
    ],
)
def test_nothing_is_said_of_what_may_be_fine(command: list[str]) -> None:
    assert _found(command) == []


def test_args_of_an_image_that_is_ffmpeg() -> None:
    args = ["-i", IN, "-f", "mp4", OUT]
    for image in ("ffmpeg", "tyger-local/ffmpeg", "reg.io:5000/a/ffmpeg:7", "ffmpeg@sha256:0"):
        assert _found([], args, image) == ["ffmpeg-overwrite", "ffmpeg-seeks"]
    assert _found([], args, "ffmpeg-and-more") == []
    assert _found([], [], "ffmpeg") == []


def test_args_alone_may_be_for_a_shell() -> None:
    assert _found([], ["cat $IN_PIPE | sort"]) == []
    assert _found([], ["$IN_PIPE"]) == []
    assert _found([], ["-i", "$IN_PIPE"]) == ["variable-without-shell"]


def _unused(script: str, *, shell: str = "sh", env: dict[str, str] | None = None) -> list[object]:
    codespec = JobCodespec(
        command=(shell, "-c", script), env=env or {}, buffers=Buffers(inputs=("a", "b"), outputs=("c",))
    )  # fmt: skip
    found = findings(Subject(codespec), RULES)
    return [one.path for one in found if one.rule == "buffer-unused"]


def test_buffers_that_nothing_uses() -> None:
    assert _unused("f() { cat $A_PIPE; }; f; exec 3> $C_PIPE") == [("buffers", "inputs", 1)]
    assert _unused("cat $A_PIPE $B_PIPE") == [("buffers", "outputs", 0)]
    assert _unused("x=1; sh -c 'cat $A_PIPE ${B_PIPE}'; > $(C_PIPE)") == []


@pytest.mark.parametrize(
    "script",
    [
        "./run.sh",
        "python3 x.py",
        "eval x",
        ". ./x",
        "sh x.sh",
        "exec ./x",
        "env",
        "$x",
        "cat ${!x}",
        "cat /etc/buffer-fifos/*",
        "a ;; b",
    ],
)
def test_who_may_look_for_a_buffer_is_left_in_peace(script: str) -> None:
    assert _unused(script) == []


def test_a_buffer_that_an_environment_variable_names_is_used() -> None:
    assert (
        _unused("cat $A $B > $C", env={"A": "$(A_PIPE)", "B": "$(b_pipe)", "C": "$(C_PIPE)"}) == []
    )


@pytest.mark.parametrize(
    "path", sorted(one for one in EXAMPLES.rglob("*.yml") if one.name != "run.yml"), ids=str
)
def test_nothing_is_said_of_the_examples(path: Path) -> None:
    file = decode_codespec_file(read_document(path.read_text(), str(path)))
    codespec = JobCodespec(
        image=file.image, command=file.command, args=file.args, env=file.env, buffers=file.buffers, sockets=file.sockets
    )  # fmt: skip
    assert findings(Subject(codespec), RULES) == ()


def test_nothing_is_said_of_tygers_guides() -> None:
    assert _found([], ["-i", "$(IN_PIPE)", "-vf", "negate", "-f", "nut", "-y", OUT], "ffmpeg") == []
    for args in (
        ["$(IN_PIPE)", "-vf", "negate", "-f-", "nut", "-y", OUT],  # as it was printed
        ["-i", "$(IN_PIPE)", "-vf", "negate", "-f-", "nut", "-y", OUT],
    ):
        assert _found([], args, "quay.io/linuxserver.io/ffmpeg") == []
    hello = 'set -euo pipefail\ninp=$(cat "$IN_PIPE")\necho "Hello ${inp}" > "$OUT_PIPE"\n'
    assert _found(["bash", "-c", hello]) == []


def test_every_rule_has_a_page_and_its_own_name() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES)
    for rule in RULES:
        first, _, rest = (rule.check.__doc__ or "").partition("\n")
        assert first.endswith(".")
        assert rest.strip()
