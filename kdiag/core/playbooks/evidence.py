"""The evidence that conditions are about: a documented set of values, each with its unit, made of what was seen.

It is separate from reports, which say what was concluded: a playbook asks for numbers, also for those of a healthy
process. A value that was not seen is missing; a group of which nothing was seen says `available: false`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from kdiag.core.catalog import VERDICTS
from kdiag.core.collector import estimate, exact_share
from kdiag.core.comparison import compare
from kdiag.core.heap import churn, growth
from kdiag.core.loop_delays import measured
from kdiag.core.model import SEVERITIES, Wait
from kdiag.core.series import trend
from kdiag.core.vitals import vitals

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from kdiag.core.model import Finding, ProbedPool, ProcessSample, Report, Window
    from kdiag.core.playbooks.model import Value

Kind = Literal["number", "bool", "text"]
Evidence = dict[str, Any]
"""Groups of values; `findings` is a group of groups."""

_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Field:
    """One value: its type, its unit as reports write it, and what it is."""

    kind: Kind
    unit: str
    meaning: str


_NUMBERS = {
    "report.duration_s": ("s", "how long was looked"),
    "report.findings": ("count", "findings in all, from info on"),
    "report.undecided": ("count", "verdicts that could not be told"),
    "process.cpu_percent": ("percent", "of one core"),
    "process.rss_bytes": ("bytes", "resident memory"),
    "process.rss_growth": ("MiB/min", "growth of it, a line through the window"),
    "process.threads": ("count", "threads of the kernel"),
    "process.threads_growth": ("threads/min", "growth of their number"),
    "process.descriptors": ("count", "open descriptors"),
    "process.descriptors_growth": ("descriptors/min", "growth of their number"),
    "process.children": ("count", "child processes"),
    "process.zombies": ("count", "children that exited and were not reaped"),
    "process.backlog": ("count", "connections that wait to be accepted or read, at most"),
    "gc.share": ("ratio", "of wall time in the cyclic collector"),
    "gc.longest_s": ("s", "the longest collection"),
    "gc.collections": ("/s", "collections"),
    "gc.oldest": ("/s", "collections of the oldest generation"),
    "gc.asked": ("count", "collections asked for by hand"),
    "gc.frozen": ("objects", "put out of the collector's sight by gc.freeze"),
    "objects.count": ("objects", "that the collector watches, as far as was looked at"),
    "objects.growth": ("objects/min", "growth of the types of which there are more at each count"),
    "objects.created_share": ("ratio", "of those just created that are of the most frequent type"),
    "gil.waiting": ("threads", "that wait for the GIL, at a look"),
    "lock.waiting": ("threads", "that wait for a lock, at a look"),
    "stacks.samples": ("count", "looks at all stacks"),
    "stacks.profiled": ("count", "looks at who holds the GIL, with its stack"),
    "stacks.running": ("threads", "that run, at a look"),
    "pool.count": ("count", "pools with workers or with something lent"),
    "pool.busy": ("ratio", "of the fullest pool taken, at the end"),
    "pool.queued": ("count", "waits for the pool that most waits for"),
    "pool.nested": ("workers", "that wait for work behind themselves in the queue"),
    "loops.count": ("count", "event loops"),
    "loops.delay_max_s": ("s", "the longest delay of a callback"),
    "loops.delay_mean_s": ("s", "what an event must wait on average"),
    "tasks.count": ("count", "asyncio's tasks"),
    "tasks.orphans": ("count", "that nobody can end and nobody holds; of tasks.dump"),
    "guard.writes": ("count", "to the dicts that are watched; of guard.dict"),
    "guard.threads": ("threads", "that write to them"),
    "guard.conflicts": ("count", "lost updates, and changes while a loop walked through"),
    "exceptions.per_s": ("/s", "exceptions that were logged, swallowed, or ended something"),
    "exceptions.count": ("count", "of them in the window"),
    "exceptions.ended": ("count", "of them that ended a thread, a task or a job"),
    "baseline.appeared": ("findings", "that the baseline had not"),
    "baseline.graver": ("findings", "that are graver than then"),
    "baseline.cpu_ratio": ("x", "CPU now to that of the baseline"),
    "baseline.rss_ratio": ("x", "resident memory now to that of the baseline"),
}
_OTHERS: dict[str, tuple[Kind, str]] = {
    "report.verdict": ("text", "the verdict of the worst finding; healthy; inconclusive"),
    "report.access": ("text", "process, stacks, or probe"),
    "report.ended": ("bool", "the process ended meanwhile"),
    "objects.growing": ("text", "the type that grows most"),
    "objects.created": ("text", "the most frequent type of those just created"),
    "process.listening": ("bool", "it listens on a socket"),
    "pool.full": ("bool", "a pool has no idle worker, or has lent everything, at the end"),
    "baseline.worse": ("bool", "a finding of warning or more appeared or became graver"),
}
_OF_A_FINDING: dict[str, tuple[Kind, str, str]] = {
    "present": ("bool", "", "it was found"),
    "decided": ("bool", "", "it could be told"),
    "severity": ("text", "", "info, warning, critical; empty where it was not found"),
    "score": ("number", "count", "0 to 100"),
    "confidence": ("number", "ratio", "that the verdict holds"),
    "title": ("text", "", "the finding in one line"),
    "related": ("bool", "", "it is a symptom of another finding"),
}


def _fields() -> dict[str, Field]:
    fields = {path: Field("number", unit, meaning) for path, (unit, meaning) in _NUMBERS.items()}
    fields |= {path: Field(kind, "", meaning) for path, (kind, meaning) in _OTHERS.items()}
    for verdict in VERDICTS:
        for name, (kind, unit, meaning) in _OF_A_FINDING.items():
            fields[f"findings.{key(verdict)}.{name}"] = Field(kind, unit, f"{verdict}: {meaning}")
    for group in dict.fromkeys(path.partition(".")[0] for path in fields):
        fields[f"{group}.available"] = Field("bool", "", "something of it was seen")
    return dict(sorted(fields.items()))


def key(verdict: str) -> str:
    """What conditions call a verdict: a name with no hyphen in it."""
    return verdict.replace("-", "_")


FIELDS: Mapping[str, Field] = _fields()
GROUPS = tuple(dict.fromkeys(path.partition(".")[0] for path in FIELDS))


def evidence_of(window: Window, report: Report, baseline: Report | None = None) -> Evidence:
    """The values of a window and its report; what was not seen is missing.

    Args:
        window: what was seen.
        report: what was concluded of it.
        baseline: an earlier report to hold it against.
    """
    seen = dict(vitals(window))
    values = (
        *_report(report, window), *_process(window, seen), *_collector(window, seen), *_objects(window),
        *_stacks(window), *_inside(window, seen), *_findings(report), *(_against(baseline, report) if baseline else ()),
    )  # fmt: skip
    return nested(values)


def nested(values: Sequence[tuple[str, Value | None]]) -> Evidence:
    """Groups of pairs of path and value; None for a value that was not seen. Numbers become floats."""
    evidence: Evidence = {group: {"available": False} for group in GROUPS}
    evidence["findings"] |= {key(verdict): {"present": False} for verdict in VERDICTS}
    for path, value in values:
        if value is None:
            continue
        *groups, name = path.split(".")
        place = evidence
        for group in groups:
            place = place.setdefault(group, {})
        place[name] = value if isinstance(value, bool | str) else float(value)
        if name != "available":
            evidence[groups[0]]["available"] = True
    return evidence


def value_at(evidence: Mapping[str, Any], path: str) -> Value | None:
    """The value of a path; None where it was not seen."""
    place: Any = evidence
    for name in path.split("."):
        place = place.get(name) if isinstance(place, dict) else None
    return place if isinstance(place, bool | float | str) else None


def _report(report: Report, window: Window) -> Iterator[tuple[str, Value | None]]:
    yield "report.duration_s", report.observation.duration_s
    yield "report.verdict", report.verdict
    yield "report.access", report.observation.access
    yield "report.findings", len(report.findings)
    yield "report.undecided", len(report.undecided)
    yield "report.ended", window.ended


def _process(window: Window, seen: Mapping[str, float]) -> Iterator[tuple[str, Value | None]]:
    samples = window.process
    if not samples:
        return
    for name in ("cpu_percent", "rss_bytes", "threads", "descriptors", "children"):
        yield f"process.{name}", seen.get(name)
    yield "process.zombies", sum(child.zombie for child in samples[-1].children)
    yield "process.listening", any(sample.listening for sample in samples)
    yield "process.backlog", max(sample.backlog for sample in samples)
    yield "process.rss_growth", _per_minute([(sample.at, sample.rss / _MIB) for sample in samples])
    yield "process.threads_growth", _per_minute([(sample.at, sample.threads) for sample in samples])
    yield "process.descriptors_growth", _per_minute(list(_descriptors(samples)))


def _descriptors(samples: Sequence[ProcessSample]) -> Iterator[tuple[float, float]]:
    for sample in samples:
        if sample.descriptors is not None:
            yield sample.at, sum(sample.descriptors.values())


def _per_minute(points: Sequence[tuple[float, float]]) -> float | None:
    line = trend(points)
    return None if line is None else round(60 * line.slope, 2)


def _collector(window: Window, seen: Mapping[str, float]) -> Iterator[tuple[str, Value | None]]:
    exact = exact_share(window)
    if exact is not None:
        yield "gc.asked", exact.asked
        yield "gc.frozen", exact.frozen
        yield "gc.longest_s", exact.longest_s
        yield "gc.collections", round(sum(exact.collections) / exact.span_s, 2)
        yield "gc.oldest", round(sum(exact.collections[-1:]) / exact.span_s, 2)
    elif (read := estimate(window)) is not None:
        yield "gc.longest_s", read.account.longest_s
        if read.account.span_s > 0:
            yield "gc.collections", round(sum(read.account.collections) / read.account.span_s, 2)
            yield "gc.oldest", round(sum(read.account.collections[-1:]) / read.account.span_s, 2)
    yield "gc.share", seen.get("gc_share")


def _objects(window: Window) -> Iterator[tuple[str, Value | None]]:
    counts = [sample.count for sample in window.heap if sample.count is not None]
    if counts:
        yield "objects.count", counts[-1].looked
    grown = growth(window.heap)
    if grown is not None and grown.span_s > 0:
        yield "objects.growth", round(sum(each.rise for each in grown.types) * 60 / grown.span_s, 1)
        yield "objects.growing", grown.types[0].name if grown.types else ""
    created = churn(window.heap)
    if created is not None and created.types:
        name, count = created.types[0]
        yield "objects.created", name
        yield "objects.created_share", round(count / created.looked, 3)


def _stacks(window: Window) -> Iterator[tuple[str, Value | None]]:
    looks = len(window.stacks)
    if window.profile:
        yield "stacks.profiled", sum(sample.looks for sample in window.profile)
    if not looks:
        return
    yield "stacks.samples", looks
    waits = [thread.wait for sample in window.stacks for thread in sample.threads]
    if any(wait is not Wait.UNKNOWN for wait in waits):
        yield "stacks.running", round(waits.count(Wait.RUNNING) / looks, 2)
        yield "gil.waiting", round(waits.count(Wait.GIL) / looks, 2)
        yield "lock.waiting", round(waits.count(Wait.LOCK) / looks, 2)


def _inside(window: Window, seen: Mapping[str, float]) -> Iterator[tuple[str, Value | None]]:
    if not window.probe:
        return
    last = window.probe[-1]
    yield from _pools(last.pools)
    loops = measured(window)
    if loops:
        yield "loops.count", len(loops)
        yield "loops.delay_max_s", max(loop.longest_s for loop in loops)
        yield "loops.delay_mean_s", max(loop.mean_s for loop in loops)
    yield "tasks.count", last.tasks
    groups = [group for sample in window.probe for group in sample.crashes.groups]
    yield "exceptions.per_s", seen.get("exceptions_per_s")
    yield "exceptions.count", sum(max(0, group.count) for group in groups)
    yield "exceptions.ended", sum(max(0, group.ended) for group in groups)


def _pools(pools: Sequence[ProbedPool]) -> Iterator[tuple[str, Value | None]]:
    shares = [share for share in map(_taken, pools) if share is not None]
    yield "pool.count", len(pools)
    if not pools:
        return
    yield "pool.busy", max(shares, default=None)
    yield "pool.full", any(share >= 1 for share in shares)
    yield "pool.queued", max((pool.queued for pool in pools if pool.queued is not None), default=None)
    yield "pool.nested", max(len(pool.nested) for pool in pools)


def _taken(pool: ProbedPool) -> float | None:
    taken = pool.taken if pool.lends else len(pool.workers) - len(pool.idle)
    return None if not pool.size or taken is None else min(1.0, taken / pool.size)


def _findings(report: Report) -> Iterator[tuple[str, Value | None]]:
    found = {finding.verdict: finding for finding in report.findings}
    related = {each.partition(":")[0] for finding in report.findings for each in finding.related}
    undecided = {word.verdict for word in report.undecided}
    for verdict in VERDICTS:
        path = f"findings.{key(verdict)}"
        yield f"{path}.related", verdict in related
        yield f"{path}.decided", verdict not in undecided
        yield from _finding(path, found.get(verdict))


def _finding(path: str, finding: Finding | None) -> Iterator[tuple[str, Value | None]]:
    yield f"{path}.present", finding is not None
    yield f"{path}.severity", finding.severity if finding else ""
    yield f"{path}.score", finding.score if finding else 0
    yield f"{path}.confidence", finding.confidence if finding else 0.0
    yield f"{path}.title", finding.title if finding else ""


def _against(baseline: Report, report: Report) -> Iterator[tuple[str, Value | None]]:
    comparison = compare(baseline, report)
    changes = [each.change for process in comparison.processes for each in process.findings]
    yield "baseline.appeared", changes.count("appeared")
    yield "baseline.graver", changes.count("graver")
    yield "baseline.worse", bool(comparison.worsened(SEVERITIES[1], 0.0))
    for name, vital in (("cpu_ratio", "cpu_percent"), ("rss_ratio", "rss_bytes")):
        then, now = baseline.vitals.get(vital), report.vitals.get(vital)
        yield f"baseline.{name}", round(now / then, 2) if then and now is not None else None
