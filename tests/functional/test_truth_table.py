"""The truth table: every sick program gets its verdict and its line, every healthy look-alike stays healthy.

Each is looked at once, by a triage, whose report is that of a diagnosis. What was seen meanwhile is recorded, and the
recording gives the same report, the same story and the same paths to the letter.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from kdiag.core.model import SEVERITIES
from kdiag.core.report import json_, schema, story
from kdiag.engine.diagnosis import diagnosed
from kdiag.engine.playbooks.files import usable
from kdiag.engine.playbooks.looking import recorded
from kdiag.engine.playbooks.triage import triage as triage_of
from tests.support.cases import running
from tests.support.kdiag import kdiag
from tests.targets.truth import LOOK_ALIKES, SICK, Case, culprit_lines, culprit_names

if TYPE_CHECKING:
    from tests.support.targets import Target

SHORT = os.environ.get("KDIAG_SLOW") == "short"  # the slow tests in the form that .ci/run has time for
VALIDATOR = Draft202012Validator(json.loads(schema.text()))
PLAYBOOKS, _ = usable()
SYMPTOMS = {playbook.name for playbook in PLAYBOOKS if playbook.labels.get("kind") == "symptom"}


def diagnose(target: Target, *options: str) -> tuple[int, Any]:
    """The exit code and the report of one diagnosis, validated against the published schema."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "seen.kdiag"
        ran = kdiag("diagnose", target.pid, "--format", "json", "--record", file, *options)
        assert ran.out, ran.err
        report = ran.json
        VALIDATOR.validate(report)
        assert json.loads("\n".join(json_.render(diagnosed([file])))) == report
    return ran.code, report


def triage(target: Target, *options: str) -> tuple[int, Any]:
    """The exit code and what one triage tells; its recording tells the same, by the same paths with the same values."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "seen.kdiag"
        ran = kdiag("triage", target.pid, "--format", "json", "--record", file, *options)
        assert ran.out, ran.err
        told = ran.json
        again = triage_of(PLAYBOOKS, recorded([file]), 10.0, named=False)
    VALIDATOR.validate(told["report"])
    assert json.loads(json.dumps(story.to_json(again, ran.code))) == told
    text = " ".join(" ".join(story.render(again, explain=True)).split())
    for step in (step for run in told["playbooks"] for step in run["steps"]):
        assert f"{step['id']}: {step['verdict']}" in text
        for judged in step["judged"]:
            word = {True: "yes", False: "no", None: "unknown"}[judged["holds"]]
            assert f"{judged['condition']} → {word} (" in text
    return ran.code, told


def summary(report: Any) -> str:
    """What a failing test shows of a report."""
    findings = [f"{f['severity']} {f['confidence']:.2f} {f['title']}" for f in report["findings"]]
    undecided = [f"{u['verdict']}: {u['reason']}" for u in report["undecided"]]
    seen = {key: report["observation"][key] for key in ("limitations", "samples")}
    kept = {"verdict": report["verdict"], "findings": findings, "undecided": undecided, "vitals": report["vitals"]}
    return json.dumps(kept | seen, indent=2)


def edge(place: Any) -> str:
    """One side of an edge of a circle, as the truth table writes it."""
    text = Path(place["file"]).read_text(encoding="utf-8").splitlines()[place["line"] - 1]
    return f"{place['role']} {place['thread']} {place['object']}: {text.partition('#')[0].strip()}"


@pytest.mark.parametrize("case", SICK, ids=lambda case: case.name)
def test_a_sick_program_is_named_with_its_line(case: Case) -> None:
    everything = ("--full",) if case.says else ()  # not only what is settled first
    with running(case) as target:
        code, told = triage(target, *everything)
    report = told["report"]
    assert report["verdict"] == case.verdict, summary(report)
    assert code == 1, summary(report)
    finding = report["findings"][0]
    assert SEVERITIES.index(finding["severity"]) >= SEVERITIES.index(case.severity_at_least or "info"), summary(report)
    assert finding["remedies"]
    assert finding["evidence"]
    assert all(number["samples"] > 0 and number["source"] for number in finding["evidence"])
    names = culprit_names(target.script)
    for words in case.says:
        assert re.search(words.format_map(names), f"{finding['title']} {finding['summary']}"), (words, summary(report))
    if case.object and report["observation"]["attach_method"] != "none":
        assert finding["culprit"]["object"] == case.object, summary(report)
    if case.culprit:
        culprit = finding["culprit"]
        assert Path(culprit["file"]).name == target.script.name, culprit
        assert culprit["line"] in culprit_lines(target.script), (culprit, summary(report))
    if case.edges:
        assert {edge(place) for place in finding["places"]} == set(case.edges), summary(report)
    leading, *others = told["playbooks"]
    assert leading["name"] == told["verdict"] == case.verdict
    assert leading["findings"][0]["id"] == case.verdict
    assert told["story"]["do"][0]["title"] == finding["remedies"][0]["title"]
    known = {case.verdict, *SYMPTOMS, *(f["verdict"] for f in report["findings"])}
    known |= {related.partition(":")[0] for each in report["findings"] for related in each["related"]}
    assert {each["id"] for run in others for each in run["findings"]} <= known, "a playbook says more than the report"


@pytest.mark.parametrize("case", LOOK_ALIKES, ids=lambda case: case.name)
def test_a_healthy_look_alike_stays_healthy(case: Case) -> None:
    with running(case) as target:
        code, told = triage(target)
    report = told["report"]
    assert all(finding["severity"] == "info" for finding in report["findings"]), summary(report)
    assert all(finding["severity"] == "info" for run in told["playbooks"] for finding in run["findings"]), told
    assert report["findings"] or report["verdict"] == "healthy", summary(report)
    assert code == 0, summary(report)


@pytest.mark.slow
@pytest.mark.skipif(SHORT, reason="in its short form it is the test above")
@pytest.mark.parametrize("case", LOOK_ALIKES, ids=lambda case: case.name)
def test_a_healthy_look_alike_stays_healthy_for_long(case: Case) -> None:
    with running(case) as target:
        code, report = diagnose(target, "--for", "40s")
    assert all(finding["severity"] == "info" for finding in report["findings"]), summary(report)
    assert code == 0, summary(report)
