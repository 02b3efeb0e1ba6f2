"""Trees of contexts: many threads at once, and properties of random ones (items 20 to 22)."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdiag.machinery.clock import FakeClock
from kdiag.machinery.context import Context, after_func, background, with_cancel, with_timeout, with_value
from kdiag.machinery.context.kinds import CancelContext
from tests.unit.machinery.background import HANGING_S, together

if TYPE_CHECKING:
    from kdiag.machinery.context import CancelFunc


def children(ctx: Context) -> int:
    assert isinstance(ctx, CancelContext)
    return len(ctx.node._children)


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
