from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tyger_local import Workspace, __version__
from tyger_local.cli.commands import Settings
from tyger_local.cli.console import Console

Answer = subprocess.CompletedProcess[str]
Cli = Callable[..., Answer]
SYSTEM_FIELDS = ("name", "version", "createdAt")

BARE_QUOTE = 'bare " in non-quoted-field'
NAME_RULE = (
    "codespec names must contain only lower case letters (a-z), numbers (0-9), dashes (-), "
    "underscores (_), and dots (.)"
)
NO_NAME = "if -f|--file is not provided, a name for the codespec is required"
KIND_RULE = "codespec kind must be either 'job', 'worker' or empty (defaults to 'job')"
QUANTITY_RULE = (
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
)


def _document(cli: Cli, name: str, *more: str) -> dict[str, object]:
    answer = cli("codespec", "show", name, *more)
    assert (answer.returncode, answer.stderr) == (0, "")
    found: dict[str, object] = json.loads(answer.stdout)
    return found


def _stored(cli: Cli, name: str = "a") -> dict[str, object]:
    """What was stored, without what the store adds."""
    found = _document(cli, name)
    return {key: value for key, value in found.items() if key not in SYSTEM_FIELDS}


def _check_created(answer: Answer, version: int = 1, warning: str = "") -> None:
    assert (answer.returncode, answer.stdout) == (0, f"{version}\n"), answer.stderr
    if warning:
        assert answer.stderr.startswith("Warning: ")
        assert warning in answer.stderr
    else:
        assert answer.stderr == ""


def _check_refused(answer: Answer, message: str, code: int = 2) -> None:
    """One line on stderr that begins with `message`, or has it behind the place that is wrong."""
    assert (answer.returncode, answer.stdout) == (code, ""), answer.stderr
    assert re.match(rf"Error: (\S+: )?{re.escape(message)}", answer.stderr), answer.stderr
    assert re.fullmatch(r"Error: [^\n]+[.!?]\n", answer.stderr)


# --env, --input, --output and --endpoint: commas and quotes


@pytest.mark.parametrize(
    ("arguments", "env"),
    [
        (["A=1"], {"A": "1"}),
        (["A=1,B=2"], {"A": "1", "B": "2"}),
        (["A=1,b"], {"A": "1,b"}),
        (["LD=/a:/b,/c"], {"LD": "/a:/b,/c"}),
        (["A=b=c"], {"A": "b=c"}),
        (["A="], {"A": ""}),
        (['"A=1,2",B=3'], {"A": "1,2", "B": "3"}),
        (['"A=1,2"'], {"A": "1,2"}),
        (['A=say "hi"'], {"A": 'say "hi'}),
        (["A=1, B=2"], {" B": "2", "A": "1"}),
        (["A= x ,B=1"], {"A": " x ", "B": "1"}),
        (["A=l1\nl2"], {"A": "l1\nl2"}),
        (["A=l1=x\nl2=y"], {"A": "l1=x"}),
        (["A=1", "A=2", "B=3"], {"A": "2", "B": "3"}),
    ],
)
def test_env(cli: Cli, arguments: list[str], env: dict[str, str]) -> None:
    flags = [word for argument in arguments for word in ("-e", argument)]
    _check_created(cli("codespec", "create", "a", "--image", "x", *flags))
    stored = _stored(cli)["env"]
    assert stored == env
    assert list(env) == sorted(env)
    assert isinstance(stored, dict)
    assert list(stored) == sorted(stored)


def test_an_empty_env_name_is_stored_with_a_warning(cli: Cli) -> None:
    answer = cli("codespec", "create", "a", "--image", "x", "-e", "=v")
    _check_created(answer, warning="'' is no name for an environment variable")
    assert _stored(cli)["env"] == {"": "v"}


@pytest.mark.parametrize(
    ("argument", "shown", "reason"),
    [
        ("A=b=c,d", "A=b=c,d", "d must be formatted as key=value"),
        ("A", "A", "A must be formatted as key=value"),
        ("", "", " must be formatted as key=value"),
        ('A="x,y",B=1', 'A=\\"x,y\\",B=1', f"parse error on line 1, column 3: {BARE_QUOTE}"),
        ('A=say "hi"=x', 'A=say \\"hi\\"=x', f"parse error on line 1, column 7: {BARE_QUOTE}"),
    ],
)
def test_bad_env(cli: Cli, argument: str, shown: str, reason: str) -> None:
    answer = cli("codespec", "create", "a", "--image", "x", "-e", argument)
    _check_refused(answer, f'invalid argument "{shown}" for "-e, --env" flag: {reason}')


@pytest.mark.parametrize(
    ("flags", "inputs"),
    [
        (["-i", "a,b", "-i", "c"], ["a", "b", "c"]),
        (["-i=input"], ["input"]),
        (["-iinput"], ["input"]),
        (["-i", "input"], ["input"]),
        (["--input=input"], ["input"]),
        (["-i", ""], None),
    ],
)
def test_buffers(cli: Cli, flags: list[str], inputs: list[str] | None) -> None:
    _check_created(cli("codespec", "create", "a", "--image", "x", *flags))
    assert _stored(cli).get("buffers") == (inputs and {"inputs": inputs})


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("a,", "A buffer name cannot be empty"),
        (" a", "The name of buffer ' a' is invalid"),
        ('"a,b"', "The name of buffer 'a,b' is invalid"),
        ("=", "The name of buffer '=' is invalid"),
        (
            'a"b',
            (
                f'invalid argument "a\\"b" for "-i, --input" flag: '
                f"parse error on line 1, column 2: {BARE_QUOTE}"
            ),
        ),
    ],
)
def test_bad_buffers(cli: Cli, argument: str, message: str) -> None:
    _check_refused(cli("codespec", "create", "a", "--image", "x", "-i", argument), message)


@pytest.mark.parametrize(
    ("argument", "endpoints", "warning"),
    [
        ("a=1,b=2", {"a": 1, "b": 2}, ""),
        ("a=-1", {"a": -1}, "the port of endpoint 'a' is not between 1 and 65535 (-1)"),
        ("a=99999999", {"a": 99999999}, "not between 1 and 65535 (99999999)"),
    ],
)
def test_endpoints(cli: Cli, argument: str, endpoints: dict[str, int], warning: str) -> None:
    argv = ("codespec", "create", "a", "--image", "x", "--kind", "Worker", "--endpoint", argument)
    _check_created(cli(*argv), warning=warning)
    assert _stored(cli) == {"kind": "worker", "image": "x", "endpoints": endpoints}


@pytest.mark.parametrize(
    ("argument", "reason"),
    [("a=x", '"x" is not an integer'), ("a", "a must be formatted as key=value")],
)
def test_bad_endpoints(cli: Cli, argument: str, reason: str) -> None:
    answer = cli("codespec", "create", "a", "-k", "worker", "--image", "x", "--endpoint", argument)
    _check_refused(answer, f'invalid argument "{argument}" for "--endpoint" flag: {reason}')


# the name, the file and --

FILE = "image: x\ncommand: [c]\nargs: [d]\n"
NAMED = f"name: a\n{FILE}"


@pytest.mark.parametrize(
    ("argv", "file", "stored"),
    [
        (["a", "--image", "x"], None, {"image": "x"}),
        (["--image", "x", "a"], None, {"image": "x"}),
        (["a", "--image", "x", "--", "p", "q"], None, {"image": "x", "args": ["p", "q"]}),
        (["a", "--image", "x", "--command"], None, {"image": "x"}),
        (["a", "--image", "x", "--command", "--", "p"], None, {"image": "x", "command": ["p"]}),
        (["a", "--image", "x", "--command=true", "--", "p"], None, {"image": "x", "command": ["p"]}),
        (["a", "--image", "x", "--command=false", "--", "p"], None, {"image": "x", "args": ["p"]}),
        (["a", "--image", "x", "--", "-e", "B=2"], None, {"image": "x", "args": ["-e", "B=2"]}),
        (["a", "--image", "x", "--", ""], None, {"image": "x", "args": [""]}),
        (["a", "--image", "x", "--", "--help"], None, {"image": "x", "args": ["--help"]}),
        (["-f", "spec.yml"], NAMED, {"image": "x", "command": ["c"], "args": ["d"]}),
        (["-fspec.yml"], NAMED, {"image": "x", "command": ["c"], "args": ["d"]}),
        (["a", "-f=spec.yml"], FILE, {"image": "x", "command": ["c"], "args": ["d"]}),
        (["a", "-f", "spec.yml"], "name: A/B\nimage: x", {"image": "x"}),
        (["-f", "spec.yml", "--", "p", "q"], NAMED,
         {"image": "x", "command": ["c"], "args": ["p", "q"]}),
        (["a", "-f", "spec.yml", "--", "p"], "name: b\nimage: x", {"image": "x", "args": ["p"]}),
        (["-f", "spec.yml", "--command", "--", "p"], NAMED,
         {"image": "x", "command": ["p"], "args": ["d"]}),
        (["-f", "spec.yml", "--command"], NAMED, {"image": "x", "command": ["c"], "args": ["d"]}),
        (["-f", "spec.yml", "--"], NAMED, {"image": "x", "command": ["c"]}),
        (["-f", "spec.yml", "--command", "--"], NAMED, {"image": "x", "args": ["d"]}),
        (["-f", "nope.yml", "-f", "spec.yml"], NAMED,
         {"image": "x", "command": ["c"], "args": ["d"]}),
    ],
)  # fmt: skip
def test_name_file_and_dashes(
    cli: Cli,
    spec_file: Callable[[str], str],
    argv: list[str],
    file: str | None,
    stored: dict[str, object],
) -> None:
    if file is not None:
        spec_file(file)
    _check_created(cli("codespec", "create", *argv))
    assert _stored(cli) == {"kind": "job", **stored}
    assert cli("codespec", "list", "--format", "name").stdout == "a\n"


@pytest.mark.parametrize(
    ("argv", "file", "message"),
    [
        ([], None, NO_NAME),
        (["--image", "x"], None, NO_NAME),
        (["--", "foo"], None, NO_NAME),
        (["-f", "spec.yml"], "image: x", "a name for the codespec is required"),
        (["-f", "spec.yml"], "name: ''\nimage: x", "a name for the codespec is required"),
        (["-f", "spec.yml"], "name: 12\nimage: x", "failed to parse file spec.yml: name:"),
        (["-f", "spec.yml"], "image: [", "failed to parse file spec.yml:"),
        (["-f", "nope.yml"], None, "failed to read file nope.yml: No such file or directory"),
        (["-f", "."], None, "failed to read file .: Is a directory"),
        (["a", "-f", "-"], None, "The image field is required"),
        (["a", "extra"], None, ("unexpected positional args [extra]. Container arguments must be "
         "preceded by -- and placed at the end of the command-line")),
        (["a", "b", "c"], None, "unexpected positional args [b c]. Container"),
        (["a", "b", "--", "c"], None,
         "unexpected positional args before container args: [b]"),
        (["a", "b", "--"], None, "unexpected positional args before container args: [b]"),
        (["A"], None, NAME_RULE),
        (["a/b", "--image", "x"], None, NAME_RULE),
        (["é", "--image", "x"], None, NAME_RULE),
        (["", "--image", "x"], None, "codespec names must not be empty, '.' or '..'"),
        ([".", "--image", "x"], None, "codespec names must not be empty, '.' or '..'"),
        (["..", "--image", "x"], None, "codespec names must not be empty, '.' or '..'"),
        (["a" * 201, "--image", "x"], None, "codespec names must not be longer than 200 characters"),
        # which of two mistakes is told: file, parse, name given, strays, name, ..., kind, quantity
        (["A", "b", "-f", "nope.yml"], None, "failed to read file"),
        (["A", "b", "-f", "spec.yml"], "nope: 1", "failed to parse file spec.yml:"),
        (["A", "b"], None, "unexpected positional args [b]"),
        (["A", "--kind", "x"], None, NAME_RULE),
        (["a", "--kind", "x", "--max-replicas", "y"], None, "max-replicas must be an integer"),
        (["a", "--kind", "x", "--gpu", "y"], None, KIND_RULE),
        (["a", "--gpu", "y"], None, "gpu value is invalid"),
        (["a", "--shm", "y", "--cpu-limit", "y"], None, "cpu limit value is invalid"),
    ],
)  # fmt: skip
def test_refused_names_files_and_words(
    cli: Cli, spec_file: Callable[[str], str], argv: list[str], file: str | None, message: str
) -> None:
    if file is not None:
        spec_file(file)
    _check_refused(cli("codespec", "create", *argv), message)
    assert json.loads(cli("codespec", "list").stdout) == []


@pytest.mark.parametrize("name", ["-a", ".a", "_", "a" * 200, "0", "a..b", "true", "1e3"])
def test_odd_names(cli: Cli, name: str) -> None:
    words = ["--image=x", name] if not name.startswith("-") else ["--image=x", "-f-"]
    _check_created(cli("codespec", "create", *words, stdin=f"name: '{name}'".encode()))
    assert cli("codespec", "list", "--format=name").stdout == f"{name}\n"


def test_a_file_from_standard_input(cli: Cli) -> None:
    _check_created(cli("codespec", "create", "-f", "-", stdin=b"{name: a, image: x}"))
    _check_created(cli("codespec", "create", "--file=-", stdin=b"name: a\nimage: z"), 2)
    _check_refused(
        cli("codespec", "create", "-f", "-", stdin=b"image: x\nfoo: 1"),
        'failed to parse file <stdin>: unknown field "foo"',
    )
    _check_refused(
        cli("codespec", "create", "-f", "-", stdin=b"image: \xff"),
        "failed to parse file <stdin>: it is not UTF-8 text",
    )


# flags over the file

FULL_JOB = """
kind: job
image: x
buffers: {inputs: [i], outputs: [o]}
command: [c]
args: [d]
workingDir: /w # tyger-local: ignore[working-dir]
env: {A: '1', B: '2'}
identity: me
resources: {requests: {cpu: 1, memory: 1Gi}, limits: {cpu: 2, memory: 2Gi}, gpu: 1, shm: 1Mi}
maxReplicas: 3
"""
FULL_WORKER = "kind: worker\nimage: x\nendpoints: {a: 1, b: 2}\n"


def _resources(**changes: object) -> dict[str, object]:
    all_given: dict[str, object] = {
        "requests": {"cpu": "1", "memory": "1Gi"},
        "limits": {"cpu": "2", "memory": "2Gi"},
        "gpu": "1",
        "shm": "1Mi",
    }
    return {"resources": {**all_given, **changes}}


@pytest.mark.parametrize(
    ("flags", "changes"),
    [
        (["--image", "y"], {"image": "y"}),
        (["--image", "y", "--image", "z"], {"image": "z"}),
        (["--identity", "you"], {"identity": "you"}),
        (["--identity", ""], {"identity": None}),
        (["-e", "C=3"], {"env": {"C": "3"}}),
        (["-i", "j"], {"buffers": {"inputs": ["j"], "outputs": ["o"]}}),
        (["-o", "p,q"], {"buffers": {"inputs": ["i"], "outputs": ["p", "q"]}}),
        (["-i", ""], {"buffers": {"outputs": ["o"]}}),
        (["-i", "", "-o="], {"buffers": {"outputs": ["="]}}),
        (["--max-replicas", "4"], {"maxReplicas": 4}),
        (["-r", "-3"], {"maxReplicas": -3}),
        (["-r", "+4"], {"maxReplicas": 4}),
        (["-r", "007"], {"maxReplicas": 7}),
        (["-r", "5", "-r", ""], {}),
        (["--kind", "job"], {}),
        (["--kind", "JOB"], {}),
        (["--cpu-request", "1500m"], _resources(requests={"cpu": "1500m", "memory": "1Gi"})),
        (["--memory-request", "1024Mi"], {}),
        (["--memory-request", "5Mi"], _resources(requests={"cpu": "1", "memory": "5Mi"})),
        (["--cpu-limit", "4000m"], _resources(limits={"cpu": "4", "memory": "2Gi"})),
        (["--memory-limit=3G"], _resources(limits={"cpu": "2", "memory": "3G"})),
        (["--gpu", "0"], _resources(gpu="0")),
        (["--shm", "1.5Gi"], _resources(shm="1536Mi")),
        (["--", "e", "f"], {"args": ["e", "f"]}),
        (["--command", "--", "e"], {"command": ["e"]}),
    ],
)
def test_flags_over_a_job_file(
    cli: Cli, spec_file: Callable[[str], str], flags: list[str], changes: dict[str, object]
) -> None:
    spec_file(FULL_JOB)
    _check_created(cli("codespec", "create", "b", "-f", "spec.yml"))
    whole = _stored(cli, "b")
    answer = cli("codespec", "create", "a", "-f", "spec.yml", *flags)
    if "-o=" in flags:
        _check_refused(answer, "The name of buffer '=' is invalid")
        return
    _check_created(answer)
    expected = {key: value for key, value in {**whole, **changes}.items() if value is not None}
    assert _stored(cli) == expected


@pytest.mark.parametrize(
    ("file", "flags", "kind"),
    [
        ("image: x", [], "job"),
        ("image: x", ["-k", "WORKER"], "worker"),
        ("image: x\nkind: ''", ["-k", "worker"], "worker"),
        ("image: x\nkind: worker", [], "worker"),
        ("image: x\nkind: worker", ["--kind", "job"], "job"),
        ("image: x\nkind: job", ["--kind", "worker"], "worker"),
        ("image: x\nkind: Job", ["--kind", "job"], "job"),
    ],
)
def test_the_kind(
    cli: Cli, spec_file: Callable[[str], str], file: str, flags: list[str], kind: str
) -> None:
    _check_created(cli("codespec", "create", "a", "-f", spec_file(file), *flags))
    assert _stored(cli) == {"kind": kind, "image": "x"}


def test_endpoints_replace_the_files(cli: Cli, spec_file: Callable[[str], str]) -> None:
    _check_created(
        cli("codespec", "create", "a", "-f", spec_file(FULL_WORKER), "--endpoint", "c=3")
    )
    assert _stored(cli)["endpoints"] == {"c": 3}


@pytest.mark.parametrize(
    ("file", "flags", "message"),
    [
        (None, ["--kind", "x"], KIND_RULE),
        (None, ["--kind", ""], KIND_RULE),
        ("image: x\nkind: Job", [], KIND_RULE),
        (None, ["--endpoint", "a=1"], "job codespecs cannot have endpoints"),
        (FULL_WORKER, ["--kind", "job"], "job codespecs cannot have endpoints"),
        (None, ["-k", "worker", "-i", "a"], "worker codespecs cannot use buffers"),
        (None, ["-k", "worker", "-o", "a"], "worker codespecs cannot use buffers"),
        (FULL_JOB, ["-k", "worker"], "worker codespecs cannot use buffers"),
        (None, ["--max-replicas", "x"], "max-replicas must be an integer, got x"),
        (None, ["--max-replicas", "1.5"], "max-replicas must be an integer, got 1.5"),
        (None, ["--max-replicas", "9" * 20], "max-replicas must be an integer, got 9999"),
        (None, ["--cpu-request", "1K"], "cpu request value is invalid: unable to parse quantity's suffix"),
        (None, ["--memory-request", "x"], f"memory request value is invalid: {QUANTITY_RULE}"),
        (None, ["--cpu-limit", ""], f"cpu limit value is invalid: {QUANTITY_RULE}"),
        (None, ["--memory-limit", "1GB"], f"memory limit value is invalid: {QUANTITY_RULE}"),
        (None, ["--gpu", "1e"], "gpu value is invalid: unable to parse quantity's suffix"),
        (None, ["--shm", " 1"], f"shm value is invalid: {QUANTITY_RULE}"),
        (None, ["--image", ""], "The image field is required"),
        (None, ["--image", " "], "The image field is required"),
        (FULL_JOB, ["--image", ""], "The image field is required"),
        (None, ["-i", "a", "-o", "A"], ("All buffer names must be unique across inputs and outputs. "
         "Buffer names are case-insensitive. 'a' is duplicated")),
        (None, ["-i", "A"], "The name of buffer 'A' is invalid."),
    ],
)  # fmt: skip
def test_refused_after_merging(
    cli: Cli, spec_file: Callable[[str], str], file: str | None, flags: list[str], message: str
) -> None:
    given = ["-f", spec_file(file)] if file else ["--image", "x"]
    _check_refused(cli("codespec", "create", "a", *given, *flags), message)
    assert json.loads(cli("codespec", "list").stdout) == []


@pytest.mark.parametrize(
    ("flags", "warning"),
    [
        (["--gpu", "0.5"], "the number of GPUs is not an integer (500m)"),
        (["--gpu", "-1"], "the gpu is negative (-1)"),
        (
            ["--cpu-request", "2", "--cpu-limit", "1"],
            "the cpu request (2) is above the cpu limit (1)",
        ),
        (["-i", "a" * 49], "has 49 characters, more than 48"),
    ],
)
def test_what_the_cluster_refuses_later(cli: Cli, flags: list[str], warning: str) -> None:
    answer = cli("codespec", "create", "a", "--image", "x", *flags)
    assert (answer.returncode, answer.stdout) == (0, "1\n")
    assert answer.stderr.startswith("Warning: the cluster stores this codespec, ")
    assert warning in answer.stderr
    again = cli("codespec", "create", "b", "--image", "x", *flags, "--dry-run")
    assert (again.returncode, again.stderr) == (0, answer.stderr)
    quiet = cli("codespec", "create", "a", "--image", "x", *flags, "-q")
    assert (quiet.stdout, quiet.stderr) == ("1\n", "")


# versions


def test_versions(cli: Cli) -> None:
    for image, version in (("x", 1), ("x", 1), ("y", 2), ("x", 3)):
        _check_created(cli("codespec", "create", "a", "--image", image), version)
    first = _document(cli, "a", "--version", "1")
    assert list(first) == ["kind", "name", "version", "createdAt", "image"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", str(first["createdAt"]))
    for spelling in (["a"], ["a", "--version=3"], ["a", "-v", "3"], ["a/versions/3"], ["-v3", "a"]):
        assert json.loads(cli("codespec", "show", *spelling).stdout)["version"] == 3
    assert (
        cli("codespec", "show", "a/versions/2").stdout
        == cli("codespec", "show", "a", "-v", "2").stdout
    )


def test_a_codespec_with_sockets_equals_itself(cli: Cli, spec_file: Callable[[str], str]) -> None:
    spec_file("image: x\nbuffers: {inputs: [i]}\nsockets: [{port: 1, inputBuffer: i}]")
    for _ in range(2):
        _check_created(cli("codespec", "create", "a", "-f", "spec.yml"))


def test_a_dry_run_stores_nothing(cli: Cli, home: Path) -> None:
    answer = cli("codespec", "create", "a", "--image", "x", "-e", "B=1,A=2", "--dry-run")
    assert answer.returncode == 0
    assert json.loads(answer.stdout) == {
        "kind": "job",
        "name": "a",
        "image": "x",
        "env": {"A": "2", "B": "1"},
    }
    _check_refused(cli("codespec", "create", "A", "--image", "x", "--dry-run"), NAME_RULE)
    _check_refused(cli("codespec", "create", "a", "--dry-run"), "The image field is required")
    assert not home.exists()


# show

MISSING = "The codespec 'x' was not found"


@pytest.mark.parametrize(
    ("argv", "code", "message"),
    [
        ([], 2, "one codespec name positional argument is required"),
        (["a", "b"], 2, "unexpected positional arguments after the codespec name: [b]"),
        (["a", "b", "c"], 2, "unexpected positional arguments after the codespec name: [b c]"),
        (["a", "--version", "x"], 2, ('invalid argument "x" for "-v, --version" flag: '
         '"x" is not an integer')),
        (["a", "--version"], 2, "flag needs an argument: --version"),
        (["a", "--version", "0"], 1, ("The version '0' of codespec 'abc' was not found. "
         "The latest version is '1'")),
        (["abc", "-v", "-1"], 1, "The version '-1' of codespec 'abc' was not found."),
        (["abc", "-v", "2"], 1, ("The version '2' of codespec 'abc' was not found. "
         "The latest version is '1'.")),
        (["abc/versions/2"], 1, "The version '2' of codespec 'abc' was not found."),
        (["abc/versions/x"], 1, "The codespec 'abc/versions/x' was not found"),
        (["abc/versions/1", "-v", "1"], 1, "The codespec 'abc/versions/1' was not found"),
        (["abc/versions/" + "9" * 5000], 1, "The codespec 'abc/versions/999"),
        (["x"], 1, MISSING + ". See what there is with 'tyger-local codespec list'."),
        (["abd"], 1, "The codespec 'abd' was not found. Did you mean 'abc'?"),
        (["ABC"], 1, "The codespec 'ABC' was not found. Did you mean 'abc'?"),
        ([""], 1, "The codespec '' was not found"),
        ([".."], 1, "The codespec '..' was not found"),
        (["../runs"], 1, "The codespec '../runs' was not found"),
        (["a" * 201], 1, "The codespec 'aaaa"),
        (["abc", "--format", "xml"], 2, ('"xml" is no value for --format. '
         "Choose one of json, yaml, table, name.")),
    ],
)  # fmt: skip
def test_show_refuses(cli: Cli, argv: list[str], code: int, message: str) -> None:
    cli("codespec", "create", "abc", "--image", "x")
    if argv[:1] == ["a"] and code == 1:
        argv = ["abc", *argv[1:]]
    _check_refused(cli("codespec", "show", *argv), message, code)


FORMATS = {
    "json": '{\n  "kind": "job",\n  "name": "a",\n  "version": 1,\n  "createdAt": "T",\n'
    '  "image": "<é>",\n  "args": [\n    "1"\n  ]\n}\n',
    "yaml": 'kind: job\nname: a\nversion: 1\ncreatedAt: "T"\nimage: <é>\nargs:\n  - "1"\n',
    "table": "NAME VERSION KIND CREATED IMAGE\na 1 job T <é>\n",
    "name": "a\n",
}


@pytest.mark.parametrize("output_format", FORMATS)
def test_formats(cli: Cli, output_format: str) -> None:
    cli("codespec", "create", "a", "--image", "<é>", "--", "1")
    created_at = str(_document(cli, "a")["createdAt"])

    def plain(text: str) -> str:
        text = text.replace(f"'{created_at}'", '"T"').replace(f'"{created_at}"', '"T"')
        text = text.replace(created_at, '"T"' if output_format == "yaml" else "T")
        return re.sub(" {3,}", " ", text) if output_format == "table" else text

    one = cli("codespec", "show", "a", "--format", output_format)
    assert (one.returncode, one.stderr) == (0, "")
    assert plain(one.stdout) == FORMATS[output_format]
    several = cli("codespec", "list", f"--format={output_format.upper()}")
    if output_format == "json":
        assert json.loads(several.stdout) == [json.loads(one.stdout)]
    elif output_format == "yaml":
        assert several.stdout.startswith("- kind: job\n  name: a\n")
    else:
        assert several.stdout == one.stdout


# a document in YAML reads back as the same codespec

TRICKY = (
    "", " ", "1", "1.0", "0o17", "017", "08", "1e3", "1_000", "0x1F", "0b11", "+1", ".5", "true",
    "Yes", "y", "N", "on", "~", "null", "NaN", ".inf", "2023-01-01", "1:30", "<<", "=", "a: b",
    "a #b", "#", "- x", "-", "?", "? x", "[", "]", "{", "}", ",", "&a", "*a", "!t", "!!str x", "|",
    ">", "%", "@", "`", "'", '"', "\\", "\\n", "\n", "a\nb", "a\n", "\na", "a\n\nb\n\n", " a\n b",
    "\t", "a\tb", "\r", "a\r\nb", "\x1b", "\x7f", "\x85", "\u2028", "\ufeff", "\ufeffa", "é",
    "\U0001f600", "---", "...", "--- a", "$(A)", "a" * 200, "x " * 100, ": ", ":", "a:", "\xa0",
)  # fmt: skip
TEXTS = st.sampled_from(TRICKY) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12
)
ENV_NAMES = TEXTS | st.sampled_from(["Y", "N", "PATH", "A_B"])
QUANTITIES = st.sampled_from(["1", "500m", "1Gi", "1e3", "0", "100u", 1, 0.5, 2e9, "-1"])
BUFFER_NAMES = st.sampled_from(["a", "b", "0", "1e3", "y", "no", "3d", "true", "null", "0x1"])


@st.composite
def _codespecs(draw: st.DrawFn) -> dict[str, object]:
    buffers = draw(st.lists(BUFFER_NAMES, unique=True, max_size=4))
    cut = draw(st.integers(0, len(buffers)))
    pair = st.fixed_dictionaries({}, optional={"cpu": QUANTITIES, "memory": QUANTITIES})
    resources = st.fixed_dictionaries(
        {},
        optional={"requests": pair, "limits": pair, "gpu": QUANTITIES, "shm": QUANTITIES},
    )
    document: dict[str, object] = {
        "image": draw(TEXTS.filter(lambda text: text.strip())),
        "command": draw(st.lists(TEXTS, max_size=3)),
        "args": draw(st.lists(TEXTS, max_size=3)),
        "env": draw(st.dictionaries(ENV_NAMES, TEXTS, max_size=4)),
        "workingDir": draw(TEXTS),
        "identity": draw(TEXTS),
        "resources": draw(resources),
    }
    if draw(st.booleans()):
        ports = st.integers(-(2**31), 2**31 - 1)
        return {**document, "kind": "worker", "endpoints": draw(st.dictionaries(TEXTS, ports))}
    sockets = [
        {"port": 1, "inputBuffer": name} for name in buffers[:cut][:1] if draw(st.booleans())
    ]
    return {
        **document,
        "kind": "job",
        "buffers": {"inputs": buffers[:cut], "outputs": buffers[cut:]},
        "sockets": sockets,
        "maxReplicas": draw(st.none() | st.integers(-(2**31), 2**31 - 1)),
    }


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # the store is emptied each time
)
@given(
    document=_codespecs(), name=st.sampled_from(["a", "1", "true", "1e3", "-x", "_", "0x1", "~"])
)
def test_what_is_shown_reads_back(
    cli: Cli, tmp_path: Path, document: dict[str, object], name: str
) -> None:
    name = name.replace("~", "null")
    store = tmp_path / "store"
    shutil.rmtree(store, ignore_errors=True)
    Workspace(store, warn=lambda _: None).codespecs.create(name, document)
    for output_format in ("yaml", "json"):
        shown = cli(
            "--home", str(store), "codespec", "show", f"--format={output_format}", "--", name
        )
        assert (shown.returncode, shown.stderr) == (0, "")
        argv = ("codespec", "create", "-f", "-", "-q", "--home", str(store))
        _check_created(cli(*argv, stdin=shown.stdout.encode()))


# list


def _names(cli: Cli, *flags: str) -> list[str]:
    answer = cli("codespec", "list", "--format", "name", *flags)
    assert (answer.returncode, answer.stderr) == (0, "")
    return answer.stdout.split()


def test_list(cli: Cli) -> None:
    names = ["a", "a-b", "a.b", "a1", "a_b", "ab"]
    for name in reversed(names):
        cli("codespec", "create", name, "--image", "x")
    cli("codespec", "create", "a", "--image", "y")
    documents = json.loads(cli("codespec", "list").stdout)
    assert [(doc["name"], doc["version"]) for doc in documents] == [
        (name, 2 if name == "a" else 1) for name in names
    ]
    for flags, expected in (
        (["--prefix", "a_"], ["a_b"]),
        (["-p=a"], names),
        (["-p", "A"], []),
        (["-p", "%b"], []),
        (["-p", ""], names),
        (["-p", "a", "--limit", "2"], names[:2]),
        (["-l0"], []),
        (["--limit=99"], names),
        (["--limit", "0x2"], names[:2]),
        (["--limit", str(2**63 - 1)], names),
    ):
        assert _names(cli, *flags) == expected, flags


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["x"], 'unknown command "x" for "tyger-local codespec list"'),
        (["--", "x"], 'unknown command "x" for "tyger-local codespec list"'),
        (["--limit", "-1"], "Limit must be a non-negative integer."),
        (["--limit", "x"], 'invalid argument "x" for "-l, --limit" flag: "x" is not an integer'),
        (["-l", "9" * 30], 'invalid argument "'),
        (["-v"], "unknown shorthand flag: 'v' in -v"),
    ],
)
def test_list_refuses(cli: Cli, argv: list[str], message: str) -> None:
    _check_refused(cli("codespec", "list", *argv), message)


def test_an_empty_store(cli: Cli, home: Path) -> None:
    for output_format, expected in (
        ("json", "[]\n"),
        ("yaml", "[]\n"),
        ("table", "NAME   VERSION   KIND   CREATED   IMAGE\n"),
        ("name", ""),
    ):
        answer = cli("codespec", "list", "--format", output_format)
        assert (answer.returncode, answer.stdout, answer.stderr) == (0, expected, "")
    assert not home.exists()  # looking makes nothing


TRUNCATED = (
    "Warning: the output was truncated. "
    "Specify the --limit parameter to increase the number of elements.\n"
)


@pytest.mark.parametrize(
    ("count", "flags", "shown", "warning"),
    [
        (1000, [], 1000, ""),
        (1001, [], 1000, TRUNCATED),
        (1001, ["--limit", "1001"], 1001, ""),
        (1001, ["--limit", "5"], 5, ""),
        (1001, ["-q"], 1000, ""),
    ],
)
def test_more_than_a_thousand(
    cli: Cli, home: Path, count: int, flags: list[str], shown: int, warning: str
) -> None:
    for index in range(count):
        folder = home / "codespecs" / f"n{index:04}"
        folder.mkdir(parents=True)
        text = f'{{"kind": "job", "name": "{folder.name}", "version": 1, "image": "x"}}'
        (folder / "1.json").write_text(text)
    answer = cli("codespec", "list", "--format", "name", *flags)
    assert (answer.returncode, answer.stderr) == (0, warning)
    assert answer.stdout.split() == [f"n{index:04}" for index in range(shown)]


# global flags, aliases, help, unknown words


@pytest.mark.parametrize(
    "argv",
    [
        ["--home", "other", "codespec", "create", "a", "--image", "x"],
        ["codespec", "--home=other", "create", "a", "--image", "x"],
        ["codespec", "create", "--home", "other", "a", "--image", "x"],
        ["codespec", "create", "a", "--image", "x", "--home", "other"],
        ["--home", "no", "codespecs", "create", "a", "--image", "x", "--home", "other"],
        ["-q", "--log-level", "debug", "codespec", "create", "a", "--image=x", "--home=other"],
    ],
)
def test_global_flags_anywhere(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argv: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    _check_created(cli(*argv))
    assert (tmp_path / "other/codespecs/a/1.json").is_file()
    assert not (tmp_path / "no").exists()
    assert (tmp_path / "other").stat().st_mode & 0o777 == 0o700


def test_where_the_store_is(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    flag = tmp_path / "flag"
    create = ("codespec", "create", "a", "--image", "x")
    _check_created(cli(*create, "--home", str(flag)))
    assert (flag.exists(), home.exists()) == (True, False)
    _check_created(cli(*create, "--home", ""))
    assert home.exists()
    monkeypatch.delenv("TYGER_LOCAL_HOME")
    _check_created(cli(*create))
    assert len(list((tmp_path / "user-home").rglob("tyger-local/codespecs/a/1.json"))) == 1


def test_aliases(cli: Cli) -> None:
    _check_created(cli("codespecs", "create", "a", "--image", "x"))
    shown = cli("codespec", "show", "a").stdout
    assert cli("codespecs", "get", "a").stdout == cli("codespec", "get", "a").stdout == shown
    assert cli("runs", "list").stdout == cli("run", "list").stdout == "[]\n"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "a command is required. See 'tyger-local --help'."),
        (["codespec"], "a command is required. See 'tyger-local codespec --help'."),
        (["run", "-q"], "a command is required. See 'tyger-local run --help'."),
        (["cdespec"], 'unknown command "cdespec" for "tyger-local". Did you mean \'codespec\'?'),
        (["xyz"], 'unknown command "xyz" for "tyger-local". See \'tyger-local --help\'.'),
        ([""], 'unknown command "" for "tyger-local".'),
        (["codespec", "frob"], 'unknown command "frob" for "tyger-local codespec".'),
        (["codespec", "creat"], 'unknown command "creat" for "tyger-local codespec". Did you mean'),
        (["codespec", "Show"], ('unknown command "Show" for "tyger-local codespec". '
         "Did you mean 'show'?")),
        (["codespec", "create", "--unknown"], "unknown flag: --unknown"),
        (["codespec", "create", "--imag=x"], "unknown flag: --imag. Did you mean --image?"),
        (["codespec", "create", "-v"], "unknown shorthand flag: 'v' in -v"),
        (["codespec", "create", "--image"], "flag needs an argument: --image"),
        (["codespec", "create", "a", "--command="], 'invalid argument "" for "--command" flag: '),
        (["codespec", "create", "a", "--command=maybe"], 'invalid argument "maybe" for "--command" flag'),
        (["--hom", "x", "codespec", "list"], "unknown flag: --hom. Did you mean --home?"),
        (["--log-level=loud", "codespec", "list"], ('"loud" is no value for --log-level. '
         "Choose one of trace, debug, info, warn, error.")),
        (["codespec", "list", "--log-format", "xml"], '"xml" is no value for --log-format'),
    ],
)  # fmt: skip
def test_what_is_not_understood(cli: Cli, argv: list[str], message: str) -> None:
    _check_refused(cli(*argv), message)


@pytest.mark.parametrize(
    "argv", [["--help"], ["-h"], ["codespec", "-h"], ["codespec", "show", "-qh"]]
)
def test_help(cli: Cli, argv: list[str]) -> None:
    answer = cli(*argv)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout.startswith("Usage: tyger-local")


def test_the_version(cli: Cli) -> None:
    assert cli("--version").stdout == f"tyger-local {__version__}\n"


# what is said


def test_errors_as_json(cli: Cli) -> None:
    for argv in (
        ["--log-format", "json", "codespec", "show", "x"],
        ["codespec", "show", "x", "--log-format=JSON"],
        ["codespec", "--log-format=json", "show", "x", "-q"],
    ):
        answer = cli(*argv)
        assert (answer.returncode, answer.stdout) == (1, "")
        told = json.loads(answer.stderr)
        assert told.pop("time").endswith("Z")
        assert told == {
            "level": "error",
            "message": f"{MISSING}. See what there is with 'tyger-local codespec list'.",
            "what": MISSING,
            "hint": "See what there is with 'tyger-local codespec list'",
            "exitCode": 1,
        }
    for argv in (["codespec", "list", "-v"], ["codespec", "list", "--limit", "x"]):
        for where in (["--log-format=json", *argv], [*argv, "--log-format", "json"]):
            answer = cli(*where)
            assert answer.returncode == 2
            assert json.loads(answer.stderr)["exitCode"] == 2
    plain = cli("codespec", "create", "--", "--log-format=json")  # a container's, not ours
    _check_refused(plain, NO_NAME)


def test_warnings_as_json(cli: Cli) -> None:
    answer = cli("codespec", "create", "a", "--image=x", "--cpu-limit=-1", "--log-format=json")
    told = json.loads(answer.stderr)
    assert told["level"] == "warn"
    assert told["message"].startswith("the cluster stores this codespec")


@pytest.mark.parametrize(
    ("flags", "no_color", "coloured"),
    [
        (["--log-format=pretty"], None, True),
        (["--log-format=pretty"], "", True),
        (["--log-format=pretty"], "1", False),
        (["--log-format=plain"], None, False),
        ([], None, False),  # no terminal
    ],
)
def test_colour(
    cli: Cli,
    monkeypatch: pytest.MonkeyPatch,
    flags: list[str],
    no_color: str | None,
    coloured: bool,
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color is not None:
        monkeypatch.setenv("NO_COLOR", no_color)
    error = cli("codespec", "show", "x", *flags).stderr
    assert ("\x1b" in error) is coloured
    assert error.startswith("\x1b[31mError:\x1b[0m " if coloured else "Error: ")


def test_what_would_drive_a_terminal_is_shown_and_not_done(cli: Cli) -> None:
    cli("codespec", "create", "a", "--image", "x\x1b[2Jy\x9b\u202e")
    table = cli("codespec", "list", "--format", "table").stdout
    assert table.endswith("   x\\x1b[2Jy\\x9b\\x202e\n")
    assert json.loads(cli("codespec", "list").stdout)[0]["image"] == "x\x1b[2Jy\x9b\u202e"
    answer = cli("codespec", "show", "\x1b[2J")
    assert "'\\x1b[2J'" in answer.stderr
    assert "\x1b" not in answer.stderr
    answer = cli("codespec", "show", "\x1b[2J", "--log-format", "json")
    assert "\x1b[2J" in json.loads(answer.stderr)["message"]


@pytest.mark.parametrize("speak", [Console.warn, Console.error, Console.last_line, Console.info])
def test_so_is_what_is_said(
    capfd: pytest.CaptureFixture[str], speak: Callable[[Console, str], None]
) -> None:
    speak(Console(Settings(log_format="pretty")), "one \x1b]0;title\x07 two")
    assert "one \\x1b]0;title\\x07 two\n" in capfd.readouterr().err


def test_how_much_is_said(cli: Cli) -> None:
    create = ("codespec", "create", "a", "--image", "x", "--cpu-limit", "-1")
    for flags, words in (
        (["--log-level=debug"], ["Warning:", "DBG"]),
        (["--log-level", "WARN"], ["Warning:"]),
        (["--log-level", "error"], []),
        (["-q"], []),
        (["--quiet=false"], ["Warning:"]),
        (["-q", "-q=false"], ["Warning:"]),
    ):
        lines = cli(*create, *flags).stderr.splitlines()
        assert len(lines) == len(words), lines
        assert all(word in line for word, line in zip(words, lines, strict=True))


@pytest.mark.parametrize(
    ("raised", "code", "words"),
    [
        (KeyboardInterrupt(), 130, "Error: ended by Ctrl-C.\n"),
        (
            ZeroDivisionError("oh\nno"),
            70,
            "Error: this is a bug in tyger-local: ZeroDivisionError: oh no. ",
        ),
    ],
)
def test_what_comes_out_of_nowhere(
    cli: Cli,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    raised: BaseException,
    code: int,
    words: str,
) -> None:
    def fail(path: str) -> None:
        raise raised

    monkeypatch.setattr("tyger_local.workspace.reading.read_file", fail)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    answer = cli("codespec", "create", "-f", "a b.yml")
    assert (answer.returncode, answer.stdout) == (code, "")
    assert words in answer.stderr
    assert "Traceback" not in answer.stderr
    if code == 70:
        (report,) = tmp_path.glob("tyger-local-bug-*.txt")
        assert str(report) in answer.stderr
        text = report.read_text()
        assert "tyger-local codespec create -f 'a b.yml'" in text
        assert "Traceback" in text


# the store when it is damaged or cannot be used


def test_a_damaged_file_does_not_hide_the_others(cli: Cli, home: Path) -> None:
    for name in ("a", "b", "b"):
        cli("codespec", "create", name, "--image", str(home.exists()))
    cli("codespec", "create", "b", "--image", "newer")
    damaged = home / "codespecs/b/2.json"
    damaged.chmod(0o600)
    damaged.write_text("{")
    answer = cli("codespec", "list")
    assert answer.returncode == 0
    assert [(d["name"], d["version"]) for d in json.loads(answer.stdout)] == [("a", 1), ("b", 1)]
    assert answer.stderr.startswith("Warning: ")
    assert str(damaged) in answer.stderr
    assert answer.stderr.count("\n") == 1
    shown = cli("codespec", "show", "b")
    assert (shown.returncode, shown.stdout) == (1, "")
    assert str(damaged) in shown.stderr
    assert "--version 1" in shown.stderr
    assert cli("codespec", "show", "b", "-v", "1").returncode == 0
    again = cli("codespec", "create", "b", "--image", "newer")
    assert (again.returncode, again.stdout) == (0, "3\n")
    assert str(damaged) in again.stderr


def test_text_that_is_no_unicode_is_shown(cli: Cli, home: Path) -> None:
    (home / "codespecs/a").mkdir(parents=True)
    stored = '{"kind": "job", "name": "a", "version": 1, "image": "\\ud800"}'
    (home / "codespecs/a/1.json").write_text(stored)
    for output_format in ("json", "table", "name"):
        answer = cli("codespec", "show", "a", "--format", output_format)
        assert (answer.returncode, answer.stderr) == (0, "")
    assert json.loads(cli("codespec", "show", "a").stdout)["image"] == "\ud800"


@pytest.mark.parametrize("home", ["file", "file/below", "/dev/null/x", "/sys/tyger-local"])
def test_a_store_that_cannot_be(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("")
    answer = cli("codespec", "create", "a", "--image", "x", "--home", home)
    _check_refused(answer, "The store", code=1)
    assert home in answer.stderr
    assert "--home" in answer.stderr


# as a program: bytes, locales and closed streams


def test_arguments_that_are_not_utf8(program: Cli, tmp_path: Path) -> None:
    for argv, message in (
        ([b"\xff", "--image", "x"], NAME_RULE),
        (["a", "--image", b"\xff"], '--image: "\\xff" is not valid UTF-8 text'),
        (["a", "--image", "x", "-e", b"A=\xff"], '--env: "\\xff" is not valid UTF-8 text'),
        (["a", "--image", "x", "--", b"\xff"], '--: "\\xff" is not valid UTF-8 text'),
        (["a", "-f", b"\xff"], "failed to read file "),
        ([b"--\xff"], "unknown flag: --"),
    ):
        _check_refused(program("codespec", "create", *argv), message)
    home = os.fsencode(tmp_path) + b"/\xff"
    _check_created(program("codespec", "create", "a", "--image", "x", "--home", home))
    assert Path(os.fsdecode(home), "codespecs/a/1.json").is_file()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_output_is_utf8_in_any_locale(cli: Cli, program: Cli, encoding: str) -> None:
    cli("codespec", "create", "a", "--image", "é\U0001f600")
    answer = program("codespec", "show", "a", PYTHONIOENCODING=encoding, PYTHONUTF8="0")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert json.loads(answer.stdout)["image"] == "é\U0001f600"


CLOSING = "import os, sys; os.close({fd}); os.execv(sys.executable, [sys.executable, '-m', *sys.argv[1:]])"


def _with_closed(fd: int, *argv: str) -> Answer:
    """Run the program with one of its standard streams closed from the beginning."""
    command = (sys.executable, "-c", CLOSING.format(fd=fd), "tyger_local", *argv)
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)


def test_streams_that_are_closed() -> None:
    create = ("codespec", "create", "a", "--image", "x")
    answer = _with_closed(1, *create)
    _check_refused(answer, "standard output is closed", code=1)
    _check_created(_with_closed(2, *create))
    assert _with_closed(2, "codespec", "show", "nope").returncode == 1
    _check_refused(_with_closed(0, "codespec", "create", "-f", "-"), "failed to read file <stdin>")


@pytest.mark.parametrize(
    "argv",
    [
        ["codespec", "list"],
        ["codespec", "show", "a", "--format=yaml"],
        ["codespec", "list", "--format=table"],
        ["codespec", "create", "b", "--image=x"],
        ["--help"],
        ["codespec", "create", "--help"],
        ["--version"],
    ],
)
def test_a_reader_that_has_gone(cli: Cli, argv: list[str]) -> None:
    cli("codespec", "create", "a", "--image", "x")
    reader, writer = os.pipe()
    os.close(reader)
    command = (sys.executable, "-m", "tyger_local", *argv)
    try:
        answer = subprocess.run(
            command, stdout=writer, stderr=subprocess.PIPE, check=False, timeout=30
        )
    finally:
        os.close(writer)
    assert (answer.returncode, answer.stderr) == (141, b"")


def test_head(cli: Cli) -> None:
    cli("codespec", "create", "a", "--image", "x" * 300_000)
    line = f"{sys.executable} -m tyger_local codespec show a | head -c 1; echo ${{PIPESTATUS[0]}}"
    answer = subprocess.run(("bash", "-c", line), capture_output=True, check=False, timeout=30)
    assert (answer.stdout, answer.stderr) == (b"{141\n", b"")


def test_a_full_disk_as_output(cli: Cli) -> None:
    for argv in (["codespec", "list"], ["--help"]):
        with Path("/dev/full").open("wb") as full:
            answer = subprocess.run(
                (sys.executable, "-m", "tyger_local", *argv),
                stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=30,
            )  # fmt: skip
        assert answer.returncode == 1
        assert answer.stderr.startswith(
            "Error: standard output cannot be written: No space left on device."
        )
