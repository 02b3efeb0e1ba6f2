"""The period of a source follows what its looks cost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kdiag.sources.pace import Pace


def _pace() -> Pace:
    return Pace(base_s=0.2, longest_s=3.0, duty=0.1)


def test_a_cheap_look_keeps_the_asked_period() -> None:
    pace = _pace()
    pace.spent(took_s=0.001)
    assert pace.period_s() == 0.2


def test_a_slow_look_stretches_it_to_its_duty() -> None:
    pace = _pace()
    pace.spent(took_s=0.05)
    assert pace.period_s() == 0.5


def test_a_window_has_samples_however_dear_they_are() -> None:
    pace = _pace()
    pace.spent(took_s=5.0)
    assert pace.period_s() == 3.0


def test_it_speeds_up_again() -> None:
    pace = _pace()
    pace.spent(took_s=0.2)
    for _ in range(20):
        pace.spent(took_s=0.001)
    assert pace.period_s() == 0.2


@given(st.lists(st.floats(0, 1e3)))
def test_the_period_stays_between_its_bounds(looks: list[float]) -> None:
    pace = _pace()
    for took_s in looks:
        pace.spent(took_s)
        assert 0.2 <= pace.period_s() <= 3.0
