"""Statistics over series of samples: shares with honest bounds, slopes with confidence, scores.

It is separate so that every detector states its numbers the same way: a share is never the raw ratio alone, and reads
that lie close together in time never count as independent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kdiag.core.model import Severity, Threshold

Z95 = 1.959963984540054

_FLAT_S = 3.0
_HALF_MINUTE_S = 30.0

# Exact two-sided 95 % quantiles where the expansion below is not yet good to 0.1 %.
_T95 = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776}


@dataclass(frozen=True, slots=True)
class Share:
    """A ratio with its 95 % bounds. `samples` counts the looks behind it, `effective` the independent ones."""

    value: float
    low: float
    high: float
    samples: int
    effective: float


@dataclass(frozen=True, slots=True)
class Trend:
    """A least-squares slope per second with its 95 % bounds.

    Attributes:
        span_s: seconds from the first point to the last.
        sustained: every third of the span rises by a fair part of the whole rise, so that a start-up or a single
            step is no leak.
    """

    slope: float
    low: float
    high: float
    span_s: float
    samples: int
    sustained: bool

    @property
    def growth(self) -> float:
        """The rise over the span."""
        return self.slope * self.span_s

    @property
    def growth_low(self) -> float:
        """The lower bound of the rise over the span."""
        return self.low * self.span_s

    @property
    def growth_high(self) -> float:
        """The upper bound of the rise over the span."""
        return self.high * self.span_s

    def flat(self, least: float) -> bool:
        """Whether even half a minute at this pace would not rise by `least`; some seconds can already tell that."""
        return self.span_s >= _FLAT_S and self.high * _HALF_MINUTE_S < least


def wilson(share: float, n: float) -> tuple[float, float]:
    """Wilson's 95 % bounds of a share that was seen in `n` independent looks; `n` may be a fraction."""
    if n <= 0:
        return 0.0, 1.0
    z2 = Z95 * Z95
    centre = share + z2 / (2 * n)
    spread = Z95 * math.sqrt(max(0.0, share * (1 - share) / n + z2 / (4 * n * n)))
    scale = 1 + z2 / n
    # The bounds bracket the share by definition; rounding must not say otherwise.
    return min(share, max(0.0, (centre - spread) / scale)), max(share, min(1.0, (centre + spread) / scale))


def poisson_low(count: int) -> float:
    """The lower 95 % bound of what was to be expected where so many were counted (Wilson and Hilferty; good to 1 %)."""
    if count <= 0:
        return 0.0
    return count * max(0.0, 1 - 1 / (9 * count) - Z95 / (3 * math.sqrt(count))) ** 3


def clustered_share(batches: Iterable[tuple[float, int]]) -> Share | None:
    """The share of hits over batches of (hits, reads), each batch's reads being close together in time.

    The reads of a batch repeat each other, so their number is divided by the design effect: how much more the batches
    differ than independent reads would (ratio estimator over clusters, with Student's quantile for the few batches,
    as Korn and Graubard do for surveys). An episode that lasts over into the next batch makes neighbours alike, which
    widens the bounds too. A batch is worth one read at least and its own size at most, so where episodes outlast many
    batches the bounds speak of the time that was covered, not of the hours around it. Where all reads agree nothing
    is known about the spread, and each batch counts as one read.
    """
    kept = [(hits, reads) for hits, reads in batches if reads > 0]
    total = sum(reads for _, reads in kept)
    if not total:
        return None
    count = len(kept)
    share = min(1.0, sum(hits for hits, _ in kept) / total)
    effective = float(count)
    if count > 1 and 0 < share < 1:
        off = [hits - share * reads for hits, reads in kept]
        alike = max(0.0, sum(a * b for a, b in pairwise(off)))
        spread = (sum(o * o for o in off) + alike) * count / (count - 1) / total**2
        independent = share * (1 - share) / spread if spread > 0 else math.inf
        shrink = (Z95 / student95(count - 1)) ** 2
        effective = min(float(total), max(float(count), independent * shrink))
    low, high = wilson(share, effective)
    return Share(share, low, high, total, effective)


def student95(freedom: int) -> float:
    """Student's two-sided 95 % quantile for `freedom` degrees (Cornish-Fisher expansion, good to 0.1 %)."""
    if freedom < 1:
        return math.inf
    if freedom in _T95:
        return _T95[freedom]
    z, v = Z95, float(freedom)
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / v + second / v**2 + third / v**3


def trend(points: Sequence[tuple[float, float]]) -> Trend | None:
    """The slope through (seconds, value) points in order of time; None for fewer than four or for next to no span.

    Neighbouring residuals resemble each other (memory grows in steps), which makes a slope look surer than it is: the
    standard error is widened by their lag-one correlation.
    """
    if len(points) < 4 or points[-1][0] <= points[0][0]:
        return None
    count = len(points)
    mean_x = sum(x for x, _ in points) / count
    mean_y = sum(y for _, y in points) / count
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    if spread <= 0:
        return None
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
    residuals = [y - mean_y - slope * (x - mean_x) for x, y in points]
    alike = min(0.9, max(0.0, _lag_one(residuals)))
    error = math.sqrt(sum(r * r for r in residuals) / (count - 2) / spread * (1 + alike) / (1 - alike))
    margin = student95(count - 2) * error
    if not (math.isfinite(slope) and math.isfinite(margin)):
        return None
    return Trend(slope, slope - margin, slope + margin, points[-1][0] - points[0][0], count, _sustained(points))


def clustering(flags: Sequence[bool]) -> float:
    """How much longer the runs of equal flags are than by chance: Wald and Wolfowitz's z, negative for long runs.

    0.0 where it cannot be told: all flags equal, or too few.
    """
    yes = sum(flags)
    no = len(flags) - yes
    total = yes + no
    if not yes or not no:
        return 0.0
    runs = 1 + sum(a != b for a, b in pairwise(flags))
    mean = 1 + 2 * yes * no / total
    variance = (mean - 1) * (mean - 2) / (total - 1)
    return (runs - mean) / math.sqrt(variance) if variance > 0 else 0.0


def score(value: float, threshold: Threshold) -> int:
    """0 to 100: 25 at the info step (half the warning one by default), 75 at warning, 98 at four times that."""
    warning = threshold.warning
    if warning is None:
        raise ValueError(f"{threshold.metric} has no warning step to be scored against")
    low = warning / 2 if threshold.info is None else threshold.info
    if value <= 0:
        return 0
    if value < low:
        return round(25 * value / low)
    if value < warning:
        return round(25 + 50 * (value - low) / (warning - low))
    return round(100 - 25 * (warning / value) ** 2)


def severity(low: float, threshold: Threshold) -> Severity | None:
    """What a lower bound is worth against a threshold; None below all of its steps."""
    if threshold.critical is not None and low >= threshold.critical:
        return "critical"
    if threshold.warning is not None and low >= threshold.warning:
        return "warning"
    if threshold.info is not None and low >= threshold.info:
        return "info"
    return None


def passes(low: float, threshold: Threshold) -> bool:
    """Whether a lower bound reaches any step of the threshold."""
    return severity(low, threshold) is not None


def _lag_one(values: Sequence[float]) -> float:
    """Correlation of neighbours; 0.0 for a constant series."""
    power = sum(v * v for v in values)
    return sum(a * b for a, b in pairwise(values)) / power if power > 0 else 0.0


# A steady leak gives each third a third of the rise; a start-up gives the first one nearly all.
_FAIR_PART = 0.15


def _sustained(points: Sequence[tuple[float, float]]) -> bool:
    """Whether every third of the span brings at least a fair part of the rise."""
    start, end = points[0][0], points[-1][0]
    marks = [_value_at(points, start + (end - start) * step / 3) for step in range(4)]
    rise = marks[3] - marks[0]
    return rise > 0 and all(b - a >= _FAIR_PART * rise for a, b in pairwise(marks))


def _value_at(points: Sequence[tuple[float, float]], moment: float) -> float:
    """The value at a moment, linear between its neighbours."""
    for (x0, y0), (x1, y1) in pairwise(points):
        if moment <= x1:
            return y0 if x1 <= x0 else y0 + (y1 - y0) * (moment - x0) / (x1 - x0)
    return points[-1][1]
