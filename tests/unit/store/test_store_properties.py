"""The store against a model of it: several workspaces in any order, one acting while another writes."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tyger_local.errors import NotFoundError
from tyger_local.store.codespecs import CodespecStore
from tyger_local.store.home import Home
from tyger_local.store.runs import RunStore

WRITERS = st.integers(0, 2)
NAMES = st.sampled_from(["a", "b"])
IMAGES = st.sampled_from(["x", "y"])
MEDDLING = st.lists(st.tuples(st.sampled_from(["create", "delete"]), WRITERS, IMAGES), max_size=3)
# Only memory is asked to be fast: each step syncs files.
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
STEPS = settings(max_examples=30, stateful_step_count=20, deadline=None)


class _OnDisk(RuleBasedStateMachine):
    """A store in a folder of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="store-", dir=MEMORY))
        self.home = Home(self.folder / "home")

    def teardown(self) -> None:
        shutil.rmtree(self.folder)


class Codespecs(_OnDisk):
    """Versions are exact, their numbers never reused, and nothing is lost or changed."""

    def __init__(self) -> None:
        super().__init__()
        self.stores = [CodespecStore(self.home, pytest.fail, lambda *_: None) for _ in range(3)]
        self.versions: dict[str, dict[int, str]] = {"a": {}, "b": {}}
        self.used = {"a": 0, "b": 0}

    def _store_new(self, name: str, image: str) -> int:
        self.used[name] += 1
        self.versions[name][self.used[name]] = image
        return self.used[name]

    def _latest(self, name: str) -> int:
        return max(self.versions[name], default=0)

    @rule(writer=WRITERS, name=NAMES, image=IMAGES, meddling=MEDDLING)
    def create(
        self, writer: int, name: str, image: str, meddling: list[tuple[str, int, str]]
    ) -> None:
        """Create; between its look at the versions and its write, others act."""
        todo, used = list(meddling), self.used[name]

        def now() -> str:
            while todo:
                what, other, its_image = todo.pop(0)
                if what == "create":
                    self.create(other, name, its_image, [])
                elif self.versions[name]:
                    self.delete(other, name, self._latest(name))
            return "now"

        equal_at_first = self.versions[name].get(self._latest(name)) == image
        document: dict[str, object] = {"kind": "job", "image": image}
        answer = self.stores[writer].create(name, document, dict.__eq__, now)
        somebody_was_faster = self.used[name] > used
        equal = self.versions[name].get(self._latest(name)) == image
        if equal_at_first or (somebody_was_faster and equal):
            assert answer == (self._latest(name), False)
        else:
            assert answer == (self._store_new(name, image), True)

    @precondition(lambda self: any(self.versions.values()))
    @rule(writer=WRITERS, data=st.data())
    def delete_one(self, writer: int, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from([name for name, own in self.versions.items() if own]))
        self.delete(writer, name, data.draw(st.sampled_from(sorted(self.versions[name]))))

    def delete(self, writer: int, name: str, number: int) -> None:
        assert self.stores[writer].delete(name, number) == [number]
        del self.versions[name][number]

    @rule(writer=WRITERS, name=NAMES)
    def delete_all(self, writer: int, name: str) -> None:
        if self.versions[name]:
            assert self.stores[writer].delete(name) == sorted(self.versions[name])
            self.versions[name].clear()
        else:
            with pytest.raises(NotFoundError):
                self.stores[writer].delete(name)

    @rule(name=NAMES)
    def die_in_a_delete(self, name: str) -> None:
        """Leave what a process leaves that is killed after its mark: deleted all the same."""
        if self.versions[name]:
            latest = self._latest(name)
            (self.home.codespecs_dir / name / f"{latest}~deleted").touch()
            del self.versions[name][latest]

    @rule(name=NAMES)
    def die_in_a_create(self, name: str) -> None:
        """Leave what a process leaves that is killed before it has linked its file."""
        folder = self.home.codespecs_dir / name
        if folder.is_dir():
            (folder / f"{self.used[name] + 1}.json~0123.tmp").write_text('{"kind": ')

    @invariant()
    def the_disk_is_the_model(self) -> None:
        latest = {str(document["name"]): document["version"] for document in self.stores[1].list()}
        assert latest == {name: self._latest(name) for name, own in self.versions.items() if own}
        for name, own in self.versions.items():
            for number in range(1, self.used[name] + 2):
                if number in own:
                    stored = self.stores[0].get(name, number)
                    assert (stored["version"], stored["image"]) == (number, own[number])
                else:
                    with pytest.raises(NotFoundError):
                        self.stores[0].get(name, number)


class Runs(_OnDisk):
    """Ids count upwards, are never given twice, and a record is what was written last."""

    def __init__(self) -> None:
        super().__init__()
        self.stores = [RunStore(self.home, pytest.fail) for _ in range(3)]
        self.records: dict[int, str | None] = {}
        self.used = 0

    @rule(writer=WRITERS)
    def allocate(self, writer: int) -> None:
        self.used += 1
        assert self.stores[writer].allocate() == self.used
        self.records[self.used] = None

    @precondition(lambda self: self.records)
    @rule(writer=WRITERS, data=st.data(), status=IMAGES)
    def write(self, writer: int, data: st.DataObject, status: str) -> None:
        run_id = data.draw(st.sampled_from(sorted(self.records)))
        self.stores[writer].write(run_id, {"id": run_id, "status": status})
        self.records[run_id] = status

    @precondition(lambda self: self.records)
    @rule(writer=WRITERS, data=st.data(), killed=st.booleans())
    def delete(self, writer: int, data: st.DataObject, killed: bool) -> None:
        run_id = data.draw(st.sampled_from(sorted(self.records)))
        if killed:  # after its mark
            (self.home.runs_dir / f"{run_id}~deleted").touch()
        else:
            self.stores[writer].delete(run_id)
        del self.records[run_id]

    @invariant()
    def the_disk_is_the_model(self) -> None:
        written = {run_id: text for run_id, text in self.records.items() if text is not None}
        assert {record["id"]: record["status"] for record in self.stores[1].list()} == written
        assert self.stores[2].ids() == sorted(self.records, reverse=True)
        for run_id in set(range(1, self.used + 2)) - set(written):
            with pytest.raises(NotFoundError):
                self.stores[0].get(run_id)

    @invariant()
    def files_are_whole(self) -> None:
        for path in self.home.runs_dir.glob("*/run.json"):
            assert isinstance(json.loads(path.read_bytes()), dict)


TestCodespecs = Codespecs.TestCase
TestCodespecs.settings = STEPS
TestRuns = Runs.TestCase
TestRuns.settings = STEPS
