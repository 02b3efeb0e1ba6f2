"""Contexts (items 19 to 22 and 24 of the conformance list), in the order of Go's own tests."""

from __future__ import annotations

import gc
import threading
import traceback
import weakref
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdiag.machinery.clock import REAL, FakeClock
from kdiag.machinery.context import (
    Cancelled,
    Context,
    ContextError,
    DeadlineExceeded,
    after_func,
    background,
    todo,
    with_cancel,
    with_cancel_cause,
    with_deadline,
    with_timeout,
    with_value,
)
from kdiag.machinery.context.kinds import CancelContext
from tests.unit.machinery.background import HANGING_S, Background, together

if TYPE_CHECKING:
    from kdiag.machinery.context import CancelFunc


def children(ctx: Context) -> int:
    assert isinstance(ctx, CancelContext)
    return len(ctx.node._children)


@pytest.mark.parametrize("root", [background(), todo()], ids=["background", "todo"])
def test_a_root_is_never_done_and_has_no_deadline_and_no_values(root: Context) -> None:
    assert not root.done.is_set()
    assert root.done.wait(0) is False
    assert root.err() is None
    assert root.cause() is None
    assert root.deadline() is None
    assert root.value("key") is None
    root.raise_if_done()


def test_the_repr_tells_contexts_apart() -> None:
    ctx, cancel = with_cancel(with_value(background(), "request", 1))
    timed, cancel_timed = with_deadline(ctx, 5.0, FakeClock())
    assert repr(background()) == "context.background"
    assert repr(todo()) == "context.todo"
    assert repr(timed) == "context.background.with_value(str).with_cancel.with_deadline(5)"
    cancel_timed()
    cancel()


def test_a_parent_must_not_be_none() -> None:
    with pytest.raises(TypeError, match="background"):
        with_cancel(None)  # type: ignore[arg-type]


def test_cancel_ends_a_context() -> None:
    ctx, cancel = with_cancel(background())
    assert not ctx.done.is_set()
    assert ctx.err() is None
    cancel()
    assert ctx.done.is_set()
    assert ctx.done.wait(0) is True
    assert isinstance(ctx.err(), Cancelled)
    assert str(ctx.err()) == "context cancelled"


def test_cancelling_again_changes_nothing() -> None:
    ctx, cancel = with_cancel_cause(background())
    cancel(None)
    first = ctx.err()
    cancel(ValueError("too late"))
    assert ctx.err() is first
    assert ctx.cause() is first


def test_cancel_ends_every_descendant_and_leaves_the_parent_alone() -> None:
    parent, cancel_parent = with_cancel(background())
    ctx, cancel = with_cancel(parent)
    child, _ = with_cancel(with_value(ctx, "key", "value"))
    grandchild, _ = with_timeout(child, 10.0, FakeClock())
    sibling, _ = with_cancel(parent)
    cancel()
    assert [each.done.is_set() for each in (ctx, child, grandchild)] == [True, True, True]
    assert child.err() is ctx.err()
    assert grandchild.err() is ctx.err()
    assert not parent.done.is_set()
    assert not sibling.done.is_set()
    cancel_parent()
    assert sibling.done.is_set()


def test_the_child_of_an_ended_context_has_ended_for_the_same_reason() -> None:
    parent, cancel = with_cancel_cause(background())
    cancel(ValueError("why"))
    child, _ = with_cancel(parent)
    assert child.done.is_set()
    assert child.err() is parent.err()
    assert child.cause() is parent.cause()


def test_a_waiting_thread_is_woken() -> None:
    ctx, cancel = with_cancel(background())
    child, _ = with_cancel(ctx)
    waiting = [Background(child.done.wait) for _ in range(5)]
    cancel()
    for each in waiting:
        each.result()


def test_a_cancelled_child_is_forgotten_by_its_parent() -> None:
    parent, cancel_parent = with_cancel(background())
    for _ in range(100_000):
        _, cancel = with_cancel(parent)
        cancel()
    assert children(parent) == 0
    cancel_parent()


def test_a_parent_that_ended_keeps_no_children() -> None:
    parent, cancel = with_cancel(background())
    kept = [with_cancel(parent) for _ in range(10)]
    assert children(parent) == 10
    cancel()
    assert children(parent) == 0
    for _, cancel_child in kept:
        cancel_child()


def test_contexts_are_no_work_for_the_garbage_collector() -> None:
    gc.collect()
    gc.disable()
    try:
        parent, cancel_parent = with_cancel(background())
        child, cancel = with_timeout(with_value(parent, "key", "value"), 10.0, FakeClock())
        child.done.wait(0)
        cancel()
        dead: list[weakref.ref[object]] = [weakref.ref(parent), weakref.ref(child), weakref.ref(child.done)]
        cancel_parent()
        del parent, child, cancel, cancel_parent
        assert [each() for each in dead] == [None, None, None]
    finally:
        gc.enable()


def test_a_tree_may_be_deeper_than_the_stack() -> None:
    root, cancel = with_cancel_cause(background())
    deepest: Context = with_value(root, "root", "value")
    for level in range(5_000):
        deepest, _ = with_cancel(with_value(deepest, "level", level))
    assert deepest.value("root") == "value"
    assert repr(deepest).startswith("context.background.with_cancel.with_value(str)")
    cancel(ValueError("why"))
    assert deepest.done.is_set()
    assert str(deepest.cause()) == "why"


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


def test_done_is_made_when_somebody_waits() -> None:
    ctx, cancel = with_cancel(background())
    assert isinstance(ctx, CancelContext)
    assert ctx.done is ctx.done
    assert ctx.node._event is None
    ctx.done.wait(0)
    assert ctx.node._event is not None
    cancel()


def test_a_cancel_before_anybody_asked_for_done_still_gives_a_closed_one() -> None:
    ctx, cancel = with_cancel(background())
    cancel()
    assert ctx.done.wait(HANGING_S)
    assert ctx.done.is_set()


def test_a_cause_can_be_given_and_read_and_goes_to_the_descendants() -> None:
    ctx, cancel = with_cancel_cause(background())
    child, _ = with_cancel(ctx)
    assert ctx.cause() is None
    cause = ValueError("why")
    cancel(cause)
    assert isinstance(ctx.err(), Cancelled)
    assert ctx.cause() is cause
    assert child.cause() is cause


def test_without_a_cause_the_error_is_the_cause() -> None:
    ctx, cancel = with_cancel(background())
    cancel()
    assert ctx.cause() is ctx.err()


def test_raise_if_done_raises_the_error_from_its_cause() -> None:
    ctx, cancel = with_cancel_cause(background())
    ctx.raise_if_done()
    cause = ValueError("why")
    cancel(cause)
    with pytest.raises(Cancelled) as caught:
        ctx.raise_if_done()
    assert caught.value.__cause__ is cause


def test_what_is_raised_again_and_again_collects_no_stacks() -> None:
    ctx, cancel = with_cancel(background())
    cancel()
    for _ in range(3):
        with pytest.raises(Cancelled) as caught:
            ctx.raise_if_done()
        assert len(traceback.extract_tb(caught.value.__traceback__)) == 2
    error = ctx.err()
    assert error is not None
    assert error.__traceback__ is None


def test_after_func_is_called_once_when_the_context_ends() -> None:
    ctx, cancel = with_cancel(background())
    called: list[Exception | None] = []
    after_func(ctx, lambda: called.append(ctx.err()))
    assert called == []
    cancel()
    cancel()
    assert called == [ctx.err()]


def test_after_func_can_be_called_off() -> None:
    ctx, cancel = with_cancel(background())
    called: list[int] = []
    call_off = after_func(ctx, lambda: called.append(1))
    assert children(ctx) == 1
    assert call_off() is True
    assert children(ctx) == 0
    cancel()
    assert called == []
    assert call_off() is False


def test_a_subscriber_may_use_the_context_that_ends() -> None:
    ctx, cancel = with_cancel(background())
    seen: list[bool] = []

    def use() -> None:
        cancel()
        child, _ = with_cancel(ctx)
        seen.append(child.done.is_set())

    after_func(ctx, use)
    cancel()
    assert seen == [True]


def test_all_subscribers_are_told_also_when_one_ends_quietly() -> None:
    ctx, cancel = with_cancel(background())
    called: list[int] = []

    def interrupt() -> None:
        raise KeyboardInterrupt

    for f in (interrupt, lambda: called.append(1), interrupt, lambda: called.append(2)):
        after_func(ctx, f)
    with pytest.raises(KeyboardInterrupt):
        cancel()
    assert called == [1, 2]


def test_waiting_for_a_root_leaves_nothing_behind() -> None:
    call_off = after_func(background(), lambda: pytest.fail("a root never ends"))
    assert call_off() is True
    assert len(background().done._children) == 0  # type: ignore[attr-defined]


@pytest.mark.parametrize("_round", range(20))
def test_cancelling_from_many_threads_ends_all_descendants_before_any_of_them_returns(_round: int) -> None:
    parent, cancel = with_cancel(background())
    descendants = [with_cancel(with_value(parent, "key", each))[0] for each in range(50)]
    undone: list[int] = []
    told: list[int] = []
    after_func(parent, lambda: told.append(1))

    def cancel_and_look() -> None:
        cancel()
        undone.extend(each.value("key") for each in descendants if each.err() is None)

    together(*[cancel_and_look] * 4)
    assert undone == []
    assert told == [1]


@pytest.mark.parametrize("_round", range(20))
def test_who_sees_a_parent_done_finds_its_descendants_done(_round: int) -> None:
    parent, cancel = with_cancel(background())
    deepest: Context = parent
    for _ in range(200):
        deepest, _ = with_cancel(deepest)
    seen: list[bool] = []

    def look() -> None:
        while not parent.done.is_set():
            pass
        seen.append(deepest.done.is_set())

    together(look, cancel)
    assert seen == [True]


@pytest.mark.parametrize("_round", range(20))
def test_children_made_while_the_parent_ends_end_too_and_are_forgotten(_round: int) -> None:
    clock = FakeClock()
    parent, cancel = with_cancel(background())
    made: list[tuple[Context, CancelFunc]] = []
    begun = threading.Event()

    def make() -> None:
        for _ in range(100):
            made.append(with_timeout(parent, 5.0, clock))
            begun.set()

    def cancel_in_between() -> None:
        begun.wait(HANGING_S)
        cancel()

    together(make, cancel_in_between)
    assert all(ctx.done.is_set() for ctx, _ in made)
    assert children(parent) == 0
    assert clock.waiters() == 0


@pytest.mark.parametrize("_round", range(20))
def test_a_deadline_that_passes_while_it_is_cancelled_gives_one_error_for_all(_round: int) -> None:
    clock = FakeClock()
    ctx, cancel = with_timeout(background(), 5.0, clock)
    child, _ = with_cancel(ctx)
    told: list[Exception | None] = []
    after_func(ctx, lambda: told.append(ctx.err()))
    together(cancel, lambda: clock.step(5.0))
    assert told == [ctx.err()]
    assert child.err() is ctx.err()
    assert clock.waiters() == 0


@given(
    parents=st.lists(st.integers(0, 10_000), min_size=1, max_size=40),
    values=st.lists(st.one_of(st.none(), st.integers(0, 3)), min_size=40, max_size=40),
    cancelled=st.lists(st.integers(0, 10_000), max_size=6),
)
def test_a_context_is_done_if_and_only_if_it_or_an_ancestor_was_cancelled(
    parents: list[int], values: list[int | None], cancelled: list[int]
) -> None:
    # A random tree: node n hangs on one of those before it; some of the nodes hold a value for the key "k".
    tree: list[tuple[Context, CancelFunc]] = [with_cancel(background())]
    parent_of = {0: -1}
    nearest: dict[int, int | None] = {-1: None, 0: None}
    for number, choice in enumerate(parents, start=1):
        parent_of[number] = choice % number
        parent = tree[parent_of[number]][0]
        held = values[number - 1]
        nearest[number] = nearest[parent_of[number]] if held is None else held
        tree.append(with_cancel(parent if held is None else with_value(parent, "k", held)))
    ends: dict[int, Exception] = {}
    for choice in cancelled:
        number = choice % len(tree)
        ctx, cancel = tree[number]
        cancel()
        error = ctx.err()
        assert error is not None
        ends.setdefault(number, error)
    for number, (ctx, _) in enumerate(tree):
        ancestors = [number]
        while parent_of[ancestors[-1]] >= 0:
            ancestors.append(parent_of[ancestors[-1]])
        expected = [ends[each] for each in ancestors if each in ends]
        assert ctx.done.is_set() == bool(expected)
        assert ctx.err() is None or any(ctx.err() is each for each in expected)
        assert ctx.value("k") == nearest[number]
        living = [child for child, parent in parent_of.items() if parent == number and tree[child][0].err() is None]
        assert children(ctx) == (0 if expected else len(living))
    tree[0][1]()
