"""R2: many processes create codespecs at once, some the same and some not, and some are killed."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

TIMEOUT_S = 300

CREATE = """
import sys
from tyger_local import Workspace
root, who, count, how = sys.argv[1:]
codespecs = Workspace(root).codespecs
sys.stdin.readline()  # all begin at once, with everything imported
for number in range(int(count)):
    image = f"{number}" if how == "same" else f"{who}-{number}"
    created = codespecs.create(how, {"image": image, "env": {"B": "2", "A": "1"}})
    print(created.version, int(created.is_new), image, flush=True)
"""


@dataclass(frozen=True)
class Answer:
    """What one create came to."""

    version: int
    is_new: bool
    image: str


class _Writer:
    """One process that creates, and is killed on the way if it is to be."""

    def __init__(self, home: Path, who: int, count: int, how: str) -> None:
        argv = [sys.executable, "-c", CREATE, str(home), str(who), str(count), how]
        self.how, self.is_killed = how, False
        self._count = count
        self._process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def begin(self) -> None:
        """Let it begin."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def kill_in(self, seconds: float) -> threading.Timer:
        """Kill it a moment from now, wherever it is then."""
        self.is_killed = True
        timer = threading.Timer(seconds, self._process.kill)
        timer.start()
        return timer

    def finish(self) -> tuple[list[Answer], str]:
        """Return what it was told, and what is wrong with its end."""
        try:
            out, err = self._process.communicate(timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            return [], "a writer hangs"
        whole = [line.split() for line in out.splitlines(keepends=True) if line.endswith("\n")]
        answers = [Answer(int(version), new == "1", image) for version, new, image in whole]
        if not self.is_killed and (err or self._process.returncode or len(answers) != self._count):
            return answers, f"a writer failed: {err}"
        return answers, ""


def create_rounds(
    rounds: int, processes: int = 16, each: int = 50, kill: int = 4, seed: int | None = None
) -> list[str]:
    """Let `processes` create `each` codespecs at once, and `kill` of them.

    Half of them create the same documents under one name, half different ones under another.

    Returns:
        What was wrong: nothing when all is well.
    """
    chance = random.Random(seed)
    failures: list[str] = []
    for number in range(1, rounds + 1):
        with tempfile.TemporaryDirectory(prefix="soak-creates-") as folder:
            home = Path(folder)
            failures += [
                f"round {number}: {text}" for text in _round(home, processes, each, kill, chance)
            ]
    return failures


def _round(
    home: Path, processes: int, each: int, kill: int, chance: random.Random
) -> Iterator[str]:
    writers = [
        _Writer(home, who, each, "same" if who % 2 else "different") for who in range(processes)
    ]
    for writer in writers:
        writer.begin()
    # A create takes milliseconds: this is in the middle of some, and of the first imports of others.
    timers = [w.kill_in(chance.uniform(0.01, 1.0)) for w in chance.sample(writers, kill)]
    ends = [writer.finish() for writer in writers]
    for timer in timers:
        timer.join()
    yield from (text for _, text in ends if text)
    for how in ("same", "different"):
        told = [
            a
            for w, (answers, _) in zip(writers, ends, strict=True)
            for a in answers
            if w.how == how
        ]
        killed = sum(writer.is_killed for writer in writers if writer.how == how)
        yield from _judge(home / "codespecs" / how, told, killed)


def _judge(folder: Path, told: list[Answer], killed: int) -> Iterator[str]:
    stored = {int(path.stem): json.loads(path.read_bytes()) for path in folder.glob("*.json")}
    images = [stored[number]["image"] for number in sorted(stored)]
    if sorted(stored) != [*range(1, len(stored) + 1)]:
        yield f"the versions of {folder.name} have gaps: {sorted(stored)}"
    if any(document["version"] != number for number, document in stored.items()):
        yield f"a version of {folder.name} is not what its file name says"
    yield from (
        f"version {answer.version} of {folder.name} was told to be {answer.image} and is not"
        for answer in told
        if stored.get(answer.version, {}).get("image") != answer.image
    )
    new = Counter(answer.version for answer in told if answer.is_new)
    if any(count > 1 for count in new.values()):
        yield f"a version of {folder.name} was given to two: {new.most_common(3)}"
    if not len(stored) - killed <= len(new) <= len(stored):
        yield f"{len(new)} versions of {folder.name} were told to be new, {len(stored)} are stored"
    if folder.name == "different" and len(set(images)) != len(images):
        yield "a different codespec was stored twice"
    if any(older == newer for older, newer in pairwise(images)):
        yield f"{folder.name}: the same codespec was stored twice in a row"
    left = [
        path.name for path in folder.iterdir() if path.name not in {f"{n}.json" for n in stored}
    ]
    if len(left) > killed or any("~" not in name for name in left):
        yield f"left in {folder.name} by {killed} that were killed: {left}"
