"""Two reports held against each other: what appeared, what is gone, what changed by how much.

A detector finds its verdict once in a process, so findings are matched by their verdicts; processes of a tree by their
commands. Pure, and separate from reports, which know of one moment only.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from kdiag.core.model import INCONCLUSIVE, SEVERITIES, Evidence, Finding, Report
from kdiag.core.report.tree import worst_first

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kdiag.core.model import Severity

Change = Literal["appeared", "graver", "same", "milder", "gone"]

_CLEAR = 0.1  # of a number without bounds: less than a tenth is no change


@dataclass(frozen=True, slots=True)
class Number:
    """One number then and now. `clear`: its bounds do not overlap, or without bounds it differs by a tenth."""

    metric: str
    unit: str
    before: float
    after: float
    clear: bool


@dataclass(frozen=True, slots=True)
class FindingChange:
    """One disease then and now; one of both is None where it appeared or is gone."""

    change: Change
    before: Finding | None
    after: Finding | None
    numbers: tuple[Number, ...] = ()

    @property
    def latest(self) -> Finding:
        """The later one that there is."""
        found = self.after or self.before
        assert found is not None  # noqa: S101 - one of both is there
        return found


@dataclass(frozen=True, slots=True)
class ProcessChange:
    """One process then and now; None where it was not there. `vitals` are (name, before, after) of those in both."""

    before: Report | None
    after: Report | None
    findings: tuple[FindingChange, ...]
    vitals: tuple[tuple[str, float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two reports then and now, by process; that which was named comes first."""

    before: Report
    after: Report
    processes: tuple[ProcessChange, ...]

    def worsened(self, fail_on: Severity | None, min_confidence: float) -> tuple[FindingChange, ...]:
        """The findings that count and appeared or became graver; `fail_on` None means that none counts."""
        return tuple(
            each
            for process in self.processes
            for each in process.findings
            if fail_on is not None
            and each.change in {"appeared", "graver"}
            and SEVERITIES.index(each.latest.severity) >= SEVERITIES.index(fail_on)
            and each.latest.confidence >= min_confidence
        )

    @property
    def blind(self) -> bool:
        """Whether later it could no longer be told what is wrong."""
        return verdict(self.after) == INCONCLUSIVE != verdict(self.before)


def compare(before: Report, after: Report) -> Comparison:
    """What changed from one report to the other."""
    pairs = [(before, after), *_paired(before.children, after.children)]
    return Comparison(before, after, tuple(_process(*pair) for pair in pairs))


def verdict(report: Report) -> str:
    """That of the worst process of a tree."""
    return worst_first(report)[0].verdict


def _paired(before: tuple[Report, ...], after: tuple[Report, ...]) -> Iterator[tuple[Report | None, Report | None]]:
    """Processes with the same command, in their order; a server's workers are interchangeable."""
    rest: defaultdict[tuple[str, ...], list[Report]] = defaultdict(list)
    for report in before:
        rest[report.target.command].append(report)
    for report in after:
        alike = rest[report.target.command]
        yield alike.pop(0) if alike else None, report
    yield from ((report, None) for reports in rest.values() for report in reports)


def _process(before: Report | None, after: Report | None) -> ProcessChange:
    old = {finding.verdict: finding for finding in before.findings} if before else {}
    new = {finding.verdict: finding for finding in after.findings} if after else {}
    changes = [_finding(old.get(name), new.get(name)) for name in dict.fromkeys([*new, *old])]
    vitals = (
        tuple((name, before.vitals[name], value) for name, value in after.vitals.items() if name in before.vitals)
        if before and after
        else ()
    )
    return ProcessChange(before, after, tuple(changes), vitals)


def _finding(before: Finding | None, after: Finding | None) -> FindingChange:
    if before is None or after is None:
        return FindingChange("gone" if after is None else "appeared", before, after)
    rise = SEVERITIES.index(after.severity) - SEVERITIES.index(before.severity)
    change: Change = "graver" if rise > 0 else "milder" if rise < 0 else "same"
    then = {number.metric: number for number in before.evidence}
    numbers = (_number(then[each.metric], each) for each in after.evidence if each.metric in then)
    return FindingChange(change, before, after, tuple(numbers))


def _number(before: Evidence, after: Evidence) -> Number:
    return Number(after.metric, after.unit, before.value, after.value, _clear(before, after))


def _clear(before: Evidence, after: Evidence) -> bool:
    if before.low is None or before.high is None or after.low is None or after.high is None:
        return abs(after.value - before.value) > _CLEAR * max(abs(after.value), abs(before.value))
    return after.low > before.high or after.high < before.low
