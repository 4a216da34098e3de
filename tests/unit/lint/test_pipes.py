"""What is found in scripts: each misuse by its rule, nothing in what is fine, and nothing after the fix."""

from __future__ import annotations

import pytest
from soak.case import Case
from soak.legal import LEGAL
from soak.misuses import MISUSES

from tyger_local.lint import pipe_files, pipes, programs, shells, unused
from tyger_local.lint.model import Severity, Subject
from tyger_local.lint.run import findings
from tyger_local.spec.models import Buffers, JobCodespec

RULES = (
    *shells.RULES,
    *pipes.RULES,
    *pipe_files.RULES,
    *programs.RULES,
    *unused.RULES,
)

# What no text of a shell script shows: another language, a path that is computed, pipes of the script's own.
UNSEEN = {
    "Python opens its output twice",
    "unpacks an archive over it",
    "Python replaces it",
    "Python reads a header",
    "opens a pipe that nobody serves",
    "writes a pipe that nobody reads",
    "two children wait for each other",
}
BY_CODE = {
    "output-reopened": {"output-opened-twice"},
    "input-reopened": {"input-opened-twice"},
    "pipe-replaced": {"pipe-replaced"},
    "input-unread": {"input-read-partly"},
    "background-writer": {"background-writer"},
    "pipe-deadlock": {"pipe-wrong-way", "input-read-write"},
}


def _found(
    script: str, *, shell: str = "sh", inputs: tuple[str, ...] = ("in",), outputs: tuple[str, ...] = ("out",)
) -> list[str]:  # fmt: skip
    codespec = JobCodespec(
        image="x", command=(shell, "-c"), args=(script,), buffers=Buffers(inputs=inputs, outputs=outputs)
    )  # fmt: skip
    found = findings(Subject(codespec), RULES)
    assert all(one.path[0] in ("args", "buffers") for one in found)
    assert all(one.happens and one.fix and not one.fix.endswith(".") for one in found)
    return [one.rule for one in found if one.rule != "buffer-unused"]


def _of_case(case: Case) -> Subject:
    buffers = Buffers(inputs=tuple(case.inputs), outputs=case.outputs)
    return Subject(JobCodespec(image="x", command=(case.shell, "-c", case.script), buffers=buffers))


@pytest.mark.parametrize("case", MISUSES, ids=str)
def test_each_misuse_that_can_be_seen_is_found(case: Case) -> None:
    found = {one.rule for one in findings(_of_case(case), RULES)} - {"buffer-unused"}
    if case.name in UNSEEN:
        assert not found
    else:
        assert found & set().union(*(BY_CODE[code] for code in case.codes))


@pytest.mark.parametrize("case", LEGAL, ids=str)
def test_nothing_but_notes_is_said_of_what_is_fine(case: Case) -> None:
    found = findings(_of_case(case), RULES)
    assert [one for one in found if one.severity is not Severity.NOTE] == []


# A rule, a script in which it finds something, and the same with its fix, in which nothing is found.
FIXES = [
    ("output-opened-twice", "echo a > $OUT_PIPE; echo b >> $OUT_PIPE", "{ echo a; echo b; } > $OUT_PIPE"),
    ("output-opened-twice", 'echo a > "${OUT_PIPE}"\n\necho b > "$(OUT_PIPE)"', '{ echo a\n\necho b; } > "$OUT_PIPE"'),
    ("output-opened-twice", "o=$OUT_PIPE; echo a > $o; echo b > $o", "o=$OUT_PIPE; { echo a; echo b; } > $o"),
    ("output-opened-twice", "export o=$OUT_PIPE; : > $o; : > $o", "export o=$OUT_PIPE; : > $o"),
    ("output-opened-twice", "exec 3> $OUT_PIPE; exec 3>&-; echo b > $OUT_PIPE", "exec 3> $OUT_PIPE; echo b >&3; exec 3>&-"),
    ("output-opened-twice", "exec 3> $OUT_PIPE 4>&3; exec 3>&- 4>&-; : > $OUT_PIPE", "exec 3> $OUT_PIPE 4>&3; exec 3>&-; : > $OUT_PIPE"),
    ("output-opened-twice", "exec > $OUT_PIPE; exec > x; echo > $OUT_PIPE", "exec > $OUT_PIPE; echo x"),
    ("output-opened-twice", "f() { echo $1 > $OUT_PIPE; }; f a; f b", "f() { echo $1; }; { f a; f b; } > $OUT_PIPE"),
    ("output-opened-twice", "if true; then echo > $OUT_PIPE; else : > $OUT_PIPE; fi; echo >> $OUT_PIPE", "if true; then echo; else :; fi > $OUT_PIPE"),
    ("output-opened-twice", "case $x in a) : > $OUT_PIPE;; *) : > $OUT_PIPE; esac; : > $OUT_PIPE", "case $x in a) : > $OUT_PIPE;; *) : > $OUT_PIPE; esac"),
    ("output-opened-twice", "work > $OUT_PIPE && echo end >> $OUT_PIPE", "{ work && echo end; } > $OUT_PIPE"),
    ("output-opened-twice", "for i in 1 2; do echo $i >> $OUT_PIPE; done", "for i in 1 2; do echo $i; done >> $OUT_PIPE"),
    ("output-opened-twice", "cat x | tee $OUT_PIPE; sort x -o $OUT_PIPE", "cat x | tee $OUT_PIPE"),
    ("output-opened-twice", "x=$(echo a > $OUT_PIPE); echo b > $OUT_PIPE", "x=$(echo a); echo b > $OUT_PIPE"),
    ("output-opened-twice", "x=`echo a > $OUT_PIPE`; echo b > $OUT_PIPE", "x=`echo a`; echo b > $OUT_PIPE"),
    ("output-opened-twice", "(exec 3> $OUT_PIPE; echo a >&3); echo b > $OUT_PIPE", "(exec 3> $OUT_PIPE; echo a >&3; echo b >&3)"),
    ("output-opened-twice", "for i in 1; do : > $OUT_PIPE; done; : > $OUT_PIPE", "for i in 1; do : > $OUT_PIPE; done"),
    ("output-opened-twice", "echo $(while read x; do :; done < f) > $OUT_PIPE; curl -o $OUT_PIPE x", "curl -o $OUT_PIPE x"),
    ("input-opened-twice", "head $IN_PIPE; cat $IN_PIPE", "cat $IN_PIPE > /tmp/in; head /tmp/in; cat /tmp/in"),
    ("input-opened-twice", "sh -c 'cat $IN_PIPE'; python3 x.py --input=$IN_PIPE", "python3 x.py --input=$IN_PIPE"),
    ("input-opened-twice", "ffprobe $IN_PIPE; cp $IN_PIPE x", "cp $IN_PIPE x; ffprobe x"),
    ("input-opened-twice", "x=$(< $IN_PIPE); wc -c < $IN_PIPE", "cat $IN_PIPE > /tmp/in; wc -c < /tmp/in"),
    ("pipe-opened-in-loop", "for f in *.d; do cat $f >> $OUT_PIPE; done", "for f in *.d; do cat $f; done > $OUT_PIPE"),
    ("pipe-opened-in-loop", "while read x; do echo $x > $OUT_PIPE; done < $IN_PIPE", "while read x; do echo $x; done < $IN_PIPE > $OUT_PIPE"),
    ("pipe-opened-in-loop", "until read x < $IN_PIPE; do :; done", "until read x; do :; done < $IN_PIPE"),
    ("pipe-opened-in-loop", "for ((i=0;i<3;i++)); do echo > $OUT_PIPE; done", "for ((i=0;i<3;i++)); do echo; done > $OUT_PIPE"),
    ("pipe-opened-in-loop", "for f in a b; do [ -f $f ] || continue; cat $f >> $OUT_PIPE; done", "for f in a b; do [ -f $f ] || continue; cat $f; done > $OUT_PIPE"),
    ("pipe-wrong-way", "cat $OUT_PIPE", "cat /tmp/x > $OUT_PIPE"),
    ("pipe-wrong-way", "sh -c 'echo a > $IN_PIPE'", "sh -c 'cat $IN_PIPE'"),
    ("pipe-wrong-way", "dd if=$OUT_PIPE of=x", "dd if=x of=$OUT_PIPE"),
    ("input-read-write", "exec 3<> $IN_PIPE; cat <&3", "exec 3< $IN_PIPE; cat <&3"),
    ("pipe-replaced", "mv /tmp/result $OUT_PIPE", 'cat /tmp/result > "$OUT_PIPE"'),
    ("pipe-replaced", "timeout 5 mv /tmp/result $OUT_PIPE", "cp /tmp/result $OUT_PIPE"),
    ("pipe-replaced", "sh -c 'rm -f $IN_PIPE'", 'cat "$IN_PIPE" > /tmp/in'),
    ("pipe-replaced", "install -m 644 x $OUT_PIPE", "cp x $OUT_PIPE"),
    ("pipe-replaced", "ln --force x $OUT_PIPE", "cp x $OUT_PIPE"),
    ("pipe-replaced", "cp --backup=numbered x $OUT_PIPE", "cp x $OUT_PIPE"),
    ("pipe-replaced", "cp -b x $OUT_PIPE", "cp x $OUT_PIPE"),
    ("pipe-tested", '[ -f "$IN_PIPE" ] || exit 1; cat $IN_PIPE', '[ -p "$IN_PIPE" ] || exit 1; cat $IN_PIPE'),
    ("pipe-tested", "if [[ -s $IN_PIPE && -n $x ]]; then cat $IN_PIPE; fi", "if [[ -p $IN_PIPE && -n $x ]]; then cat $IN_PIPE; fi"),
    ("output-exists", "[ -e $OUT_PIPE ] && exit 1; work > $OUT_PIPE", "work > $OUT_PIPE"),
    ("output-exists", "if test -e $OUT_PIPE; then echo no; exit 1; fi; work > $OUT_PIPE", "work > $OUT_PIPE"),
    ("pipe-size", "stat -c %s $IN_PIPE", 'cat "$IN_PIPE" > /tmp/in; stat -c %s /tmp/in'),
    ("pipe-size", "du $OUT_PIPE", "du /tmp/x; cat /tmp/x > $OUT_PIPE"),
    ("background-writer", "work > $OUT_PIPE &\nsleep 1", "work > $OUT_PIPE &\nsleep 1\nwait"),
    ("background-writer", "echo a > >(gzip > $OUT_PIPE)", "echo a > >(gzip > $OUT_PIPE); wait $!"),
    ("background-writer", "(a; b > $OUT_PIPE; c > $OUT_PIPE &) &", "(a; b) > $OUT_PIPE"),
    ("input-read-partly", "head -c 100 $IN_PIPE", '{ head -c 100; cat > /dev/null; } < "$IN_PIPE"'),
    ("input-read-partly", "head < $IN_PIPE", '{ head; cat > /dev/null; } < "$IN_PIPE"'),
    ("input-read-partly", "dd if=$IN_PIPE count=1", '{ dd count=1; cat > /dev/null; } < "$IN_PIPE"'),
    ("input-read-partly", "exec 3< $IN_PIPE", "exec 3< $IN_PIPE; cat <&3 > /dev/null"),
    ("pipe-wrong-way", "sort $IN_PIPE > $OUT_PIPE; wc -c $OUT_PIPE", "sort $IN_PIPE > /tmp/x; wc -c /tmp/x; cat /tmp/x > $OUT_PIPE"),
    ("input-opened-twice", "tar -tzf $IN_PIPE; tar -xzf $IN_PIPE", "tar -xzvf $IN_PIPE"),
    ("pipe-replaced", "trap 'rm -f $OUT_PIPE' ERR; sort x > $OUT_PIPE", "trap 'rm -f x' ERR; sort x > $OUT_PIPE"),
    ("input-read-partly", "cat $IN_PIPE | tr a b | head -3", "cat $IN_PIPE | tr a b | { head -3; cat > /dev/null; }"),
    ("input-read-partly", "read -r x < $IN_PIPE", "{ read -r x; cat > /dev/null; } < $IN_PIPE"),
    ("input-read-partly", "grep -q x $IN_PIPE", "cat $IN_PIPE > /tmp/in; grep -q x /tmp/in"),
    ("ffmpeg-seeks", "ffmpeg -i $IN_PIPE -f mp4 - > $OUT_PIPE", "ffmpeg -i $IN_PIPE -f nut - > $OUT_PIPE"),
    ("ffmpeg-format", "ffmpeg -i $IN_PIPE pipe:1 > $OUT_PIPE", "ffmpeg -i $IN_PIPE -f nut pipe:1 > $OUT_PIPE"),
    ("process-id", "mkdir /tmp/$$; cat $IN_PIPE", "mkdir /tmp/$$$$; cat $IN_PIPE"),
    ("process-id", "x=/tmp/$$_file", "x=/tmp/$$$$_file"),
    ("process-id", "echo $$$x", "echo $$$$$x"),
    ("needs-file", "unzip $IN_PIPE", 'cat "$IN_PIPE" > /tmp/in; unzip /tmp/in'),
    ("needs-file", "zip $OUT_PIPE x", 'zip /tmp/out x; cat /tmp/out > "$OUT_PIPE"'),
    ("needs-file", "samtools index $IN_PIPE", 'cat "$IN_PIPE" > /tmp/in; samtools index /tmp/in'),
    ("ffmpeg-overwrite", "ffmpeg -i x -f nut $OUT_PIPE", "ffmpeg -i x -y -f nut $OUT_PIPE"),
    ("ffmpeg-overwrite", "ffmpeg -n -i x -f nut $OUT_PIPE", "ffmpeg -i x -y -f nut $OUT_PIPE"),
    ("ffmpeg-format", "ffmpeg -y -i $IN_PIPE $OUT_PIPE", "ffmpeg -y -i $IN_PIPE -f nut $OUT_PIPE"),
    ("ffmpeg-seeks", "ffmpeg -y -i x -f mp4 $OUT_PIPE", "ffmpeg -y -i x -f mp4 -movflags frag_keyframe+empty_moov $OUT_PIPE"),
    ("ffmpeg-seeks", "ffmpeg -y -i x -f mp4 -movflags +faststart $OUT_PIPE", "ffmpeg -y -i x -f mp4 -frag_duration 9 $OUT_PIPE"),
    ("ffmpeg-seeks", "ffmpeg -y -i x -f mov $OUT_PIPE", "ffmpeg -y -i x -f nut $OUT_PIPE"),
    ("carriage-returns", "set -e\r\ncat $IN_PIPE", "set -e\ncat $IN_PIPE"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "bad", "good"), FIXES)
def test_what_is_found_is_gone_once_it_is_fixed(rule: str, bad: str, good: str) -> None:
    assert rule in _found(bad)
    assert _found(good) == []


@pytest.mark.parametrize(
    "script",
    [
        "if [ -n $x ]; then echo a > $OUT_PIPE; else echo b > $OUT_PIPE; fi",
        "if [ -n $x ]; then echo a > $OUT_PIPE; exit; fi; echo b > $OUT_PIPE",
        "if [ -n $x ]; then exec a > $OUT_PIPE; elif y; then exit; fi; echo b > $OUT_PIPE",
        "case $x in a | b) echo a > $OUT_PIPE;; (c) echo b > $OUT_PIPE;; esac",
        "[ $x ] && echo a > $OUT_PIPE; [ $y ] && echo b > $OUT_PIPE",
        "a && work > $OUT_PIPE || other > $OUT_PIPE",
        "if a; then exit 0; else exit 1; fi; echo > $OUT_PIPE; echo > $OUT_PIPE",
        "cat $IN_PIPE > x & sleep 1",
        "ln -s x $OUT_PIPE; mkfifo $OUT_PIPE; work > $OUT_PIPE",
        "exit 0; echo > $OUT_PIPE; echo > $OUT_PIPE",
        "(exit 0); echo > $OUT_PIPE",
        "f() { [ $x ] && return; echo > $OUT_PIPE; }; f; echo > $OUT_PIPE",
        "f() { f; }; f; echo > $OUT_PIPE",
        "for i in 1 2; do work > $OUT_PIPE && break; done",
        "for i in 1; do [ $x ] && continue; work > $OUT_PIPE; done",
        "while :; do exit 1; done",
        "for i; do :; done; work > $OUT_PIPE",
        "a > $OUT_PIPE & b > $OUT_PIPE & wait",
        "a > $OUT_PIPE & b & wait $x; c >> $OUT_PIPE",
        "cat x | tee $OUT_PIPE | tee -a $OUT_PIPE",
        "cat > $OUT_PIPE <<EOF\necho > $OUT_PIPE\nEOF\n",
        "echo '> $OUT_PIPE'; echo \"> $OUT_PIPE\"; cat x > $OUT_PIPE # > $OUT_PIPE",
        "OUT_PIPE=/tmp/x; echo > $OUT_PIPE; echo > $OUT_PIPE",
        "for OUT_PIPE in a b; do echo > $OUT_PIPE; done",
        "read OUT_PIPE; echo > $OUT_PIPE; echo > $OUT_PIPE",
        "o=$OUT_PIPE; o=/tmp/x; echo > $o; echo > $o",
        "echo $IN_PIPE; ls -l $IN_PIPE; test -p $IN_PIPE; cat $IN_PIPE",
        "python3 -c 'print(1)' $IN_PIPE; cat $IN_PIPE",
        "exec {in}< $IN_PIPE; read -r -u $in x; cat <&$in > $OUT_PIPE",
        "exec 4< $IN_PIPE; mapfile -u4 -t x",
        "sort $IN_PIPE | head -3; cat x | head -3 > $OUT_PIPE",
        "cat $IN_PIPE | recon | head -3",
        "trap - EXIT; trap 'exit 1; ;; ' INT; trap \"rm $x\" EXIT",
        "tar -xf $IN_PIPE; tar -cf - $IN_PIPE",
        "[ -p $IN_PIPE ] || [ -f $IN_PIPE ] || exit; cat $IN_PIPE",
        "[ -e $OUT_PIPE ] || exit 1; work > $OUT_PIPE",
        "[ ! -e $OUT_PIPE ] && exit 1; work > $OUT_PIPE",
        "if ! [ -e $OUT_PIPE ]; then exit 1; fi; work > $OUT_PIPE",
        "if [ -e $IN_PIPE ]; then exit; fi; [ -e $OUT_PIPE ] && echo y",
        "stat $IN_PIPE; stat -c %s /tmp/x; cat $IN_PIPE",
        "touch $IN_PIPE; cat $IN_PIPE",
        "cp -b $IN_PIPE; ln -s $IN_PIPE; cp x; sed s/a/b/ $IN_PIPE",
        "work > $OUT_PIPE & while kill -0 $!; do sleep 1; done",
        "work > $OUT_PIPE & tail --pid=$! -f /dev/null",
        "head -n -5 $IN_PIPE; ",
        "head -c-5 $IN_PIPE; ",
        "exec 3< $IN_PIPE; read -u 3 x",
        "exec < $IN_PIPE; cat",
        "$x < $IN_PIPE",
        "dd if=$IN_PIPE of=$OUT_PIPE; < $IN2",
        "zip - x > $OUT_PIPE; unzip /tmp/x",
        "ffmpeg $options -i x $OUT_PIPE",
        "ffmpeg -i x -f nut -y y.nut; ffmpeg -version",
        "echo $$(date) $${x} $$1; x=1; echo $$x $$HOME # $$",
        "case $x in a) echo > $OUT_PIPE ;;& b) : ;; esac; echo > $OUT_PIPE",  # not understood
        "sh -c 'a ;; b' ; sh -c; sh x; sh -c $x",
        "dd x=$IN_PIPE; cp $IN_PIPE $OUT_PIPE",
        ": < $OTHER; while read x; do :; done < $x > $y",
    ],
)
def test_nothing_is_said_of_what_may_be_fine(script: str) -> None:
    assert _found(script) == []


def test_the_line_is_named_if_there_are_several() -> None:
    def happens(script: str) -> str:
        codespec = JobCodespec(command=("sh", "-c", script), buffers=Buffers(outputs=("out",)))
        (found,) = findings(Subject(codespec), RULES)
        assert found.path == ("command", 2)
        return found.happens

    many = happens("set -e\necho a > $OUT_PIPE\n\n# more\necho b > $OUT_PIPE\n")
    assert many.startswith("line 5 of the script: the output 'out'")
    assert "closed in line 2," in many
    assert happens("echo a > $OUT_PIPE; echo b > $OUT_PIPE\n").startswith("the output 'out'")


def test_a_pipe_is_told_of_once_a_rule() -> None:
    assert _found("a > $OUT_PIPE; b > $OUT_PIPE; c > $OUT_PIPE") == ["output-opened-twice"]
    both = "for f in *; do a > $OUT_PIPE; done; b > $OUT_PIPE; c > $OUT_PIPE"
    assert _found(both) == ["output-opened-twice"]


def test_a_name_that_no_shell_can_read_is_a_reference_in_the_fix() -> None:
    codespec = JobCodespec(
        command=("sh", "-c", "mv x $(my-out_PIPE) $(MY-OUT_PIPE)"),
        buffers=Buffers(outputs=("my-out",)),
    )
    (found,) = findings(Subject(codespec), RULES)
    assert found.fix.endswith('cat /tmp/result > "$(MY-OUT_PIPE)"')


def test_a_script_that_no_system_starts_is_not_read() -> None:
    script = "echo > $OUT_PIPE; echo > $OUT_PIPE\n"
    assert _found(script) == ["output-opened-twice"]
    assert _found(script + "#" * 2**17) == []


def test_what_is_nested_deeply_does_not_take_for_ever() -> None:
    loops = "for i in 1 2; do " * 25 + "echo > $OUT_PIPE" + "; done" * 25
    assert _found(loops) == ["output-opened-twice"]
    loops = "while a; do " * 25 + "echo > $OUT_PIPE" + "; done" * 25
    assert _found(loops) == ["pipe-opened-in-loop"]
    calls = "".join(f"f{at}() {{ {f'f{at + 1}; ' * 50} }}; " for at in range(5))
    assert _found(f"{calls} f5() {{ echo; }}; f0; echo > $OUT_PIPE; echo > $OUT_PIPE") == [
        "output-opened-twice"
    ]
