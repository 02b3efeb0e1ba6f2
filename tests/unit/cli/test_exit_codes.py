"""The exit codes are a contract."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kdiag.cli import exit_codes
from kdiag.core.model import (
    HEALTHY,
    INCONCLUSIVE,
    Cost,
    Finding,
    Observation,
    Report,
    Samples,
    Severity,
    Target,
)

REPORT = Report(
    Target(1, "", ()), Observation("", 1.0, "stacks", Samples(), Cost()), verdict=HEALTHY, severity=None, findings=()
)


def _sick(severity: Severity, confidence: float = 0.9) -> Report:
    finding = Finding("deadlock", severity, 80, confidence, "t", "s", None, ())
    return replace(REPORT, verdict="deadlock", severity=severity, findings=(finding,))


@pytest.mark.parametrize(
    ("report", "fail_on", "code"),
    [
        (REPORT, "warning", 0),
        (_sick("info"), "warning", 0),
        (_sick("warning"), "warning", 1),
        (_sick("warning"), "critical", 0),
        (_sick("critical"), "critical", 1),
        (_sick("info"), "info", 1),
        (_sick("critical"), None, 0),
        (replace(REPORT, verdict=INCONCLUSIVE), "warning", 4),
        (replace(REPORT, children=(_sick("critical"),)), "warning", 1),
        (replace(REPORT, children=(replace(REPORT, verdict=INCONCLUSIVE),)), "warning", 4),
        (replace(_sick("critical"), children=(replace(REPORT, verdict=INCONCLUSIVE),)), "warning", 1),
    ],
)
def test_of_a_report(report: Report, fail_on: Severity | None, code: int) -> None:
    assert exit_codes.of_report(report, fail_on, 0.0) == code


def test_findings_that_are_not_sure_enough_do_not_fail() -> None:
    assert exit_codes.of_report(_sick("critical", confidence=0.6), "warning", 0.9) == 0
    assert exit_codes.of_report(_sick("critical", confidence=0.95), "warning", 0.9) == 1
