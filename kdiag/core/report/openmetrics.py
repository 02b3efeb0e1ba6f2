"""The report as OpenMetrics text: for a dashboard, through a collector of text files or a gateway.

All families are gauges, so that Prometheus' older text format reads the same lines. What says where (file, line) is a
label of the finding's score and of nothing else: a place makes a new series.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from kdiag.core.report import tree
from kdiag.core.report.layout import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kdiag.core.model import Finding, Report

Labels = tuple[tuple[str, str], ...]
_FAMILIES = {
    "kdiag_report": "A diagnosis of a process: always 1, its verdict is a label.",
    "kdiag_observation_seconds": "For how long it was observed.",
    "kdiag_finding_score": "How grave a finding is, 0 to 100; 75 at its warning threshold.",
    "kdiag_finding_confidence_ratio": "How sure it is, 0 to 1.",
    "kdiag_evidence": "A number that a finding rests on, in the unit that its label names.",
    "kdiag_evidence_threshold": "What that number is held against.",
    "kdiag_vital": "A vital sign; the end of its name is its unit.",
    "kdiag_limitations": "How many things could not be looked at.",
}
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


def render(report: Report) -> Iterator[str]:
    """The exposition, line by line, of all processes."""
    families: dict[str, dict[Labels, float]] = {name: {} for name in _FAMILIES}
    for one in tree.worst_first(report):
        for family, labels, value in _samples(one):
            families[family].setdefault(labels, value)  # a series has one value
    for family, samples in families.items():
        if samples:
            yield f"# TYPE {family} gauge"
            yield f"# HELP {family} {_FAMILIES[family]}"
            yield from (f"{family}{{{_worded(labels)}}} {_number(value)}" for labels, value in samples.items())
    yield "# EOF"


def _samples(report: Report) -> Iterator[tuple[str, Labels, float]]:
    observation = report.observation
    pid = ("pid", str(report.target.pid))
    about = (pid, ("verdict", report.verdict), ("severity", report.severity or ""), ("python", report.target.python))
    yield "kdiag_report", (*about, ("access", observation.access)), 1.0
    yield "kdiag_observation_seconds", (pid,), observation.duration_s
    yield "kdiag_limitations", (pid,), len(observation.limitations)
    for name, value in report.vitals.items():
        yield "kdiag_vital", (pid, ("sign", name)), value
    for finding in report.findings:
        yield from _finding(finding, (pid, ("finding", finding.id), ("verdict", finding.verdict)))


def _finding(finding: Finding, which: Labels) -> Iterator[tuple[str, Labels, float]]:
    at = finding.culprit
    where = (("file", at.file), ("line", str(at.line)), ("function", at.function)) if at else ()
    yield "kdiag_finding_score", (*which, ("severity", finding.severity), *where), finding.score
    yield "kdiag_finding_confidence_ratio", which, finding.confidence
    for evidence in finding.evidence:
        labels = (*which, ("metric", evidence.metric), ("unit", evidence.unit), ("source", evidence.source))
        yield "kdiag_evidence", labels, evidence.value
        if evidence.threshold is not None:
            yield "kdiag_evidence_threshold", labels, evidence.threshold


def _worded(labels: Labels) -> str:
    return ",".join(f'{name}="{clean(value).translate(_ESCAPES)}"' for name, value in labels)


def _number(value: float) -> str:
    if math.isfinite(value):
        return repr(round(value, 6))
    return "NaN" if math.isnan(value) else f"{'+' if value > 0 else '-'}Inf"
