"""Writes by several threads: flagged where no lock keeps two of them apart, and only there."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

import pytest

from kdiag.machinery.sync import RWMutex
from kdiag.probe.guards import ConcurrentMapError, GuardedMap, GuardedSet
from kdiag.probe.guards.state import MOST_PLACES
from tests.unit.guards.threads import Obedient

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.guards.conftest import Conflicts

LOCK, OTHER, RLOCK = threading.Lock(), threading.Lock(), threading.RLock()
CONDITION = threading.Condition(LOCK)
MUTEX = RWMutex()
LOCKS = {"one": LOCK}


class Store:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.entries: GuardedMap[str, int] = GuardedMap()

    def put(self) -> None:
        with self.lock:
            self._put()

    def _put(self) -> None:
        self.entries["key"] = 1


def bare(target: Any) -> None:
    target["key"] = 1


def locked(target: Any) -> None:
    with LOCK:
        target["key"] = 1


def conditioned(target: Any) -> None:
    with CONDITION:
        target["key"] = 1


def otherwise(target: Any) -> None:
    with OTHER:
        target["key"] = 1


def recursive(target: Any) -> None:
    with RLOCK, OTHER:
        target["key"] = 1


def acquired(target: Any) -> None:
    LOCK.acquire()
    try:
        target["key"] = 1
    finally:
        LOCK.release()


def tried(target: Any) -> None:
    if LOCK.acquire(timeout=5):
        if target is None:
            LOCK.release()
            return
        target["key"] = 1
        LOCK.release()


def too_late(target: Any) -> None:
    LOCK.acquire()
    LOCK.release()
    target["key"] = 1


def writing(target: Any) -> None:
    with MUTEX:
        target["key"] = 1


def mutex_by_hand(target: Any) -> None:
    MUTEX.lock("us")
    target["key"] = 1
    MUTEX.unlock()


def mutex_reading(target: Any) -> None:
    MUTEX.rlock()
    target["key"] = 1
    MUTEX.runlock()


@contextlib.contextmanager
def somehow() -> Any:
    with LOCK:
        yield


def unreadable(target: Any) -> None:
    with somehow():
        target["key"] = 1


def subscripted(target: Any) -> None:
    with LOCKS["one"]:
        target["key"] = 1


CASES: list[tuple[Callable[[Any], None], Callable[[Any], None], bool]] = [
    (bare, bare, True),
    (locked, bare, True),
    (locked, locked, False),
    (locked, conditioned, False),
    (locked, otherwise, True),
    (recursive, recursive, False),
    (recursive, otherwise, False),
    (recursive, locked, True),
    (acquired, locked, False),
    (acquired, acquired, False),
    (tried, locked, False),
    (tried, tried, False),
    (too_late, too_late, True),
    (writing, mutex_by_hand, False),
    (writing, mutex_reading, True),
    (mutex_reading, mutex_reading, True),
    (unreadable, locked, False),  # it cannot be told, so nothing is said
    (subscripted, locked, False),
]


@pytest.mark.parametrize(("first", "second", "races"), CASES, ids=lambda each: getattr(each, "__name__", str(each)))
def test_two_threads_take_turns(
    first: Callable[[Any], None],
    second: Callable[[Any], None],
    races: bool,
    one: Obedient,
    two: Obedient,
    conflicts: Conflicts,
) -> None:
    target: GuardedMap[str, int] = GuardedMap()
    one.do(lambda: first(target))
    two.do(lambda: second(target))
    assert conflicts() == []  # handed on, as far as anybody knows
    one.do(lambda: first(target))
    found = conflicts()
    assert [each["kind"] for each in found] == (["unlocked-writes"] if races else [])
    if races:
        assert [found[0][side]["thread"] for side in ("writes", "other")] == ["one", "two"]
        assert [found[0][side]["frames"][0][2] for side in ("writes", "other")] == [first.__name__, second.__name__]


def test_a_lock_that_a_caller_holds_counts(one: Obedient, two: Obedient, conflicts: Conflicts) -> None:
    store = Store()
    for thread in (one, two, one, two):
        thread.do(store.put)
    assert conflicts() == []
    for thread in (one, two):
        thread.do(store._put)
    assert [each["kind"] for each in conflicts()] == ["unlocked-writes"]


def test_a_set_is_no_different(one: Obedient, two: Obedient, conflicts: Conflicts) -> None:
    target: GuardedSet[int] = GuardedSet()
    for element, thread in enumerate((one, two, one)):
        thread.do(lambda element=element: target.add(element))  # type: ignore[misc]
    assert [(each["kind"], each["type"]) for each in conflicts()] == [("unlocked-writes", "set")]


def test_who_makes_an_object_may_fill_it_alone(one: Obedient, conflicts: Conflicts) -> None:
    target: GuardedMap[str, int] = GuardedMap()
    bare(target)
    one.do(lambda: bare(target))
    bare(target)  # it comes back once
    assert conflicts() == []


def test_threads_that_were_waited_for_do_not_race(conflicts: Conflicts) -> None:
    target: GuardedMap[str, int] = GuardedMap()
    for _ in range(4):
        bare(target)
        with Obedient("worker") as worker:
            worker.do(lambda: bare(target))
    assert conflicts() == []


def test_mode_raise_names_both(one: Obedient, two: Obedient) -> None:
    target: GuardedMap[str, int] = GuardedMap()
    target._guard.configure("shop.CACHE", "raise")
    one.do(lambda: bare(target))
    two.do(lambda: bare(target))
    with pytest.raises(
        ConcurrentMapError, match=r"thread 'one' at .* wrote without a lock in common with thread 'two'"
    ):
        one.do(lambda: bare(target))


def test_places_are_bounded(one: Obedient, two: Obedient) -> None:
    target: GuardedMap[int, int] = GuardedMap()
    for number in range(2 * MOST_PLACES):
        write = eval(f"lambda target: target.update({{{number}: 1}})")  # noqa: S307 - each is other code
        for thread in (one, two):
            thread.do(lambda write=write: write(target))  # type: ignore[misc]
    assert len(target._guard._writers) <= MOST_PLACES


def test_writes_that_go_on_taking_turns_are_seen_again_and_again(
    one: Obedient, two: Obedient, conflicts: Conflicts
) -> None:
    target: GuardedMap[str, int] = GuardedMap()
    for _ in range(40):
        one.do(lambda: bare(target))
        two.do(lambda: bare(target))
    assert 10 < sum(each["count"] for each in conflicts()) < 80


def test_keys_are_told_only_where_they_are_source(one: Obedient, two: Obedient, conflicts: Conflicts) -> None:
    keys = ["tok_4f9c2e", b"raw", 42, ("tuple",), object()]
    for key in keys:
        target: GuardedMap[Any, int] = GuardedMap()

        def write(key: Any = key, target: GuardedMap[Any, int] = target) -> None:
            target[key] = 1

        for thread in (one, two, one):
            thread.do(write)
    told = [each["key"] for each in conflicts()]
    assert [each.partition("#")[0] for each in told] == ["str", "bytes", "int", "tuple", "object"]
    assert all(len(each.partition("#")[2]) == 4 for each in told[:3])
