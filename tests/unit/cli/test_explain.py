from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tyger_local import Workspace

Cli = Callable[..., subprocess.CompletedProcess[str]]
SpecFile = Callable[..., str]
ROOT = Path(__file__).parents[3]
EXAMPLES = sorted(ROOT.glob("examples/*/*.yml"))

CODESPEC = """\
image: x
buffers: {inputs: [in], outputs: [out]}
workingDir: /w
args: [cat, $(IN_PIPE)]
"""
WORKER = {"kind": "worker", "image": "w", "endpoints": {"e": 80}}


@pytest.fixture(autouse=True)
def _no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks an engine nevertheless finds none."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/at/all.sock")


def _rows(answer: subprocess.CompletedProcess[str], part: str = "job") -> dict[str, object]:
    """Return each value and its origin of an answer in JSON."""
    assert (answer.returncode, answer.stderr) == (0, "")
    rows = json.loads(answer.stdout)[part]
    return {
        row["name"]: (row["value"], row["origin"].get("where", row["origin"]["kind"]))
        for row in rows
    }


def test_the_text_for_people(cli: Cli, spec_file: SpecFile) -> None:
    answer = cli("explain", spec_file(CODESPEC))
    assert (answer.returncode, answer.stderr) == (0, "")
    lines = answer.stdout.splitlines()
    assert lines[:4] == ["Run", "  timeoutSeconds  43200  (default)", "", "Job"]
    at = lines.index("  workingDir                 /w  (spec.yml:3:13)")
    assert lines[at + 1].strip() == "on the cluster: [image's WORKDIR]"
    at = lines.index("  args[1]                    /etc/buffer-fifos/in  (spec.yml:4:13)")
    assert lines[at + 1].strip() == "written as $(IN_PIPE)"
    assert "  buffers.in                 standard input  (default)" in lines
    warnings = lines[lines.index("Warnings") + 1 :]
    assert warnings[:2] == [
        "  - workingDir is honoured here and ignored by the cluster (/w); --strict",
        "    refuses it.",
    ]


def test_nothing_to_warn_of(cli: Cli, spec_file: SpecFile) -> None:
    answer = cli("explain", spec_file("image: x"))
    assert "\nNothing of it is known to differ on the cluster.\n" in answer.stdout


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_examples_fit_in_80_columns(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    for name in ("job", "worker"):
        file = str(ROOT / f"examples/distributed/{name}.yml")
        assert cli("codespec", "create", "-f", file).returncode == 0
    monkeypatch.chdir(path.parent)
    answer = cli("explain", path.name)
    assert (answer.returncode, answer.stderr) == (0, "")
    values, _, rest = answer.stdout.partition("The same by hand\n")
    _, _, warnings = rest.partition("\n\n")
    for line in (values + warnings).splitlines():
        # No word is broken: the names of workers are long, and copied.
        assert len(line) <= 80 or len(line.replace("[run id]", "7").split()) <= 2, line


def test_the_commands_can_be_pasted(cli: Cli, spec_file: SpecFile) -> None:
    text = CODESPEC.replace("cat,", '"a\\n  b c", "it\'s", ' + ", ".join(["word"] * 30) + ",")
    name = spec_file(text)
    (line,) = json.loads(cli("explain", name, "--format", "json").stdout)["dockerLines"]
    text = cli("explain", name).stdout
    pasted = text.partition("The same by hand\n")[2].partition("\n\nWarnings")[0]
    assert pasted.count(" \\\n") > 2
    assert max(map(len, pasted.splitlines())) <= 80
    assert shlex.split(pasted.replace(" \\\n", " ")) == shlex.split(line)


def test_multiline_values_keep_their_lines(cli: Cli, spec_file: SpecFile) -> None:
    name = spec_file(
        'image: x\nargs:\n  - |\n    if true; then\n      echo\n    fi\nenv: {E: ""}\n'
    )
    lines = cli("explain", name).stdout.splitlines()
    at = next(i for i, line in enumerate(lines) if "args[0]" in line)
    margin = lines[at].index("if true")
    assert [line[margin:] for line in lines[at : at + 4]] == [
        "if true; then",
        "  echo",
        "fi",
        "(spec.yml:3:5)",
    ]
    assert any(line.split() == ["env.E", '""', "(spec.yml:7:10)"] for line in lines)


def test_what_would_drive_a_terminal_is_shown(cli: Cli, spec_file: SpecFile) -> None:
    answer = cli("explain", spec_file('image: "x\\e[31m"\nargs: ["\\e[2J"]\n'))
    assert answer.returncode == 0
    assert "\x1b" not in answer.stdout
    assert "  x\\x1b[31m  (" in answer.stdout
    assert " $'x\\033[31m' " in answer.stdout


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ('"  x"', '"  x"'),
        ('"x  "', '"x  "'),
        ('"   "', '"   "'),
        (r'"\n"', r'"\n"'),
        (r'"x\n"', "x"),
        (r'"a\rb"', r"a\x0db"),
        (r'"a\u2028b"', r"a\x2028b"),
    ],
)
def test_spaces_at_the_ends_of_values_are_seen(
    cli: Cli, spec_file: SpecFile, written: str, shown: str
) -> None:
    lines = cli("explain", spec_file(f"image: x\nenv: {{E: {written}}}\n")).stdout.splitlines()
    (line,) = (line for line in lines if line.startswith("  env.E "))
    assert line.removeprefix("  env.E").strip() == f"{shown}  (spec.yml:2:10)"


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_commands_with_control_characters_can_be_pasted(cli: Cli, spec_file: SpecFile) -> None:
    codespec = """{image: x, command: ["it's\\e[31m \\\\ ü\\u202e\\x1d1\\n\\ty", plain]}"""
    name = spec_file(codespec)
    (line,) = json.loads(cli("explain", name, "--format", "json").stdout)["dockerLines"]
    text = cli("explain", name).stdout
    pasted = text.partition("The same by hand\n")[2].partition("\n\n")[0]
    assert all(c.isprintable() or c in "\n\t" for c in pasted)
    script = f"docker() {{ printf '%s\\0' docker \"$@\"; }}\n{pasted}"
    words = subprocess.run(("bash", "-c", script), capture_output=True, check=True).stdout
    assert words.decode().split("\0")[:-1] == shlex.split(line)


def test_pipes_of_the_commands_are_explained_where_there_are_any(
    cli: Cli, spec_file: SpecFile
) -> None:
    foot = "PIPES stands for a folder with a FIFO for each buffer."
    with_pipes = cli("explain", spec_file("image: x\nbuffers: {inputs: [in]}\n")).stdout
    assert with_pipes.splitlines()[-1] == foot
    assert foot not in cli("explain", spec_file("image: x\n")).stdout


def test_long_names_stand_on_lines_of_their_own(cli: Cli, spec_file: SpecFile) -> None:
    name = "A_VARIABLE_WITH_A_NAME_OF_SOME_LENGTH"
    lines = cli(
        "explain", spec_file(f"image: x\nenv: {{{name}: {'v' * 50}}}\n")
    ).stdout.splitlines()
    at = lines.index(f"  env.{name}")
    assert lines[at + 1].strip() == "v" * 50
    assert lines[at + 2].strip().startswith("(spec.yml:2:")


def test_a_file_or_a_name(cli: Cli, spec_file: SpecFile) -> None:
    spec_file(CODESPEC, "recon")
    Workspace().codespecs.create("recon", {"image": "old"})
    Workspace().codespecs.create("recon", {"image": "stored"})
    Path("folder").mkdir()
    Workspace().codespecs.create("folder", {"image": "y"})
    explain = ("explain", "--format=json")
    assert _rows(cli(*explain, "recon"))["image"] == ("x", "recon:1:8")
    assert _rows(cli(*explain, "./recon"))["image"] == ("x", "./recon:1:8")
    assert _rows(cli(*explain, "-f", "recon"))["image"] == ("x", "recon:1:8")
    assert _rows(cli(*explain, "-c", "recon"))["image"] == ("stored", "recon/versions/2")
    assert _rows(cli(*explain, "folder"))["image"] == ("y", "folder/versions/1")
    Path("recon").unlink()
    assert _rows(cli(*explain, "recon"))["image"] == ("stored", "recon/versions/2")
    assert _rows(cli(*explain, "recon/versions/1"))["image"] == ("old", "recon/versions/1")
    assert _rows(cli(*explain, "recon", "--version", "1"))["image"] == ("old", "recon/versions/1")


def test_standard_input(cli: Cli) -> None:
    answer = cli("explain", "-", "--format=json", stdin=CODESPEC.encode())
    assert _rows(answer)["image"] == ("x", "<stdin>:1:8")


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("a", "b"), "unexpected positional arguments after the first: [b]"),
        (("a", "-c", "b"), "'a' and --codespec b are two of a kind"),
        (("a.yml", "-f", "b.yml"), "'a.yml' and --file b.yml are two of a kind"),
        ((), "a codespec for the job must be specified"),
        (("nope.yml",), "failed to read file nope.yml"),
        (("nope",), "The codespec 'nope' was not found"),
        (("here.yml", "-b", "nope=x"), "does not correspond to a buffer parameter"),
        (("w.yml", "-b", "in=x"), "does not correspond to a buffer parameter"),
        (("here.yml", "--mount", "x"), "--mount x makes no sense"),
    ],
)
def test_what_cannot_be_explained(
    cli: Cli, spec_file: SpecFile, argv: tuple[str, ...], words: str
) -> None:
    spec_file(CODESPEC, "here.yml")
    spec_file(json.dumps(WORKER), "w.yml")
    answer = cli("explain", *argv)
    assert answer.returncode in (1, 2)
    assert answer.stdout == ""
    assert words in answer.stderr


def test_flags_of_exec(cli: Cli, spec_file: SpecFile) -> None:
    name = spec_file(CODESPEC)
    answer = cli(
        "explain", name, "--format=json", "-b", "in=a.bin", "-b", "out=-", "--timeout=1m", "--strict"
    )  # fmt: skip
    rows = _rows(answer)
    assert rows["buffers.in"] == ("a.bin", "--buffer")
    assert rows["buffers.out"] == ("standard output", "--buffer")
    assert _rows(answer, "run")["timeoutSeconds"] == ("60", "--timeout")


def test_buffers_that_exec_would_miss(cli: Cli, spec_file: SpecFile) -> None:
    name = spec_file("{image: x, buffers: {inputs: [a, b], outputs: [c]}}")
    rows = _rows(cli("explain", name, "--format=json"))
    assert rows["buffers.a"] == ("[nothing: run exec needs -b a=FILE]", "default")
    assert rows["buffers.b"] == ("[nothing: run exec needs -b b=FILE]", "default")
    assert rows["buffers.c"] == ("standard output", "default")
    rows = _rows(cli("explain", name, "--format=json", "-b", "a=-"))
    assert rows["buffers.b"] == ("[nothing: run exec needs -b b=FILE]", "default")
    rows = _rows(cli("explain", name, "--format=json", "-b", "a=x"))
    assert rows["buffers.b"] == ("standard input", "default")


def test_a_buffer_of_the_store(cli: Cli, spec_file: SpecFile) -> None:
    stored = str(Workspace().buffers.create()["id"])
    rows = _rows(cli("explain", spec_file(CODESPEC), "--format=json", "-b", f"in={stored}"))
    value = rows["buffers.in"]
    assert isinstance(value, tuple)
    assert stored in value[0]


def test_paths_in_a_run_file_count_from_its_folder(cli: Cli, spec_file: SpecFile) -> None:
    spec_file("", "empty.yml")
    Path("below").mkdir()
    name = spec_file(
        "{job: {codespec: {image: x, buffers: {inputs: [in]}}, buffers: {in: a.bin}}}",
        "below/run.yml",
    )
    rows = _rows(cli("explain", name, "--format=json"))
    assert rows["buffers.in"] == ("below/a.bin", "below/run.yml:1:69")


def test_workers_alone_from_a_file_and_from_the_store(cli: Cli, spec_file: SpecFile) -> None:
    name = spec_file("{kind: worker, image: w, endpoints: {e: 80}}", "w.yml")
    Workspace().codespecs.create("w", WORKER)
    for named, where in ((name, "w.yml:1:41"), ("w", "w/versions/1"), ("w/versions/1", None)):
        answer = cli("explain", named, "--format=json", "--worker-replicas", "2")
        rows = _rows(answer, "worker")
        assert rows["endpoints.e"] == ("80", where or "w/versions/1")
        assert rows["replicas"] == ("2", "--worker-replicas")
        assert "job" not in json.loads(answer.stdout)
    assert "\nWorker, 2 replicas\n" in cli("explain", name, "--worker-replicas", "2").stdout


def test_a_job_with_workers(cli: Cli, spec_file: SpecFile) -> None:
    Workspace().codespecs.create("w", WORKER)
    answer = cli("explain", spec_file(CODESPEC), "--worker-codespec", "w", "--format=json")
    assert _rows(answer)["image"] == ("x", "spec.yml:1:8")
    assert _rows(answer, "worker")["image"] == ("w", "w/versions/1")
    answer = cli("explain", "w", "--worker-codespec", "w")
    assert "is required to be a job codespec" in answer.stderr


def test_the_process_engine_has_pipes_elsewhere(cli: Cli, spec_file: SpecFile) -> None:
    answer = cli(
        "explain", spec_file(f"{CODESPEC}command: [env]\n"), "--engine=process", "--format=json"
    )
    rows = {row["name"]: row for row in json.loads(answer.stdout)["job"]}
    assert rows["env.IN_PIPE"]["cluster"] == "/etc/buffer-fifos/in"
    assert rows["env.IN_PIPE"]["value"] != rows["env.IN_PIPE"]["cluster"]


def test_codespecs_files_and_buffers_are_completed(cli: Cli) -> None:
    Workspace().codespecs.create("recon", {"image": "x", "buffers": {"inputs": ["raw"]}})
    offered = cli("__complete", "--shell=bash", "--", "tyger-local explain re").stdout
    assert "recon" in offered
    offered = cli("__complete", "--shell=bash", "--", "tyger-local explain recon -b ").stdout
    assert "raw=" in offered
