"""What may be left of a run if its process is killed; written down before any of it is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

JsonObject = dict[str, object]


@dataclass(frozen=True, slots=True)
class PartialFile:
    """An output on its way.

    Attributes:
        temporary: Where it is written.
        partial: Where a part of it is kept.
    """

    temporary: Path
    partial: Path


@dataclass(frozen=True, slots=True)
class Remains:
    """What may be left of one run.

    Attributes:
        labels: On its containers; they tell it from every other run, and its owner.
        engine: The engine's name.
        place: Which one of that name.
        folders: Of pipes.
        is_over: Whether the run is over although its owner lives; the owner could not remove everything.
    """

    run_id: int
    labels: Mapping[str, str]
    engine: str
    place: str
    folders: tuple[Path, ...] = ()
    files: tuple[PartialFile, ...] = ()
    is_over: bool = False

    def document(self) -> JsonObject:
        """Return this as a JSON object."""
        return {
            "labels": dict(self.labels),
            "engine": self.engine,
            "place": self.place,
            "folders": [str(path) for path in self.folders],
            "files": [
                {"temporary": str(file.temporary), "partial": str(file.partial)}
                for file in self.files
            ],
            "isOver": self.is_over,
        }


def remains_of(run_id: int, document: Mapping[str, object]) -> Remains:
    """Return what `document` says may be left of a run.

    Raises:
        ValueError: It makes no sense.
    """
    labels, folders, files = (document.get(name) for name in ("labels", "folders", "files"))
    if not (isinstance(labels, dict) and isinstance(folders, list) and isinstance(files, list)):
        raise ValueError("labels, folders or files are missing")  # noqa: TRY004  (a wrong document)
    return Remains(
        run_id=run_id,
        labels={str(name): str(value) for name, value in labels.items()},
        engine=str(document.get("engine")),
        place=str(document.get("place", "")),
        folders=tuple(Path(str(folder)) for folder in folders),
        files=tuple(_partial_file(file) for file in files),
        is_over=document.get("isOver") is True,
    )


def _partial_file(file: object) -> PartialFile:
    if not isinstance(file, dict) or not {"temporary", "partial"} <= file.keys():
        raise ValueError("one of 'files' has no 'temporary' and 'partial'")
    return PartialFile(Path(str(file["temporary"])), Path(str(file["partial"])))
