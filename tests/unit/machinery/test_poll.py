"""Polls, of threads and of asyncio (items 8 and 10 of the conformance list)."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from kdiag.machinery.clock import FakeClock
from kdiag.machinery.context import Cancelled, Context, DeadlineExceeded, background, with_cancel, with_timeout
from kdiag.machinery.wait import WaitTimeout
from tests.unit.machinery.background import Background, drive
from tests.unit.machinery.forms import Form, both_forms


class Condition:
    """A condition that notes when it is evaluated, is true with its n-th evaluation, or raises then."""

    def __init__(
        self, clock: FakeClock, true_at: int = 0, error: Exception | None = None, lasting_s: float = 0
    ) -> None:
        self.times: list[float] = []
        self._clock = clock
        self._true_at = true_at
        self._error = error
        self._lasting_s = lasting_s

    def __call__(self, *_: object) -> bool:
        self.times.append(self._clock.now())
        self._clock.step(self._lasting_s)
        if len(self.times) != self._true_at:
            return False
        if self._error is not None:
            raise self._error
        return True


def step(clock: FakeClock, *steps: float, waiters: int = 1) -> None:
    """Step the clock, each time after the poll has come to wait for it."""
    for seconds in steps:
        clock.block_until(waiters)
        clock.step(seconds)


@both_forms
def test_poll_waits_first_and_ends_when_the_condition_is_true(form: Form) -> None:
    clock = FakeClock()
    condition = Condition(clock, true_at=3)
    polling = Background(lambda: form.run("poll", form.function(condition), 1.0, 10.0, clock=clock))
    step(clock, 1.0, 1.0, 1.0)
    polling.result()
    assert condition.times == [1.0, 2.0, 3.0]
    assert not clock.has_waiters()


@both_forms
def test_poll_times_out_after_a_last_evaluation(form: Form) -> None:
    clock = FakeClock()
    condition = Condition(clock)
    polling = Background(lambda: form.run("poll", form.function(condition), 1.0, 2.5, clock=clock))
    step(clock, 1.0, 1.0, 0.5)
    with pytest.raises(WaitTimeout):
        polling.result()
    assert condition.times == [1.0, 2.0, 2.5]


@both_forms
def test_the_tick_at_the_end_of_the_time_and_the_last_evaluation_are_one(form: Form) -> None:
    clock = FakeClock()
    condition = Condition(clock)
    polling = Background(lambda: form.run("poll", form.function(condition), 1.0, 2.0, clock=clock))
    step(clock, 1.0, 1.0)
    with pytest.raises(WaitTimeout):
        polling.result()
    assert condition.times == [1.0, 2.0]


@both_forms
@pytest.mark.parametrize("timeout_s", [0.0, 0.5])
def test_poll_evaluates_the_condition_at_least_once(form: Form, timeout_s: float) -> None:
    clock = FakeClock()
    condition = Condition(clock, true_at=1)
    polling = Background(lambda: form.run("poll", form.function(condition), 1.0, timeout_s, clock=clock))
    if timeout_s:
        step(clock, timeout_s)
    polling.result()
    assert condition.times == [timeout_s]


@both_forms
@pytest.mark.parametrize("name", ["poll", "poll_immediate", "poll_infinite", "poll_until", "poll_immediate_until"])
def test_an_error_of_the_condition_is_returned_as_it_is(form: Form, name: str) -> None:
    clock = FakeClock()
    error = WaitTimeout("of the condition's own")
    condition = Condition(clock, 2, error)
    ctx, cancel = with_cancel(background())
    last: Any = {"poll": (10.0,), "poll_immediate": (10.0,), "poll_infinite": ()}.get(name, (ctx,))
    polling = Background(lambda: form.run(name, form.function(condition), 1.0, *last, clock=clock))
    step(clock, *([1.0] if "immediate" in name else [1.0, 1.0]))
    with pytest.raises(WaitTimeout) as caught:
        polling.result()
    assert caught.value is error
    cancel()


@both_forms
def test_poll_immediate_evaluates_before_the_first_wait(form: Form) -> None:
    clock = FakeClock()
    condition = Condition(clock, true_at=1)
    form.run("poll_immediate", form.function(condition), 1.0, 10.0, clock=clock)
    assert condition.times == [0.0]
    condition = Condition(clock, true_at=2)
    polling = Background(lambda: form.run("poll_immediate", form.function(condition), 1.0, 10.0, clock=clock))
    step(clock, 1.0)
    polling.result()
    assert condition.times == [0.0, 1.0]


@both_forms
def test_poll_infinite_goes_on_until_the_condition_is_true(form: Form) -> None:
    clock = FakeClock()
    condition = Condition(clock, true_at=50)
    polling = Background(lambda: form.run("poll_infinite", form.function(condition), 1.0, clock=clock))
    step(clock, *[1.0] * 50)
    polling.result()
    assert condition.times == [float(second) for second in range(1, 51)]


@both_forms
def test_poll_until_ends_with_its_stop(form: Form) -> None:
    clock = FakeClock()
    stop = threading.Event()
    condition = Condition(clock)
    polling = Background(lambda: form.run("poll_until", form.function(condition), 1.0, stop, clock=clock))
    step(clock, 1.0)
    clock.block_until(1)
    stop.set()
    with pytest.raises(WaitTimeout) as caught:
        polling.result()
    assert isinstance(caught.value.__cause__, Cancelled)
    assert condition.times == [1.0]


@both_forms
def test_poll_until_whose_stop_is_closed_evaluates_nothing(form: Form) -> None:
    ctx, cancel = with_cancel(background())
    cancel()
    condition = Condition(FakeClock())
    with pytest.raises(WaitTimeout):
        form.run("poll_until", form.function(condition), 1.0, ctx, clock=FakeClock())
    assert condition.times == []


@both_forms
def test_poll_immediate_until_whose_stop_is_closed_evaluates_once(form: Form) -> None:
    ctx, cancel = with_cancel(background())
    cancel()
    clock = FakeClock()
    condition = Condition(clock)
    with pytest.raises(WaitTimeout):
        form.run("poll_immediate_until", form.function(condition), 1.0, ctx, clock=clock)
    assert condition.times == [0.0]
    form.run("poll_immediate_until", form.function(Condition(clock, true_at=1)), 1.0, ctx, clock=clock)


@both_forms
def test_late_ticks_are_dropped_and_the_rhythm_is_kept(form: Form) -> None:
    clock = FakeClock()
    condition = Condition(clock, true_at=3, lasting_s=2.25)
    polling = Background(lambda: form.run("poll_infinite", form.function(condition), 1.0, clock=clock))
    step(clock, 1.0, 0.75, 0.75)
    polling.result()
    assert condition.times == [1.0, 4.0, 7.0]


@both_forms
def test_an_interval_of_nothing_does_not_wait(form: Form) -> None:
    clock = FakeClock()
    condition = Condition(clock, true_at=3)
    form.run("poll_infinite", form.function(condition), 0.0, clock=clock)
    assert condition.times == [0.0, 0.0, 0.0]


@both_forms
@pytest.mark.parametrize("immediate", [False, True])
def test_poll_until_context_cancel_ends_with_the_error_of_its_context(form: Form, immediate: bool) -> None:
    clock = FakeClock()
    ctx, cancel = with_cancel(background())
    condition = Condition(clock)

    def poll() -> None:
        form.run("poll_until_context_cancel", ctx, form.function(condition), 1.0, immediate=immediate, clock=clock)

    polling = Background(poll)
    step(clock, 1.0)
    clock.block_until(1)
    cancel()
    with pytest.raises(Cancelled):
        polling.result()
    assert condition.times == ([0.0, 1.0] if immediate else [1.0])


@both_forms
def test_poll_until_context_cancel_ends_when_the_condition_is_true(form: Form) -> None:
    clock = FakeClock()
    ctx, cancel = with_cancel(background())
    condition = Condition(clock, true_at=2)
    f = form.function(condition)
    assert drive(clock, lambda: form.run("poll_until_context_cancel", ctx, f, 1.0, clock=clock)) == [1.0, 1.0]
    assert condition.times == [1.0, 2.0]
    cancel()


@both_forms
def test_poll_until_context_timeout_ends_with_its_deadline(form: Form) -> None:
    clock = FakeClock()
    condition = Condition(clock)
    contexts: list[Context] = []

    def evaluate(ctx: Context) -> bool:
        contexts.append(ctx)
        return condition()

    def poll() -> None:
        form.run("poll_until_context_timeout", background(), form.function(evaluate), 1.0, 2.5, clock=clock)

    polling = Background(poll)
    step(clock, 1.0, 1.0, 0.5, waiters=2)
    with pytest.raises(DeadlineExceeded):
        polling.result()
    assert condition.times == [1.0, 2.0]
    assert contexts[0].deadline() == 2.5
    assert not clock.has_waiters()


@both_forms
def test_poll_until_context_timeout_leaves_no_timer_when_the_condition_is_true(form: Form) -> None:
    clock = FakeClock()
    condition = Condition(clock, true_at=1)
    form.run(
        "poll_until_context_timeout", background(), form.function(condition), 1.0, 2.5, immediate=True, clock=clock
    )
    assert not clock.has_waiters()


@both_forms
@pytest.mark.parametrize("ended_by", ["cancel", "deadline", "timeout"])
@pytest.mark.parametrize("outcome", ["false", "true", "error"])
def test_an_immediate_poll_evaluates_once_though_its_context_has_ended_and_the_condition_wins(
    form: Form, ended_by: str, outcome: str
) -> None:
    clock = FakeClock()
    ctx, cancel = with_timeout(background(), 0.0, clock) if ended_by == "deadline" else with_cancel(background())
    if ended_by == "cancel":
        cancel()
    condition = Condition(clock, 0 if outcome == "false" else 1, ValueError("own") if outcome == "error" else None)

    def poll() -> None:
        f = form.function(condition)
        if ended_by == "timeout":
            form.run("poll_until_context_timeout", ctx, f, 1.0, 0.0, immediate=True, clock=clock)
        else:
            form.run("poll_until_context_cancel", ctx, f, 1.0, immediate=True, clock=clock)

    if outcome == "true":
        poll()
    else:
        expected = ValueError if outcome == "error" else Cancelled if ended_by == "cancel" else DeadlineExceeded
        with pytest.raises(expected):
            poll()
    assert condition.times == [0.0]
    cancel()


@both_forms
def test_on_the_real_clock(form: Form) -> None:
    evaluated: list[int] = []

    def third(*_: object) -> bool:
        evaluated.append(1)
        return len(evaluated) == 3

    form.run("poll", form.function(third), 0.001, 60.0)
    assert len(evaluated) == 3
    with pytest.raises(WaitTimeout):
        form.run("poll", form.function(lambda: False), 60.0, 0.001)
    with pytest.raises(DeadlineExceeded):
        form.run("poll_until_context_timeout", background(), form.function(lambda _: False), 60.0, 0.001)
