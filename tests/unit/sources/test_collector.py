"""Bursts of reads into samples: when it is read, what counts, how long one collection is known to run."""

from __future__ import annotations

import itertools
import random
from typing import Literal

import pytest

from kdiag.attach.memory import TargetEndedError
from kdiag.errors import KdiagError
from kdiag.machinery.clock import FakeClock
from kdiag.machinery.context import background, with_cancel
from kdiag.sources.collector import BURST_S, CollectorSource
from kdiag.sources.collector_layout import CollectorState
from kdiag.sources.tools import SourceError


class ScriptedReader:
    """A collector that runs by a script of time, and reads that may come late by a script of their own."""

    tool: Literal["memory", "pystack"] = "memory"
    spacing_s = 0.005

    def __init__(self, clock: FakeClock, collections: list[tuple[float, float]], late_s: float = 0.0) -> None:
        self._clock = clock
        self._collections = collections
        self._late_s = late_s  # how much later a read comes while a collection is under way
        self.at: list[float] = []

    def survivors(self) -> int | None:
        return None

    def under_way(self) -> bytes | None:
        if self._number() is not None:
            self._clock.step(self._late_s)
        self.at.append(self._clock.now())
        number = self._number()
        return None if number is None else bytes([number + 1])

    def read(self) -> CollectorState:
        now = self._clock.now()
        done = sum(end <= now for _, end in self._collections)
        return CollectorState(self._number() is not None, (done, 0, 0), (done, 0, 0), (700, 10, 10), True)

    def close(self) -> None:
        pass

    def _number(self) -> int | None:
        now = self._clock.now()
        return next((i for i, (start, end) in enumerate(self._collections) if start <= now < end), None)


def _source(clock: FakeClock, reader: ScriptedReader) -> CollectorSource:
    return CollectorSource(7, clock, rng=random.Random(7), reader=reader)


def test_a_burst_reads_at_random_intervals_for_its_time() -> None:
    clock = FakeClock()
    reader = ScriptedReader(clock, [])
    sample = _source(clock, reader).sample(background())
    gaps = [later - earlier for earlier, later in itertools.pairwise(reader.at)]
    assert all(0.5 * reader.spacing_s <= gap <= 1.5 * reader.spacing_s + 1e-9 for gap in gaps)
    assert len({round(gap, 6) for gap in gaps}) > 10
    assert sample.reads == len(reader.at) == pytest.approx(BURST_S / reader.spacing_s, rel=0.2)
    assert sample.collecting == 0
    assert sample.longest_s == 0


def test_a_sample_holds_what_the_last_read_saw() -> None:
    clock = FakeClock()
    sample = _source(clock, ScriptedReader(clock, [(0.0, 0.1), (0.1, 0.2)])).sample(background())
    assert sample.collections == (2, 0, 0)
    assert sample.collected == (2, 0, 0)
    assert (sample.thresholds, sample.enabled, sample.tool) == ((700, 10, 10), True, "memory")


def test_a_sample_spans_the_time_since_the_one_before() -> None:
    clock = FakeClock()
    source = _source(clock, ScriptedReader(clock, []))
    first = source.sample(background())
    clock.step(1.0)
    second = source.sample(background())
    assert first.span_s == pytest.approx(BURST_S, abs=0.01)
    assert second.span_s == pytest.approx(second.at - first.at)


def test_reads_that_find_a_collection_have_its_share_of_time() -> None:
    clock = FakeClock()
    reader = ScriptedReader(clock, [(n * 0.01, n * 0.01 + 0.006) for n in range(200)])
    samples = _many(_source(clock, reader), 7)
    assert _share(samples) == pytest.approx(0.6, abs=0.06)


def test_reads_that_come_late_while_collecting_do_not_make_it_rarer() -> None:
    clock = FakeClock()
    reader = ScriptedReader(clock, [(n * 0.1, n * 0.1 + 0.05) for n in range(200)], late_s=0.002)
    samples = _many(_source(clock, reader), 40)
    assert _share(samples) == pytest.approx(0.5, abs=0.04)


def test_missed_reads_are_not_made_up_for() -> None:
    clock = FakeClock()
    reader = ScriptedReader(clock, [(0.0, 0.1)], late_s=0.05)
    sample = _source(clock, reader).sample(background())
    gaps = [later - earlier for earlier, later in itertools.pairwise(reader.at)]
    assert min(gaps) >= 0.5 * reader.spacing_s - 1e-9
    assert sample.collecting <= 2


def test_one_collection_is_followed_over_its_reads() -> None:
    clock = FakeClock()
    sample = _source(clock, ScriptedReader(clock, [(0.05, 0.15)])).sample(background())
    assert 0.08 < sample.longest_s <= 0.1


def test_collections_without_a_gap_are_not_taken_for_one() -> None:
    clock = FakeClock()
    sample = _source(clock, ScriptedReader(clock, [(n * 0.04, (n + 1) * 0.04) for n in range(50)])).sample(background())
    assert sample.collecting == sample.reads
    assert sample.longest_s <= 0.04


def test_a_collection_is_followed_from_burst_to_burst() -> None:
    clock = FakeClock()
    source = _source(clock, ScriptedReader(clock, [(0.1, 2.1)]))
    samples = []
    for _ in range(5):
        samples.append(source.sample(background()))
        clock.step(0.1)
    longest = [sample.longest_s for sample in samples]
    assert longest == sorted(longest)
    assert 1.4 < longest[-1] <= 2.0


def test_a_burst_ends_with_the_context() -> None:
    clock = FakeClock()
    ctx, cancel = with_cancel(background())
    cancel()
    assert _source(clock, ScriptedReader(clock, [])).sample(ctx).reads == 1


def test_an_ended_target_is_an_error_of_the_source() -> None:
    clock = FakeClock()

    class EndedReader(ScriptedReader):
        def under_way(self) -> bytes | None:
            raise TargetEndedError(7)

    with pytest.raises(SourceError) as error:
        _source(clock, EndedReader(clock, [])).sample(background())
    assert error.value.reference == "target-ended"
    assert isinstance(error.value.__cause__, KdiagError)


def _many(source: CollectorSource, count: int) -> list[tuple[int, int]]:
    samples = [source.sample(background()) for _ in range(count)]
    return [(sample.reads, sample.collecting) for sample in samples]


def _share(samples: list[tuple[int, int]]) -> float:
    return sum(collecting for _, collecting in samples) / sum(reads for reads, _ in samples)
