"""Being told that an event is set, ours or a foreign one."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from kdiag.machinery.context import background, with_cancel
from kdiag.machinery.events import done_of, subscribe
from tests.unit.machinery.background import HANGING_S, together

if TYPE_CHECKING:
    from collections.abc import Callable

    from kdiag.machinery.events import Event

Made = tuple["Event", "Callable[[], object]"]


def own() -> Made:
    ctx, cancel = with_cancel(background())
    return ctx.done, cancel


def foreign() -> Made:
    event = threading.Event()
    return event, event.set


both_kinds = pytest.mark.parametrize("make", [own, foreign])


def watchers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "kdiag-watch"]


def test_the_event_of_a_stop_is_its_done_or_itself() -> None:
    ctx, cancel = with_cancel(background())
    event = threading.Event()
    assert done_of(ctx) is ctx.done
    assert done_of(event) is event
    cancel()


@both_kinds
def test_a_subscriber_is_told_when_the_event_is_set(make: Callable[[], Made]) -> None:
    event, set_it = make()
    told = threading.Semaphore(0)
    subscribe(event, told.release)
    assert not told.acquire(blocking=False)
    set_it()
    assert told.acquire(timeout=HANGING_S)
    assert not told.acquire(blocking=False)


@both_kinds
def test_a_subscriber_to_a_set_event_is_told_at_once(make: Callable[[], Made]) -> None:
    event, set_it = make()
    set_it()
    told: list[int] = []
    call_off = subscribe(event, lambda: told.append(1))
    assert told == [1]
    assert call_off() is False


@both_kinds
def test_who_called_off_is_not_told(make: Callable[[], Made]) -> None:
    event, set_it = make()
    told: list[int] = []
    call_off = subscribe(event, lambda: told.append(1))
    assert call_off() is True
    assert call_off() is False
    set_it()
    for thread in watchers():
        thread.join(HANGING_S)
    assert told == []


@both_kinds
def test_a_crash_of_a_subscriber_does_not_reach_who_sets_the_event(make: Callable[[], Made]) -> None:
    event, set_it = make()
    told = threading.Event()
    subscribe(event, lambda: 1 / 0)
    subscribe(event, told.set)
    set_it()
    assert told.wait(HANGING_S)


def test_a_subscription_to_a_context_needs_no_thread() -> None:
    event, set_it = own()
    subscribe(event, lambda: None)
    assert watchers() == []
    set_it()


@pytest.mark.parametrize("how", ["set", "called off"])
def test_the_watcher_of_a_foreign_event_ends_when_either_side_is_done(how: str) -> None:
    event, set_it = foreign()
    call_off = subscribe(event, lambda: None)
    (watcher,) = watchers()
    if how == "set":
        set_it()
    else:
        call_off()
    watcher.join(HANGING_S)
    assert not watcher.is_alive()


@both_kinds
@pytest.mark.parametrize("_round", range(20))
def test_of_telling_and_calling_off_at_once_exactly_one_happens(make: Callable[[], Made], _round: int) -> None:
    event, set_it = make()
    told: list[int] = []
    off: list[int] = []
    call_offs = [subscribe(event, lambda each=each: told.append(each)) for each in range(20)]  # type: ignore[misc]

    def call_all_off() -> None:
        off.extend(each for each, call_off in enumerate(call_offs) if call_off())

    together(set_it, call_all_off)
    for thread in watchers():
        thread.join(HANGING_S)
    assert sorted(told + off) == list(range(20))
