"""Two reports held against each other: what counts as a change, and what as getting worse."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kdiag.core.comparison import compare
from kdiag.core.model import (
    HEALTHY,
    INCONCLUSIVE,
    SEVERITIES,
    Cost,
    Evidence,
    Finding,
    Observation,
    Place,
    Report,
    Samples,
    Severity,
    Target,
)

TARGET = Target(1, "2024-01-01T00:00:00+00:00", ("python", "main.py"))
SEEN = Observation("2024-01-02T00:00:00+00:00", 10.0, "probe", Samples(50), Cost())


def finding(severity: Severity = "warning", *evidence: Evidence) -> Finding:
    return Finding("gc-pressure", severity, 75, 0.9, "gc", "", Place("/srv/a.py", 3, "f"), evidence)


def report(*findings: Finding, verdict: str = HEALTHY, pid: int = 1, children: tuple[Report, ...] = ()) -> Report:
    word = findings[0].verdict if findings else verdict
    return Report(
        replace(TARGET, pid=pid), SEEN, word, findings[0].severity if findings else None, findings,
        vitals={"rss_bytes": 1e6 * pid}, children=children,
    )  # fmt: skip


def share(value: float, low: float | None = None, high: float | None = None) -> Evidence:
    return Evidence("gc.share", value, "ratio", 50, "probe.gc", low, high)


def change(before: Report, after: Report) -> str:
    (found,) = compare(before, after).processes[0].findings
    return found.change


def test_a_finding_appears_and_goes() -> None:
    assert change(report(), report(finding())) == "appeared"
    assert change(report(finding()), report()) == "gone"
    assert change(report(finding()), report(finding())) == "same"
    assert change(report(finding()), report(finding("info"))) == "milder"


@pytest.mark.parametrize("severity", SEVERITIES)
def test_what_becomes_graver_is_worse_from_the_wanted_severity_on(severity: Severity) -> None:
    comparison = compare(report(), report(finding(severity)))
    assert bool(comparison.worsened("warning", 0.0)) is (severity != "info")
    assert not comparison.worsened("info", 0.95), "too uncertain to count"
    assert not comparison.worsened(None, 0.0)
    assert not compare(report(finding(severity)), report()).worsened("info", 0.0)
    graver = compare(report(finding("info")), report(finding(severity)))
    assert bool(graver.worsened("info", 0.0)) is (severity != "info")


@pytest.mark.parametrize(
    ("before", "after", "clear"),
    [
        (share(0.5, 0.4, 0.6), share(0.55, 0.5, 0.7), False),
        (share(0.5, 0.4, 0.6), share(0.7, 0.61, 0.8), True),
        (share(0.5, 0.4, 0.6), share(0.3, 0.2, 0.39), True),
        (share(0.50), share(0.54), False),
        (share(0.50), share(0.60), True),
        (share(0.0), share(0.0), False),
    ],
)
def test_a_number_has_changed_when_chance_does_not_explain_it(before: Evidence, after: Evidence, clear: bool) -> None:
    comparison = compare(report(finding("info", before)), report(finding("info", after)))
    (number,) = comparison.processes[0].findings[0].numbers
    assert number.clear is clear


def test_that_nothing_can_be_told_any_more_is_no_health() -> None:
    assert compare(report(), report(verdict=INCONCLUSIVE)).blind
    assert not compare(report(verdict=INCONCLUSIVE), report(verdict=INCONCLUSIVE)).blind
    assert not compare(report(verdict=INCONCLUSIVE), report()).blind


def test_processes_of_a_tree_are_matched_by_their_commands() -> None:
    before = report(children=(report(pid=2), report(pid=3)))
    after = report(children=(report(finding("critical"), pid=12), report(pid=13), report(pid=14)))
    comparison = compare(before, after)

    pids = [tuple(each and each.target.pid for each in (one.before, one.after)) for one in comparison.processes]
    assert pids == [(1, 1), (2, 12), (3, 13), (None, 14)]
    assert [each.latest.verdict for each in comparison.worsened("critical", 0.0)] == ["gc-pressure"]
    gone = compare(after, before)
    assert [one.after is None for one in gone.processes] == [False, False, False, True]
    assert not gone.worsened("info", 0.0)


def test_vitals_of_both_stand_side_by_side() -> None:
    assert compare(report(pid=1), report(pid=2)).processes[0].vitals == (("rss_bytes", 1e6, 2e6),)
