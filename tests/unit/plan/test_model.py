from __future__ import annotations

import pytest

from tyger_local.plan.model import ContainerPlan, Limits, Role


@pytest.mark.parametrize(
    ("role", "index", "label"), [(Role.JOB, 0, "job-0"), (Role.WORKER, 12, "worker-12")]
)
def test_label(role: Role, index: int, label: str) -> None:
    plan = ContainerPlan(role, index, "host", "x", None, None, (), "/pipes", (), Limits())
    assert plan.label == label
