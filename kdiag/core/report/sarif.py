"""The report as SARIF 2.1.0, which code hosts and editors show beside the lines that it names.

A verdict is a rule, a finding its result: the culprit is its location, the other places are related ones. What could
not be seen are notifications of the run. One run holds the whole process tree.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from kdiag import __version__
from kdiag.core.catalog import entry
from kdiag.core.report import tree
from kdiag.core.report.layout import clean
from kdiag.core.report.stacks import source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kdiag.core.model import Finding, Limitation, Place, Report
    from kdiag.core.report.stacks import Lines

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
# GitHub refuses a whole log for one location without a file; a process that leaks descriptors has none to name.
_NOWHERE = {
    "physicalLocation": {"artifactLocation": {"uri": "no-place-in-the-code"}, "region": {"startLine": 1}},
}
_LEVELS = {"info": "note", "warning": "warning", "critical": "error"}


def render(report: Report) -> Iterator[str]:
    """The log as indented JSON, line by line."""
    yield from json.dumps(to_json(report), indent=2, ensure_ascii=False, allow_nan=False).split("\n")


def to_json(report: Report) -> dict[str, Any]:
    """The log as plain data."""
    reports = tree.worst_first(report)
    verdicts = list(dict.fromkeys(finding.verdict for one in reports for finding in one.findings))
    run = {
        "tool": {
            "driver": {"name": "kdiag", "version": __version__, "rules": [_rule(verdict) for verdict in verdicts]}
        },
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": True,
                "toolExecutionNotifications": [
                    _notification(each) for one in reports for each in one.observation.limitations
                ],
            }
        ],
        "results": [_result(each, one, verdicts.index(each.verdict)) for one in reports for each in one.findings],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(verdict: str) -> dict[str, Any]:
    about = entry(verdict)
    return {
        "id": verdict,
        "shortDescription": {"text": f"{about.title}."},
        "fullDescription": {"text": about.meaning},
        "help": {"text": f"kdiag explain {verdict}"},
    }


def _notification(limitation: Limitation) -> dict[str, Any]:
    return {
        "level": "note",
        "descriptor": {"id": clean(limitation.reference)},
        "message": {"text": clean(f"{limitation.message} {limitation.hint}".rstrip())},
    }


def _result(finding: Finding, report: Report, rule: int) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.verdict,
        "ruleIndex": rule,
        "level": _LEVELS[finding.severity],
        "rank": float(finding.score),
        "message": {"text": clean(f"{finding.title.rstrip('.')}. {finding.summary}".rstrip())},
        "partialFingerprints": {"kdiagPlace/v1": _fingerprint(finding)},
        "properties": {
            "pid": report.target.pid, "confidence": round(finding.confidence, 6), "suspected": finding.suspected,
            "remedies": [clean(remedy.title) for remedy in finding.remedies],
        },
    }  # fmt: skip
    culprit = [_location(finding.culprit, report.lines)] if finding.culprit else []
    others = [
        {"id": number, "message": {"text": clean(place.role) or "see"}, **_location(place, report.lines)}
        for number, place in enumerate(finding.places, start=1)
    ]
    others = [each for each in others if "physicalLocation" in each]
    result["locations"] = [next((each for each in [*culprit, *others] if "physicalLocation" in each), _NOWHERE)]
    if others:
        result["relatedLocations"] = others
    return result


def _fingerprint(finding: Finding) -> str:
    """The same for the same disease at the same function, also when its lines have moved."""
    at = finding.culprit
    words = "\0".join((finding.verdict, at.file, at.function) if at else (finding.verdict, finding.title))
    return hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _location(at: Place, lines: Lines) -> dict[str, Any]:
    """A place; the physical one only where it is a file."""
    location: dict[str, Any] = {}
    if at.file and not at.file.startswith("<"):
        physical: dict[str, Any] = {"artifactLocation": {"uri": _uri(at.file)}}
        if at.line > 0:
            text = source(lines, at)
            physical["region"] = {"startLine": at.line, **({"snippet": {"text": clean(text)}} if text else {})}
        location["physicalLocation"] = physical
    if at.function:
        location["logicalLocations"] = [{"fullyQualifiedName": clean(at.function), "kind": "function"}]
    return location


def _uri(file: str) -> str:
    path = quote(file.encode("utf-8", "surrogatepass"))
    return f"file://{path}" if path.startswith("/") else path
