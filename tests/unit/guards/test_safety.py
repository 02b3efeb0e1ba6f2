"""The guards' own bookkeeping: whatever runs in the middle of it, nobody waits, and nothing comes back to itself."""

from __future__ import annotations

import gc
import signal
import threading
from typing import TYPE_CHECKING, Any

import pytest

from kdiag.probe.guards import GuardedMap, ledger, state
from kdiag.probe.guards.updates import watching_reads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.guards.conftest import Conflicts
    from tests.unit.guards.threads import Obedient


class Meddler:
    """A key whose comparison writes to the map that it is looked up in, and iterates over it."""

    def __init__(self, target: Any) -> None:
        self.target = target

    def __hash__(self) -> int:
        return 1

    def __eq__(self, other: object) -> bool:
        self.target["meddled"] = 1
        list(self.target)
        return self is other


@pytest.mark.parametrize("reads", [False, True])
def test_keys_that_write_while_they_are_compared(
    reads: bool, one: Obedient, two: Obedient, conflicts: Conflicts
) -> None:
    target: GuardedMap[Any, int] = GuardedMap()
    if reads:
        watching_reads(target)
    first, second = Meddler(target), Meddler(target)
    for thread, key in ((one, first), (two, second), (one, first), (two, second)):
        thread.do(lambda key=key: target.__setitem__(key, 1))  # type: ignore[misc]
    assert len(target) == 3
    assert "unlocked-writes" in {each["kind"] for each in conflicts()}
    assert not state._inside


def test_a_key_that_cannot_be_compared_fails_as_in_a_dict(one: Obedient, conflicts: Conflicts) -> None:
    target: GuardedMap[Any, int] = GuardedMap(a=1)
    steps = one.do(lambda: iter(target))
    with pytest.raises(TypeError, match="unhashable"):
        target[[]] = 1
    with pytest.raises(TypeError):
        target.pop()  # type: ignore[call-overload]
    assert conflicts() == []
    assert steps is not None


def test_finalizers_that_write_while_a_conflict_is_looked_at(
    one: Obedient, two: Obedient, monkeypatch: pytest.MonkeyPatch, conflicts: Conflicts
) -> None:
    """They run wherever something is allocated: in the middle of our bookkeeping, too."""
    target: GuardedMap[str, int] = GuardedMap()
    died: list[bool] = []

    class Last:
        def __init__(self) -> None:
            self.itself = self

        def __del__(self) -> None:
            target["last words"] = len(died)
            died.append(threading.get_ident() in state._inside)

    enter = ledger.Ledger._enter

    def collecting(self: ledger.Ledger, each: ledger.Conflict) -> None:
        Last()
        gc.collect()
        enter(self, each)

    monkeypatch.setattr(ledger.Ledger, "_enter", collecting)
    for thread in (one, two, one):
        thread.do(lambda: target.update({"a": 1}))
    assert died == [True]
    assert [each["count"] for each in conflicts()] == [1]
    assert target["last words"] == 0


def test_a_signal_handler_that_writes(monkeypatch: pytest.MonkeyPatch, one: Obedient) -> None:
    """It runs in the main thread, between any two steps of ours."""
    target: GuardedMap[str, int] = GuardedMap()
    one.do(lambda: target.update({"a": 1}))
    target.update({"a": 1})
    one.do(lambda: target.update({"a": 1}))
    enter = ledger.Ledger._enter

    def interrupted(self: ledger.Ledger, each: ledger.Conflict) -> None:
        signal.raise_signal(signal.SIGUSR1)
        enter(self, each)

    monkeypatch.setattr(ledger.Ledger, "_enter", interrupted)
    before = signal.signal(signal.SIGUSR1, lambda *_: target.update({"signalled": 1}))
    try:
        target.update({"a": 1})
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert target["signalled"] == 1


@pytest.fixture
def callback() -> Iterator[list[ledger.Conflict]]:
    told: list[ledger.Conflict] = []
    ledger.callbacks.append(told.append)
    yield told
    ledger.callbacks.remove(told.append)


def test_callbacks_are_told_in_the_thread_that_saw_it(
    one: Obedient, two: Obedient, callback: list[ledger.Conflict]
) -> None:
    target: GuardedMap[str, int] = GuardedMap()
    for thread in (one, two, one):
        thread.do(lambda: target.update({"a": 1}))
    assert [each.kind for each in callback] == ["unlocked-writes"]


def test_a_map_that_nobody_has_any_more_is_freed() -> None:
    """At once where nobody iterates; where an iterator was dropped half-way, by the collector."""

    class Seen:
        freed = 0

        def __del__(self) -> None:
            Seen.freed += 1

    target = GuardedMap(a=Seen(), b=Seen())
    list(target.items())
    for _ in target:
        pass
    target["c"] = Seen()
    del target
    assert Seen.freed == 3
    half = GuardedMap(a=Seen())
    next(iter(half))
    del half
    gc.collect()
    assert Seen.freed == 4


def test_a_fault_of_ours_is_not_the_services(
    one: Obedient, monkeypatch: pytest.MonkeyPatch, conflicts: Conflicts
) -> None:
    def fails(*_: object) -> None:
        raise ZeroDivisionError

    target: GuardedMap[str, int] = GuardedMap(a=1)
    watching_reads(target)
    before = ledger.LEDGER.failures
    monkeypatch.setattr(state, "service_frame", fails)
    monkeypatch.setattr("kdiag.probe.guards.updates.service_frame", fails)
    one.do(lambda: target.__setitem__("a", target["a"] + 1))
    assert list(target.items()) == [("a", 2)]
    assert ledger.LEDGER.failures - before == 3  # the read, the write, the iteration
    assert conflicts() == []


@pytest.mark.slow
@pytest.mark.parametrize("reads", [False, True])
@pytest.mark.parametrize("mode", ["report", "raise", "heal"])
def test_many_threads_at_once(mode: str, reads: bool) -> None:
    target: GuardedMap[Any, int] = GuardedMap()
    target._guard.configure("stress", mode)
    if reads:
        watching_reads(target)
    end = threading.Event()
    wrong: list[BaseException] = []

    def work(number: int) -> None:
        rounds = 0
        while not end.is_set() and rounds < 4_000:
            rounds += 1
            try:
                target[rounds % 50] = target.get(rounds % 50, 0) + 1
                if number % 2:
                    target.pop((rounds, number), None)
                    target.update({(rounds % 10, number): 1})
                else:
                    for _ in target.items():
                        pass
            except RuntimeError:  # the very thing; and ConcurrentMapError is one
                pass
            except BaseException as error:
                wrong.append(error)

    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(8)]
    for thread in threads:
        thread.start()
    threads[0].join(timeout=20)
    end.set()
    for thread in threads:
        thread.join(timeout=20)
    assert not any(thread.is_alive() for thread in threads)
    assert wrong == []
    assert not state._inside
    target["last"] = 1
    assert not target._guard.iterations
    ledger.LEDGER.clear()
