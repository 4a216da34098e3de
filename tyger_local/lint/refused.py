"""Findings about what the Kubernetes API server refuses; `spec.rules` knows what that is."""

from __future__ import annotations

from collections.abc import Iterator

from tyger_local.lint.model import Finding, Subject
from tyger_local.spec.rules import refusals

REFUSED = (
    "negative-quantity",
    "fractional-gpu",
    "request-above-limit",
    "endpoint-port",
    "buffer-name-length",
    "env-name",
)
"""The rules that are about this; whoever calls `cluster_refusals` has said them."""


def refused(subject: Subject, code: str, fix: str, *, is_key: bool = False) -> Iterator[Finding]:
    """Yield a finding for each refusal of a kind."""
    for refusal in refusals(subject.codespec):
        if refusal.code == code:
            yield Finding(
                refusal.path,
                f"the cluster fails every run of it: {refusal.text}",
                fix,
                is_key=is_key,
            )
