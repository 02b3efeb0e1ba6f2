"""`wait_for` and `interrupted` (items 9 and 11 of the conformance list)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from kdiag.machinery.context import Cancelled, Context, DeadlineExceeded, background, with_cancel
from kdiag.machinery.wait import WaitTimeout, interrupted
from tests.unit.machinery.conditions import Condition
from tests.unit.machinery.forms import Form, both_forms

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


class Ticks:
    """A tick source that yields so often and then closes; it notes its context, and that it was closed."""

    def __init__(self, number: int, then: Callable[[], object] = lambda: None) -> None:
        self.contexts: list[Context] = []
        self.closed = False
        self._number = number
        self._then = then

    def __call__(self, ctx: Context) -> Generator[object, None, None]:
        self.contexts.append(ctx)
        try:
            for _ in range(self._number):
                yield None
            self._then()
        finally:
            self.closed = True

    def assert_left_behind_nothing(self) -> None:
        (ctx,) = self.contexts
        assert ctx.done.is_set()
        assert self.closed


@both_forms
@pytest.mark.parametrize("ticks", [0, 3])
def test_wait_for_a_closed_tick_source_evaluates_a_last_time_and_times_out(form: Form, ticks: int) -> None:
    source = Ticks(ticks)
    condition = Condition()
    with pytest.raises(WaitTimeout):
        form.run("wait_for", background(), form.source(source), form.function(condition))
    assert condition.calls == ticks + 1
    source.assert_left_behind_nothing()


@both_forms
def test_wait_for_may_succeed_with_the_last_evaluation(form: Form) -> None:
    source = Ticks(2)
    form.run("wait_for", background(), form.source(source), form.function(Condition(true_at=3)))
    source.assert_left_behind_nothing()


@both_forms
def test_wait_for_ends_at_the_tick_that_finds_the_condition_true(form: Form) -> None:
    source = Ticks(10)
    condition = Condition(true_at=2)
    form.run("wait_for", background(), form.source(source), form.function(condition))
    assert condition.calls == 2
    source.contexts[0].done.wait(0)
    assert source.contexts[0].done.is_set()


@both_forms
def test_wait_for_ends_at_once_with_an_error(form: Form) -> None:
    source = Ticks(10)
    condition = Condition(1, ValueError("own"))
    with pytest.raises(ValueError, match="own"):
        form.run("wait_for", background(), form.source(source), form.function(condition))
    assert condition.calls == 1
    assert source.contexts[0].done.is_set()


@both_forms
@pytest.mark.parametrize("when", ["before", "at a tick", "at the close"])
def test_wait_for_times_out_without_an_evaluation_when_its_context_has_ended(form: Form, when: str) -> None:
    ctx, cancel = with_cancel(background())
    source = Ticks(0, then=cancel) if when == "at the close" else Ticks(1)
    if when == "before":
        cancel()
    condition = Condition()

    def evaluate(_: Context) -> bool:
        cancel()
        return condition()

    with pytest.raises(WaitTimeout) as caught:
        form.run("wait_for", ctx, form.source(source), form.function(evaluate))
    assert isinstance(caught.value.__cause__, Cancelled)
    assert condition.calls == (1 if when == "at a tick" else 0)
    assert source.contexts[0].done.is_set()


@both_forms
def test_wait_for_passes_its_context_to_the_condition_not_the_inner_one(form: Form) -> None:
    ctx, cancel = with_cancel(background())
    seen: list[object] = []

    def see(given: Context) -> bool:
        seen.append(given)
        return True

    form.run("wait_for", ctx, form.source(Ticks(1)), form.function(see))
    assert seen == [ctx]
    assert not ctx.done.is_set()
    cancel()


def wrapping(inner: BaseException) -> BaseException:
    """An error that was raised from `inner`."""
    outer = RuntimeError("outer")
    outer.__cause__ = inner
    return outer


@pytest.mark.parametrize("error", [WaitTimeout(), Cancelled(), DeadlineExceeded()])
def test_interrupted_is_true_for_timeouts_and_ended_contexts_and_what_wraps_them(error: Exception) -> None:
    assert interrupted(error)
    assert interrupted(wrapping(error))
    assert interrupted(wrapping(wrapping(error)))


def test_interrupted_is_false_for_none_and_any_other_error() -> None:
    for error in (None, ValueError(), TimeoutError(), asyncio.CancelledError(), wrapping(ValueError())):
        assert not interrupted(error)
    handled = RuntimeError("raised while a timeout was handled, not because of it")
    handled.__context__ = WaitTimeout()
    assert not interrupted(handled)


def test_interrupted_survives_errors_that_cause_each_other() -> None:
    first, second = RuntimeError("first"), RuntimeError("second")
    first.__cause__, second.__cause__ = second, first
    assert not interrupted(first)
