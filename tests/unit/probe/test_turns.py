"""Long work of ours rests now and then, short work never."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kdiag.probe import turns
from kdiag.probe.turns import EVERY, LONG_REST_S, REST_S, WORK_S, Turns

if TYPE_CHECKING:
    import pytest


def test_who_works_long_rests_and_who_does_not_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    spent = 0.0
    rested: list[float] = []
    monkeypatch.setattr(turns, "thread_time", lambda: spent)
    monkeypatch.setattr(turns, "monotonic", lambda: sum(rested))
    monkeypatch.setattr(turns, "sleep", rested.append)
    taking = Turns()
    for _ in range(10 * EVERY):
        taking.next()
    assert rested == []
    for _ in range(3):
        spent += 1.5 * WORK_S
        for _ in range(EVERY):
            taking.next()
    assert rested == [REST_S] * 3


def test_who_gets_the_interpreter_back_late_rests_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    spent = 0.0
    rested: list[float] = []
    monkeypatch.setattr(turns, "thread_time", lambda: spent)
    monkeypatch.setattr(turns, "monotonic", lambda: 2 * LONG_REST_S * len(rested))
    monkeypatch.setattr(turns, "sleep", rested.append)
    taking = Turns()
    for _ in range(5):
        spent += 1.5 * WORK_S
        for _ in range(EVERY):
            taking.next()
    assert rested == [REST_S]
