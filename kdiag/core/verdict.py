"""The verdict: all detectors' words combined into findings that are ranked, and one answer.

A cause suppresses its symptom where both speak of the same threads or the same place; two independent diseases stay
two findings. It is separate from the detectors because none of them may know of another.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from kdiag.core.detectors import detect_all
from kdiag.core.model import (
    HEALTHY,
    INCONCLUSIVE,
    SEVERITIES,
    Finding,
    NotEnoughEvidence,
    Outcome,
    Severity,
    Window,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["CAUSES", "Conclusion", "conclude", "detect_all", "settled"]

# (cause, symptom): the symptom's finding goes into the cause's `related` when they share a thread or a place.
CAUSES: tuple[tuple[str, str], ...] = (
    ("deadlock", "pool-exhaustion"),
    ("deadlock", "lock-contention"),
    ("deadlock", "event-loop-blocked"),
    ("deadlock", "thread-leak"),
    ("pool-exhaustion", "lock-contention"),
    ("pool-exhaustion", "thread-leak"),
    ("lock-contention", "event-loop-blocked"),
    ("lock-contention", "thread-leak"),
    ("lock-contention", "cpu-hot-loop"),
    ("gc-pressure", "cpu-hot-loop"),
    ("gc-pressure", "event-loop-blocked"),
    ("gc-pressure", "gil-contention"),
    ("event-loop-blocked", "cpu-hot-loop"),
    ("gil-contention", "cpu-hot-loop"),
    ("cpu-hot-loop", "gil-contention"),
    ("thread-leak", "memory-leak"),
    ("nil-dereference", "unhandled-crash"),
    ("dict-mutation", "unhandled-crash"),
)

# A new thread costs its touched stack and some state; memory that grows faster has another cause.
_MIB_PER_THREAD = 1.0

CERTAIN = 0.95

# Without these a process cannot be called healthy.
_ESSENTIAL = frozenset({"deadlock", "pool-exhaustion", "gc-pressure", "event-loop-blocked", "cpu-hot-loop"})


_FEWEST_LOOKS = 5


class Conclusion(NamedTuple):
    """The answer: the verdict of the highest-ranked finding, or healthy, or inconclusive."""

    verdict: str
    severity: Severity | None
    findings: tuple[Finding, ...]
    undecided: tuple[NotEnoughEvidence, ...]


def conclude(window: Window, outcomes: Sequence[Outcome]) -> Conclusion:
    """Rank the findings, move symptoms to their causes, number what is left, and name the verdict."""
    undecided = tuple(outcome for outcome in outcomes if isinstance(outcome, NotEnoughEvidence))
    found = [outcome for outcome in outcomes if isinstance(outcome, Finding)]
    ranked = sorted(_suppress(found), key=_rank, reverse=True)
    findings = tuple(replace(finding, id=f"F{number}") for number, finding in enumerate(ranked, 1))
    if findings:
        return Conclusion(findings[0].verdict, findings[0].severity, findings, undecided)
    blind = window.ended or len(window.stacks) < _FEWEST_LOOKS or any(word.verdict in _ESSENTIAL for word in undecided)
    return Conclusion(INCONCLUSIVE if blind else HEALTHY, None, (), undecided)


def settled(window: Window, outcomes: Sequence[Outcome]) -> bool:
    """Whether more time would change nothing: all have decided, something is wrong, and all of it is certain.

    That nothing was found is never certain before the time is over: a disease may show in the next second.
    """
    findings = [outcome for outcome in outcomes if isinstance(outcome, Finding)]
    return (
        bool(window.stacks)
        and not any(isinstance(outcome, NotEnoughEvidence) for outcome in outcomes)
        and any(finding.severity != "info" for finding in findings)
        and all(finding.confidence >= CERTAIN for finding in findings)
    )


def _rank(finding: Finding) -> tuple[int, int, float]:
    return SEVERITIES.index(finding.severity), finding.score, finding.confidence


def _suppress(findings: Sequence[Finding]) -> list[Finding]:
    """The findings that no other explains, each with what it explains in `related`, and as grave as the gravest."""
    cause_of: dict[str, Finding] = {}
    for symptom in findings:
        causes = [cause for cause in findings if _explains(cause, symptom)]
        if causes:
            cause_of[symptom.verdict] = max(causes, key=_rank)
    kept = []
    for finding in findings:
        if finding.verdict in cause_of:
            continue
        explained = [symptom for symptom in findings if _root(symptom, cause_of) is finding and symptom is not finding]
        related = tuple(f"{symptom.verdict}: {symptom.title}" for symptom in sorted(explained, key=_rank, reverse=True))
        gravest = max([finding, *explained], key=_rank)
        kept.append(
            replace(finding, related=related, severity=gravest.severity, score=max(finding.score, gravest.score))
        )
    return kept


def _root(finding: Finding, cause_of: dict[str, Finding]) -> Finding:
    """The cause behind the cause, as far as it goes."""
    seen = set()
    while finding.verdict in cause_of and finding.verdict not in seen:
        seen.add(finding.verdict)
        finding = cause_of[finding.verdict]
    return finding


def _explains(cause: Finding, symptom: Finding) -> bool:
    """Whether the one causes the other: by kind, and because both speak of the same threads or functions."""
    pair = cause.verdict, symptom.verdict
    if pair not in CAUSES:
        return False
    threads = bool(set(cause.threads) & set(symptom.threads))
    match pair:
        case "gil-contention", "cpu-hot-loop":
            return not _keeps_gil(symptom) and (threads or _share_function(cause, symptom))
        case "cpu-hot-loop", "gil-contention":
            return _keeps_gil(cause) and (threads or _share_function(cause, symptom))
        case "gc-pressure", "event-loop-blocked":
            return threads and symptom.suspected  # a loop seen asleep is not asleep because of the collector
        case "lock-contention", "event-loop-blocked" | "cpu-hot-loop":
            return _share_function(cause, symptom)
        case "nil-dereference", "unhandled-crash":
            return _share_function(cause, symptom)
        case "thread-leak", "memory-leak":
            return _number(symptom, "memory.growth") <= _MIB_PER_THREAD * _number(cause, "threads.growth")
        case _:
            return threads or _share_function(cause, symptom)


def _keeps_gil(hot_loop: Finding) -> bool:
    """A call that never gives the GIL back causes all waits for it; otherwise threads take it from each other."""
    return hot_loop.severity == "critical"


def _share_function(one: Finding, other: Finding) -> bool:
    def functions(finding: Finding) -> set[tuple[str, str]]:
        places = (finding.culprit, *finding.places) if finding.culprit else finding.places
        return {(place.file, place.function) for place in places}

    return bool(functions(one) & functions(other))


def _number(finding: Finding, metric: str) -> float:
    return next((evidence.value for evidence in finding.evidence if evidence.metric == metric), 0.0)
