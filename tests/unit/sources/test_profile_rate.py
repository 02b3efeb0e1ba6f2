"""How often the GIL's holder is looked at: as somebody wishes, as far as the budget allows."""

from __future__ import annotations

import pytest

from kdiag.machinery.clock import REAL
from kdiag.sources.pace import Tempo
from kdiag.sources.profile import ProfileSource


@pytest.mark.parametrize(
    ("threads", "wished", "rate"),
    [(1, None, 20), (1, 100.0, 100), (20, 100.0, 100), (200, 100.0, 10), (5000, 100.0, 2), (1, 0.5, 2)],
)
def test_a_wish_is_met_within_the_budget(threads: int, wished: float | None, rate: int) -> None:
    tempo = Tempo()
    source = ProfileSource(1, threads, int, int, 2.0, REAL, tempo)
    tempo.profile_hz = wished
    assert source.rate_hz == rate
