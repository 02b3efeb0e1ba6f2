"""Numbers as a person writes them."""

from __future__ import annotations

import math

import pytest

from kdiag.core.model import Evidence
from kdiag.core.report.quantity import bounds, limit, quantity


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (0.61, "ratio", "61 %"),
        (0.5512, "ratio", "55.1 %"),
        (0.004, "ratio", "0.4 %"),
        (0, "ratio", "0 %"),
        (3.14159, "percent", "3.1 %"),
        (1.5, "s", "1.5 s"),
        (1.0, "s", "1 s"),
        (10.04, "s", "10 s"),
        (125.4, "s", "125 s"),
        (0.21, "s", "210 ms"),
        (0.0004, "s", "0.4 ms"),
        (0, "s", "0 s"),
        (12.4, "ms", "12.4 ms"),
        (1500, "ms", "1.5 s"),
        (512, "bytes", "512 B"),
        (12.5 * 1024**2, "bytes", "12.5 MiB"),
        (3 * 1024**5, "bytes", "3,072 TiB"),
        (2.5 * 1024**2, "bytes/min", "2.5 MiB/min"),
        (9800, "count", "9,800"),
        (1234567, "count", "1,234,567"),
        (4.2, "1/s", "4.2/s"),
        (12, "count/min", "12/min"),
        (3, "threads/min", "3 threads/min"),
        (1, "threads/min", "1 thread/min"),
        (1, "processes", "1 process"),
        (0.8, "cores", "0.8 cores"),
        (-2.5, "count", "-2.5"),
        (1e300, "count", "1e+300"),
        (math.inf, "s", "unknown"),
        (math.nan, "ratio", "unknown"),
    ],
)
def test_quantity(value: float, unit: str, words: str) -> None:
    assert quantity(value, unit) == words


def test_bounds_say_their_unit_once() -> None:
    assert bounds(Evidence("x", 0.6, "ratio", 1, "t", 0.55, 0.67)) == "55 to 67 %"
    assert bounds(Evidence("x", 1, "s", 1, "t", 0.5, 1.5)) == "500 ms to 1.5 s"
    assert bounds(Evidence("x", 3, "count", 1, "t", 2, 4)) == "2 to 4"
    assert bounds(Evidence("x", 3, "count/min", 1, "t", 2, 4)) == "2/min to 4/min"
    assert bounds(Evidence("x", 3, "count", 1, "t", None, 4)) == ""


def test_a_limit_that_is_not_set_has_no_words() -> None:
    assert limit(None, "s") == ""
    assert limit(0.1, "s") == "100 ms"
