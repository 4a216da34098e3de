from __future__ import annotations

import pytest

from tyger_local.outcome.cpu_need import rounded_cores
from tyger_local.outcome.memory_need import rounded_memory
from tyger_local.outcome.needs import Measured, larger, smaller
from tyger_local.outcome.suggestion import suggest
from tyger_local.outcome.verdict import VerdictKind
from tyger_local.spec.decode import decode_codespec_file
from tyger_local.spec.document import read_document
from tyger_local.spec.models import Resources
from tyger_local.spec.quantity import parse_quantity
from tyger_local.spec.rules import cluster_refusals

MI = 2**20
OK = VerdictKind.SUCCEEDED


def _run(verdict: VerdictKind | None = OK, **known: float | None) -> Measured:
    whole = {"peak_memory_bytes", "own_memory_bytes", "replicas", "restarts"}
    return Measured(
        verdict,
        **{name: int(v) if name in whole and v is not None else v for name, v in known.items()},  # type: ignore[arg-type]
    )


def _limits(cpu: str | None = None, memory: str | None = None) -> dict[str, object]:
    return {"limits": {"cpu": cpu, "memory": memory}}


def _memory(peak_mi: float, **more: float | None) -> Measured:
    return _run(peak_memory_bytes=peak_mi * MI, run_seconds=10.0, **more)


def _cpu(seconds: float, **more: float | None) -> Measured:
    return _run(cpu_seconds=seconds, run_seconds=10.0, **more)


CASES = [
    # memory: measured, codespec, request, limit, words
    (_memory(412), {}, "memory", "416Mi", "576Mi", "peak was 412 MiB"),
    (_memory(412), _limits(memory="4Gi"), "memory", "416Mi", "576Mi", "(the codespec has 4Gi)"),
    (_memory(1), {}, "memory", "16Mi", "16Mi", "16Mi, and less is not proposed"),
    (_memory(5000), {}, "memory", "5Gi", "7Gi", "25 %"),
    (_memory(400, own_memory_bytes=100 * MI), {}, "memory", "416Mi", "512Mi", "less may do"),
    (_memory(400, own_memory_bytes=390 * MI), {}, "memory", "416Mi", "512Mi", "Memory"),
    (_memory(508, own_memory_bytes=500 * MI), _limits(memory="512Mi"), "memory", "512Mi", "640Mi",
     "may have held it back"),
    (_memory(512, own_memory_bytes=100 * MI), _limits(memory="512Mi"), "memory", "104Mi", "512Mi",
     "at most 100 MiB of it was the program's own and the rest file cache"),
    (_memory(100), _limits(memory="0"), "memory", "104Mi", "128Mi", "peak was 100 MiB"),
    (_memory(100), {"requests": {"memory": "-1"}}, "memory", "104Mi", "128Mi", "peak was 100 MiB"),
    (_run(peak_memory_bytes=100 * MI, run_seconds=0.4), _limits(memory="4Gi"), "memory", "104Mi",
     "4Gi", "the run took only 0.40 s, so nothing is lowered."),
    (_run(peak_memory_bytes=100 * MI), _limits(memory="4Gi"), "memory", "104Mi", "4Gi",
     "how long the run took is not known"),
    (_memory(100, restarts=1), _limits(memory="4Gi"), "memory", "104Mi", "4Gi",
     "containers had to be started again, so nothing is lowered."),
    (_run(VerdictKind.FAILED, peak_memory_bytes=100 * MI, run_seconds=5), _limits(memory="4Gi"),
     "memory", "104Mi", "4Gi", "did not succeed (failed), so nothing is lowered, and a whole run"),
    (_run(VerdictKind.CANCELED, peak_memory_bytes=100 * MI, run_seconds=5), {}, "memory", "104Mi",
     None, "did not succeed (canceled)"),
    (_run(None, peak_memory_bytes=100 * MI), {}, "memory", "104Mi", None,
     "how the run ended is not known"),
    (_run(VerdictKind.FAILED, peak_memory_bytes=100 * MI, run_seconds=5),
     {"requests": {"memory": "1Gi"}}, "memory", "1Gi", None, "did not succeed (failed)"),
    (_run(VerdictKind.FAILED, peak_memory_bytes=100 * MI, run_seconds=5),
     {"requests": {"memory": "1Gi"}, "limits": {"memory": "2Gi"}}, "memory", "1Gi", "2Gi",
     "nothing is lowered"),
    # killed for want of memory
    (_run(VerdictKind.OUT_OF_MEMORY, peak_memory_bytes=512 * MI), _limits(memory="512Mi"), "memory",
     "512Mi", "1Gi", "killed for want of memory at 512 MiB"),
    (_run(VerdictKind.OUT_OF_MEMORY, peak_memory_bytes=300 * MI), {}, "memory", "320Mi", "640Mi",
     "twice as much (640Mi)"),
    (_run(VerdictKind.OUT_OF_MEMORY, cpu_seconds=1.0, run_seconds=1.0), _limits(memory="100M"),
     "memory", "100M", "192Mi", "killed for want of memory"),
    (_run(VerdictKind.OUT_OF_MEMORY, cpu_seconds=1.0, run_seconds=1.0), {}, "memory", None, None,
     "neither a limit nor its peak is known"),
    # memory is not known, CPU is
    (_cpu(1), {"requests": {"memory": "1Gi"}, "limits": {"memory": "2Gi"}}, "memory", "1Gi", "2Gi",
     "the peak was not measured"),
    # cpu
    (_cpu(13.8, peak_cores=2.04), {}, "cpu", "1400m", "2100m", "1.38 cores busy on average"),
    (_cpu(27.6, peak_cores=2.04, replicas=2), {}, "cpu", "1400m", "2100m", "1.38 cores busy"),
    (_cpu(13.8, peak_cores=2.04), _limits(cpu="8"), "cpu", "1400m", "2100m", "(the codespec has 8)"),
    (_cpu(0), {}, "cpu", "100m", None, "no samples to see its peak in, so no limit is proposed"),
    (_cpu(5), _limits(cpu="2"), "cpu", "500m", "2", "the codespec's limit stays"),
    (_cpu(13.8, peak_cores=1.0), {}, "cpu", "1400m", "1400m", "1.38 cores;"),
    (_cpu(9.8, throttled_seconds=0.4, peak_cores=1.1), _limits(cpu="1"), "cpu", "1", "1",
     "used all of its limit (1)"),
    (_cpu(9.8, throttled_seconds=2.4, peak_cores=1.1), _limits(cpu="1"), "cpu", "1", "2",
     "held it back for 2.40 s (24 % of its time)"),
    (_cpu(9.8, throttled_seconds=2.4, peak_cores=1.1), {}, "cpu", "1", "1100m", "most"),
    (_cpu(9.8, peak_cores=1.1), _limits(cpu="1"), "cpu", "1", "1100m", "most"),
    (_run(VerdictKind.FAILED, cpu_seconds=5, run_seconds=10, peak_cores=1), {}, "cpu", "500m", None,
     "nothing is lowered"),
    (_run(cpu_seconds=0.1, run_seconds=0.04, peak_cores=3, peak_memory_bytes=MI), _limits(cpu="2"),
     "cpu", None, "2", "too short to tell how many cores"),
    (_cpu(9.8), _limits(cpu="950m"), "cpu", "950m", "950m", "stays"),
    (_run(VerdictKind.TIMED_OUT, cpu_seconds=5, run_seconds=10, peak_cores=1), _limits(cpu="4"),
     "cpu", "500m", "4", "did not succeed (timed-out)"),
    (_memory(100), {"requests": {"cpu": "1"}, "limits": {"cpu": "500m"}}, "cpu", "500m", "500m",
     "the time that it used was not measured"),
    (_run(cpu_seconds=5, run_seconds=0, peak_memory_bytes=MI, throttled_seconds=1), {}, "cpu", None,
     None, "how long the run took is not known"),
]  # fmt: skip


@pytest.mark.parametrize(("measured", "asked", "resource", "request_", "limit", "words"), CASES)
def test_what_is_suggested(
    measured: Measured,
    asked: dict[str, object],
    resource: str,
    request_: str | None,
    limit: str | None,
    words: str,
) -> None:
    suggestion = suggest(measured, Resources.read(asked))
    found = suggestion.document().get("resources", {})
    assert isinstance(found, dict)
    assert found.get("requests", {}).get(resource) == request_
    assert found.get("limits", {}).get(resource) == limit
    assert words in " ".join(suggestion.reasons)
    for reason in suggestion.reasons:
        assert reason.endswith(".")


@pytest.mark.parametrize(("measured", "asked"), [case[:2] for case in CASES])
def test_the_block_can_be_pasted(measured: Measured, asked: dict[str, object]) -> None:
    suggestion = suggest(measured, Resources.read({**asked, "gpu": "1", "shm": "1e9"}))
    file = read_document(f"image: x\n{suggestion.yaml()}", "pasted.yml")
    codespec = decode_codespec_file(file)
    assert codespec.resources == suggestion.resources
    resources = suggestion.document()["resources"]
    assert isinstance(resources, dict)
    assert (resources["gpu"], resources["shm"]) == ("1", "1e9")
    for name in ("cpu", "memory"):
        request = getattr(codespec.resources.requests, name)
        limit = getattr(codespec.resources.limits, name)
        assert request is None or limit is None or request.nanos <= limit.nanos
    assert not any("request" in refusal for refusal in cluster_refusals(codespec))


def test_the_block_in_full() -> None:
    measured = _run(peak_memory_bytes=412 * MI, cpu_seconds=20, run_seconds=10, peak_cores=3.0)
    suggestion = suggest(measured, Resources.read({"gpu": "2"}))
    assert suggestion.yaml() == (
        "resources:\n"
        "  requests:\n"
        '    cpu: "2"\n'
        "    memory: 416Mi\n"
        "  limits:\n"
        '    cpu: "3"\n'
        "    memory: 576Mi\n"
        '  gpu: "2"\n'
    )
    assert suggestion.reasons[-1] == "It comes from one run: another input may need more."


@pytest.mark.parametrize(
    ("measured", "words"),
    [
        (Measured(OK, 12.0, engine="process"), ("peak was not measured, so nothing is proposed; run it"
         " again on Docker (--engine docker). CPU: the time that it used was not measured, so nothing"
         " is proposed; run it again on Docker (--engine docker).")),
        (Measured(None, 12.0), "measured, so nothing is proposed: the process that ran it ended before"),
        (Measured(VerdictKind.START_FAILED, 12.0, engine="docker"),
         "measured, so nothing is proposed: the run did not start. CPU"),
        (Measured(VerdictKind.START_FAILED, engine="process"), "proposed: the run did not start. CPU"),
        (Measured(OK, 12.0, engine="docker"), "proposed: neither the kernel nor the engine told it."),
        (_run(cpu_seconds=0.1, run_seconds=0.1), "too short"),
        (_run(VerdictKind.OUT_OF_MEMORY), "neither a limit nor its peak is known"),
    ],
)  # fmt: skip
def test_where_the_run_says_nothing_nothing_is_suggested(measured: Measured, words: str) -> None:
    asked = {"limits": {"cpu": "1"}, "requests": {"memory": "1Gi"}, "gpu": "1"}
    suggestion = suggest(measured, Resources.read(asked))
    assert (suggestion.yaml(), suggestion.document()) == ("", {})
    assert [reason.split(":")[0] for reason in suggestion.reasons] == ["Memory", "CPU"]
    assert words in " ".join(suggestion.reasons)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "16Mi"),
        (16 * MI, "16Mi"),
        (16 * MI + 1, "18Mi"),
        (512 * MI, "512Mi"),
        (513 * MI, "576Mi"),
        (4096 * MI, "4Gi"),
        (4097 * MI, "5Gi"),
        (70_000 * MI, "69Gi"),
    ],
)
def test_memory_is_rounded_up_to_what_people_write(count: int, text: str) -> None:
    assert str(rounded_memory(count)) == text


@pytest.mark.parametrize(
    ("cores", "text"), [(0, "100m"), (0.1, "100m"), (0.3, "300m"), (0.301, "400m"), (2.0, "2")]
)
def test_cores_are_rounded_up_to_a_tenth(cores: float, text: str) -> None:
    assert str(rounded_cores(cores)) == text


def test_none_is_no_quantity() -> None:
    one, two = parse_quantity("1"), parse_quantity("2")
    assert (larger(one, two), larger(two, one), larger(None, one), larger(one, None)) == (
        two,
        two,
        one,
        one,
    )
    assert (smaller(one, two), smaller(two, one), smaller(None, two), smaller(two, None)) == (
        one, one, two, two,
    )  # fmt: skip
