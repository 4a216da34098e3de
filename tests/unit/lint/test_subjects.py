"""From documents to what rules look at."""

from __future__ import annotations

import json

import pytest

from tyger_local.errors import SpecError
from tyger_local.lint.model import Severity, Subject, WrittenScalar
from tyger_local.lint.rules import RULES
from tyger_local.lint.run import findings, lint
from tyger_local.lint.sarif import sarif
from tyger_local.lint.subjects import Target, beside, replaced, target, targets, without
from tyger_local.spec.decode import decode_codespec_file
from tyger_local.spec.document import read_document
from tyger_local.spec.flags import CodespecFlags, codespec_from
from tyger_local.spec.models import JobCodespec, WorkerCodespec

STORED = {
    "job": {"name": "job", "version": 2, "image": "a:1", "workingDir": "/a"},
    "worker": {"name": "worker", "version": 1, "kind": "worker", "image": "a:1"},
}

RUN = """
job: {codespec: job/versions/2, replicas: 2}
worker: {codespec: worker, replicas: 3}
"""


def _targets(text: str) -> list[Target]:
    return list(targets(read_document(text, "f"), lambda name, _: STORED.get(name)))


def test_a_run_file_leads_to_the_codespecs_that_it_names() -> None:
    job, worker = _targets(RUN)
    assert isinstance(job.subject.codespec, JobCodespec)
    assert isinstance(worker.subject.codespec, WorkerCodespec)
    assert (job.subject.replicas, worker.subject.replicas) == (2, 3)
    assert job.subject.has_workers
    assert not worker.subject.has_workers
    (found,) = lint([job], RULES)
    assert (found.place.source, found.place.line) == ("codespec job/versions/2", None)


def test_what_is_not_stored_is_passed_over() -> None:
    assert _targets("job: {codespec: nope}\nworker: {codespec: worker}")[0].subject == Subject(
        WorkerCodespec(image="a:1")
    )
    assert _targets("job: {}\nworker:") == []


@pytest.mark.parametrize(
    "text",
    ["[]", "a", "", "image: a\nfoo: b", "job: {codespec: {image: 5}}", "kind: foo\nimage: a"],
)
def test_what_makes_no_sense_is_an_error(text: str) -> None:
    with pytest.raises(SpecError):
        _targets(text)


def test_how_scalars_were_written() -> None:
    text = "Image: a:1\nEnv:\n  On: 'yes'\nsockets: [{Port: 1, inputbuffer: a}]\n"
    text += "buffers: {inputs: [a]}\nRESOURCES: {Limits: {cpu: 1}}\nargs: &x [b]\ncommand: *x\n"
    (one,) = _targets(text)
    plain = {path: each.text for path, each in one.subject.written.items() if each.is_plain}
    assert plain == {
        ("image",): "a:1",
        ("sockets", 0, "port"): "1",
        ("sockets", 0, "inputBuffer"): "a",
        ("buffers", "inputs", 0): "a",
        ("resources", "limits", "cpu"): "1",
        ("args", 0): "b",
        ("command", 0): "b",
    }
    assert one.subject.written[("env", "true")] == WrittenScalar("yes", is_plain=False)
    assert one.subject.written_keys[("env", "true")].text == "On"


def test_of_a_run_file_only_the_codespec_counts() -> None:
    (one,) = _targets("JOB: {codespec: {image: a, env: {Y: b}}, tags: {a: b}}")
    assert {*one.subject.written} == {("image",), ("env", "true")}
    assert {("env",), ("env", "true")} <= {*one.subject.written_keys}


def test_flags_replace_what_was_written() -> None:
    document = read_document("image: a:1\nenv: {A: 1.0}\nargs: [1.0]\n", "f")
    file = decode_codespec_file(document)
    codespec = codespec_from(file, CodespecFlags(env={"B": "x"}))
    subject = without(target(codespec, document).subject, replaced(file, codespec))
    assert {*subject.written} == {("image",), ("args", 0)}
    assert {path[0] for path in subject.written_keys} == {"image", "args"}


def test_flags_do_not_give_a_worker_what_it_has_not() -> None:
    document = read_document("kind: worker\nimage: a:1\nendpoints: {a: 1}\n", "f")
    file = decode_codespec_file(document)
    codespec = codespec_from(file, CodespecFlags(endpoints={"b": 2}))
    subject = without(target(codespec, document).subject, replaced(file, codespec))
    assert ("endpoints", "a") not in subject.written


def test_a_job_beside_workers_knows_their_endpoints() -> None:
    names = "$(TYGER_A_WORKER_ENDPOINT_ADDRESSES) $(TYGER_B_WORKER_ENDPOINT_ADDRESSES)"
    job = Subject(JobCodespec(image="a:1", args=(names,)))
    worker = WorkerCodespec(image="a:1", endpoints={"a": 1})
    assert findings(job, RULES) == ()
    (found,) = findings(beside(job, worker), RULES)
    assert (found.rule, found.severity) == ("undefined-reference", Severity.WARNING)
    assert "TYGER_B_WORKER" in found.happens
    assert not beside(job, JobCodespec(image="a")).worker_endpoints


def test_sarif() -> None:
    text = "image: a\nworkingDir: /b\n"
    here = [
        each
        for name in ("dir/my file.yml", "/tmp/f.yml", "<stdin>")
        for each in lint(targets(read_document(text, name), lambda *_: None), RULES)
    ]
    stored = lint(_targets("job: {codespec: job}"), RULES)
    log = sarif([*here, *stored], RULES, "1.2.3", ["no such file"])
    (run,) = json.loads(json.dumps(log))["runs"]
    places = [result["locations"][0] for result in run["results"]]
    uris = [place.get("physicalLocation", {}).get("artifactLocation") for place in places]
    assert uris[:4:2] == [{"uri": "dir/my%20file.yml"}, {"uri": "file:///tmp/f.yml"}]
    assert uris[4:] == [None, None, None]
    assert places[1]["physicalLocation"]["region"] == {"startLine": 2, "startColumn": 13}
    assert places[-1]["logicalLocations"] == [
        {"fullyQualifiedName": "codespec job/versions/2: workingDir"}
    ]
    rules = run["tool"]["driver"]["rules"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("error", "warning", "note")
    assert run["invocations"][0]["executionSuccessful"] is False
