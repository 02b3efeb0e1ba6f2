"""The collector's account over a whole window: exact by the probe, or estimated by the flag that is read from outside.

Separate from the detector because the vital signs tell the same number, and screens show all of it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kdiag.core.model import Allocator, CollectorAccount, Frame, Window
from kdiag.core.series import Share, clustered_share

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class ExactShare:
    """What the collector did in the window. Tuples have one number for each generation.

    Attributes:
        span_s: seconds that the account covers.
        allocators: the places whose allocations started collections, most expensive first.
    """

    span_s: float
    seconds: tuple[float, ...]
    collections: tuple[int, ...]
    collected: tuple[int, ...]
    uncollectable: int
    longest_s: float
    asked: int
    timed: int
    frozen: int
    allocators: tuple[Allocator, ...]
    young: tuple[int, int]

    @property
    def complete(self) -> bool:
        """Whether all collections were timed; one may be under way at either end."""
        return self.timed >= sum(self.collections) - 1

    @property
    def share(self) -> float:
        """Share of wall time."""
        return min(1.0, sum(self.seconds) / self.span_s)


def exact_share(window: Window) -> ExactShare | None:
    """The account of the whole window; None without a probe."""
    accounts = [sample.collector for sample in window.probe]
    span_s = sum(account.span_s for account in accounts)
    if span_s <= 0:
        return None
    return ExactShare(
        span_s=span_s,
        seconds=_sums(account.seconds for account in accounts),
        collections=tuple(map(round, _sums(account.collections for account in accounts))),
        collected=tuple(map(round, _sums(account.collected for account in accounts))),
        uncollectable=sum(sum(account.uncollectable) for account in accounts),
        longest_s=max(account.longest_s for account in accounts),
        asked=sum(account.asked for account in accounts),
        timed=sum(account.timed for account in accounts),
        frozen=accounts[-1].frozen,
        allocators=_merged(allocator for account in accounts for allocator in account.allocators),
        young=(sum(account.young[0] for account in accounts), sum(account.young[1] for account in accounts)),
    )


def whole_account(window: Window) -> CollectorAccount | None:
    """The accounts of all samples as one; None without a probe."""
    whole = exact_share(window)
    if whole is None:
        return None
    last = window.probe[-1].collector
    pauses: Counter[int] = Counter()
    for sample in window.probe:
        pauses.update(dict(sample.collector.pauses))
    return replace(
        last, span_s=whole.span_s, seconds=whole.seconds, collections=whole.collections, collected=whole.collected,
        uncollectable=tuple(map(round, _sums(sample.collector.uncollectable for sample in window.probe))),
        longest_s=whole.longest_s, asked=whole.asked, timed=whole.timed, allocators=whole.allocators,
        young=whole.young, pauses=tuple(sorted(pauses.items())),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Estimate:
    """What reads of the collector's flag say. `account` has no times: only what the interpreter counts itself."""

    share: Share
    account: CollectorAccount
    survivors: int | None


def estimate(window: Window) -> Estimate | None:
    """The same from outside; None where the flag was not read."""
    samples = window.collector
    share = clustered_share((sample.collecting, sample.reads) for sample in samples)
    if share is None:
        return None
    first, last = samples[0], samples[-1]
    account = CollectorAccount(
        span_s=last.at - first.at, seconds=(), collections=_risen(first.collections, last.collections),
        collected=_risen(first.collected, last.collected), uncollectable=(),
        longest_s=max(sample.longest_s for sample in samples), asked=0, timed=0, thresholds=last.thresholds,
        enabled=last.enabled is not False, frozen=0, allocators=(),
    )  # fmt: skip
    return Estimate(share, account, last.survivors)


def _risen(before: tuple[int, ...], after: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(max(0, now - then) for then, now in zip(before, after, strict=False))


def _sums(rows: Iterable[tuple[float, ...]]) -> tuple[float, ...]:
    return tuple(map(sum, zip(*rows, strict=False)))


def _merged(allocators: Iterable[Allocator]) -> tuple[Allocator, ...]:
    by_place: dict[tuple[int, tuple[Frame, ...]], list[Allocator]] = defaultdict(list)
    for each in allocators:
        by_place[each.ident, each.frames].append(each)
    merged = [
        Allocator(
            frames, ident, parts[-1].thread, sum(each.collections for each in parts),
            sum(each.seconds for each in parts), sum(each.asked for each in parts),
        )
        for (ident, frames), parts in by_place.items()
    ]  # fmt: skip
    return tuple(sorted(merged, key=lambda each: each.seconds, reverse=True))
