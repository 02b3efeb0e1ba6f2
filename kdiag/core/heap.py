"""What the counts of objects by type say over a window: which types grow, and which are created and dropped.

Separate because the collector's detector and the one of memory ask the same.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from kdiag.core.model import Evidence

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kdiag.core.model import HeapCount, HeapSample

SOURCE = "heap.lists"

_COUNTS = 3
_LEAST = 100  # objects
_LEAST_SHARE = 0.01  # of what there were
_FAIR_PART = 0.15  # of the whole rise, in each interval on average
_LEAST_YOUNG = 200
_TYPES = 3


@dataclass(frozen=True, slots=True)
class TypeGrowth:
    """A type of which there were more at each count."""

    name: str
    before: int
    after: int

    @property
    def rise(self) -> int:
        """How many more there are."""
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class HeapGrowth:
    """The types that grew, most first.

    Attributes:
        span_s: from the first count to the last.
        counts: how many there were.
        share: of all objects that the collector watches, how much was counted; None where that is not known.
        looked: so many objects were counted the last time.
    """

    types: tuple[TypeGrowth, ...]
    span_s: float
    counts: int
    share: float | None
    looked: int

    @property
    def words(self) -> str:
        """In a sentence; "" where nothing grew."""
        if not self.types:
            return ""
        grown = ", ".join(f"{each.rise:+,} {each.name}" for each in self.types[:_TYPES])
        return f"Of what the collector watches, {grown} in {self.span_s:.1f} s ({self.seen})."

    @property
    def seen(self) -> str:
        """How much was looked at."""
        if self.share is None:
            return f"the newest {self.looked:,} objects looked at, of more than are known"
        if self.share >= 1:
            return f"all {self.looked:,} objects looked at"
        return f"{self.looked:,} objects looked at, {self.share:.0%} of all, the newest"

    def evidence(self) -> Iterable[Evidence]:
        """The numbers."""
        for each in self.types[:_TYPES]:
            yield Evidence(f"heap.growth.{each.name}", each.rise, "objects", self.counts, SOURCE)
        if self.share is not None:
            yield Evidence("heap.seen_share", self.share, "ratio", self.counts, SOURCE)


def growth(samples: Sequence[HeapSample]) -> HeapGrowth | None:
    """The types that grew; None where there are too few counts that can be compared."""
    counts = [(sample.at, sample.count) for sample in samples if sample.count is not None]
    counts = [(at, count) for at, count in counts if count.series == counts[-1][1].series]
    if len(counts) < _COUNTS:
        return None
    last = counts[-1][1]
    rises = [_rise(name, [count for _, count in counts]) for name in last.types]
    grown = sorted((each for each in rises if each), key=lambda each: each.rise, reverse=True)
    return HeapGrowth(tuple(grown), counts[-1][0] - counts[0][0], len(counts), last.share, last.looked)


def _rise(name: str, counts: list[HeapCount]) -> TypeGrowth | None:
    series = [count.types.get(name, 0) for count in counts]
    found = TypeGrowth(name, series[0], series[-1])
    fair = _FAIR_PART * found.rise / (len(series) - 1)
    if found.rise < max(_LEAST, _LEAST_SHARE * found.before) or any(b - a < fair for a, b in pairwise(series)):
        return None
    return found


@dataclass(frozen=True, slots=True)
class Churn:
    """The types that the youngest objects were of, most first, as (name, how many)."""

    types: tuple[tuple[str, int], ...]
    looked: int
    looks: int

    @property
    def words(self) -> str:
        """In a sentence."""
        shares = ", ".join(f"{count / self.looked:.0%} {name}" for name, count in self.types[:_TYPES])
        return f"Of {self.looked:,} objects that had just been created, {shares}."

    def evidence(self) -> Iterable[Evidence]:
        """The numbers."""
        for name, count in self.types[:_TYPES]:
            yield Evidence(f"heap.young_share.{name}", count / self.looked, "ratio", self.looks, SOURCE)


def churn(samples: Sequence[HeapSample]) -> Churn | None:
    """What is created all the time; None where too little was seen."""
    looks = [sample.young for sample in samples if sample.young]
    young: Counter[str] = Counter()
    for look in looks:
        young.update(look)
    if young.total() < _LEAST_YOUNG:
        return None
    looked = young.total()
    types = tuple((name, count) for name, count in young.most_common() if count >= _LEAST_SHARE * looked)
    return Churn(types, looked, len(looks))
