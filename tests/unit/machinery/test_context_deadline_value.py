"""Deadlines and values of contexts (items 21 and 22)."""

from __future__ import annotations

import pytest

from kdiag.machinery.clock import REAL, FakeClock
from kdiag.machinery.context import (
    Cancelled,
    ContextError,
    DeadlineExceeded,
    background,
    with_cancel,
    with_cancel_cause,
    with_deadline,
    with_timeout,
    with_value,
)
from tests.unit.machinery.background import HANGING_S


def test_a_deadline_ends_a_context_when_it_passes_and_not_before() -> None:
    clock = FakeClock(100.0)
    ctx, cancel = with_deadline(background(), 105.0, clock)
    child, _ = with_cancel(with_value(ctx, "key", "value"))
    assert ctx.deadline() == child.deadline() == 105.0
    clock.step(4.999)
    assert ctx.err() is None
    clock.step(0.001)
    assert isinstance(ctx.err(), DeadlineExceeded)
    assert child.err() is ctx.err()
    assert ctx.cause() is ctx.err()
    error = ctx.err()
    cancel()
    assert ctx.err() is error, "err() never changes once it is set"


def test_a_timeout_is_a_deadline_from_now() -> None:
    clock = FakeClock(100.0)
    ctx, cancel = with_timeout(background(), 5.0, clock)
    assert ctx.deadline() == 105.0
    clock.step(5.0)
    assert isinstance(ctx.err(), DeadlineExceeded)
    cancel()


def test_a_deadline_exceeded_is_a_timeout_error() -> None:
    assert issubclass(DeadlineExceeded, TimeoutError)
    assert issubclass(DeadlineExceeded, ContextError)


def test_an_earlier_deadline_of_the_parent_wins() -> None:
    clock = FakeClock()
    parent, cancel_parent = with_deadline(background(), 5.0, clock)
    child, cancel = with_deadline(parent, 10.0, clock)
    assert child.deadline() == 5.0
    assert clock.waiters() == 1, "the later one needs no timer"
    clock.step(5.0)
    assert isinstance(child.err(), DeadlineExceeded)
    cancel()
    cancel_parent()


def test_a_later_deadline_of_the_parent_does_not() -> None:
    clock = FakeClock()
    parent, cancel_parent = with_deadline(background(), 10.0, clock)
    child, cancel = with_deadline(parent, 5.0, clock)
    clock.step(5.0)
    assert isinstance(child.err(), DeadlineExceeded)
    assert parent.err() is None
    cancel()
    cancel_parent()


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_a_past_deadline_is_exceeded_at_once(seconds: float) -> None:
    clock = FakeClock(100.0)
    ctx, cancel = with_timeout(background(), seconds, clock)
    assert isinstance(ctx.err(), DeadlineExceeded)
    assert not clock.has_waiters()
    cancel()
    assert isinstance(ctx.err(), DeadlineExceeded)


def test_cancel_stops_the_timer() -> None:
    clock = FakeClock()
    ctx, cancel = with_timeout(background(), 5.0, clock)
    assert clock.waiters() == 1
    cancel()
    assert clock.waiters() == 0
    clock.step(5.0)
    assert isinstance(ctx.err(), Cancelled)


def test_the_end_of_the_parent_stops_the_timers_of_its_descendants() -> None:
    clock = FakeClock()
    parent, cancel = with_cancel(background())
    for seconds in (1.0, 2.0, 3.0):
        with_timeout(parent, seconds, clock)
    assert clock.waiters() == 3
    cancel()
    assert clock.waiters() == 0


def test_the_child_of_an_ended_context_needs_no_timer() -> None:
    clock = FakeClock()
    parent, cancel = with_cancel(background())
    cancel()
    ctx, _ = with_timeout(parent, 5.0, clock)
    assert isinstance(ctx.err(), Cancelled)
    assert not clock.has_waiters()


def test_a_deadline_on_the_real_clock() -> None:
    ctx, cancel = with_timeout(background(), 0.001, REAL)
    assert ctx.done.wait(HANGING_S)
    assert isinstance(ctx.err(), DeadlineExceeded)
    cancel()


def test_the_nearest_value_wins_and_misses_give_none() -> None:
    first = with_value(background(), "a", 1)
    ctx, cancel = with_cancel(with_value(first, "b", 2))
    second = with_value(ctx, "a", 3)
    assert (first.value("a"), first.value("b")) == (1, None)
    assert (second.value("a"), second.value("b"), second.value("c")) == (3, 2, None)
    assert first.value("a") == 1, "the parent is as it was"
    cancel()


def test_keys_are_compared_by_equality_and_need_not_be_hashable() -> None:
    ctx = with_value(background(), ["a", "list"], 1)
    assert ctx.value(["a", "list"]) == 1
    assert with_value(background(), 1, "one").value(1.0) == "one"


def test_a_key_must_not_be_none() -> None:
    with pytest.raises(TypeError, match="key"):
        with_value(background(), None, 1)


def test_contexts_are_immutable() -> None:
    ctx, cancel = with_cancel(background())
    for name in ("done", "err", "anything"):
        with pytest.raises(AttributeError):
            setattr(ctx, name, None)
    assert not hasattr(ctx.done, "set")
    cancel()


def test_a_value_context_ends_with_its_parent() -> None:
    parent, cancel = with_cancel_cause(background())
    ctx = with_value(with_value(parent, "a", 1), "b", 2)
    assert (ctx.done.is_set(), ctx.err(), ctx.cause(), ctx.deadline()) == (False, None, None, None)
    cancel(ValueError("why"))
    assert ctx.done.is_set()
    assert ctx.err() is parent.err()
    assert ctx.cause() is parent.cause()
