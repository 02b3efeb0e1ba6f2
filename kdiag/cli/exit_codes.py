"""What the process exits with: a contract that CI and scripts rely on, mapped in this one place."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kdiag.core.model import Report, Severity
    from kdiag.core.playbooks.plan import Run

HEALTHY_EXIT = 0  # nothing at or above --fail-on
FINDINGS = 1
USAGE = 2
CANNOT_OBSERVE = 3
INCONCLUSIVE_EXIT = 4
INTERNAL = 70
INTERRUPTED = 130


def of_report(report: Report, fail_on: Severity | None, min_confidence: float) -> int:
    """Exit code of a report; `fail_on` None means that findings never fail.

    A finding counts when it is at least as severe as `fail_on` and at least as sure as `min_confidence`.
    """
    from kdiag.core.model import INCONCLUSIVE  # noqa: PLC0415 - keeps `--help` light

    everyone = [report, *report.children]
    if fail_on is not None and any(_fails(one, fail_on, min_confidence) for one in everyone):
        return FINDINGS
    if any(one.verdict == INCONCLUSIVE for one in everyone):
        return INCONCLUSIVE_EXIT
    return HEALTHY_EXIT


def of_named(runs: Iterable[Run], code: int, fail_on: Severity | None) -> int:
    """The exit code where playbooks were named: what these found counts like the findings of the report."""
    found = (severity for run in runs for _, severity, _ in run.findings)
    return FINDINGS if fail_on is not None and any(_reaches(severity, fail_on) for severity in found) else code


def _fails(report: Report, fail_on: Severity, min_confidence: float) -> bool:
    from kdiag.core.model import HEALTHY  # noqa: PLC0415 - keeps `--help` light

    return report.verdict != HEALTHY and any(
        _reaches(finding.severity, fail_on) and finding.confidence >= min_confidence for finding in report.findings
    )


def _reaches(severity: str, fail_on: Severity) -> bool:
    from kdiag.core.model import SEVERITIES  # noqa: PLC0415 - keeps `--help` light

    return SEVERITIES.index(severity) >= SEVERITIES.index(fail_on)
