"""What several tests of engines share."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tyger_local.engine.docker.transport import Answer, Output


class FakeEngine:
    """A way to an engine that gives the next of some answers to each request, and the last again and again.

    Args:
        answers: The status and the document of each.
    """

    def __init__(self, *answers: tuple[int, Mapping[str, Any]]) -> None:
        self._answers = [*answers]
        self.asked: list[str] = []

    def call(
        self,
        request: str,
        query: Mapping[str, str],
        body: Mapping[str, Any] | None,
        timeout_s: float | None,
    ) -> Answer:
        self.asked.append(request)
        answers = self._answers
        status, document = answers[0] if len(answers) == 1 else answers.pop(0)
        return Answer(status, json.dumps(document).encode())

    def attach(self, container: str, timeout_s: float) -> Output:
        raise NotImplementedError

    def close(self) -> None:
        pass


@pytest.fixture
def fake_engine() -> Callable[..., FakeEngine]:
    return FakeEngine
