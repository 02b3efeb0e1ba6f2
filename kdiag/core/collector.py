"""The collector's account by the probe over a whole window: exact, where the flag that is read from outside estimates.

Separate from the detector because the vital signs tell the same number.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kdiag.core.model import Allocator, Frame, Window

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
