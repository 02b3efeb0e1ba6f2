"""Contexts whose parent is not ours (item 23): it has a `done`, and perhaps no more."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from kdiag.machinery.clock import FakeClock
from kdiag.machinery.context import Cancelled, DeadlineExceeded, background, with_cancel, with_timeout, with_value
from tests.unit.machinery.background import HANGING_S, together


class Foreign:
    """The least that a parent can be."""

    def __init__(self) -> None:
        self.done = threading.Event()


class Telling(Foreign):
    """One that tells more."""

    def err(self) -> Exception | None:
        return KeyError("foreign") if self.done.is_set() else None

    def cause(self) -> Exception | None:
        return ValueError("foreign cause") if self.done.is_set() else None

    def deadline(self) -> float:
        return 5.0

    def value(self, key: object) -> Any:
        return "foreign value" if key == "a" else None


def watchers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "kdiag-watch"]


def test_the_end_of_a_foreign_parent_ends_the_child_and_its_descendants() -> None:
    parent = Foreign()
    child, cancel = with_cancel(parent)
    grandchild, _ = with_cancel(with_value(child, "key", "value"))
    assert not child.done.is_set()
    parent.done.set()
    assert grandchild.done.wait(HANGING_S)
    assert isinstance(child.err(), Cancelled)
    assert isinstance(child.cause(), Cancelled)
    cancel()


def test_a_plain_event_is_a_parent_too() -> None:
    parent = threading.Event()
    child, cancel = with_cancel(parent)
    parent.set()
    assert child.done.wait(HANGING_S)
    cancel()


def test_the_child_of_a_foreign_parent_that_has_ended_has_ended_and_needs_no_thread() -> None:
    parent = Foreign()
    parent.done.set()
    child, _ = with_cancel(parent)
    assert child.done.is_set()
    assert watchers() == []


def test_the_error_and_the_cause_of_a_foreign_parent_are_passed_on() -> None:
    parent = Telling()
    child, cancel = with_cancel(parent)
    parent.done.set()
    assert child.done.wait(HANGING_S)
    assert isinstance(child.err(), KeyError)
    assert str(child.cause()) == "foreign cause"
    with pytest.raises(KeyError, match="foreign"):
        child.raise_if_done()
    cancel()


def test_the_deadline_and_the_values_of_a_foreign_parent_are_seen() -> None:
    clock = FakeClock()
    child, cancel = with_timeout(with_value(Telling(), "b", 2), 10.0, clock)
    assert child.deadline() == 5.0
    assert (child.value("a"), child.value("b"), child.value("c")) == ("foreign value", 2, None)
    assert not clock.has_waiters(), "the parent's deadline is its own business"
    assert repr(child) == "context.foreign(Telling).with_value(str).with_deadline(5)"
    cancel()


def test_a_value_on_top_of_a_foreign_parent_follows_it() -> None:
    parent = Telling()
    ctx = with_value(parent, "b", 2)
    assert (ctx.done.is_set(), ctx.err(), ctx.cause()) == (False, None, None)
    parent.done.set()
    assert ctx.done.is_set()
    assert isinstance(ctx.err(), KeyError)
    assert isinstance(ctx.cause(), ValueError)


@pytest.mark.parametrize("side", ["parent", "child", "deadline"])
def test_no_thread_is_left_once_either_side_is_done(side: str) -> None:
    clock = FakeClock()
    parent = Foreign()
    child, cancel = with_timeout(parent, 5.0, clock)
    (watcher,) = watchers()
    if side == "parent":
        parent.done.set()
    elif side == "child":
        cancel()
    else:
        clock.step(5.0)
        assert isinstance(child.err(), DeadlineExceeded)
    watcher.join(HANGING_S)
    assert not watcher.is_alive()
    assert child.done.is_set()
    assert not clock.has_waiters()
    cancel()


def test_only_the_first_child_of_a_foreign_parent_needs_a_thread() -> None:
    parent = Foreign()
    child, cancel = with_cancel(parent)
    descendants = [with_cancel(child) for _ in range(10)]
    assert len(watchers()) == 1
    cancel()
    assert all(ctx.done.is_set() for ctx, _ in descendants)


@pytest.mark.parametrize("_round", range(20))
def test_both_sides_may_end_at_once(_round: int) -> None:
    parent = Foreign()
    child, cancel = with_cancel(parent)
    together(parent.done.set, cancel)
    assert isinstance(child.err(), Cancelled)
    for watcher in watchers():
        watcher.join(HANGING_S)
        assert not watcher.is_alive()


def test_roots_are_not_foreign() -> None:
    _, cancel = with_cancel(background())
    assert watchers() == []
    cancel()
