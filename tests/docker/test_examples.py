"""Each file in examples/ is run as its comment says, and what comes out is looked at."""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

pytestmark = pytest.mark.docker

EXAMPLES = Path(__file__).parents[2] / "examples"
TIMEOUT_S = 120

RUN_BY = {
    "hello/codespec.yml": "test_hello",
    "negate/generate.yml": "test_negate",
    "negate/codespec.yml": "test_negate",
    "mri/phantom.yml": "test_mri",
    "mri/codespec.yml": "test_mri",
    "mri/png.yml": "test_mri",
    "mri/run": "test_mri",
    "mri/requirements.txt": "test_the_packages_of_the_mri_image",
    "distributed/phantom.yml": "test_distributed",
    "distributed/job.yml": "test_distributed",
    "distributed/job.py": "test_distributed",
    "distributed/worker.yml": "test_distributed",
    "distributed/worker.py": "test_distributed",
    "distributed/run.yml": "test_distributed",
    "socket/codespec.yml": "test_socket",
    "socket/server.py": "test_socket",
}

FRAMES, WIDTH, HEIGHT = 50, 32, 24

DECODE = {
    "image": "tyger-local/ffmpeg",
    "buffers": {"inputs": ["input"], "outputs": ["output"]},
    "args": [
        "-loglevel", "error", "-nostdin", "-i", "$(INPUT_PIPE)", "-vf", f"scale={WIDTH}:{HEIGHT}",
        "-f", "rawvideo", "-pix_fmt", "gray", "-y", "$(OUTPUT_PIPE)",
    ],
}  # fmt: skip


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    scripts = Path(sys.executable).parent
    monkeypatch.setenv("PATH", f"{scripts}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


def _bash(line: str, data: bytes = b"") -> bytes:
    """Run a line as the comments in the examples have it; return its standard output."""
    line = line.replace("examples/", f"{EXAMPLES}/")
    answer = subprocess.run(
        ("bash", "-euo", "pipefail", "-c", line),
        input=data, capture_output=True, check=False, timeout=TIMEOUT_S,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr.decode()
    return answer.stdout


def test_every_file_is_run_by_a_test() -> None:
    files = {
        path.relative_to(EXAMPLES).as_posix() for path in EXAMPLES.rglob("*") if path.is_file()
    }
    assert {name for name in files if "__pycache__" not in name} == set(RUN_BY)
    sources = [path.read_text() for path in Path(__file__).parent.glob("test_*examples.py")]
    for test in RUN_BY.values():
        assert any(f"\ndef {test}(" in source for source in sources), test


def test_the_comments_name_files_that_exist() -> None:
    for path in EXAMPLES.rglob("*"):
        if path.is_file():
            for name in re.findall(r"examples/[\w./-]*\w", path.read_text()):
                assert (EXAMPLES.parent / name).exists(), f"{path}: {name}"


def test_hello() -> None:
    line = "tyger-local run exec -f examples/hello/codespec.yml"
    assert _bash(line) == b"Hello from run 1\n"
    assert _bash(line) == b"Hello from run 2\n"


def _frames(video: Path) -> bytes:
    Path("decode.json").write_text(json.dumps(DECODE))
    return _bash(f"tyger-local run exec -f decode.json -b input={video}")


def _mean_distance(one: bytes, other: bytes) -> float:
    return sum(abs(a - b) for a, b in zip(one, other, strict=True)) / len(one)


def test_negate(folder: Path) -> None:
    _bash("tyger-local run exec -f examples/negate/generate.yml -b output=video.nut")
    _bash(
        "tyger-local run exec -f examples/negate/codespec.yml -b input=video.nut -b output=negative.nut"
    )
    video, negative = _frames(folder / "video.nut"), _frames(folder / "negative.nut")
    assert len(video) == len(negative) == FRAMES * WIDTH * HEIGHT
    assert _mean_distance(bytes(255 - grey for grey in video), negative) < 10  # both are lossy
    assert _mean_distance(video, negative) > 50


def test_negate_as_one_stream(folder: Path) -> None:
    _bash(
        "tyger-local run exec -f examples/negate/generate.yml | "
        "tyger-local run exec -f examples/negate/codespec.yml > negative.nut"
    )
    assert len(_frames(folder / "negative.nut")) == FRAMES * WIDTH * HEIGHT


def _grey_pixels(png: bytes) -> tuple[int, int, list[bytes]]:
    """Decode a PNG of 8-bit greys, checking every checksum on the way: width, height and rows."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    chunks: list[tuple[bytes, bytes]] = []
    at = 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        kind, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        (checksum,) = struct.unpack(">I", png[at + 8 + length : at + 12 + length])
        assert zlib.crc32(kind + data) == checksum
        chunks.append((kind, data))
        at += 12 + length
    assert (chunks[0][0], chunks[-1][0]) == (b"IHDR", b"IEND")
    width, height, depth, colour, *_ = struct.unpack(">IIBBBBB", chunks[0][1])
    assert (depth, colour) == (8, 0)
    packed = zlib.decompress(b"".join(data for kind, data in chunks if kind == b"IDAT"))
    assert len(packed) == height * (width + 1)
    rows: list[bytes] = []
    above = bytes(width)
    for start in range(0, len(packed), width + 1):
        above = _unfiltered(packed[start], packed[start + 1 : start + 1 + width], above)
        rows.append(above)
    return width, height, rows


def _unfiltered(kind: int, line: bytes, above: bytes) -> bytes:
    row = bytearray()
    for index, value in enumerate(line):
        left = row[index - 1] if index else 0
        corner = above[index - 1] if index else 0
        up = above[index]
        guess = left + up - corner
        nearest = min((left, up, corner), key=lambda near: abs(guess - near))
        row.append((value + (0, left, up, (left + up) // 2, nearest)[kind]) % 256)
    return bytes(row)


def test_mri(folder: Path) -> None:
    printed = _bash("examples/mri/run pictures").decode()
    picture = folder / "pictures/phantom.png"
    assert printed == f"{picture}\n"
    width, height, rows = _grey_pixels(picture.read_bytes())
    assert (width, height) == (256, 256)
    # The phantom is a head: a bright ellipse on a dark ground, with dim tissue inside.
    assert len({grey for row in rows for grey in row}) > 50
    across = [x for x, grey in enumerate(rows[height // 2]) if grey > 128]
    down = [y for y in range(height) if rows[y][width // 2] > 128]
    for rim, first, last in ((across, 41, 216), (down, 11, 244)):
        assert abs(rim[0] - first) < 5
        assert abs(rim[-1] - last) < 5
        assert len(rim) < 30
    assert max(rows[y][x] for y in (0, -1) for x in (0, -1)) < 64


def test_mri_codespecs_can_be_kept(folder: Path) -> None:
    for name in ("codespec", "phantom", "png"):
        assert _bash(f"tyger-local codespec create -f examples/mri/{name}.yml") == b"1\n"
    assert _bash("tyger-local codespec list --format name") == b"mri-phantom\nmri-png\nmri-recon\n"


def test_the_packages_of_the_mri_image() -> None:
    text = (EXAMPLES / "mri/requirements.txt").read_text()
    wanted = re.findall(r"^([a-z-]+)(==([\d.]+))?", text, re.MULTILINE)
    program = (
        "import importlib.metadata as m, sys; "
        "print(*(m.version(n) for n in sys.argv[2:]), file=open(sys.argv[1], 'w'))"
    )
    codespec = {
        "image": "tyger-local/mri",
        "buffers": {"outputs": ["output"]},
        "command": ["python3", "-c", program, "$(OUTPUT_PIPE)"],
        "args": [name for name, _, _ in wanted],
    }
    Path("versions.json").write_text(json.dumps(codespec))
    versions = _bash("tyger-local run exec -f versions.json").decode().split()
    assert len(versions) == len(wanted) == 3
    for version, (name, _, pinned) in zip(versions, wanted, strict=True):
        assert pinned in ("", version), name


def test_the_mri_image_holds_the_programs_as_they_are() -> None:
    programs = sorted(EXAMPLES.glob("*/*.py"))
    inside = [f"/opt/examples/{path.relative_to(EXAMPLES).as_posix()}" for path in programs]
    codespec = {
        "image": "tyger-local/mri",
        "buffers": {"outputs": ["output"]},
        "command": ["sh", "-c", 'cat "$@" > "$OUTPUT_PIPE"', "sh", *inside],
    }
    Path("programs.json").write_text(json.dumps(codespec))
    assert len(programs) == 3
    assert _bash("tyger-local run exec -f programs.json") == b"".join(
        path.read_bytes() for path in programs
    )
