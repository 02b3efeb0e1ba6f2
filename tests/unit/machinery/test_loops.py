"""Loops that run until they are stopped, of threads and of asyncio (items 1 to 5 of the conformance list)."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from kdiag.machinery import runtime, wait
from kdiag.machinery.clock import FakeClock
from kdiag.machinery.context import Cancelled, Context, background, with_cancel, with_value
from tests.unit.machinery.background import HANGING_S, Background, drive
from tests.unit.machinery.forms import Form, ThreadForm, both_forms

PERIOD_S = 30.0


class FixedRng:
    """Randomness that is not."""

    def __init__(self, number: float) -> None:
        self.number = number

    def random(self) -> float:
        return self.number


def run(form: Form, name: str, f: Any, period_s: Any, ctx: Context, clock: FakeClock, **options: Any) -> None:
    """Run a loop by its name, whichever of the three ways it takes its stop in."""
    if name.endswith("_with_context"):
        form.run(name, ctx, form.function(lambda _: f()), period_s, clock=clock, **options)
    elif name == "jitter_until":
        form.run(name, form.function(f), period_s, stop=ctx, clock=clock, **options)
    else:
        form.run(name, form.function(f), period_s, ctx, clock=clock, **options)


every_loop = pytest.mark.parametrize(
    "name",
    [
        "until",
        "until_with_context",
        "non_sliding_until",
        "non_sliding_until_with_context",
        "jitter_until",
        "jitter_until_with_context",
    ],
)


@both_forms
@every_loop
def test_a_loop_whose_stop_is_closed_never_calls(form: Form, name: str) -> None:
    ctx, cancel = with_cancel(background())
    cancel()
    run(form, name, lambda: pytest.fail("called"), PERIOD_S, ctx, FakeClock())


@both_forms
@every_loop
def test_a_loop_calls_every_period_and_ends_after_the_stop(form: Form, name: str) -> None:
    clock = FakeClock()
    ctx, cancel = with_cancel(background())
    called: list[float] = []
    loop = Background(lambda: run(form, name, lambda: called.append(clock.now()), PERIOD_S, ctx, clock))
    for _ in range(3):
        clock.block_until(1)
        clock.step(PERIOD_S)
    clock.block_until(1)
    cancel()
    loop.result()
    assert called == [0.0, 30.0, 60.0, 90.0]
    assert not clock.has_waiters()


@both_forms
@every_loop
def test_a_stop_inside_the_function_ends_the_loop_at_once(form: Form, name: str) -> None:
    clock = FakeClock()
    ctx, cancel = with_cancel(background())
    called: list[int] = []

    def f() -> None:
        called.append(1)
        cancel()

    run(form, name, f, PERIOD_S, ctx, clock)  # the clock never moves: it hung if it waited
    assert called == [1]


@both_forms
def test_a_stop_may_be_a_plain_event(form: Form) -> None:
    clock = FakeClock()
    stop = threading.Event()
    called: list[int] = []
    loop = Background(lambda: form.run("until", form.function(lambda: called.append(1)), PERIOD_S, stop, clock))
    clock.block_until(1)
    stop.set()
    loop.result()
    assert called == [1]


@both_forms
@pytest.mark.parametrize("name", ["until_with_context", "non_sliding_until_with_context", "jitter_until_with_context"])
def test_the_context_is_given_to_the_function(form: Form, name: str) -> None:
    parent, cancel = with_cancel(background())
    ctx = with_value(parent, "key", "value")
    seen: list[object] = []

    def f(given: Context) -> None:
        seen.append(given.value("key"))
        cancel()

    form.run(name, ctx, form.function(f), PERIOD_S, clock=FakeClock())
    assert seen == ["value"]


@both_forms
@pytest.mark.parametrize("name", ["jitter_until", "jitter_until_with_context"])
def test_a_crash_is_recovered_and_the_loop_goes_on_when_it_does_not_really_crash(form: Form, name: str) -> None:
    clock = FakeClock()
    ctx, cancel = with_cancel(background())
    seen: list[str] = []
    runtime.panic_handlers[:] = [lambda exc: seen.append(str(exc))]
    called: list[int] = []

    def f() -> None:
        called.append(1)
        if len(called) == 3:
            cancel()
        message = f"crash {len(called)}"
        raise ValueError(message)

    loop = Background(lambda: run(form, name, f, PERIOD_S, ctx, clock, really_crash=False))
    for _ in range(2):
        clock.block_until(1)
        clock.step(PERIOD_S)
    loop.result()
    assert seen == ["crash 1", "crash 2", "crash 3"]


@both_forms
@every_loop
def test_a_crash_propagates_after_the_handlers_ran_by_default(form: Form, name: str) -> None:
    ctx, cancel = with_cancel(background())
    seen: list[str] = []
    runtime.panic_handlers[:] = [lambda exc: seen.append(str(exc))]

    def f() -> None:
        raise ValueError("crash")

    with pytest.raises(ValueError, match="crash"):
        run(form, name, f, PERIOD_S, ctx, FakeClock())
    assert seen == ["crash"]
    cancel()


@both_forms
@every_loop
def test_being_interrupted_once_the_stop_is_done_is_no_crash(form: Form, name: str) -> None:
    ctx, cancel = with_cancel(background())
    runtime.panic_handlers[:] = [lambda _: pytest.fail("a crash")]

    def f() -> None:
        cancel()
        ctx.raise_if_done()

    run(form, name, f, PERIOD_S, ctx, FakeClock())


@both_forms
def test_being_interrupted_by_another_context_is_a_crash(form: Form) -> None:
    ctx, cancel = with_cancel(background())
    other, cancel_other = with_cancel(background())
    cancel_other()
    with pytest.raises(Cancelled):
        run(form, "jitter_until", other.raise_if_done, PERIOD_S, ctx, FakeClock())
    cancel()


def periods(form: Form, calls: int, period_s: Any = PERIOD_S, lasting_s: float = 0.0, **options: Any) -> list[float]:
    """Run `jitter_until` until the function was called so often; return the times of the calls."""
    clock = FakeClock()
    ctx, cancel = with_cancel(background())
    called: list[float] = []

    def f() -> None:
        called.append(clock.now())
        clock.step(lasting_s)
        if len(called) == calls:
            cancel()

    drive(clock, lambda: run(form, "jitter_until", f, period_s, ctx, clock, **options))
    return called


@both_forms
@pytest.mark.parametrize("factor", [0.0, -1.0])
def test_a_zero_or_negative_jitter_factor_means_a_fixed_period(form: Form, factor: float) -> None:
    assert periods(form, 4, jitter_factor=factor, rng=FixedRng(0.99)) == [0.0, 30.0, 60.0, 90.0]


@both_forms
def test_a_positive_jitter_factor_stretches_every_period(form: Form) -> None:
    assert periods(form, 3, jitter_factor=0.5, rng=FixedRng(0.5)) == [0.0, 37.5, 75.0]


@both_forms
def test_a_sliding_period_starts_when_the_function_has_ended(form: Form) -> None:
    assert periods(form, 3, lasting_s=5.0) == [0.0, 35.0, 70.0]


@both_forms
def test_a_period_that_does_not_slide_includes_the_functions_run_time(form: Form) -> None:
    assert periods(form, 3, lasting_s=5.0, sliding=False) == [0.0, 30.0, 60.0]


@both_forms
def test_jitter_and_a_period_that_does_not_slide_go_together(form: Form) -> None:
    times = periods(form, 3, lasting_s=5.0, sliding=False, jitter_factor=0.5, rng=FixedRng(0.5))
    assert times == [0.0, 37.5, 75.0]


@both_forms
def test_ticks_never_pile_up_behind_a_slow_function(form: Form) -> None:
    clock = FakeClock()
    ctx, cancel = with_cancel(background())
    called: list[float] = []
    lasting = iter([100.0, 0.0, 0.0])

    def f() -> None:
        called.append(clock.now())
        clock.step(next(lasting))
        if len(called) == 3:
            cancel()

    loop = Background(lambda: run(form, "non_sliding_until", f, PERIOD_S, ctx, clock))
    clock.block_until(1)
    clock.step(PERIOD_S)
    loop.result()
    assert called == [0.0, 100.0, 130.0], "one call at once for three missed periods, then in rhythm"


@both_forms
def test_the_period_may_change_while_the_loop_runs(form: Form) -> None:
    coming = iter([1.0, 10.0, 3.0, 0.0])
    assert periods(form, 4, period_s=lambda: next(coming)) == [0.0, 1.0, 11.0, 14.0]


class NotingEvent(threading.Event):
    """A stop that notes how it is waited for, does not wait, and closes with the third time."""

    def __init__(self) -> None:
        super().__init__()
        self.timeouts: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.timeouts.append(timeout)
        if len(self.timeouts) == 3:
            self.set()
        return self.is_set()


def test_on_the_real_clock_a_tick_is_one_wait_of_the_stop_and_no_thread() -> None:
    stop = NotingEvent()
    new: list[set[threading.Thread]] = []
    before = set(threading.enumerate())
    wait.jitter_until(lambda: new.append(set(threading.enumerate()) - before), PERIOD_S, stop=stop)
    assert stop.timeouts == [PERIOD_S] * 3
    assert new == [set()] * 3


@both_forms
def test_on_the_real_clock_a_stop_from_another_thread_ends_the_wait_at_once(form: Form) -> None:
    ctx, cancel = with_cancel(background())
    called = threading.Event()
    loop = Background(lambda: form.run("until", form.function(called.set), 3600.0, ctx))
    assert called.wait(HANGING_S)
    cancel()
    loop.result()


@both_forms
def test_on_the_real_clock_it_goes_on_by_itself(form: Form) -> None:
    ctx, cancel = with_cancel(background())
    called: list[int] = []

    def f() -> None:
        called.append(1)
        if len(called) == 3:
            cancel()

    form.run("jitter_until", form.function(f), 0.001, jitter_factor=1.0, stop=ctx)
    assert len(called) == 3


@both_forms
@pytest.mark.parametrize("_round", range(20))
def test_a_stop_that_races_with_the_loop_ends_it(form: Form, _round: int) -> None:
    ctx, cancel = with_cancel(background())
    called = threading.Event()
    period_s = 0.0 if isinstance(form, ThreadForm) else 0.0001
    loop = Background(lambda: form.run("until", form.function(called.set), period_s, ctx))
    assert called.wait(HANGING_S)
    cancel()
    loop.result()
