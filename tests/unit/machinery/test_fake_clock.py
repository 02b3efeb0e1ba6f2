"""The fake clock, on which all other tests of machinery stand."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdiag.machinery.clock import FakeClock
from kdiag.machinery.context import background, with_cancel
from tests.unit.machinery.background import Background, together


def test_time_stands_still_until_it_is_stepped_or_set() -> None:
    clock = FakeClock(100.0)
    assert clock.now() == clock.now() == 100.0
    clock.step(2.5)
    assert clock.now() == 102.5
    clock.set_time(200.0)
    assert clock.now() == 200.0


def test_time_does_not_go_back() -> None:
    clock = FakeClock(10.0)
    with pytest.raises(ValueError, match="does not go back"):
        clock.set_time(9.0)
    with pytest.raises(ValueError, match="does not go back"):
        clock.step(-1.0)
    assert clock.now() == 10.0


def test_sleep_steps_the_clock() -> None:
    clock = FakeClock()
    timer = clock.timer(3.0)
    clock.sleep(3.0)
    assert clock.now() == 3.0
    assert timer.fired.is_set()
    clock.sleep(-1.0)
    assert clock.now() == 3.0


def test_a_timer_fires_when_its_time_has_come_and_not_before() -> None:
    clock = FakeClock()
    timer = clock.timer(2.0)
    clock.step(1.999)
    assert not timer.fired.is_set()
    clock.step(0.001)
    assert timer.fired.is_set()
    assert timer.wait(0)


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_a_timer_of_no_time_or_less_fires_at_once(seconds: float) -> None:
    clock = FakeClock()
    called: list[float] = []
    assert clock.timer(seconds).fired.is_set()
    assert clock.after(seconds).is_set()
    clock.after_func(seconds, lambda: called.append(clock.now()))
    assert called == [0.0]
    assert not clock.has_waiters()


def test_stop_keeps_a_timer_from_firing() -> None:
    clock = FakeClock()
    timer = clock.timer(1.0)
    assert timer.stop() is True
    clock.step(10.0)
    assert not timer.fired.is_set()
    assert timer.stop() is False


def test_stop_drains_a_timer_that_has_fired() -> None:
    clock = FakeClock()
    timer = clock.timer(1.0)
    clock.step(1.0)
    assert timer.stop() is False
    assert not timer.fired.is_set()


def test_reset_moves_a_pending_timer() -> None:
    clock = FakeClock()
    timer = clock.timer(1.0)
    assert timer.reset(5.0) is True
    clock.step(4.0)
    assert not timer.fired.is_set()
    clock.step(1.0)
    assert timer.fired.is_set()


def test_reset_sets_a_fired_or_stopped_timer_anew() -> None:
    clock = FakeClock()
    timer = clock.timer(1.0)
    clock.step(1.0)
    assert timer.reset(1.0) is False
    assert not timer.fired.is_set()
    timer.stop()
    assert timer.reset(2.0) is False
    clock.step(2.0)
    assert timer.fired.is_set()


def test_a_function_is_called_after_its_time_once() -> None:
    clock = FakeClock()
    called: list[float] = []
    clock.after_func(2.0, lambda: called.append(clock.now()))
    clock.step(1.0)
    assert called == []
    clock.step(5.0)
    clock.step(5.0)
    assert called == [6.0]


def test_a_crash_of_a_called_function_does_not_keep_the_next_from_its_call() -> None:
    clock = FakeClock()
    called: list[str] = []
    clock.after_func(1.0, lambda: 1 / 0)
    clock.after_func(2.0, lambda: called.append("second"))
    clock.step(2.0)
    assert called == ["second"]


def test_a_called_function_may_set_its_timer_anew() -> None:
    clock = FakeClock()
    called: list[float] = []

    def again() -> None:
        called.append(clock.now())
        timer.reset(1.0)

    timer = clock.after_func(1.0, again)
    for _ in range(3):
        clock.step(1.0)
    assert called == [1.0, 2.0, 3.0]


@given(st.lists(st.floats(0.001, 1000.0), max_size=30))
def test_what_comes_due_in_one_step_fires_in_the_order_of_time_then_of_creation(delays: list[float]) -> None:
    clock = FakeClock()
    called: list[tuple[float, int]] = []
    for number, delay in enumerate(delays):
        clock.after_func(delay, lambda each=(delay, number): called.append(each))  # type: ignore[misc]
    clock.step(1000.0)
    assert called == sorted((delay, number) for number, delay in enumerate(delays))


def test_waiters_are_counted() -> None:
    clock = FakeClock()
    assert not clock.has_waiters()
    timer = clock.timer(1.0)
    clock.after(2.0)
    clock.after_func(3.0, lambda: None)
    ticker = clock.ticker(4.0)
    assert clock.waiters() == 4
    assert clock.has_waiters()
    timer.stop()
    assert clock.waiters() == 3
    clock.step(3.0)
    assert clock.waiters() == 1
    clock.step(4.0)
    assert clock.waiters() == 1, "a ticker stays"
    ticker.stop()
    assert not clock.has_waiters()


def test_wait_ends_when_time_has_passed() -> None:
    clock = FakeClock()
    seen: list[bool] = []
    waiting = Background(lambda: seen.append(clock.wait(threading.Event(), 3.0)))
    clock.block_until(1)
    clock.step(3.0)
    waiting.result()
    assert seen == [False]
    assert not clock.has_waiters()


def test_wait_ends_at_once_when_the_event_is_set() -> None:
    clock = FakeClock()
    ctx, cancel = with_cancel(background())
    seen: list[bool] = []
    waiting = Background(lambda: seen.append(clock.wait(ctx.done, 3.0)))
    clock.block_until(1)
    cancel()
    waiting.result()
    assert seen == [True]
    assert not clock.has_waiters()


def test_wait_ends_at_once_when_a_plain_event_is_set() -> None:
    clock = FakeClock()
    event = threading.Event()
    waiting = Background(lambda: clock.wait(event, 3.0))
    clock.block_until(1)
    event.set()
    waiting.result()
    assert not clock.has_waiters()


def test_wait_does_not_block_when_there_is_nothing_to_wait_for() -> None:
    clock = FakeClock()
    event = threading.Event()
    assert clock.wait(event, 0.0) is False
    assert clock.wait(event, -1.0) is False
    event.set()
    assert clock.wait(event, 10.0) is True


def test_block_until_tells_who_has_not_come() -> None:
    clock = FakeClock()
    clock.timer(1.0)
    clock.block_until(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kdiag.machinery.clock.fake.HANGING_TEST_S", 0.0)
        with pytest.raises(TimeoutError, match="waited for 2 waiters, there are 1"):
            clock.block_until(2)


def test_a_ticker_ticks_at_its_period() -> None:
    clock = FakeClock()
    ticker = clock.ticker(2.0)
    for _ in range(3):
        clock.step(2.0)
        assert ticker.wait() is True
    ticker.stop()


def test_a_slow_reader_of_a_ticker_finds_one_tick_and_the_rhythm_is_kept() -> None:
    clock = FakeClock()
    ticker = clock.ticker(2.0)
    clock.step(7.0)  # the ticks of 2, 4 and 6
    assert ticker.wait() is True
    reading = Background(ticker.wait)
    clock.step(0.999)
    clock.step(0.001)  # 8.0
    reading.result()
    ticker.stop()


def test_a_ticker_ends_its_wait_when_the_stop_is_done() -> None:
    clock = FakeClock()
    ticker = clock.ticker(2.0)
    ctx, cancel = with_cancel(background())
    seen: list[bool] = []
    reading = Background(lambda: seen.append(ticker.wait(ctx)))
    cancel()
    reading.result()
    assert seen == [False]
    clock.step(2.0)
    assert ticker.wait(ctx) is False, "a stop wins over a tick"
    ticker.stop()


def test_a_stopped_ticker_does_not_tick() -> None:
    clock = FakeClock()
    ticker = clock.ticker(2.0)
    reading = Background(ticker.wait)
    ticker.stop()
    reading.result()
    clock.step(10.0)
    assert ticker.wait() is False


def test_a_period_must_be_positive() -> None:
    with pytest.raises(ValueError, match="positive"):
        FakeClock().ticker(0.0)


@pytest.mark.parametrize("_round", range(20))
def test_a_ticker_that_is_stopped_while_it_ticks_is_stopped(_round: int) -> None:
    clock = FakeClock()
    tickers = [clock.ticker(1.0) for _ in range(20)]

    def stop_all() -> None:
        for ticker in tickers:
            ticker.stop()

    together(lambda: clock.step(1.0), stop_all)
    assert not clock.has_waiters()
    assert not any(ticker.wait() for ticker in tickers)


@pytest.mark.parametrize("_round", range(20))
def test_a_timer_that_is_stopped_while_it_fires_does_one_of_both(_round: int) -> None:
    clock = FakeClock()
    fired: list[int] = []
    stopped: list[int] = []
    timers = [clock.after_func(1.0, lambda number=number: fired.append(number)) for number in range(100)]  # type: ignore[misc]

    def stop_all() -> None:
        stopped.extend(number for number, timer in enumerate(timers) if timer.stop())

    together(lambda: clock.step(1.0), stop_all)
    assert sorted(fired + stopped) == list(range(100))
