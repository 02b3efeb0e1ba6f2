"""The machine's clock and its timers."""

from __future__ import annotations

import os
import threading
import time

import pytest

from kdiag.machinery.clock import REAL
from kdiag.machinery.clock.alarms import _alarms_of_this_process
from tests.unit.machinery.background import HANGING_S, Background, together

FAR_S = 3600.0


def pending() -> int:
    return len(_alarms_of_this_process()._armed)


def in_heap() -> int:
    return len(_alarms_of_this_process()._heap)


def alarm_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "kdiag-alarms"]


class CountingEvent(threading.Event):
    """An event that notes how it is waited for, and does not wait."""

    def __init__(self) -> None:
        super().__init__()
        self.timeouts: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.timeouts.append(timeout)
        return self.is_set()


def test_now_is_the_monotonic_clock() -> None:
    before = time.monotonic()
    assert repr(REAL) == "REAL"
    assert before <= REAL.now() <= time.monotonic()


def test_a_wait_is_one_wait_of_the_event_and_no_thread() -> None:
    event = CountingEvent()
    threads = set(threading.enumerate())
    assert REAL.wait(event, 1.5) is False
    assert event.timeouts == [1.5]
    assert set(threading.enumerate()) <= threads


def test_a_wait_of_no_time_or_less_does_not_block() -> None:
    event = CountingEvent()
    assert REAL.wait(event, 0.0) is False
    assert REAL.wait(event, -5.0) is False
    event.set()
    assert REAL.wait(event, -5.0) is True
    assert event.timeouts == []


def test_a_wait_may_be_endless() -> None:
    event = CountingEvent()
    REAL.wait(event, float("inf"))
    assert event.timeouts == [threading.TIMEOUT_MAX]


def test_sleep_lets_time_pass() -> None:
    before = REAL.now()
    REAL.sleep(0.001)
    assert REAL.now() - before >= 0.001
    REAL.sleep(-1.0)


def test_a_timer_fires() -> None:
    assert REAL.timer(0.001).wait(HANGING_S)
    assert REAL.timer(-1.0).wait(HANGING_S)
    assert REAL.after(0.001).wait(HANGING_S)


def test_functions_are_called_in_the_order_of_time() -> None:
    called: list[str] = []
    all_set, last = threading.Event(), threading.Event()
    REAL.after_func(0.0, lambda: all_set.wait(HANGING_S))  # the thread that calls them comes to none before
    for name, delay in (("third", -100.0), ("first", -300.0), ("second", -200.0)):  # more than any machine takes
        REAL.after_func(delay, lambda name=name: called.append(name))  # type: ignore[misc]
    REAL.after_func(0.0, last.set)
    all_set.set()
    assert last.wait(HANGING_S)
    assert called == ["first", "second", "third"]


def test_a_crash_of_a_called_function_does_not_keep_the_next_from_its_call() -> None:
    last = threading.Event()
    REAL.after_func(0.0, lambda: 1 / 0)
    REAL.after_func(0.001, last.set)
    assert last.wait(HANGING_S)


def test_stop_tells_whether_it_came_in_time_and_drains() -> None:
    pending_timer, fired_timer = REAL.timer(FAR_S), REAL.timer(0.0)
    assert fired_timer.wait(HANGING_S)
    assert fired_timer.stop() is False
    assert not fired_timer.fired.is_set()
    assert pending_timer.stop() is True
    assert pending_timer.stop() is False


def test_reset_moves_a_timer_earlier() -> None:
    timer = REAL.timer(FAR_S)
    assert timer.reset(0.001) is True
    assert timer.wait(HANGING_S)
    assert timer.reset(FAR_S) is False
    assert not timer.fired.is_set()
    timer.stop()


def test_all_timers_share_one_thread_which_ends_with_the_last() -> None:
    timers = [REAL.timer(FAR_S) for _ in range(50)]
    (thread,) = alarm_threads()
    for timer in timers:
        timer.stop()
    thread.join(HANGING_S)
    assert not thread.is_alive()
    assert in_heap() == 0
    assert REAL.timer(0.0).wait(HANGING_S), "and the next timer starts another"


def test_stopped_timers_do_not_pile_up() -> None:
    keeper = REAL.timer(FAR_S)
    for _ in range(10_000):
        REAL.timer(FAR_S).stop()
    assert pending() == 1
    assert in_heap() < 100
    keeper.stop()


def test_a_timer_that_cannot_get_a_thread_is_not_pending(monkeypatch: pytest.MonkeyPatch) -> None:
    def cannot(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", cannot)
        with pytest.raises(RuntimeError, match="can't start"):
            REAL.timer(FAR_S)
    assert pending() == in_heap() == 0
    assert REAL.timer(0.0).wait(HANGING_S)


def test_a_ticker_ticks_until_it_is_stopped() -> None:
    ticker = REAL.ticker(0.001)
    assert ticker.wait() is True
    assert ticker.wait(threading.Event()) is True
    ticker.stop()
    assert ticker.wait() is False
    assert ticker.wait(threading.Event()) is False


def test_a_slow_reader_of_a_ticker_finds_one_tick() -> None:
    ticker = REAL.ticker(1000.0)
    ticker._next_at -= 3500.0  # as if nobody had read for three periods and a half
    assert ticker.wait() is True
    left_s = ticker._next_at - REAL.now()
    assert 0.0 < left_s <= 500.0, "the rhythm is kept"


def test_a_ticker_ends_its_wait_when_it_or_the_stop_is_done() -> None:
    ticker = REAL.ticker(FAR_S)
    stop = threading.Event()
    seen: list[bool] = []
    reading = Background(lambda: seen.append(ticker.wait(stop)))
    stop.set()
    reading.result()
    reading = Background(lambda: seen.append(ticker.wait()))
    ticker.stop()
    reading.result()
    assert seen == [False, False]


def test_a_period_must_be_positive() -> None:
    with pytest.raises(ValueError, match="positive"):
        REAL.ticker(-1.0)


@pytest.mark.parametrize("_round", range(20))
def test_a_timer_that_is_stopped_while_it_fires_does_one_of_both(_round: int) -> None:
    fired: list[int] = []
    stopped: list[int] = []
    timers = [
        REAL.after_func(number / 50_000, lambda number=number: fired.append(number))  # type: ignore[misc]
        for number in range(100)
    ]

    def stop(part: slice) -> None:
        stopped.extend(number for number, timer in list(enumerate(timers))[part] if timer.stop())

    together(lambda: stop(slice(0, None, 2)), lambda: stop(slice(1, None, 2)))
    for thread in alarm_threads():
        thread.join(HANGING_S)  # it has called all that it will call
    assert sorted(fired + stopped) == list(range(100))
    assert pending() == in_heap() == 0


@pytest.mark.parametrize("_round", range(20))
def test_a_timer_that_many_threads_set_anew_fires_for_the_last(_round: int) -> None:
    fired = threading.Semaphore(0)
    timer = REAL.after_func(FAR_S, fired.release)
    together(*(lambda: timer.reset(FAR_S) for _ in range(4)))
    assert pending() == 1
    assert timer.reset(0.0) is True
    assert fired.acquire(timeout=HANGING_S)
    assert pending() == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_timers_work_in_a_forked_child_whose_parent_has_some_pending() -> None:
    pending_timer = REAL.timer(FAR_S)
    child = os.fork()
    if child == 0:
        works = not pending_timer.stop() and REAL.timer(0.001).wait(HANGING_S)
        os._exit(0 if works else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert pending_timer.stop() is True
