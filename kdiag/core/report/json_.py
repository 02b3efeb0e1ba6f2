"""The report as `kdiag.report/v1`: the contract that other programs read.

The keys and their order are those of the published schema (`schema.json`); a change of either is a new version.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from kdiag import __version__
from kdiag.core.report.stacks import group_json
from kdiag.core.report.tree import children_worst_first, worst_first

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kdiag.core.model import Evidence, Finding, NotEnoughEvidence, Observation, Place, Report, Target

SCHEMA = "kdiag.report/v1"


def render(report: Report) -> Iterator[str]:
    """The report as indented JSON, line by line."""
    text = json.dumps(to_json(report), indent=2, ensure_ascii=False, allow_nan=False)
    # A path that is not UTF-8 holds lone surrogates: as backslash escapes they are valid JSON, and they can be printed.
    yield from text.encode("utf-8", "backslashreplace").decode("utf-8").split("\n")


def to_json(report: Report) -> dict[str, Any]:
    """The report as plain data, keys in the contract's order; the verdict is that of the worst process of the tree."""
    worst = worst_first(report)[0]
    return {
        "schema": SCHEMA,
        "kdiag_version": __version__,
        "target": _target(report.target),
        "observation": _observation(report.observation),
        "verdict": worst.verdict,
        "severity": worst.severity,
        "findings": [_finding(finding) for finding in report.findings],
        "vitals": {name: number(value) for name, value in report.vitals.items()},
        "undecided": [_undecided(outcome) for outcome in report.undecided],
        "stacks": [group_json(group, report.lines) for group in report.stacks],
        "children": [to_json(child) for child in children_worst_first(report)],
    }


def _target(target: Target) -> dict[str, Any]:
    return {
        "pid": target.pid,
        "started_at": target.started_at,
        "command": list(target.command),
        "python": target.python,
        "build": target.build,
        "root": target.root,
    }


def _observation(observation: Observation) -> dict[str, Any]:
    samples, cost = observation.samples, observation.cost
    return {
        "started_at": observation.started_at,
        "duration_s": number(observation.duration_s),
        "access": observation.access,
        "attach_method": observation.attach_method,
        "samples": {
            "stacks": samples.stacks,
            "missed": samples.missed,
            "process": samples.process,
            "collector": samples.collector,
            "probe": samples.probe,
        },
        "rates_hz": {source: number(rate) for source, rate in observation.rates_hz.items()},
        "cost": {
            "target_pause_ms_max": number(cost.target_pause_ms_max),
            "target_cpu_percent": number(cost.target_cpu_percent),
            "own_cpu_percent": number(cost.own_cpu_percent),
        },
        "limitations": [
            {"reference": limitation.reference, "message": limitation.message, "hint": limitation.hint}
            for limitation in observation.limitations
        ],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.id,
        "verdict": finding.verdict,
        "severity": finding.severity,
        "score": finding.score,
        "confidence": number(finding.confidence),
        "suspected": finding.suspected,
        "title": finding.title,
        "summary": finding.summary,
        "culprit": _place(finding.culprit) if finding.culprit else None,
        "places": [{"role": place.role, **_place(place)} for place in finding.places],
        "evidence": [_evidence(evidence) for evidence in finding.evidence],
        "explanation": finding.explanation,
        "remedies": [
            {"title": remedy.title, "detail": remedy.detail, "command": remedy.command, "risk": remedy.risk}
            for remedy in finding.remedies
        ],
        "related": list(finding.related),
        "playbook": finding.playbook,
    }


def _place(place: Place) -> dict[str, Any]:
    return {
        "file": place.file,
        "line": place.line,
        "function": place.function,
        "thread": place.thread,
        "object": place.object,
    }


def _evidence(evidence: Evidence) -> dict[str, Any]:
    return {
        "metric": evidence.metric,
        "value": number(evidence.value),
        "unit": evidence.unit,
        "low": number(evidence.low),
        "high": number(evidence.high),
        "threshold": number(evidence.threshold),
        "source": evidence.source,
        "samples": evidence.samples,
    }


def _undecided(outcome: NotEnoughEvidence) -> dict[str, Any]:
    return {"verdict": outcome.verdict, "reason": outcome.reason, "hint": outcome.hint}


def number(value: float | None) -> float | None:
    """The number without the noise of its last bits; null where JSON has no word for it (infinity, not a number)."""
    if value is None or not math.isfinite(value):
        return None
    return round(value, 6)
