from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tyger_local import Workspace

Answer = subprocess.CompletedProcess[str]
Cli = Callable[..., Answer]
SpecFile = Callable[..., str]

LISTED = """[
    {
      "kind": "job",
      "name": "b",
      "version": 12,
      "createdAt": "2025-03-14T06:43:18.95849Z",
      "image": "x",
      "args": ["\\u003c1"]
    },
    { "kind": "worker", "name": "a", "version": 1, "image": "w", "endpoints": { "e": 80 } }
  ]
"""


def _names() -> list[str]:
    return Workspace().codespecs.names()


def test_many_files(cli: Cli, spec_file: SpecFile) -> None:
    files = [
        spec_file("image: x\nargs: [yes]\n", "from-its-file.yml"),
        spec_file("name: named\nkind: worker\nimage: y\n", "two.yaml"),
        spec_file('{"name": "third", "image": "z"}', "three.json"),
    ]
    answer = cli("codespec", "import", *files)
    assert (answer.returncode, answer.stdout) == (0, "from-its-file 1\nnamed 1\nthird 1\n")
    assert "Imported" in answer.stderr
    assert "new=3 unchanged=0" in answer.stderr
    assert Workspace().codespecs.show("from-its-file")["args"] == ["true"]
    spec_file("image: other\n", "from-its-file.yml")
    again = cli("codespec", "import", *files)
    assert again.stdout == "from-its-file 2\nnamed 1\nthird 1\n"
    assert "new=1 unchanged=2" in again.stderr


def test_what_the_client_lists(cli: Cli) -> None:
    answer = cli("codespec", "import", "-", "--format=json", stdin=LISTED.encode())
    assert answer.returncode == 0
    assert json.loads(answer.stdout) == [
        {"name": "b", "version": 1, "isNew": True},
        {"name": "a", "version": 1, "isNew": True},
    ]
    assert Workspace().codespecs.show("b")["args"] == ["<1"]
    assert Workspace().codespecs.show("a")["endpoints"] == {"e": 80}


def test_a_list_comes_back_unchanged(cli: Cli, tmp_path: Path) -> None:
    for name, image in (("a", "x"), ("b", "y")):
        Workspace().codespecs.create(name, {"image": image, "env": {"B": "no", "A": "0777"}})
    listed = cli("codespec", "list").stdout
    assert cli("codespec", "import", "-", stdin=listed.encode()).stdout == "a 1\nb 1\n"
    other = ("--home", str(tmp_path / "other"))
    assert cli("codespec", "import", *other, "-", stdin=listed.encode()).stdout == "a 1\nb 1\n"
    assert len(json.loads(cli("codespec", "list", *other).stdout)) == 2


def test_a_dry_run_stores_nothing(cli: Cli) -> None:
    Workspace().codespecs.create("b", {"image": "x", "args": ["<1"]})
    answer = cli("codespec", "import", "-", "--dry-run", stdin=LISTED.encode())
    assert (answer.returncode, answer.stdout) == (0, "b\na\n")
    assert "Would be imported" in answer.stderr
    assert "new=1 unchanged=1" in answer.stderr
    as_json = cli("codespec", "import", "-", "--dry-run", "--format=json", stdin=LISTED.encode())
    assert json.loads(as_json.stdout) == [
        {"name": "b", "isNew": False},
        {"name": "a", "isNew": True},
    ]
    assert _names() == ["b"]


def test_a_warning_says_where_its_codespec_stands(cli: Cli, spec_file: SpecFile) -> None:
    lines = '[{"name": "a", "image": "x:1"},\n {"name": "b", "image": "x:1", "args": ["$(NO)"]},\n'
    endpoint = ' {"kind": "worker", "name": "c", "image": "x:1", "endpoints": {"e": 0}}]'
    path = spec_file(lines + endpoint, "list.json")
    answer = cli("codespec", "import", path)
    assert answer.returncode == 0
    undefined, refused = answer.stderr.splitlines()[:2]
    assert undefined.startswith(f"Warning: {path}:2:41: nothing defines NO")
    assert refused.startswith(f"Warning: {path}:3:69: the cluster stores this codespec, but")


@pytest.mark.parametrize("text", ["name: a\nimage: x\n---\nname: b\nimage: y\n", "{a: b}\n--- {}"])
def test_several_documents_are_not_taken_for_one(cli: Cli, spec_file: SpecFile, text: str) -> None:
    answer = cli("codespec", "import", spec_file(text, "two.yml"))
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr.startswith("Error: two.yml:1:1: the file holds several documents")
    assert _names() == []


@pytest.mark.parametrize(
    "text",
    [
        "# about\n---\nimage: x:1\n",
        "%YAML 1.1\n---\nimage: x:1\n...\n---\n# nothing\n",
        "---\r\nimage: x:1\r\n---\r\n\r\n",
        "image: x:1\nargs:\n  - |\n    ---\n    a\n",
    ],
)
def test_marks_around_one_document_are_no_mistake(cli: Cli, spec_file: SpecFile, text: str) -> None:
    answer = cli("codespec", "import", spec_file(text, "one.yml"))
    assert (answer.returncode, answer.stdout) == (0, "one 1\n"), answer.stderr


def test_an_empty_list_is_no_mistake(cli: Cli) -> None:
    answer = cli("codespec", "import", "-", stdin=b"[]")
    assert (answer.returncode, answer.stdout) == (0, "")


@pytest.mark.parametrize(
    ("bad", "place", "expected"),
    [
        ("imag: x\n", "bad.yml:1:1", 'did you mean "image"?'),
        ("args: [x]\n", "bad.yml:1:1", "the codespec 'bad': the image field is required"),
        ("image: x\nname: A\n", "bad.yml:1:1", "'a' would do"),
        ("image: x\nresources: {gpu: many}\n", "bad.yml:2:18", "quantities must match"),
        (
            "- image: x\n  name: a\n- image: x\n",
            "bad.yml:3:3",
            "a name for the codespec is required",
        ),
        ("- image: x\n  name: a\n- imag: x\n", "bad.yml:3:3", 'unknown field "imag" in [1]'),
        ("- image: x\n  name: good\n", "bad.yml:1:3", "is also that of good.yml:1:1"),
        ("- 1\n", "bad.yml:1:3", "[0]"),
        ("text\n", "bad.yml:1:1", ""),
        ("a: [\n", "bad.yml:", ""),
    ],
)
def test_one_bad_file_names_itself_and_nothing_is_stored(
    cli: Cli, spec_file: SpecFile, bad: str, place: str, expected: str
) -> None:
    files = [spec_file("image: x\n", "good.yml"), spec_file(bad, "bad.yml")]
    answer = cli("codespec", "import", *files)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr.startswith(f"Error: {place}")
    assert expected.lower() in answer.stderr.lower()
    assert _names() == []


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        ((), "needs at least one file"),
        (("nope.yml",), "failed to read file nope.yml"),
        (("good.yml", "good.yml"), "also that of good.yml:1:1"),
    ],
)
def test_mistakes(cli: Cli, spec_file: SpecFile, argv: tuple[str, ...], expected: str) -> None:
    spec_file("image: x\n", "good.yml")
    answer = cli("codespec", "import", *argv)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert expected in answer.stderr
    assert _names() == []


def test_standard_input_has_no_name(cli: Cli) -> None:
    answer = cli("codespec", "import", "-", stdin=b"image: x")
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "<stdin>:1:1: a name for the codespec is required. Add 'name:' to it." in answer.stderr
