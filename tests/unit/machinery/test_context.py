"""Contexts (items 19 to 22 and 24 of the conformance list), in the order of Go's own tests."""

from __future__ import annotations

import gc
import traceback
import weakref

import pytest

from kdiag.machinery.clock import FakeClock
from kdiag.machinery.context import (
    Cancelled,
    Context,
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
from tests.unit.machinery.background import HANGING_S, Background


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
