"""R3, the second half: programs that use their pipes as they may, in which nothing must be found wrong."""

from __future__ import annotations

from collections.abc import Iterator

from soak.case import DEBIAN, FFMPEG, MIB, MRI, Case, one_input, text

OUT = ("out",)
COPY = {"out": "in"}
TWO = {"in": MIB + 3, "b": 70_001}
TWO_COPIES = {"out": "in", "y": "b"}


def _orders_of_opening() -> Iterator[Case]:
    for name, script in {
        "one after the other": "cat $IN_PIPE > $OUT_PIPE; cat $B_PIPE > $Y_PIPE",
        "the last first": "cat $B_PIPE > $Y_PIPE; cat $IN_PIPE > $OUT_PIPE",
        "outputs first": "exec 3> $OUT_PIPE 4> $Y_PIPE; cat $IN_PIPE >&3; cat $B_PIPE >&4",
        "outputs first, the other way round": "exec 4> $Y_PIPE 3> $OUT_PIPE; cat $B_PIPE >&4; cat $IN_PIPE >&3",
        "inputs first": "exec 3< $IN_PIPE 4< $B_PIPE 5> $OUT_PIPE 6> $Y_PIPE; cat <&3 >&5; cat <&4 >&6",
        "at once": "cat $IN_PIPE > $OUT_PIPE & cat $B_PIPE > $Y_PIPE & wait",
        "the second held for long": "exec 4< $B_PIPE; cat $IN_PIPE > $OUT_PIPE; sleep $PAUSE; cat <&4 > $Y_PIPE",
    }.items():
        yield Case(
            f"two pipes, {name}", script, inputs=TWO, outputs=("out", "y"), copies=TWO_COPIES
        )


def _writers() -> Iterator[Case]:
    ab = text(out="a\nb\n")
    for name, script in {
        "overlapping writers": "exec 3> $OUT_PIPE; echo a > $OUT_PIPE; echo b > $OUT_PIPE; exec 3>&-",
        "overlapping writers that pause": "exec 3> $OUT_PIPE; echo a > $OUT_PIPE; sleep $PAUSE; echo b >> $OUT_PIPE",
        "a group writes": "{ echo a; echo b; } > $OUT_PIPE",
        "a subshell writes": "(echo a; sleep 0.1; echo b) > $OUT_PIPE",
        "tee writes": "{ echo a; echo b; } | tee $OUT_PIPE",
        "dd writes": "{ echo a; echo b; } | dd of=$OUT_PIPE bs=1",
        "noclobber": "set -C; { echo a; echo b; } > $OUT_PIPE",
        "appending": "{ echo a; echo b; } >> $OUT_PIPE",
        "opened for reading and writing": "exec 3<> $OUT_PIPE; echo a >&3; echo b >&3; exec 3>&-",
        "children write, one after the other": "exec 3> $OUT_PIPE; (echo a >&3); (echo b >&3) & wait",
        "a child writes and is waited for": "(sleep 0.1; echo a; echo b) > $OUT_PIPE & wait",
        "a child that does not hold the pipe stays": "sleep 60 & { echo a; echo b; } > $OUT_PIPE",
        "looks at the pipe before and after": "test -p $OUT_PIPE; chmod 600 $OUT_PIPE; stat $OUT_PIPE; "
        "{ echo a; echo b; } > $OUT_PIPE; stat $OUT_PIPE; ls -l $OUT_PIPE; chmod 666 $OUT_PIPE; test -p $OUT_PIPE",
        "writes and works on": "{ echo a; echo b; } > $OUT_PIPE; sleep $PAUSE",
        "a slow producer": "{ echo a; sleep 0.3; echo b; } > $OUT_PIPE",
        "its own pipes inside": "mkfifo $WORK/p; { echo a; echo b; } > $WORK/p & cat $WORK/p > $OUT_PIPE; "
        "rm $WORK/p",
    }.items():
        yield Case(name, script, outputs=OUT, gives=ab)
    yield Case("opened and closed", ": > $OUT_PIPE", outputs=OUT, gives=text(out=""))
    yield Case("never opened", ":", outputs=OUT, gives=text(out=""))
    yield Case(
        "a byte at a time",
        "for i in 1 2 3 4 5 6; do printf $i; sleep 0.3; done > $OUT_PIPE",
        outputs=OUT, gives=text(out="123456"),
    )  # fmt: skip


def _readers() -> Iterator[Case]:
    for size in (0, 1, 4096, 65_536, 65_537, MIB, 5 * MIB):
        yield Case(
            f"copies {size} bytes",
            "cat $IN_PIPE > $OUT_PIPE",
            inputs=one_input(size),
            outputs=OUT,
            copies=COPY,
        )
    for name, script in {
        "computes between reading and writing": "cat $IN_PIPE > $WORK/x; sleep $LONG; cat $WORK/x > $OUT_PIPE; rm $WORK/x",
        "computes before reading": "sleep $LONG; cat $IN_PIPE > $OUT_PIPE",
        "holds input and output and computes": "exec 3< $IN_PIPE 4> $OUT_PIPE; sleep $LONG; cat <&3 >&4",
        "cp": "cp $IN_PIPE $OUT_PIPE",
        "dd in odd blocks": "dd if=$IN_PIPE of=$OUT_PIPE bs=777",
        "through three programs": "cat $IN_PIPE | cat | cat > $OUT_PIPE",
        "head, then the rest, through one open": "{ dd bs=1 count=100; cat; } < $IN_PIPE > $OUT_PIPE",
        "a shell's exec": "exec cat $IN_PIPE > $OUT_PIPE",
    }.items():
        yield Case(name, script, inputs=one_input(100_003), outputs=OUT, copies=COPY)
    # More than any pipe holds: the input cannot have been fed whole before the second open.
    yield Case(
        "two readers at once",
        "exec 3< $IN_PIPE 4< $IN_PIPE; cat <&3 > $OUT_PIPE; cat <&4",
        inputs=one_input(5 * MIB), outputs=OUT, copies=COPY,
    )  # fmt: skip
    yield Case("never reads", ":", inputs=one_input(5 * MIB))
    yield Case("never reads and works on", "sleep $PAUSE", inputs=one_input(5 * MIB))
    yield Case("leaves 65,536 bytes", "dd if=$IN_PIPE bs=1000 count=1", inputs=one_input(66_536))
    yield Case("opens 65,536 bytes and exits", "exec 3< $IN_PIPE", inputs=one_input(65_536))
    yield Case(
        "closes a small input early and goes on",
        "head -c 1 $IN_PIPE; sleep $PAUSE",
        inputs=one_input(9_000),
    )


def _programs() -> Iterator[Case]:
    yield Case(
        "Python copies",
        "import os, shutil\nwith open(os.environ['IN_PIPE'], 'rb') as a, open(os.environ['OUT_PIPE'], 'wb') as b:\n"
        "    shutil.copyfileobj(a, b)",
        inputs=one_input(3 * MIB), outputs=OUT, copies=COPY, shell="python3", image=MRI,
    )  # fmt: skip
    yield Case(
        "Python forks and waits",
        "import os\npid = os.fork()\nif not pid:\n    with open(os.environ['OUT_PIPE'], 'w') as pipe:\n"
        "        pipe.write('a')\n    os._exit(0)\nos.waitpid(pid, 0)",
        outputs=OUT, gives=text(out="a"), shell="python3", image=MRI,
    )  # fmt: skip
    yield Case(
        "a second reader before the first has left",
        "import os\na = os.open(os.environ['IN_PIPE'], 0)\nhead = os.read(a, 10)\n"
        "b = os.open(os.environ['IN_PIPE'], 0)\nos.close(a)\nwith open(os.environ['OUT_PIPE'], 'wb') as out:\n"
        "    out.write(head)\n    while data := os.read(b, 65536):\n        out.write(data)",
        inputs=one_input(300_000), outputs=OUT, copies=COPY, shell="python3", image=MRI,
    )  # fmt: skip
    yield Case(
        "a thread that waits for a clock, and a pipeline that waits for it",
        "python3 -c 'import threading; threading.Event().wait(8); print(1)' | cat > $OUT_PIPE",
        outputs=OUT, gives=text(out="1\n"), image=MRI,
    )  # fmt: skip
    yield Case(
        "a process substitution that is waited for",
        "echo a > >(cat > $OUT_PIPE); wait $!",
        outputs=OUT, gives=text(out="a\n"), shell="bash", image=DEBIAN,
    )  # fmt: skip
    yield Case(
        "MRD",
        "python3 -m mrd.tools.phantom --output $OUT_PIPE",
        outputs=OUT,
        image=MRI,
        is_local=False,
    )
    yield Case(
        "ffmpeg",
        "ffmpeg -loglevel error -nostdin -f lavfi -i testsrc=d=1:s=32x24 -f nut -y $OUT_PIPE",
        outputs=OUT, image=FFMPEG, is_local=False,
    )  # fmt: skip
    dozen = [f"b{number}" for number in range(12)]
    yield Case(
        "two dozen buffers at once",
        "".join(f"cat ${name.upper()}_PIPE > $O{name.upper()}_PIPE & " for name in dozen) + "wait",
        inputs={name: 100_000 + at for at, name in enumerate(dozen)},
        outputs=tuple(f"o{name}" for name in dozen),
        copies={f"o{name}": name for name in dozen},
    )  # fmt: skip


LEGAL: tuple[Case, ...] = (*_orders_of_opening(), *_writers(), *_readers(), *_programs())
