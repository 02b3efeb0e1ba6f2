"""Locks in common, by the `with` blocks that the code stands in: known to be, known not to be, and unknown."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from kdiag.probe.guards.common_locks import DEPTH, Held, held, in_common
from kdiag.probe.guards.expressions import read

if TYPE_CHECKING:
    from collections.abc import Callable

    from kdiag.probe.guards.common_locks import Site

LOCK, OTHER = threading.Lock(), threading.RLock()
VALUES: dict[str, int] = {}
BARE, ONE, TWO = Held(frozenset(), complete=True), Held(frozenset({1}), complete=True), Held(frozenset({2}), True)
UNKNOWN, ONE_AND_UNKNOWN = Held(frozenset(), complete=False), Held(frozenset({1}), complete=False)


def bare() -> None:
    VALUES["a"] = 1


def locked() -> None:
    with LOCK:
        VALUES["a"] = 1


def locked_twice() -> None:
    with LOCK, OTHER:
        VALUES["a"] = 1


def after() -> None:
    with LOCK:
        pass
    VALUES["a"] = 1


def by_argument(lock: threading.Lock) -> None:
    with lock:
        VALUES["a"] = 1


def acquired() -> None:
    LOCK.acquire()
    VALUES["a"] = 1
    LOCK.release()


def write_in(function: Callable[..., None]) -> Site:
    """Where a function writes to VALUES."""
    return function.__code__, next(write.offset for write in read(function.__code__).writes)


@pytest.mark.parametrize(
    ("function", "locks", "complete"),
    [
        (bare, [], True), (locked, [LOCK], True), (locked_twice, [LOCK, OTHER], True), (after, [], True),
        (by_argument, [], False), (acquired, [], False),
    ],
)  # fmt: skip
def test_what_a_write_holds(function: Callable[..., None], locks: list[object], complete: bool) -> None:
    assert held((write_in(function),)) == Held(frozenset(map(id, locks)), complete)


def test_callers_hold_locks_for_those_that_they_call() -> None:
    assert held((write_in(bare), write_in(locked))) == Held(frozenset({id(LOCK)}), complete=True)


def test_what_is_deeper_than_what_was_seen_may_hold_more() -> None:
    assert held((write_in(bare),) * DEPTH) == UNKNOWN


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (ONE, ONE, True), (ONE, ONE_AND_UNKNOWN, True), (ONE, TWO, False), (BARE, ONE, False), (BARE, UNKNOWN, False),
        (ONE, UNKNOWN, None), (UNKNOWN, UNKNOWN, None),
    ],
)  # fmt: skip
def test_a_lock_in_common(one: Held, other: Held, expected: bool | None) -> None:
    assert in_common(one, other) is expected
    assert in_common(other, one) is expected
