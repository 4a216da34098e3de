from __future__ import annotations

from collections.abc import Mapping

import pytest

from tyger_local.errors import EngineError, UsageError
from tyger_local.plan.build import SHELL, plan_run
from tyger_local.plan.model import (
    CLUSTER_PIPE_ROOT,
    Capacity,
    ContainerPlan,
    Difference,
    Limits,
    MountPlan,
    Overrides,
    PipePlan,
    Role,
    RunPlan,
    SocketPlan,
)
from tyger_local.plan.resolved import ResolvedRun
from tyger_local.spec.buffers import Direction
from tyger_local.spec.models import JobCodespec


def _run(fields: Mapping[str, object] | None = None, **run: object) -> ResolvedRun:
    codespec = JobCodespec.read({"image": "x", **(fields or {})})
    return ResolvedRun(codespec, **run)  # type: ignore[arg-type]  # a table's row


def _plan(run: ResolvedRun, overrides: Overrides | None = None) -> RunPlan:
    return plan_run(run, run_id="7", overrides=overrides)


def _differences(run: ResolvedRun, overrides: Overrides | None = None) -> tuple[Difference, ...]:
    return _plan(run, overrides).differences


def test_the_smallest_plan() -> None:
    assert _plan(_run()) == RunPlan(
        run_id="7",
        network=None,
        containers=(
            ContainerPlan(
                role=Role.JOB,
                index=0,
                host_name="run-7-job-0",
                image="x",
                entrypoint=None,
                arguments=None,
                env=(("TYGER_RUN_ID", "7"),),
                pipe_root=CLUSTER_PIPE_ROOT,
                pipes=(),
                limits=Limits(),
            ),
        ),
        timeout_s=43_200,
    )


def test_pipes_and_their_variables() -> None:
    (container,) = _plan(
        _run({"buffers": {"inputs": ["b", "a"], "outputs": ["my-out"]}})
    ).containers
    root = "/etc/buffer-fifos"
    assert container.pipes == (
        PipePlan("b", Direction.INPUT, f"{root}/b"),
        PipePlan("a", Direction.INPUT, f"{root}/a"),
        PipePlan("my-out", Direction.OUTPUT, f"{root}/my-out"),
    )
    assert container.env == (
        ("TYGER_RUN_ID", "7"),
        ("B_PIPE", f"{root}/b"),
        ("A_PIPE", f"{root}/a"),
        ("MY-OUT_PIPE", f"{root}/my-out"),
    )


@pytest.mark.parametrize(
    ("command", "args", "entrypoint", "arguments"),
    [
        ([], [], None, None),  # the image's own
        ([], ["a"], None, ("a",)),  # the image's ENTRYPOINT, not its CMD
        (["c", "d"], [], ("c", "d"), None),  # a command drops the image's CMD
        (["c"], ["a", "b"], ("c",), ("a", "b")),
        ([], [""], None, ("",)),
    ],
)
def test_command_and_args(
    command: list[str],
    args: list[str],
    entrypoint: tuple[str, ...] | None,
    arguments: tuple[str, ...] | None,
) -> None:
    (container,) = _plan(_run({"command": command, "args": args})).containers
    assert (container.entrypoint, container.arguments) == (entrypoint, arguments)


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("$(A)", "1"),
        ("$(LATER)", "1 again"),  # final values, whatever the order
        ("$(IN_PIPE)", "/etc/buffer-fifos/in"),
        ("$(TYGER_RUN_ID)", "7"),
        ("$$(A)", "$(A)"),
        ("echo $$; ls", "echo $; ls"),
        ("$(NOPE) $A ${A}", "$(NOPE) $A ${A}"),
        ("$(cat $INPUT_PIPE)", "$(cat $INPUT_PIPE)"),
        ("$(PATH)", "$(PATH)"),
    ],
)
def test_command_and_args_are_expanded(text: str, expanded: str) -> None:
    fields = {
        "env": {"A": "1", "LATER": "$(A) again"},
        "buffers": {"inputs": ["in"]},
        "command": [text],
        "args": [text],
        "image": "x",
        "workingDir": "$(A)",
    }
    (container,) = _plan(_run(fields)).containers
    assert (container.entrypoint, container.arguments) == ((expanded,), (expanded,))
    assert (container.image, container.working_dir) == ("x", "$(A)")


def test_a_shell_takes_the_place_of_the_command() -> None:
    fields = {"command": ["c"], "args": ["a"], "env": {"A": "1"}, "resources": {"shm": "1Mi"}}
    (container,) = _plan(_run(fields), Overrides(shell=SHELL)).containers
    assert (container.entrypoint, container.arguments) == (SHELL, ())
    assert container.env == (("TYGER_RUN_ID", "7"), ("A", "1"))
    assert container.limits == Limits(shm_bytes=2**20)


def test_each_replica_has_its_name_and_its_pipes() -> None:
    plan = plan_run(
        _run({"buffers": {"inputs": ["in"]}, "maxReplicas": 2, "args": ["$(IN_PIPE)"]}, replicas=2),
        run_id="7",
        pipe_root=lambda index: f"/pipes/{index}",
    )
    assert [c.label for c in plan.containers] == ["job-0", "job-1"]
    assert [c.host_name for c in plan.containers] == ["run-7-job-0", "run-7-job-1"]
    assert [c.pipe_root for c in plan.containers] == ["/pipes/0", "/pipes/1"]
    assert [c.pipes[0].path for c in plan.containers] == ["/pipes/0/in", "/pipes/1/in"]
    assert [c.arguments for c in plan.containers] == [("/pipes/0/in",), ("/pipes/1/in",)]
    assert [dict(c.env)["IN_PIPE"] for c in plan.containers] == ["/pipes/0/in", "/pipes/1/in"]
    assert plan.differences == ()


def test_what_is_passed_on() -> None:
    overrides = Overrides(
        network="net", mounts=(MountPlan("/a", "/b"),), user="1000", platform="linux/arm64"
    )
    plan = plan_run(
        _run({"workingDir": "/w"}, timeout_s=5),
        run_id="7",
        overrides=overrides,
        labels={"b": "1", "a": "2"},
    )
    (container,) = plan.containers
    assert (plan.network, plan.timeout_s) == ("net", 5)
    assert container.mounts == (MountPlan("/a", "/b"),)
    assert (container.user, container.platform) == ("1000", "linux/arm64")
    assert container.working_dir == "/w"
    assert container.labels == (("b", "1"), ("a", "2"))


@pytest.mark.parametrize(
    ("run", "overrides", "code", "text", "strict"),
    [
        (
            _run({"workingDir": "/w"}),
            Overrides(),
            "working-dir",
            "workingDir is honoured here and ignored by the cluster (/w)",
            True,
        ),
        (
            _run({"identity": "me"}),
            Overrides(),
            "identity",
            "the identity 'me' is ignored here",
            True,
        ),
        (
            _run(),
            Overrides(mounts=(MountPlan("/a", "/b"),)),
            "local-flag",
            "--mount does not exist on the cluster",
            True,
        ),
        (
            _run(),
            Overrides(user="0"),
            "local-flag",
            "--user does not exist on the cluster",
            True,
        ),
        (
            _run(),
            Overrides(network="host"),
            "local-flag",
            "--network does not exist on the cluster",
            True,
        ),
        (_run(cluster="c"), Overrides(), "placement", "the cluster 'c' is ignored here", False),
        (
            _run(node_pool="n"),
            Overrides(),
            "placement",
            "the node pool 'n' is ignored here",
            False,
        ),
        (
            _run(replicas=2),
            Overrides(),
            "max-replicas",
            "2 replicas are more than maxReplicas (1); the cluster does not enforce it either",
            False,
        ),
        (
            _run({"maxReplicas": 3}, replicas=4),
            Overrides(),
            "max-replicas",
            "4 replicas are more than maxReplicas (3); the cluster does not enforce it either",
            False,
        ),
    ],
)
def test_each_difference_is_named(
    run: ResolvedRun, overrides: Overrides, code: str, text: str, strict: bool
) -> None:
    assert _differences(run, overrides) == (Difference(code, text, strict),)


@pytest.mark.parametrize(
    ("run", "overrides"),
    [
        (_run({"maxReplicas": 4}, replicas=4), Overrides()),
        (_run(), Overrides(platform="linux/amd64")),
        (_run({"resources": {"gpu": 0}}), Overrides(no_gpu=True, no_clamp=True)),
        (_run({"env": {"A": "1"}, "args": ["$(A)"]}), Overrides()),
    ],
)
def test_no_difference(run: ResolvedRun, overrides: Overrides) -> None:
    assert _differences(run, overrides) == ()


def test_differences_come_env_first_then_limits_then_the_rest() -> None:
    run = _run(
        {"env": {"TYGER_RUN_ID": "x"}, "resources": {"gpu": 1}, "identity": "me"}, cluster="c"
    )
    codes = [d.code for d in _differences(run, Overrides(no_gpu=True))]
    assert codes == ["env-injected", "no-gpu", "identity", "placement"]


def test_limits_are_planned_for_the_machine() -> None:
    run = _run({"resources": {"limits": {"cpu": 4}}})
    machine = Capacity(nano_cpus=10**9, memory_bytes=2**30)
    plan = plan_run(run, run_id="7", capacity=machine)
    assert plan.containers[0].limits.cpu_quota_us == 100_000
    with pytest.raises(EngineError):
        plan_run(run, run_id="7", capacity=machine, overrides=Overrides(no_clamp=True))


def test_sockets_take_the_place_of_pipes() -> None:
    fields = {
        "buffers": {"inputs": ["a", "b"], "outputs": ["c", "d"]},
        "sockets": [
            {"port": 80, "inputBuffer": "A", "outputBuffer": "c"},
            {"port": 81, "outputBuffer": "d"},
        ],
    }
    (container,) = _plan(_run(fields)).containers
    assert container.sockets == (SocketPlan(80, "a", "c"), SocketPlan(81, None, "d"))
    assert [pipe.buffer for pipe in container.pipes] == ["b"]
    assert container.env == (("TYGER_RUN_ID", "7"), ("B_PIPE", "/etc/buffer-fifos/b"))


def test_replicas_cannot_share_an_output() -> None:
    with pytest.raises(UsageError) as caught:
        _plan(_run({"buffers": {"outputs": ["o"]}}, replicas=2))
    assert caught.value.what == (
        "2 replicas would all write the output buffer 'o', and on the cluster they collide"
    )


def test_replicas_may_share_an_input() -> None:
    run = _run({"buffers": {"inputs": ["i"]}, "maxReplicas": 2}, replicas=2)
    assert len(_plan(run).containers) == 2
