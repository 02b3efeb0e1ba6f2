"""Jitter, growing delays and retries (items 4, 6, 7 and 12 of the conformance list)."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kdiag.machinery.clock import FakeClock
from kdiag.machinery.context import Cancelled, Context, background, with_cancel
from kdiag.machinery.wait import Backoff, BackoffManager, WaitTimeout, jitter
from kdiag.machinery.wait.jitter import SYSTEM_RNG
from tests.unit.machinery.background import Background, drive
from tests.unit.machinery.conditions import Condition
from tests.unit.machinery.forms import Form, both_forms

if TYPE_CHECKING:
    from collections.abc import Callable

JUST_BELOW_1 = 1.0 - 2.0**-53


class FixedRng:
    """Randomness that is not."""

    def __init__(self, number: float) -> None:
        self._number = number

    def random(self) -> float:
        return self._number


durations = st.floats(1e-9, 1e9)
chances = st.one_of(st.floats(0.0, JUST_BELOW_1), st.just(0.0), st.just(JUST_BELOW_1))


@given(durations, st.floats(1e-3, 10.0), chances)
def test_jitter_lies_between_the_duration_and_its_stretch_which_is_excluded(
    duration: float, factor: float, chance: float
) -> None:
    assert duration <= jitter(duration, factor, FixedRng(chance)) < duration * (1.0 + factor)


@given(durations, st.floats(-10.0, 0.0), chances)
def test_a_jitter_factor_of_zero_or_less_means_one(duration: float, factor: float, chance: float) -> None:
    assert jitter(duration, factor, FixedRng(chance)) == jitter(duration, 1.0, FixedRng(chance))
    assert duration <= jitter(duration, factor, FixedRng(chance)) < 2 * duration


def test_jitter_of_nothing_is_nothing() -> None:
    assert jitter(0.0, 1.0) == 0.0


def test_the_systems_randomness_is_in_range_and_leaves_the_services_generator_alone() -> None:
    before = random.getstate()
    assert all(0.0 <= SYSTEM_RNG.random() < 1.0 for _ in range(1000))
    assert 1.0 <= jitter(1.0) < 2.0
    assert random.getstate() == before


def test_the_largest_random_number_is_below_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.urandom", lambda size: b"\xff" * size)
    assert SYSTEM_RNG.random() == JUST_BELOW_1


@pytest.mark.parametrize(
    ("backoff", "expected", "steps_left"),
    [
        (Backoff(1.0, steps=-1), [1, 1, 1], 0),
        (Backoff(1.0, steps=0), [1, 1, 1], 0),
        (Backoff(1.0, steps=1), [1, 1, 1], 0),
        (Backoff(1.0, factor=2.0, steps=1), [1, 1, 1], 0),
        (Backoff(1.0, factor=1.0, steps=5), [1, 1, 1], 2),
        (Backoff(1.0, factor=2.0, steps=3), [1, 2, 4], 0),
        (Backoff(1.0, factor=2.0, steps=3, cap_s=3.0), [1, 2, 3], 0),
        (Backoff(1.0, factor=2.0, steps=10, cap_s=3.0), [1, 2, 3, 3, 3], 0),
        (Backoff(1.0, factor=2.0, steps=10, cap_s=2.0), [1, 2, 2], 0),
    ],
)
def test_backoff_steps(backoff: Backoff, expected: list[float], steps_left: int) -> None:
    assert [backoff.step() for _ in expected] == expected
    assert backoff.steps == steps_left


def test_reaching_the_cap_ends_the_growth() -> None:
    backoff = Backoff(1.0, factor=2.0, steps=10, cap_s=3.0)
    assert [(backoff.step(), backoff.steps) for _ in range(3)] == [(1.0, 9), (2.0, 0), (3.0, 0)]


@given(
    duration=st.floats(1e-3, 1e3),
    factor=st.floats(1.0, 4.0),
    stretch=st.floats(0.01, 5.0),
    steps=st.integers(-1, 20),
    cap=st.one_of(st.none(), st.floats(1.0, 1e4)),
    seed=st.integers(0, 1000),
)
def test_jittered_steps_stay_in_their_bounds_and_do_not_add_up(
    duration: float, factor: float, stretch: float, steps: int, cap: float | None, seed: int
) -> None:
    assume(cap is None or cap >= duration)
    plain = Backoff(duration, factor=factor, steps=steps, cap_s=cap)
    jittered = Backoff(duration, factor=factor, jitter=stretch, steps=steps, cap_s=cap)
    rng = random.Random(seed)
    for number in range(25):
        base = plain.step()
        assert base <= jittered.step(rng) < base * (1.0 + stretch)
        assert base == pytest.approx(min(duration * factor ** min(number, max(steps - 1, 0)), cap or float("inf")))
        assert (jittered.duration_s, jittered.steps) == (plain.duration_s, plain.steps)


def retry(form: Form, backoff: Backoff, condition: Callable[..., object], **options: Any) -> list[float]:
    """Run `exponential_backoff`; return how long it slept each time."""
    clock = FakeClock()
    f = form.function(condition)
    return drive(clock, lambda: form.run("exponential_backoff", backoff, f, clock=clock, **options))


@both_forms
@pytest.mark.parametrize("steps", [0, -1])
def test_retries_without_steps_time_out_without_a_call(form: Form, steps: int) -> None:
    condition = Condition()
    with pytest.raises(WaitTimeout):
        form.run("exponential_backoff", Backoff(1.0, steps=steps), form.function(condition), clock=FakeClock())
    assert condition.calls == 0


@both_forms
def test_retries_call_up_to_steps_times_and_never_sleep_after_the_last(form: Form) -> None:
    condition = Condition()
    clock = FakeClock()
    backoff = Backoff(1.0, factor=2.0, steps=4)
    retrying = Background(lambda: form.run("exponential_backoff", backoff, form.function(condition), clock=clock))
    for seconds in (1.0, 2.0, 4.0):
        clock.block_until(1)
        clock.step(seconds)
    with pytest.raises(WaitTimeout, match="timed out waiting for the condition"):
        retrying.result()  # the clock has not moved any further
    assert condition.calls == 4
    assert clock.now() == 7.0


@both_forms
@pytest.mark.parametrize("true_at", [1, 2, 3])
def test_retries_end_when_the_condition_is_true_on_the_last_step_too(form: Form, true_at: int) -> None:
    condition = Condition(true_at)
    assert retry(form, Backoff(1.0, factor=2.0, steps=3), condition) == [1.0, 2.0][: true_at - 1]
    assert condition.calls == true_at


@both_forms
def test_retries_end_with_an_error_as_it_is(form: Form) -> None:
    error = ValueError("own")
    clock = FakeClock()
    condition = Condition(1, error)
    with pytest.raises(ValueError, match="own") as caught:
        form.run("exponential_backoff", Backoff(1.0, steps=3), form.function(condition), clock=clock)
    assert caught.value is error
    assert condition.calls == 1


@both_forms
def test_the_cap_ends_the_growth_not_the_retries(form: Form) -> None:
    condition = Condition(5)
    assert retry(form, Backoff(1.0, factor=2.0, steps=5, cap_s=3.0), condition) == [1.0, 2.0, 3.0, 3.0]


@both_forms
def test_retries_are_jittered(form: Form) -> None:
    backoff = Backoff(1.0, factor=2.0, jitter=1.0, steps=3)
    assert retry(form, backoff, Condition(3), rng=FixedRng(0.5)) == [1.5, 3.0]


@both_forms
def test_the_callers_backoff_is_left_as_it_is(form: Form) -> None:
    backoff = Backoff(1.0, factor=2.0, steps=3)
    retry(form, backoff, Condition(3))
    assert backoff == Backoff(1.0, factor=2.0, steps=3)


@both_forms
def test_retries_end_with_the_error_of_their_context(form: Form) -> None:
    ctx, cancel = with_cancel(background())
    clock = FakeClock()
    condition = Condition()
    name = "exponential_backoff_with_context"
    backoff = Backoff(1.0, steps=3)
    retrying = Background(lambda: form.run(name, ctx, backoff, form.function(condition), clock=clock))
    clock.block_until(1)
    cancel()
    with pytest.raises(Cancelled):
        retrying.result()
    assert condition.calls == 1
    with pytest.raises(Cancelled):
        form.run(name, ctx, backoff, form.function(condition), clock=clock)
    assert condition.calls == 1, "a context that has ended allows no call"
    assert not clock.has_waiters()


@both_forms
def test_the_context_of_retries_is_given_to_the_condition(form: Form) -> None:
    ctx, cancel = with_cancel(background())
    seen: list[object] = []

    def see(given: Context) -> bool:
        seen.append(given)
        return True

    f = form.function(see)
    form.run("exponential_backoff_with_context", ctx, Backoff(1.0, steps=1), f, clock=FakeClock())
    assert seen == [ctx]
    cancel()


def test_a_backoff_manager_grows_to_its_limit_and_starts_afresh_after_a_quiet_time() -> None:
    clock = FakeClock()
    manager = BackoffManager(1.0, 10.0, 60.0, clock=clock)
    delays = []
    for _ in range(7):
        delays.append(manager.delay_s())
        clock.step(delays[-1])
    assert delays == [1, 2, 4, 8, 10, 10, 10]
    clock.step(50.0)  # with the ten seconds before: not longer than the reset time
    assert manager.delay_s() == 10
    clock.step(60.5)
    assert [manager.delay_s() for _ in range(2)] == [1, 2]


@given(st.integers(0, 1000))
def test_a_backoff_managers_jitter_stretches_each_delay_up_to_twice(seed: int) -> None:
    manager = BackoffManager(1.0, 10.0, 60.0, jitter=1.0, clock=FakeClock(), rng=random.Random(seed))
    for base in (1, 2, 4, 8, 10, 10):
        assert base <= manager.delay_s() <= 2 * base


@both_forms
def test_a_backoff_manager_paces_a_loop(form: Form) -> None:
    clock = FakeClock()
    ctx, cancel = with_cancel(background())
    manager = BackoffManager(1.0, 10.0, 60.0, clock=clock)
    called: list[float] = []
    f = form.function(lambda: called.append(clock.now()))
    loop = Background(lambda: form.run("jitter_until", f, manager.delay_s, stop=ctx, clock=clock))
    for seconds in (1.0, 2.0, 4.0):
        clock.block_until(1)
        clock.step(seconds)
    clock.block_until(1)
    cancel()
    loop.result()
    assert called == [0.0, 1.0, 3.0, 7.0]
