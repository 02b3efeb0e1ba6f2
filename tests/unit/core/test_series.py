"""The statistics: bounds bracket what they bound, know more with more looks, and do not trust repeated reads."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdiag.core.model import Threshold
from kdiag.core.series import clustered_share, clustering, score, severity, student95, trend, wilson

SHARES = st.floats(0, 1)
COUNTS = st.integers(1, 100_000)
BATCHES = st.lists(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=1)


@given(SHARES, COUNTS)
def test_wilson_brackets_the_share_within_zero_and_one(share: float, n: int) -> None:
    low, high = wilson(share, n)
    assert 0 <= low <= share <= high <= 1


@given(SHARES, COUNTS, st.integers(2, 50))
def test_wilson_narrows_with_more_looks(share: float, n: int, times: int) -> None:
    low, high = wilson(share, n)
    more_low, more_high = wilson(share, n * times)
    assert more_low >= low - 1e-9
    assert more_high <= high + 1e-9


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"), [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (81, 263, 0.2553, 0.3662)]
)
def test_wilson_agrees_with_published_values(hits: int, n: int, low: float, high: float) -> None:
    assert wilson(hits / n, n) == pytest.approx((low, high), abs=1e-4)


def test_wilson_knows_nothing_without_looks() -> None:
    assert wilson(0.5, 0) == (0.0, 1.0)


@given(BATCHES)
def test_effective_number_lies_between_batches_and_reads(batches: list[tuple[int, int]]) -> None:
    share = clustered_share(batches)
    assert share is not None
    assert len(batches) <= share.effective <= share.samples == sum(n for _, n in batches)
    assert 0 <= share.low <= share.value <= share.high <= 1


def test_batches_that_are_all_or_nothing_count_as_one_read_each() -> None:
    share = clustered_share([(80, 80), (0, 80)] * 15)
    assert share is not None
    assert share.effective == 30
    assert (share.low, share.high) == pytest.approx(wilson(0.5, 30))


def test_batches_that_agree_with_each_other_count_with_all_their_reads() -> None:
    share = clustered_share([(40, 80), (40, 80), (41, 80), (39, 80), (40, 80)] * 6)
    assert share is not None
    assert share.effective == share.samples


def test_reads_that_all_say_the_same_count_once_a_batch() -> None:
    share = clustered_share([(80, 80)] * 30)
    assert share is not None
    assert share.effective == 30
    assert share.low < 0.9


@pytest.mark.parametrize("episode", [5, 20, 40])
def test_bounds_hold_for_reads_that_come_in_episodes(episode: int) -> None:
    """Collections that outlast many reads: of 300 windows, the lower bound lies above the truth in 6 % at most."""
    rng = random.Random(7)
    above = outside = 0
    for _ in range(300):
        batches, state = [], rng.random() < 0.3
        for _ in range(33):
            hits = 0
            for _ in range(80):
                if rng.random() < 1 / episode:
                    state = rng.random() < 0.3
                hits += state
            batches.append((hits, 80))
        share = clustered_share(batches)
        assert share is not None
        above += share.low > 0.3
        outside += not share.low <= 0.3 <= share.high
    assert above <= 18
    assert outside <= 36


def test_no_reads_give_no_share() -> None:
    assert clustered_share([]) is None
    assert clustered_share([(0, 0)]) is None


@pytest.mark.parametrize(
    ("freedom", "quantile"), [(1, 12.706), (2, 4.303), (5, 2.571), (8, 2.306), (18, 2.101), (30, 2.042), (1000, 1.962)]
)
def test_student_agrees_with_the_table(freedom: int, quantile: float) -> None:
    assert student95(freedom) == pytest.approx(quantile, rel=1.5e-3)


def test_student_falls_with_freedom() -> None:
    values = [student95(n) for n in range(1, 200)]
    assert all(a > b for a, b in pairwise(values))
    assert student95(0) == math.inf


@given(st.floats(-1e6, 1e6), st.floats(-1e3, 1e3), st.integers(4, 60))
def test_trend_finds_the_slope_of_a_line(start: float, slope: float, count: int) -> None:
    found = trend([(n * 0.5, start + slope * n * 0.5) for n in range(count)])
    assert found is not None
    tolerance = 1e-6 * (1 + abs(start) + abs(slope))
    assert found.slope == pytest.approx(slope, abs=tolerance)
    assert found.low - tolerance <= slope <= found.high + tolerance


def test_trend_of_noise_includes_zero() -> None:
    rng = random.Random(3)
    wrong = 0
    for _ in range(200):
        found = trend([(n * 0.5, rng.gauss(0, 1)) for n in range(20)])
        assert found is not None
        wrong += not found.low <= 0 <= found.high
    assert wrong <= 20


def test_a_walk_by_chance_is_rarely_called_a_rise() -> None:
    """Memory wanders; a slope that ignores that would call most walks significant, and the thirds refuse the rest."""
    rng = random.Random(5)
    rises = 0
    for _ in range(300):
        value, points = 0.0, []
        for n in range(20):
            value += rng.gauss(0, 1)
            points.append((n * 0.5, value))
        found = trend(points)
        assert found is not None
        rises += found.low > 0 and found.sustained
    assert rises <= 45


def test_a_steady_rise_is_sustained_and_a_step_is_not() -> None:
    steady = trend([(n, n * 1.0) for n in range(10)])
    step = trend([(n, 0.0 if n < 3 else 9.0) for n in range(10)])
    assert steady is not None
    assert steady.sustained
    assert step is not None
    assert not step.sustained


def test_a_rise_that_ends_in_the_last_third_is_not_sustained() -> None:
    found = trend([(n, float(min(n, 12))) for n in range(19)])
    assert found is not None
    assert not found.sustained


@pytest.mark.parametrize("period", range(2, 12))
def test_a_saw_tooth_is_no_rise(period: int) -> None:
    found = trend([(n, n % period * 10.0) for n in range(24)])
    assert found is not None
    assert found.low <= 0 or not found.sustained


@pytest.mark.parametrize("points", [[], [(0.0, 1.0)], [(n * 1.0, 1.0) for n in range(3)], [(1.0, 1.0)] * 9])
def test_too_few_points_have_no_trend(points: list[tuple[float, float]]) -> None:
    assert trend(points) is None


def test_clustering_tells_long_runs_from_alternation() -> None:
    assert clustering([True] * 10 + [False] * 40) < -4
    assert clustering([True, False] * 25) > 4
    assert clustering([True] * 50) == 0.0
    assert clustering([]) == 0.0


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=2).map(sorted), st.floats(0.001, 1e5))
def test_score_rises_with_the_value(values: list[float], warning: float) -> None:
    steps = Threshold("x", "ratio", warning, None, "a test")
    low, high = (score(value, steps) for value in values)
    assert 0 <= low <= high <= 100


@pytest.mark.parametrize(
    ("value", "expected"), [(0.0, 0), (0.025, 12), (0.05, 25), (0.1, 75), (0.4, 98), (1.0, 100), (-1.0, 0)]
)
def test_score_at_its_marks(value: float, expected: int) -> None:
    assert score(value, Threshold("x", "ratio", 0.1, 0.4, "a test", info=0.05)) == expected
    assert score(value, Threshold("x", "ratio", 0.1, 0.4, "a test")) == expected  # half the warning by default


def test_score_needs_a_warning_step() -> None:
    with pytest.raises(ValueError, match="no warning step"):
        score(1.0, Threshold("x", "ratio", None, 0.4, "a test"))


def test_severity_is_the_highest_step_reached() -> None:
    steps = Threshold("x", "ratio", 0.1, 0.4, "a test", info=0.05)
    assert [severity(v, steps) for v in (0.04, 0.05, 0.1, 0.39, 0.4)] == [
        None, "info", "warning", "warning", "critical",
    ]  # fmt: skip
    assert severity(9.0, Threshold("x", "ratio", None, None, "a test")) is None
