"""The folder that holds everything: where its parts are, and how it comes into being."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tyger_local.errors import StoreError
from tyger_local.store.files import make_folder, translating, write_new_text

_README = """\
This folder belongs to tyger-local. It holds the data of whoever runs it here: codespecs, records
of runs, and buffers.

  codespecs/<name>/<version>.json   every version of every codespec
  runs/<id>/run.json                the record of a run, with its other files beside it
  running/<id>.json                 who runs a run now, and what a crash would leave of it
  buffers/<id>/data                 the bytes of a buffer, with what is known of it beside them

There is no index: the folders are the truth, and everything in them is safe to read and to copy.
A copy of a codespec's folder under another name is a codespec too, once the name inside its files
is changed to the folder's.

Do not edit versions of codespecs: others rely on a version never changing. Make a new one with
'tyger-local codespec create'. Names with '~' are tyger-local's own; '3~deleted' says that number 3
was used and will not be used again.
"""


@dataclass(frozen=True)
class Home:
    """The root folder of a store; it need not exist until something is written."""

    root: Path

    @property
    def codespecs_dir(self) -> Path:
        """The folder with one folder for each codespec name."""
        return self.root / "codespecs"

    @property
    def runs_dir(self) -> Path:
        """The folder with one folder for each run."""
        return self.root / "runs"

    @property
    def running_dir(self) -> Path:
        """The folder with one file for each run of which something may be left."""
        return self.root / "running"

    @property
    def buffers_dir(self) -> Path:
        """The folder with one folder for each buffer."""
        return self.root / "buffers"

    def ensure(self) -> None:
        """Create the root, for its owner only, with a README in it, unless they exist.

        Raises:
            StoreError: It cannot be created, or is no folder.
        """
        self.check()
        readme = self.root / "README.txt"
        with translating(self.root):
            missing = [path for path in (self.root, *self.root.parents) if not path.exists()]
            described = readme.exists()
        for folder in reversed(missing):
            make_folder(folder)
        if not described:
            write_new_text(readme, _README.encode())

    def check(self) -> None:
        """Raise `StoreError` when the root is something else than a folder; it may be missing."""
        with translating(self.root):
            wrong = self.root.exists() and not self.root.is_dir()
        if wrong:
            raise StoreError(
                f"The store '{self.root}' is a file, not a folder",
                "Choose a folder with --home or TYGER_LOCAL_HOME",
            )
