"""Counts of objects by type: what grows, what is created and dropped, and what only seems to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from kdiag.core import heap
from kdiag.core.detectors import gc_pressure, memory_leak
from kdiag.core.model import HeapCount, HeapSample, Window
from tests.support.windows import app, computing, found, scene

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MIB = 1024 * 1024
LEAKS = scene(rss=lambda at: 100 * MIB + 5 * MIB * at)


def counted(
    *counts: Mapping[str, int], known: int = 0, series: Sequence[int] = (), young: Mapping[str, int] | None = None,
    window: Window = LEAKS,
) -> Window:  # fmt: skip
    """The window with these counts, two seconds apart."""
    numbers = series or [0] * len(counts)
    samples = []
    for number, (types, which) in enumerate(zip(counts, numbers, strict=True)):
        looked = sum(types.values())
        count = HeapCount(types, looked, max(known, looked) if known >= 0 else 0, which)
        samples.append(HeapSample(2.0 * number, young or {}, count))
    return replace(window, heap=tuple(samples))


def rising(**steps: int) -> list[dict[str, int]]:
    """Four counts in which each type rises by so many."""
    return [{name: 1000 + step * number for name, step in steps.items()} for number in range(4)]


def test_the_types_that_grow_are_named_most_first() -> None:
    grown = heap.growth(counted(*rising(Session=200, dict=300, tuple=0)).heap)
    assert grown is not None
    assert [(each.name, each.rise) for each in grown.types] == [("dict", 900), ("Session", 600)]
    assert (grown.span_s, grown.counts, grown.share) == (6.0, 4, 1.0)


@pytest.mark.parametrize(
    "series",
    [
        [1000, 1000, 1000, 1000],
        [1000, 1900, 1900, 1900],  # one step
        [1000, 1500, 1100, 1900],  # up and down
        [1000, 1020, 1040, 1060],  # too few
        [90_000, 90_200, 90_400, 90_600],  # of too many
    ],
)
def test_a_type_that_only_seems_to_grow(series: list[int]) -> None:
    grown = heap.growth(counted(*({"Session": count} for count in series)).heap)
    assert grown is not None
    assert grown.types == ()


def test_only_counts_of_one_series_are_compared() -> None:
    counts = rising(Session=200)
    assert heap.growth(counted(*counts, series=[0, 0, 1, 1]).heap) is None
    grown = heap.growth(counted(*counts, series=[0, 1, 1, 1]).heap)
    assert grown is not None
    assert grown.types[0].rise == 400
    assert heap.growth(LEAKS.heap) is None


def test_a_leak_is_told_with_its_types_and_the_share_that_was_seen() -> None:
    finding = found(memory_leak.detect(counted(*rising(Session=200), known=3200)))
    assert "+600 Session in 6.0 s (1,600 objects looked at, 50% of all, the newest)" in finding.summary
    numbers = {each.metric: each.value for each in finding.evidence}
    assert (numbers["heap.growth.Session"], numbers["heap.seen_share"]) == (600, 0.5)
    unknown = found(memory_leak.detect(counted(*rising(Session=200), known=-1)))
    assert "the newest 1,600 objects looked at, of more than are known" in unknown.summary
    flat = found(memory_leak.detect(counted(*rising(dict=0))))
    assert "nothing that the collector watches (all 1,000 objects looked at)" in flat.summary
    assert "could not be counted" in found(memory_leak.detect(LEAKS)).summary


def test_the_types_that_churn_are_told_where_the_collector_works_too_much() -> None:
    busy = scene(computing("MainThread", app(7, "churn")), collecting=lambda _: 60)
    window = counted(*rising(Node=500, dict=0), young={"Node": 150, "list": 50}, window=busy)
    finding = found(gc_pressure.detect(window))
    assert "Of 800 objects that had just been created, 75% Node, 25% list." in finding.summary
    assert "+1,500 Node in 6.0 s" in finding.summary
    assert {each.metric for each in finding.evidence} >= {"heap.young_share.Node", "heap.growth.Node"}
    few = counted(*rising(dict=0), young={"Node": 40}, window=busy)
    assert "had just been created" not in found(gc_pressure.detect(few)).summary
