"""R3, the first half: containers that misuse their pipes, and the code that each must be told by.

What the cluster does with them is a hang or lost data. Here each ends by itself, soon, with its reason.
"""

from __future__ import annotations

from collections.abc import Iterator

from soak.case import DEBIAN, MIB, MRI, Case, one_input

GAPS = {
    "at once": ":",
    "after 1 ms": "sleep 0.001",
    "after 100 ms": "sleep 0.1",
    "later": "sleep $PAUSE",
}
SIZES = {"1000 bytes": 1000, "1 MiB": MIB, "5 MiB": 5 * MIB}
REOPENED, REREAD = ("output-reopened",), ("input-reopened",)
REPLACED, UNREAD = ("pipe-replaced",), ("input-unread",)
BACKGROUND, DEADLOCK = ("background-writer",), ("pipe-deadlock",)
OUT = ("out",)


def _reopened_outputs() -> Iterator[Case]:
    for when, gap in GAPS.items():
        yield Case(
            f"writes twice, {when}",
            f"echo a > $OUT_PIPE; {gap}; echo b > $OUT_PIPE",
            REOPENED,
            outputs=OUT,
        )
    pause = GAPS["after 100 ms"]
    for name, script in {
        "appends after writing": f"echo a > $OUT_PIPE; {pause}; echo b >> $OUT_PIPE",
        "truncates after writing": f"echo a > $OUT_PIPE; {pause}; : > $OUT_PIPE",
        "truncates before writing": f": > $OUT_PIPE; {pause}; echo a > $OUT_PIPE",
        "truncates, and writes at once": ": > $OUT_PIPE; echo a > $OUT_PIPE",
        "tees twice": f"echo a | tee $OUT_PIPE; {pause}; echo b | tee -a $OUT_PIPE",
        "writes in a loop": "for i in 1 2 3 4 5; do echo $i > $OUT_PIPE; done",
        "writes in a slow loop": "for i in 1 2 3; do echo $i > $OUT_PIPE; sleep 0.1; done",
        "writes and lets another process write": f"echo a > $OUT_PIPE; sh -c '{pause}; echo b > $OUT_PIPE' & wait",
        "two processes write one after the other": "sh -c 'echo a > $OUT_PIPE' & wait; sh -c 'echo b > $OUT_PIPE'",
        "writes again and hangs on": f"echo a > $OUT_PIPE; {pause}; exec 3> $OUT_PIPE; sleep 60",
        "opens for reading and writing, then writes": f"exec 3<> $OUT_PIPE; exec 3>&-; {pause}; echo a > $OUT_PIPE",
    }.items():  # fmt: skip
        yield Case(name, script, REOPENED, outputs=OUT)
    yield Case(
        "touches before writing",
        "touch $OUT_PIPE; echo a > $OUT_PIPE",
        REOPENED,
        outputs=OUT,
        image=DEBIAN,
    )
    yield Case(
        "touches after writing",
        f"echo a > $OUT_PIPE; {pause}; touch $OUT_PIPE",
        REOPENED, outputs=OUT, image=DEBIAN,
    )  # fmt: skip
    yield Case(
        "Python opens its output twice",
        "import os\nfor text in 'ab':\n    with open(os.environ['OUT_PIPE'], 'w') as pipe:\n"
        "        pipe.write(text)",
        REOPENED, outputs=OUT, shell="python3", image=MRI,
    )  # fmt: skip


def _reopened_inputs() -> Iterator[Case]:
    for of_size, size in SIZES.items():
        for when, gap in {"at once": ":", "later": "sleep $PAUSE"}.items():
            yield Case(
                f"reads {of_size} twice, {when}",
                f"cat $IN_PIPE > /dev/null; {gap}; cat $IN_PIPE > /dev/null",
                REREAD, inputs=one_input(size),
            )  # fmt: skip
            # Nobody can say which came first: a large rest left unread, or the second open.
            yield Case(
                f"reads the head of {of_size}, then all, {when}",
                f"head -c 10 $IN_PIPE; {gap}; cat $IN_PIPE > /dev/null",
                REREAD if size == 1000 else REREAD + UNREAD,
                inputs=one_input(size),
            )
    yield Case(
        "lets another process read again",
        "cat $IN_PIPE > /dev/null; sh -c 'sleep 0.1; cat $IN_PIPE' & wait",
        REREAD, inputs=one_input(1000),
    )  # fmt: skip
    yield Case(
        "tests the input by opening it",
        "if : < $IN_PIPE; then sleep 0.1; cat $IN_PIPE; fi",
        REREAD, inputs=one_input(1000),
    )  # fmt: skip
    yield Case(
        "reads nothing twice", "cat $IN_PIPE; sleep 0.1; cat $IN_PIPE", REREAD, inputs=one_input(0)
    )


def _replaced_pipes() -> Iterator[Case]:
    make = "echo lost > $WORK/new; "
    for name, script in {
        "moves a file over it": make + "mv $WORK/new $OUT_PIPE",
        "moves a file over it, forced": make + "mv -f $WORK/new $OUT_PIPE",
        "removes it and writes": "rm $OUT_PIPE; echo lost > $OUT_PIPE",
        "removes it and copies": make + "rm -f $OUT_PIPE; cp $WORK/new $OUT_PIPE",
        "links over it": make + "ln -sf $WORK/new $OUT_PIPE",
        "edits beside it and moves": make
        + "sed s/o/u/ $WORK/new > $OUT_PIPE.tmp; mv $OUT_PIPE.tmp $OUT_PIPE",
        "compresses beside it and moves": make
        + "gzip -c $WORK/new > $WORK/new.gz; mv $WORK/new.gz $OUT_PIPE",
        "writes, then moves a file over it": make + "echo a > $OUT_PIPE; mv $WORK/new $OUT_PIPE",
        "puts a folder in its place": "rm $OUT_PIPE; mkdir $OUT_PIPE; echo lost > $OUT_PIPE/file",
        "removes it, writes and goes on": "rm $OUT_PIPE; echo lost > $OUT_PIPE; sleep $PAUSE",
    }.items():
        yield Case(name, script, REPLACED, outputs=OUT)
    for name, script in {
        "copies with --remove-destination": "dd if=/dev/zero of=$WORK/new count=1; "
        "cp --remove-destination $WORK/new $OUT_PIPE",
        "installs a file over it": make + "install $WORK/new $OUT_PIPE",
        "unpacks an archive over it": "mkdir $WORK/d; echo lost > $WORK/d/out; tar -C $WORK/d -cf $WORK/a out; "
        "tar -C ${OUT_PIPE%/*} -xf $WORK/a",
        "compresses to a file of its name": "mkdir $WORK/d; cd $WORK/d; echo lost > out; gzip out; "
        "mv -f out.gz $OUT_PIPE",
    }.items():
        yield Case(name, script, REPLACED, outputs=OUT, image=DEBIAN)
    yield Case(
        "Python replaces it",
        "import os\nnew = os.environ['OUT_PIPE'] + '.new'\nwith open(new, 'w') as file:\n    file.write('lost')\n"
        "os.replace(new, os.environ['OUT_PIPE'])",
        REPLACED, outputs=OUT, shell="python3", image=MRI,
    )  # fmt: skip
    yield Case(
        "puts a pipe of its own in its place",
        "rm $OUT_PIPE; mkfifo $OUT_PIPE; echo lost > $OUT_PIPE",
        REPLACED + DEADLOCK, outputs=OUT,
    )  # fmt: skip


def _unread_inputs() -> Iterator[Case]:
    sizes = {"70,000 bytes": 70_000, "1 MiB": MIB, "5 MiB": 5 * MIB}
    for of_size, size in sizes.items():
        yield Case(
            f"reads the head of {of_size}", "head -c 10 $IN_PIPE", UNREAD, inputs=one_input(size)
        )
        yield Case(
            f"closes {of_size} early and goes on for long",
            "head -c 10 $IN_PIPE; sleep 60",
            UNREAD, inputs=one_input(size),
        )  # fmt: skip
        yield Case(f"opens {of_size} and exits", "exec 3< $IN_PIPE", UNREAD, inputs=one_input(size))
        yield Case(
            f"holds {of_size} and exits later",
            "exec 3< $IN_PIPE; sleep $PAUSE",
            UNREAD, inputs=one_input(size),
        )  # fmt: skip
    yield Case(
        "reads 4 of 5 MiB",
        "dd if=$IN_PIPE of=/dev/null bs=1048576 count=4 iflag=fullblock",
        UNREAD, inputs=one_input(5 * MIB), image=DEBIAN,
    )  # fmt: skip
    yield Case(
        "Python reads a header",
        "import os\nwith open(os.environ['IN_PIPE'], 'rb', 0) as pipe:\n    pipe.read(100)",
        UNREAD, inputs=one_input(MIB), shell="python3", image=MRI,
    )  # fmt: skip


def _background_writers() -> Iterator[Case]:
    # How an orphan of a local process ended is known only when init has reaped it: not soon enough.
    yield Case(
        "a child still writes at the end",
        "(while :; do echo a; sleep 0.02; done > $OUT_PIPE) & sleep $PAUSE; sleep $PAUSE",
        BACKGROUND, is_warning=True, is_local=False, outputs=OUT,
    )  # fmt: skip
    yield Case(
        "a child holds the pipe at the end",
        "(exec 3> $OUT_PIPE; echo a >&3; sleep 60) & sleep $PAUSE; sleep $PAUSE",
        BACKGROUND, is_warning=True, is_local=False, outputs=OUT,
    )  # fmt: skip
    yield Case(
        # A fast one may finish in the moment between its end of file and its death.
        "a slow process substitution that nobody waits for",
        "exec > >({ gzip; sleep 60; } > $OUT_PIPE); for i in {1..20000}; do echo $i; done; sleep $PAUSE; sleep $PAUSE",
        BACKGROUND, is_warning=True, is_local=False, outputs=OUT, shell="bash", image=DEBIAN,
    )  # fmt: skip


def _deadlocks() -> Iterator[Case]:
    """Yield what only a container proves: on the process engine somebody outside may hold the other end."""
    small = one_input(1000)
    yield Case("reads its output", "cat $OUT_PIPE", DEADLOCK, outputs=OUT, is_local=False)
    yield Case("writes its input", "echo a > $IN_PIPE", DEADLOCK, inputs=small, is_local=False)
    yield Case(
        "waits for the end of an input it holds itself",
        "exec 3<> $IN_PIPE; cat <&3",
        DEADLOCK,
        inputs=small,
        is_local=False,
    )
    yield Case(
        "opens a pipe that nobody serves",
        "mkfifo $WORK/p; cat $WORK/p",
        DEADLOCK,
        inputs=small,
        is_local=False,
    )
    yield Case(
        "writes a pipe that nobody reads",
        "mkfifo $WORK/p; cat $IN_PIPE > $WORK/p",
        DEADLOCK,
        inputs=small,
        is_local=False,
    )
    yield Case(
        "two children wait for each other",
        "cd $WORK; mkfifo a b; (cat a > b) & cat b > a; wait",
        DEADLOCK, inputs=small, is_local=False,
    )  # fmt: skip
    yield Case(
        "reads an output that it wrote",
        "echo a > $OUT_PIPE; cat $OUT_PIPE",
        DEADLOCK + REOPENED,
        outputs=OUT,
        is_local=False,
    )


MISUSES: tuple[Case, ...] = (
    *_reopened_outputs(),
    *_reopened_inputs(),
    *_replaced_pipes(),
    *_unread_inputs(),
    *_background_writers(),
    *_deadlocks(),
)
