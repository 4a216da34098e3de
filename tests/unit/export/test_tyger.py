"""What Tyger's client reads is what was exported: the reader is ours, which has Tyger's rules."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tyger_local.cli.yaml_text import yaml_text
from tyger_local.export.tyger import codespec_command, codespec_sheet, run_sheet
from tyger_local.plan.resolved import ResolvedRun, ResolvedWorker
from tyger_local.spec.decode import decode_codespec_file, plain_document
from tyger_local.spec.document import Document, read_document
from tyger_local.spec.flags import CodespecFlags, codespec_from
from tyger_local.spec.models import JobCodespec, WorkerCodespec
from tyger_local.spec.runs import RunFlags, RunRequest, run_request
from tyger_local.spec.versions import same_version
from tyger_local.spec.written import written

TRICKY = (
    "yes", "y", "N", "on", "0777", "0o17", "0x1F", "1_000", "1e3", "1.50", ".5", "3.14159265358979",
    "~", "null", "", " a", "a ", "NaN", ".inf", "2023-01-01", "1:30", "a: b", "- a", "# a", "a #b", "$(A)",
    "$$", "|", ">", "&a", "*a", "!a", "%a", "@a", "`a`", "'", '"', "\\", "\t", "a\n", "\na", "a\n\nb",
    "a\r\nb", "\x85", "\u2028", "ü", "=", "<<", "[", "{a}", ",", "?", ": ", "---",
    "...", "\x07", "\x7f", "\ufeff",
)  # fmt: skip
TEXTS = st.sampled_from(TRICKY) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0")
)


def _read(text: str) -> Document:
    return read_document(text, "exported.yml")


def _again(name: str, codespec: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return name and document as Tyger's client would read them of the file."""
    file = decode_codespec_file(_read(yaml_text(codespec_sheet(name, codespec, "f").document)))
    return file.name, written(codespec_from(file, CodespecFlags()))


def _job(**fields: Any) -> dict[str, Any]:
    return written(JobCodespec.read({"image": "x", **fields}))


@pytest.mark.parametrize("text", TRICKY)
def test_texts_stay_what_they_are(text: str) -> None:
    codespec = _job(args=[text], command=[text], env={"A": text, "B" + text: "x"}, workingDir=text)
    assert _again("n", codespec) == ("n", codespec)


@given(st.lists(TEXTS, max_size=4), st.dictionaries(TEXTS, TEXTS, max_size=4), TEXTS)
def test_any_text_stays_what_it_is(args: list[str], env: dict[str, str], image: str) -> None:
    codespec = _job(args=args, env=env, image=f"x{image}")
    name, again = _again("1.0", codespec)
    assert (name, again) == ("1.0", codespec)
    assert list(dict(again.get("env", {}))) == list(env)  # expansion goes by it


def test_every_field_is_there() -> None:
    codespec = _job(
        buffers={"inputs": ["a", "b"], "outputs": ["0"]},
        sockets=[{"port": 9, "inputBuffer": "b"}],
        identity="no",
        maxReplicas=3,
        resources={
            "requests": {"cpu": "1e3", "memory": 1024},
            "limits": {"cpu": 2000, "memory": "1.5Gi"},
            "gpu": 0,
            "shm": "1Gi",
        },
    )
    stored = {**codespec, "name": "old", "version": 7, "createdAt": "2026-01-01T00:00:00Z"}
    sheet = codespec_sheet("on", stored, "f")
    assert {"version", "createdAt"}.isdisjoint(sheet.document)
    name, again = _again("on", stored)
    assert (name, again) == ("on", codespec)
    assert same_version(stored, again)
    worker = written(WorkerCodespec.read({"image": "w", "endpoints": {"y": 1, "b": 2}}))
    assert _again("w", worker) == ("w", worker)


@pytest.mark.parametrize(
    ("name", "file", "command"),
    [
        ("recon", "recon.yml", "tyger codespec create recon -f recon.yml"),
        ("a.b_c", "my file.yml", "tyger codespec create a.b_c -f 'my file.yml'"),
        ("-f", "x.yml", "tyger codespec create -f x.yml"),
    ],
)
def test_the_command(name: str, file: str, command: str) -> None:
    assert codespec_command(name, file) == command
    assert codespec_sheet(name, _job(), file).comment == (command,)
    assert shlex.split(command)[-1] == file


def _request(value: dict[str, Any]) -> RunRequest:
    return run_request(plain_document(value, "run"), RunFlags())


RUN = {
    "job": {
        "codespec": {"image": "x", "args": ["yes"], "buffers": {"inputs": ["i"], "outputs": ["o"]}},
        "tags": {"n": "1"},
        "bufferTtl": "1.00:00",
        "nodePool": "gpunp",
        "replicas": 2,
    },
    "worker": {"codespec": {"image": "w", "endpoints": {"e": 1}}, "nodePool": "p", "replicas": 3},
    "cluster": "c",
    "timeoutSeconds": 60,
    "tags": {"a": "on"},
    "bufferAccessTtl": "2.00:00",
}


def _resolved(request: RunRequest) -> ResolvedRun:
    codespec = request.job.codespec
    assert isinstance(codespec, JobCodespec)
    worker = None
    if request.worker is not None:
        assert isinstance(request.worker.codespec, WorkerCodespec)
        worker = ResolvedWorker(request.worker.codespec, request.worker.replicas)
    return ResolvedRun(codespec, request.job.replicas, request.timeout_s, worker=worker)


def test_a_run_file_asks_for_the_same_run() -> None:
    request = _request(RUN)
    buffer = "a" * 26
    sheet = run_sheet(request, _resolved(request), {"i": buffer}, "run.yml")
    again = run_request(_read(yaml_text(sheet.document)), RunFlags())
    assert {name: given.text for name, given in again.job.buffers.items()} == {"i": buffer}
    for field in ("codespec", "tags", "buffer_ttl", "node_pool", "replicas"):
        assert getattr(again.job, field) == getattr(request.job, field)
    assert again.worker == request.worker
    for field in ("cluster", "timeout_s", "tags", "buffer_access_ttl"):
        assert getattr(again, field) == getattr(request, field)
    assert sheet.comment[0] == "tyger run create -f run.yml"
    assert "a new buffer for: o." in sheet.comment[2]


def test_a_run_without_buffers_says_nothing_of_them() -> None:
    request = _request({"job": {"codespec": {"image": "x"}}})
    sheet = run_sheet(request, _resolved(request), {}, "run.yml")
    assert sheet.comment == ("tyger run create -f run.yml",)
    assert sheet.document == {
        "job": {"codespec": {"kind": "job", "image": "x"}, "replicas": 1},
        "timeoutSeconds": 43_200,
    }
