"""Exports at work: the script of ``docker-run`` as it is, and Kubernetes' documents by a small kubelet."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tyger_local.spec.document import read_document
from tyger_local.spec.expansion import expand

pytestmark = pytest.mark.docker

Document = dict[str, Any]
Export = Callable[..., str]

IMAGE = "tyger-local/busybox"
TIMEOUT_S = 90
SHOUT = """
tr a-z A-Z < $(RAW-DATA_PIPE) > $(OUTPUT_PIPE)
printf "%s|" "$LONGER" "$0" "$1" > $(LOG_PIPE)
"""
UPPER = {
    "image": IMAGE,
    "buffers": {"inputs": ["raw-data"], "outputs": ["output", "log"]},
    "env": {"SAID": 'it\'s "$(TYGER_RUN_ID)"', "LONGER": "$(SAID)"},
    "command": ["sh", "-ec"],
    "args": [SHOUT, "$(OUTPUT_PIPE)", "$$(OUTPUT_PIPE)"],
}
SERVE = "mkdir /w; hostname > /w/name; exec httpd -f -p 80 -h /w"
ASK = """
for node in $(echo "$TYGER_WORKER_NODES" | tr -d '[]"' | tr , ' '); do
  until wget -q -O - "http://$node/name"; do sleep 0.1; done
done > "$OUTPUT_PIPE"
"""
JOB = {"image": IMAGE, "buffers": {"outputs": ["output"]}, "command": ["sh", "-ec", ASK]}
WORKER = {"kind": "worker", "image": IMAGE, "command": ["sh", "-c", SERVE]}
SERVER = {
    "image": IMAGE,
    "buffers": {"inputs": ["input"], "outputs": ["output"]},
    "sockets": [{"port": 9000, "inputBuffer": "input", "outputBuffer": "output"}],
    "command": ["sh", "-c", "sleep 2; exec nc -l -p 9000 -e tr a-z A-Z"],
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _docker(*argv: str) -> str:
    answer = subprocess.run(
        ("docker", *argv), capture_output=True, text=True, check=False, timeout=TIMEOUT_S
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def _left(run_id: str) -> dict[str, list[str]]:
    """Return the containers and networks of a run, whatever made them."""
    shown = "{{.ID}} {{.Config.Hostname}}"
    ids = _docker("ps", "--all", "--quiet", "--no-trunc").split()
    lines = [
        subprocess.run(
            ("docker", "inspect", "--format", shown, each),
            capture_output=True,
            text=True,
            check=False,
        ).stdout.split()
        for each in ids
    ]
    return {
        "container": [
            line[0] for line in lines if line[1:] and line[1].startswith(f"run-{run_id}")
        ],
        "network": _docker("network", "ls", "--quiet", "--filter", f"name=run-{run_id}").split(),
    }


@pytest.fixture
def run_id() -> Iterator[str]:
    """An id of the test's own; what is left of it is removed, should the test fail."""
    name = f"x{secrets.token_hex(4)}"
    yield name
    for kind, ids in _left(name).items():
        if ids:
            _docker(kind, "rm", *(("--force",) if kind == "container" else ()), *ids)


@pytest.fixture
def export(run_id: str) -> Export:
    """Exports with the test's run id."""

    def call(*argv: str) -> str:
        return _tool("export", *argv, "--run-id", run_id)

    return call


def _tool(*argv: str) -> str:
    line = (sys.executable, "-m", "tyger_local", *argv)
    answer = subprocess.run(line, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def _create(**codespecs: Document) -> None:
    named = [{**codespec, "name": name} for name, codespec in codespecs.items()]
    Path("codespecs.json").write_text(json.dumps(named))
    _tool("codespec", "import", "codespecs.json")


def _run_script(text: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    path = Path("run.sh")
    path.write_text(text)
    path.chmod(0o755)
    return subprocess.run(
        ("bash", str(path)), input=data, capture_output=True, check=False, timeout=TIMEOUT_S
    )


def _upper_log(run_id: str) -> str:
    return f'it\'s "{run_id}"|/etc/buffer-fifos/output|$(OUTPUT_PIPE)|'


def test_the_script_feeds_and_empties_pipes(export: Export, run_id: str) -> None:
    data = bytes(range(32, 127)) * 3000  # more than a pipe holds
    Path("raw file").write_bytes(data)
    _create(upper=UPPER)
    text = export("upper", "--to", "docker-run", "-b", "raw-data=raw file")
    answer = _run_script(text)
    assert (answer.returncode, answer.stdout) == (0, b""), answer.stderr
    assert Path("output").read_bytes() == data.upper()
    assert Path("log").read_text() == _upper_log(run_id)
    assert _left(run_id) == {"container": [], "network": []}


def test_the_script_can_be_pasted(export: Export, run_id: str) -> None:
    Path("raw-data").write_bytes(b"abc")
    _create(upper=UPPER)
    text = export("upper", "--to", "docker-run")
    pasted = subprocess.run(
        ("bash", "--norc", "-i"), input=f"{text}echo still here $?\n",
        capture_output=True, text=True, check=False, timeout=TIMEOUT_S,
    )  # fmt: skip
    assert "still here 0" in pasted.stdout, pasted.stderr
    assert Path("output").read_bytes() == b"ABC"


def test_the_script_takes_streams(export: Export) -> None:
    _create(upper=UPPER)
    text = export("upper", "--to", "docker-run", "-b", "raw-data=-,output=-")
    answer = _run_script(text, b"abc")
    assert (answer.returncode, answer.stdout) == (0, b"ABC"), answer.stderr


def test_streams_are_not_opened_again_and_hold_nothing_else(export: Export) -> None:
    talks = {**UPPER, "args": [f"echo of the log; {SHOUT}"]}
    _create(talks=talks)
    Path("run.sh").write_text(export("talks", "--to", "docker-run", "-b", "raw-data=-,output=-"))
    Path("in").write_text("a line\nthe rest\n")
    Path("out").write_text("before\n")
    line = "{ read -r line; bash run.sh; } < in >> out"
    answer = subprocess.run(
        ("bash", "-c", line), capture_output=True, check=False, timeout=TIMEOUT_S
    )
    assert answer.returncode == 0, answer.stderr
    assert Path("out").read_text() == "before\nTHE REST\n"
    assert answer.stderr == b"of the log\n"


def test_an_output_that_cannot_be_written_is_told_before_anything_runs(
    export: Export, run_id: str
) -> None:
    _create(upper=UPPER)
    Path("raw-data").write_bytes(b"x")
    answer = _run_script(export("upper", "--to", "docker-run", "-b", "output=no/folder"))
    assert answer.returncode == 1
    assert b"no/folder: No such file or directory" in answer.stderr
    assert _left(run_id) == {"container": [], "network": []}


@pytest.mark.parametrize("code", [0, 3])
def test_a_program_that_opens_no_pipe_ends_the_script(
    export: Export, run_id: str, code: int
) -> None:
    Path("raw-data").write_bytes(b"x")
    _create(none={**UPPER, "env": {}, "args": [f"exit {code}"]})
    answer = _run_script(export("none", "--to", "docker-run"))
    assert answer.returncode == code, answer.stderr
    assert (Path("output").read_bytes(), Path("log").read_bytes()) == (b"", b"")
    assert _left(run_id) == {"container": [], "network": []}


def test_an_input_that_is_not_there_is_told(export: Export) -> None:
    _create(upper=UPPER)
    answer = _run_script(export("upper", "--to", "docker-run"))
    assert (answer.returncode, answer.stderr) == (2, b"./raw-data cannot be read\n")


def test_a_container_that_cannot_be_made_is_docker_s_to_tell(export: Export) -> None:
    _create(wrong={**UPPER, "image": "No Image"})
    Path("raw-data").write_bytes(b"x")
    answer = _run_script(export("wrong", "--to", "docker-run"))
    assert answer.returncode == 125
    assert b"invalid reference format" in answer.stderr
    assert b".id" not in answer.stderr  # of the container that there was not


def test_an_interrupted_script_leaves_nothing(export: Export, run_id: str) -> None:
    _create(endless={"image": IMAGE, "command": ["sh", "-c", "trap '' TERM; echo on; sleep 600"]})
    path = Path("run.sh")
    path.write_text(export("endless", "--to", "docker-run"))
    with subprocess.Popen(("bash", str(path)), stderr=subprocess.PIPE) as script:
        assert script.stderr is not None
        assert script.stderr.readline() == b"on\n"
        (subshell,) = psutil.Process(script.pid).children()
        subshell.terminate()
        script.wait(TIMEOUT_S)
    assert script.returncode == 143
    assert _left(run_id) == {"container": [], "network": []}


def test_the_script_of_a_run_with_workers(export: Export, run_id: str) -> None:
    _create(job=JOB, worker=WORKER)
    text = export("job", "--to", "docker-run", "--worker-codespec=worker", "--worker-replicas=2")
    answer = _run_script(text)
    assert answer.returncode == 0, answer.stderr
    assert Path("output").read_text().split() == [f"run-{run_id}-worker-{i}" for i in range(2)]
    assert _left(run_id) == {"container": [], "network": []}


def test_a_network_of_another_is_left_alone(export: Export, run_id: str, tmp_path: Path) -> None:
    _create(job=JOB, worker=WORKER)
    text = export("job", "--to", "docker-run", "--worker-codespec=worker")
    _docker("network", "create", f"run-{run_id}")
    (folder := tmp_path / "pipes").mkdir()
    answer = subprocess.run(
        ("bash", "-s"), input=text, env={**os.environ, "TMPDIR": str(folder)},
        capture_output=True, text=True, check=False, timeout=TIMEOUT_S,
    )  # fmt: skip
    assert (answer.returncode, "already exists" in answer.stderr) == (1, True)
    assert list(folder.iterdir()) == []
    _docker("network", "rm", f"run-{run_id}")


class _Kubelet:
    """Carries out the pods of exported documents, as far as these need a kubelet and a cluster's names."""

    def __init__(self, text: str, run_id: str) -> None:
        self.documents: dict[str, Document] = {}
        for each in text.split("---\n"):
            document = read_document(each, "exported").value
            assert isinstance(document, dict)
            self.documents[str(document["kind"])] = document
        self.run_id = run_id
        self.network = f"run-{run_id}"
        self.buffers = Path("volume").absolute()
        self.buffers.mkdir()
        _docker("network", "create", self.network)

    def start_workers(self) -> None:
        workers = self.documents["StatefulSet"]
        name, space = workers["metadata"]["name"], workers["metadata"]["namespace"]
        for index in range(workers["spec"]["replicas"]):
            alias = f"{name}-{index}.{workers['spec']['serviceName']}.{space}.svc.cluster.local"
            (main,) = workers["spec"]["template"]["spec"]["containers"]
            where = (
                f"--hostname={name}-{index}",
                f"--network={self.network}",
                f"--network-alias={alias}",
            )
            self._run(main, {}, "--detach", *where)

    def job(self) -> dict[str, int]:
        """Carry out the job's pod; return the exit codes of its containers by name."""
        pod = self.documents["Pod"]["spec"]
        volumes = {each["name"]: self._volume(each) for each in pod.get("volumes", ())}
        pause = {"image": IMAGE, "command": ["sleep", "600"]}
        where = (
            f"--hostname={self.documents['Pod']['metadata']['name']}",
            f"--network={self.network}",
        )
        inside = f"--network=container:{self._run(pause, {}, '--detach', *where)}"
        for each in pod.get("initContainers", ()):
            self._run(each, volumes, inside)
        started = {
            each["name"]: self._run(each, volumes, "--detach", inside) for each in pod["containers"]
        }
        return {name: int(_docker("wait", each)) for name, each in started.items()}

    def _volume(self, volume: Document) -> Path:
        if "persistentVolumeClaim" in volume:
            return self.buffers
        folder = Path(volume["name"]).absolute()
        folder.mkdir()
        folder.chmod(0o777)
        return folder

    def _run(self, container: Document, volumes: dict[str, Path], *flags: str) -> str:
        variables: dict[str, str] = {}
        for each in container.get("env", ()):
            variables[each["name"]] = expand(each["value"], variables)
        words = [expand(word, variables) for word in container.get("command", ())]
        args = [expand(word, variables) for word in container.get("args", ())]
        mounts = (
            f"--volume={volumes[each['name']]}:{each['mountPath']}"
            for each in container.get("volumeMounts", ())
        )
        env = (f"--env={name}={value}" for name, value in variables.items())
        line = (
            *flags,
            *mounts,
            *env,
            f"--entrypoint={words[0]}",
            container["image"],
            *words[1:],
            *args,
        )
        return _docker("run", *line).strip()

    def close(self) -> None:
        _docker("rm", "--force", *_left(self.run_id)["container"])
        _docker("network", "rm", self.network)


KUBERNETES = ("--to", "kubernetes", "--sidecar-image", IMAGE)


def test_the_pod_moves_the_same_bytes(export: Export, run_id: str) -> None:
    _create(upper=UPPER)
    kubelet = _Kubelet(export("upper", *KUBERNETES), run_id)
    data = bytes(range(32, 127)) * 3000
    (kubelet.buffers / "raw-data").write_bytes(data)
    assert set(kubelet.job().values()) == {0}
    assert (kubelet.buffers / "output").read_bytes() == data.upper()
    assert (kubelet.buffers / "log").read_text() == _upper_log(run_id)
    kubelet.close()


def test_the_pod_waits_for_its_workers(export: Export, run_id: str) -> None:
    _create(job=JOB, worker=WORKER)
    text = export("job", *KUBERNETES, "--worker-codespec=worker", "--worker-replicas=2")
    kubelet = _Kubelet(text, run_id)
    kubelet.start_workers()
    assert set(kubelet.job().values()) == {0}
    names = (kubelet.buffers / "output").read_text().split()
    assert names == [f"run-{run_id}-worker-{i}" for i in range(2)]
    kubelet.close()


def test_a_sidecar_connects_to_a_socket(export: Export, run_id: str) -> None:
    _create(server=SERVER)
    kubelet = _Kubelet(export("server", *KUBERNETES), run_id)
    data = bytes(range(32, 127)) * 3000
    (kubelet.buffers / "input").write_bytes(data)
    assert set(kubelet.job().values()) == {0}
    assert (kubelet.buffers / "output").read_bytes() == data.upper()
    kubelet.close()
