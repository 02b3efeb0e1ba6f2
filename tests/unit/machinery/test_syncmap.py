"""SyncMap (item 28 of the conformance list)."""

from __future__ import annotations

import gc
import threading
from typing import Any

from hypothesis import given
from hypothesis import strategies as some

from kdiag.machinery.sync import SyncMap
from tests.unit.machinery.background import Background, together


def test_load_says_whether_there_is_a_value() -> None:
    items: SyncMap[str, int | None] = SyncMap()
    assert items.load("a") == (None, False)
    items.store("a", 1)
    assert items.load("a") == (1, True)
    items.store("a", None)
    assert items.load("a") == (None, True)


def test_load_or_store_stores_only_what_is_missing() -> None:
    items: SyncMap[str, int] = SyncMap()
    assert items.load_or_store("a", 1) == (1, False)
    assert items.load_or_store("a", 2) == (1, True)
    assert len(items) == 1


def test_load_or_store_gives_all_threads_the_same_value() -> None:
    items: SyncMap[str, object] = SyncMap()
    seen: list[tuple[object, bool]] = []
    together(*[lambda: seen.append(items.load_or_store("key", object()))] * 16)
    assert len({id(value) for value, _ in seen}) == 1
    assert [loaded for _, loaded in seen].count(False) == 1


def test_load_and_delete_takes_out_once() -> None:
    items: SyncMap[int, int] = SyncMap()
    for number in range(100):
        items.store(number, number)
    taken: list[int | None] = []

    def take() -> None:
        for number in range(100):
            value, found = items.load_and_delete(number)
            if found:
                taken.append(value)

    together(take, take, take)
    assert sorted(taken, key=str) == sorted(range(100), key=str)
    assert items.load_and_delete(0) == (None, False)
    items.delete(0)


def test_swap_returns_what_was_there() -> None:
    items: SyncMap[str, int] = SyncMap()
    assert items.swap("a", 1) == (None, False)
    assert items.swap("a", 2) == (1, True)
    assert items.load("a") == (2, True)


def test_compare_and_swap_changes_only_what_is_equal() -> None:
    items: SyncMap[str, int] = SyncMap()
    assert not items.compare_and_swap("a", 1, 2)
    items.store("a", 1)
    assert not items.compare_and_swap("a", 2, 3)
    assert items.compare_and_swap("a", 1, 3)
    assert items.load("a") == (3, True)


def test_compare_and_delete_takes_out_only_what_is_equal() -> None:
    items: SyncMap[str, int] = SyncMap()
    assert not items.compare_and_delete("a", 1)
    items.store("a", 1)
    assert not items.compare_and_delete("a", 2)
    assert items.compare_and_delete("a", 1)
    assert items.load("a") == (None, False)


def test_compare_and_swap_loses_no_update() -> None:
    items: SyncMap[str, int] = SyncMap()
    items.store("hits", 0)

    def count() -> None:
        for _ in range(500):
            while True:
                seen, _found = items.load("hits")
                assert seen is not None
                if items.compare_and_swap("hits", seen, seen + 1):
                    break

    together(*[count] * 4)
    assert items.load("hits") == (2000, True)


def test_range_is_a_consistent_snapshot_while_others_write() -> None:
    items: SyncMap[int, int] = SyncMap()
    for number in range(100):
        items.store(number, 0)
    stop = threading.Event()

    def write() -> None:
        turn = 0
        while not stop.is_set():
            turn += 1
            items.store(100 + turn % 50, turn)
            items.delete(100 + (turn + 25) % 50)

    writing = [Background(write), Background(write)]
    try:
        for _ in range(300):
            seen = list(items.range())
            assert len(dict(seen)) == len(seen)
            assert [key for key, _ in seen][:100] == list(range(100))
    finally:
        stop.set()
    for each in writing:
        each.result()


def test_what_is_written_while_a_range_runs_is_not_in_it() -> None:
    items: SyncMap[int, int] = SyncMap()
    items.store(1, 1)
    snapshot = items.range()
    items.store(2, 2)
    items.delete(1)
    assert list(snapshot) == [(1, 1)]


def test_clear_takes_all_out() -> None:
    items: SyncMap[int, int] = SyncMap()
    items.store(1, 1)
    snapshot = items.range()
    items.clear()
    assert (len(items), list(items.range()), list(snapshot)) == (0, [], [(1, 1)])
    assert repr(items) == "<SyncMap of 0>"


class WritesWhenItGoes:
    """A value whose end and comparison use the map, from another thread: a lock held meanwhile would hang both."""

    def __init__(self, items: SyncMap[str, Any]) -> None:
        self._items = items

    def __eq__(self, other: object) -> bool:
        Background(lambda: self._items.store("compared", True)).result()
        return self is other

    def __hash__(self) -> int:
        return 0

    def __del__(self) -> None:
        Background(lambda: self._items.store("gone", True)).result()


def test_no_code_of_a_value_runs_while_the_map_is_locked() -> None:
    items: SyncMap[str, Any] = SyncMap()
    items.store("a", WritesWhenItGoes(items))
    assert not items.compare_and_swap("a", None, 1)
    assert items.load("compared") == (True, True)
    items.store("a", None)
    gc.collect()
    assert items.load("gone") == (True, True)
    items.store("b", WritesWhenItGoes(items))
    items.delete("gone")
    items.delete("b")
    assert items.load("gone") == (True, True)


_KEYS = some.integers(0, 3)
_STEPS = some.lists(
    some.tuples(some.sampled_from(["store", "delete", "swap", "load_or_store", "compare_and_swap"]), _KEYS, _KEYS)
)


@given(_STEPS)
def test_it_is_a_dict_to_one_thread(steps: list[tuple[str, int, int]]) -> None:
    items: SyncMap[int, int] = SyncMap()
    model: dict[int, int] = {}
    for step, key, value in steps:
        if step == "store":
            items.store(key, value)
            model[key] = value
        elif step == "delete":
            items.delete(key)
            model.pop(key, None)
        elif step == "swap":
            assert items.swap(key, value) == (model.get(key), key in model)
            model[key] = value
        elif step == "load_or_store":
            assert items.load_or_store(key, value) == (model.get(key, value), key in model)
            model.setdefault(key, value)
        elif items.compare_and_swap(key, value, value + 1):
            assert model[key] == value
            model[key] = value + 1
        else:
            assert model.get(key) != value
    assert dict(items.range()) == model
