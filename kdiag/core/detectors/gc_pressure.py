"""gc-pressure: a large share of the time goes to the cyclic garbage collector.

The interpreter's own `collecting` flag, read in bursts, gives the share; the stacks say who allocated meanwhile.
Where a probe was inside, its account is exact, and names the places at which collections started.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from kdiag.core.busy import busy, cpu_got
from kdiag.core.collector import ExactShare, exact_share
from kdiag.core.frames import Ownership, at
from kdiag.core.heap import churn, growth
from kdiag.core.model import (
    SEVERITIES,
    CollectorSample,
    Evidence,
    Finding,
    Frame,
    NotEnoughEvidence,
    Threshold,
    Window,
)
from kdiag.core.processes import CpuShare, cpu_share
from kdiag.core.series import Share, clustered_share, passes, score, severity
from kdiag.core.survivors import survivors

if TYPE_CHECKING:
    from collections.abc import Sequence

VERDICT = "gc-pressure"

SHARE = Threshold(
    "gc.share",
    "ratio",
    warning=0.10,
    critical=0.40,
    learnt_from="JMC 5/10 %, Datadog 10 %; a kube-proxy incident was over 60 %",
)
PAUSE = Threshold("gc.pause_max", "s", warning=0.1, critical=1.0, learnt_from="Clinic Doctor, JMC, Datadog")
THRESHOLDS = (SHARE, PAUSE)

_WHOLE_S = 9.5  # ten seconds, less a burst that had not ended
_WHOLE_EXACT_S = 9.0  # the same, less a period of the probe's
_CLEAR_S = 3.0  # enough where the share is twice the threshold
_BURSTS = 5
_PRECISE = 0.05


@dataclass(frozen=True, slots=True)
class _Allocating:
    """The line to blame, and in how many of all stacks of that kind it was seen."""

    frame: Frame
    ident: int
    thread: str
    seen: int
    total: int
    proof: Literal["started", "caught", "ran"]  # it started collections, was on top during one, or just ran

    @property
    def words(self) -> str:
        """How it is known."""
        if self.proof == "started":
            return f"{self.seen:,} of {self.total:,} collections that were looked at started at {at(self.frame)}."
        stacks = "stacks that were looked at during a collection" if self.proof == "caught" else "stacks that ran"
        return f"Seen from outside: {at(self.frame)} was on top in {self.seen} of {self.total} {stacks}."


#  collecting?
#    healthy   ▁▁▂▁▁▁▁▂▁▁▁▁▂▁▁▁   now and then, for a millisecond
#    sick      ▇▇▅▇▇▇▂▇▇▇▇▅▇▇▇▇   most reads find a collection under way
#    paused    ▁▁▁▁▁▁▁▇▇▇▇▁▁▁▁▁   one collection that lasts: a large heap, walked whole
def detect(window: Window) -> Finding | NotEnoughEvidence | None:
    """The collector's share of wall time by its lower bound, or one long collection."""
    account, samples = exact_share(window), window.collector
    if account is not None and not _too_new(account, samples):
        return _by_account(window, account)
    share = clustered_share((sample.collecting, sample.reads) for sample in samples)
    if share is None:
        return _unread(window)
    pause = max(_longest(samples), account.longest_s if account else 0.0)
    by_share, by_pause = severity(share.low, SHARE), severity(_at_least(window, pause), PAUSE)
    span = _span(samples)
    enough = span >= _WHOLE_S or (span >= _CLEAR_S and passes(share.low / 2, SHARE))
    if not enough or len(samples) < _BURSTS:
        by_share = None
    if by_share or by_pause:
        blamed = _allocating(window, Ownership.of(window))
        return _finding(window, share, pause, by_share is not None, blamed, _evidence(window, share, pause))
    if (span < _WHOLE_S or len(samples) < _BURSTS) and passes(share.high, SHARE) and not _too_quiet(window):
        return NotEnoughEvidence(
            VERDICT,
            f"the collector's share is between {share.low:.0%} and {share.high:.0%} after {span:.1f} s",
            "observe for ten seconds or more",
        )
    return None


def _too_new(account: ExactShare, samples: Sequence[CollectorSample]) -> bool:
    """Whether the probe has just come, and what was read from outside until then tells more than its account so far."""
    enough = account.span_s >= _WHOLE_EXACT_S or (account.span_s >= _CLEAR_S and passes(account.share / 2, SHARE))
    return not enough and _span(samples) > account.span_s + _CLEAR_S


def _span(samples: Sequence[CollectorSample]) -> float:
    return samples[-1].at - samples[0].at + samples[0].span_s if samples else 0.0


def _by_account(window: Window, account: ExactShare) -> Finding | NotEnoughEvidence | None:
    """The same by the probe's account, which has no error of sampling."""
    count = sum(account.collections)
    share = Share(account.share, account.share, account.share, count, float(count))
    by_share, by_pause = severity(share.value, SHARE), severity(_at_least(window, account.longest_s), PAUSE)
    whole = account.span_s >= _WHOLE_EXACT_S
    if not whole and (account.span_s < _CLEAR_S or not passes(share.value / 2, SHARE)):
        by_share = None
    if by_share or by_pause:
        blamed = _starting(account, Ownership.of(window)) or _allocating(window, Ownership.of(window))
        evidence = _exact_evidence(window, account, share)
        return _finding(window, share, account.longest_s, by_share is not None, blamed, evidence)
    if not whole and passes(share.value, SHARE):
        reason = f"the collector's share was {share.value:.0%} over {account.span_s:.1f} s, which is too short to tell"
        return NotEnoughEvidence(VERDICT, reason, "observe for ten seconds or more")
    return None


def _at_least(window: Window, pause: float) -> float:
    """How much of a pause was the collector's own: on a machine without a free CPU it also waited for one meanwhile."""
    return pause * cpu_got(window)


def _too_quiet(window: Window) -> bool:
    """Whether the process computes so little that it cannot collect for longer than the threshold."""
    cpu = cpu_share(window)
    return cpu is not None and cpu.span_s >= _CLEAR_S and not passes(cpu.share, SHARE)


def _unread(window: Window) -> NotEnoughEvidence | None:
    if _too_quiet(window):
        return None
    return NotEnoughEvidence(
        VERDICT, "the interpreter's collector state could not be read", "allow kdiag to read the target's memory"
    )


def _longest(samples: Sequence[CollectorSample]) -> float:
    """Seconds of the longest single collection, a lower bound.

    One that outlasts a burst fills the next ones to the last read, and the count of collections stands still
    meanwhile, since the interpreter counts a collection when it ends.
    """
    longest, running = max(sample.longest_s for sample in samples), 0.0
    for before, sample in pairwise(samples):
        whole = 0 < sample.reads == sample.collecting
        same = bool(sample.collections) and sample.collections == before.collections
        running = running + sample.span_s if whole and same else 0.0
        longest = max(longest, running)
    return longest


def _finding(
    window: Window, share: Share, pause: float, by_share: bool, culprit: _Allocating | None,
    evidence: tuple[Evidence, ...],
) -> Finding:  # fmt: skip
    ownership, cpu = Ownership.of(window), cpu_share(window)
    explicit = culprit is not None and _collects(ownership.call(culprit.frame))
    paused = _at_least(window, pause)
    said, counted = _of_heap(window)
    reached = [s for s in (severity(share.low, SHARE) if by_share else None, severity(paused, PAUSE)) if s]
    title = (
        f"{share.value:.0%} of the time goes to the garbage collector"
        if by_share
        else f"One garbage collection stopped the program for at least {paused:.2g} s"
    )
    if culprit and explicit:
        title += f", which {ownership.name(culprit.frame)} calls at {at(culprit.frame)}"
    return Finding(
        VERDICT,
        max(reached, key=SEVERITIES.index),
        max(score(share.low, SHARE) if by_share else 0, score(paused, PAUSE)),
        _confidence(share, by_share),
        title,
        " ".join([_summary(culprit, explicit, share, cpu), *said]),
        ownership.place(culprit.frame, culprit.thread) if culprit else None,
        (*evidence, *counted),
        threads=(culprit.ident,) if culprit else (),
    )


def _starting(account: ExactShare, ownership: Ownership) -> _Allocating | None:
    """The line whose allocations started the collections that took the longest in all."""
    spent: Counter[tuple[Frame, int, str]] = Counter()
    started: Counter[tuple[Frame, int, str]] = Counter()
    for allocator in account.allocators:
        frame = ownership.culprit(allocator.frames)
        if frame:
            spent[frame, allocator.ident, allocator.thread] += round(1e9 * allocator.seconds)
            started[frame, allocator.ident, allocator.thread] += allocator.collections
    if not spent:
        return None
    (place, _), total = spent.most_common(1)[0], sum(each.collections for each in account.allocators)
    return _Allocating(*place, started[place], total, "started")


def _allocating(window: Window, ownership: Ownership) -> _Allocating | None:
    """The line that stood most often on top of the stack that held the GIL, and how often.

    Collections start where containers are created and run with the GIL held: whoever holds it while one is under way
    is the one that allocates (or calls the collector). One look that caught a collection outweighs all that did not.
    Where none caught one (they are too short), a line that creates containers comes before one that only computes.
    """
    caught = replace(window, stacks=tuple(sample for sample in window.stacks if sample.collecting), profile=())
    certain, likely = _holders(caught, ownership), _holders(window, ownership)
    seen = certain or likely
    if not seen:
        return None
    best = max(
        seen, key=lambda place: (bool(certain) or _makes_garbage(place[0], ownership), seen[place], likely[place])
    )
    return _Allocating(*best, seen[best], seen.total(), "caught" if certain else "ran")


def _holders(window: Window, ownership: Ownership) -> Counter[tuple[Frame, int, str]]:
    """How often each (line, ident, thread) was to blame for what the GIL's holder did."""
    counts: Counter[tuple[Frame, int, str]] = Counter()
    stacks = busy(window, holders_only=True)
    for stack in stacks.stacks() if stacks else ():
        frame = ownership.culprit(stack.frames)
        if frame:
            counts[frame, stack.ident, stack.thread] += stack.count
    return counts


def _makes_garbage(frame: Frame, ownership: Ownership) -> bool:
    return ownership.creates(frame) or _collects(ownership.call(frame))


def _collects(call: str) -> bool:
    """Whether a call is to the collector itself: `gc.collect`, or `collect` imported from gc."""
    return call in {"gc.collect", "collect"}


def _confidence(share: Share, by_share: bool) -> float:
    """Certain once the share is known to five points up or down, since people compare it from run to run."""
    return 0.99 if by_share and share.high - share.low <= 2 * _PRECISE else 0.9


def _summary(culprit: _Allocating | None, explicit: bool, share: Share, cpu: CpuShare | None) -> str:
    said = []
    if cpu and cpu.share > 0:
        said.append(f"That is {min(1.0, share.value / cpu.share):.0%} of the CPU time that the process used.")
    if culprit and explicit:
        said.append(f"{at(culprit.frame)} calls the collector itself.")
    elif culprit:
        said.append(culprit.words)
    return " ".join(said) or "The interpreter's own flag says so; no stack was seen that could name the line."


def _of_heap(window: Window) -> tuple[list[str], list[Evidence]]:
    """What makes it work: types that are created all the time, types that become more, and what it leaves alive."""
    types = [seen for seen in (churn(window.heap), growth(window.heap)) if seen is not None and seen.types]
    left = survivors(window)
    said = [*(seen.words for seen in types), *left.words()]
    return said, [*(each for seen in types for each in seen.evidence()), *left.evidence()]


def _exact_evidence(window: Window, account: ExactShare, share: Share) -> tuple[Evidence, ...]:
    source, count, pause = "probe.gc", sum(account.collections), account.longest_s
    paused = _at_least(window, pause)
    high = share.high if account.complete else None
    rates = [each / account.span_s for each in account.collections]
    return (
        Evidence(SHARE.metric, share.value, SHARE.unit, count, source, share.low, high, SHARE.warning),
        Evidence(PAUSE.metric, pause, PAUSE.unit, count, source, paused, pause, PAUSE.warning),
        *_of_cpu(share.value, cpu_share(window), count, source),
        *(
            Evidence(f"gc.collections_per_s.gen{number}", rate, "1/s", count, source)
            for number, rate in enumerate(rates)
        ),
        *([Evidence("gc.asked_by_hand", account.asked, "count", count, source)] if account.asked else []),
    )


def _of_cpu(share: float, cpu: CpuShare | None, samples: int, source: str) -> list[Evidence]:
    if cpu is None or cpu.share <= 0:
        return []
    value = min(1.0, share / cpu.share)
    return [Evidence("gc.share_of_cpu", value, "ratio", min(samples, cpu.samples), f"{source}, process.psutil")]


def _evidence(window: Window, share: Share, pause: float) -> tuple[Evidence, ...]:
    first, last = window.collector[0], window.collector[-1]
    source = f"collector.{last.tool}"
    reads, bursts = share.samples, len(window.collector)
    evidence = [
        Evidence(SHARE.metric, share.value, SHARE.unit, reads, source, share.low, share.high, SHARE.warning),
        Evidence(PAUSE.metric, pause, PAUSE.unit, reads, source, low=_at_least(window, pause), threshold=PAUSE.warning),
    ]
    evidence += _of_cpu(share.value, cpu_share(window), reads, source)
    span = last.at - first.at
    if span > 0 and len(first.collections) == len(last.collections):
        for generation, (before, after) in enumerate(zip(first.collections, last.collections, strict=True)):
            rate = max(0, after - before) / span
            evidence.append(Evidence(f"gc.collections_per_s.gen{generation}", rate, "1/s", bursts, source))
    return tuple(evidence)
