"""SARIF, JUnit and OpenMetrics: valid whatever the report holds, and true to it."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft202012Validator
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from kdiag.core.catalog import VERDICTS
from kdiag.core.report import junit, openmetrics, sarif
from kdiag.core.report.formats import FORMATS, form_of, render

from . import strategies
from .samples import ALL, BANK

if TYPE_CHECKING:
    from kdiag.core.model import Report

_calm = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
_WORDS = {
    "type": "object",
    "required": ["text"],
    "additionalProperties": False,
    "properties": {"text": {"type": "string"}},
}


def _object(required: Any = (), **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "additionalProperties": False, "properties": properties}


def _list(items: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "array", "items": items, **more}


_STRING, _LEVEL = {"type": "string"}, {"enum": ["none", "note", "warning", "error"]}
_LOCATION = {
    "id": {"type": "integer", "minimum": -1},
    "message": _WORDS,
    "physicalLocation": _object(
        ("artifactLocation",),
        artifactLocation=_object(uri={"type": "string", "pattern": r"^[\x21-\x7e]+$"}),
        region=_object(startLine={"type": "integer", "minimum": 1}, snippet=_object(text=_STRING)),
    ),
    "logicalLocations": _list(_object(fullyQualifiedName=_STRING, kind=_STRING), uniqueItems=True),
}
# What the standard (OASIS, sarif-schema-2.1.0) says of the properties that are written, and nothing beyond them.
SARIF = _object(
    ("version", "runs"),
    **{"$schema": _STRING},
    version={"const": "2.1.0"},
    runs=_list(
        _object(
            ("tool",),
            tool=_object(
                ("driver",),
                driver=_object(
                    ("name",), name=_STRING, version=_STRING,
                    rules=_list(
                        _object(("id",), id=_STRING, shortDescription=_WORDS, fullDescription=_WORDS, help=_WORDS),
                        uniqueItems=True,
                    ),
                ),
            ),
            columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
            invocations=_list(
                _object(
                    ("executionSuccessful",), executionSuccessful={"type": "boolean"},
                    toolExecutionNotifications=_list(
                        _object(("message",), level=_LEVEL, descriptor=_object(id=_STRING), message=_WORDS)
                    ),
                )
            ),
            results=_list(
                _object(
                    ("message",), ruleId=_STRING, ruleIndex={"type": "integer", "minimum": -1}, level=_LEVEL,
                    rank={"type": "number", "minimum": -1, "maximum": 100}, message=_WORDS,
                    partialFingerprints={"type": "object", "additionalProperties": _STRING},
                    properties={"type": "object"}, locations=_list(_object(**_LOCATION)),
                    relatedLocations=_list(_object(**_LOCATION), uniqueItems=True),
                )
            ),
        )
    ),
)  # fmt: skip


def log(report: Report) -> dict[str, Any]:
    text = "\n".join(sarif.render(report))
    text.encode("utf-8")
    return dict(json.loads(text))


@_calm
@given(strategies.reports)
def test_sarif_of_any_report_is_valid(report: Report) -> None:
    data = log(report)
    Draft202012Validator(SARIF).validate(data)
    run = data["runs"][0]
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        for location in result["locations"] + result.get("relatedLocations", []):
            assert "physicalLocation" in location


def test_sarif_names_the_line_and_the_others() -> None:
    results = log(ALL["many findings"])["runs"][0]["results"]
    deadlock = next(result for result in results if result["ruleId"] == "deadlock")
    assert deadlock["level"] == "error"
    assert deadlock["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": f"file://{BANK}"},
        "region": {"startLine": 31, "snippet": {"text": "with other.lock:"}},
    }
    assert [place["message"]["text"] for place in deadlock["relatedLocations"]] == ["holds", "waits"]
    assert next(result for result in results if result["ruleId"] == "fd-leak")["level"] == "warning"


def suites(report: Report) -> list[ET.Element]:
    return list(ET.fromstring("\n".join(junit.render(report)).encode("utf-8")))  # noqa: S314


@_calm
@given(strategies.reports)
def test_junit_of_any_report_counts_what_it_holds(report: Report) -> None:
    for suite in suites(report):
        cases = suite.findall("testcase")
        assert len(cases) == int(suite.get("tests", ""))
        assert len(suite.findall("testcase/failure")) == int(suite.get("failures", ""))
        assert len(suite.findall("testcase/skipped")) == int(suite.get("skipped", ""))
        told = {(case.get("name") or "").split()[0] for case in cases}
        assert set(VERDICTS) <= told


def test_junit_fails_what_was_found_and_skips_what_could_not_be_told() -> None:
    (sick,) = suites(ALL["one finding"])
    failure = sick.find("testcase[@name='gc-pressure F1']/failure")
    assert failure is not None
    assert failure.get("message") == "61 % of the time goes to the garbage collector"
    assert "churn.py:7" in (failure.text or "")
    (unsure,) = suites(ALL["inconclusive"])
    skipped = unsure.find("testcase[@name='memory-leak']/skipped")
    assert skipped is not None
    assert skipped.get("message") == "a slope needs 30 s Add --for 60s."


def exposed(report: Report) -> dict[tuple[str, str], float]:
    text = "".join(f"{line}\n" for line in openmetrics.render(report))
    families = list(text_string_to_metric_families(text))  # type: ignore[no-untyped-call]
    return {(each.name, json.dumps(each.labels)): each.value for family in families for each in family.samples}


@_calm
@given(strategies.reports)
def test_openmetrics_of_any_report_is_read_by_prometheus(report: Report) -> None:
    assert any(name == "kdiag_report" for name, _ in exposed(report))


def test_openmetrics_tells_the_numbers() -> None:
    samples = exposed(ALL["one finding"])
    (score,) = [value for (name, _), value in samples.items() if name == "kdiag_finding_score"]
    assert score == 93
    shares = {name: value for (name, labels), value in samples.items() if '"gc.share"' in labels}
    assert shares == {"kdiag_evidence": 0.61, "kdiag_evidence_threshold": 0.1}


@pytest.mark.parametrize(
    ("ending", "form"),
    [(".HTML", "html"), (".sarif", "sarif"), (".xml", "junit"), (".prom", "openmetrics"), (".x", "text")],
)
def test_a_file_says_its_format_by_its_ending(ending: str, form: str) -> None:
    assert form_of(ending) == form


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_is_written(form: str) -> None:
    assert list(render(ALL["children"], form))
