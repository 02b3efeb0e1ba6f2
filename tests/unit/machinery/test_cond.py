"""Cond (item 27 of the conformance list)."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from kdiag.machinery.sync import Cond, RWMutex
from tests.unit.machinery.background import Background
from tests.unit.machinery.interrupts import Interrupted, spin_until

if TYPE_CHECKING:
    from collections.abc import Callable


class Waiters:
    """Threads that wait at a condition, each once; `woken` has their numbers in the order in which they came back."""

    def __init__(self, cond: Cond, count: int) -> None:
        self.woken: list[int] = []
        self._cond = cond
        self._running: list[Background] = []
        for number in range(count):
            self._running.append(Background(lambda number=number: self._wait(number)))  # type: ignore[misc]
            spin_until(lambda number=number: len(cond._gates) == number + 1)  # type: ignore[misc]

    def _wait(self, number: int) -> None:
        self._cond.locker.lock()
        self._cond.wait()
        self.woken.append(number)
        self._cond.locker.unlock()

    def come_back(self, count: int) -> list[int]:
        spin_until(lambda: len(self.woken) >= count)
        return self.woken

    def end(self) -> None:
        for each in self._running:
            each.result()


def test_a_signal_wakes_one_in_the_order_of_arrival() -> None:
    cond = Cond(RWMutex())
    waiters = Waiters(cond, 3)
    for count in 1, 2, 3:
        cond.signal()
        assert waiters.come_back(count) == list(range(count))
        assert len(cond._gates) == 3 - count
    waiters.end()


def test_a_broadcast_wakes_all() -> None:
    cond = Cond(RWMutex())
    waiters = Waiters(cond, 5)
    cond.broadcast()
    waiters.end()
    assert sorted(waiters.woken) == [0, 1, 2, 3, 4]


def test_a_signal_that_nobody_waits_for_is_lost() -> None:
    cond = Cond(RWMutex())
    cond.signal()
    cond.broadcast()
    waiters = Waiters(cond, 1)
    assert waiters.woken == []
    cond.signal()
    waiters.end()


def test_wait_unlocks_while_it_waits_and_returns_locked() -> None:
    mutex = RWMutex()
    cond, held = Cond(mutex), []

    def wait() -> None:
        with mutex:
            cond.wait()
            held.append([holder.ident for holder in mutex.holders()] == [threading.get_ident()])

    waiting = Background(wait)
    spin_until(lambda: len(cond._gates) == 1)
    spin_until(lambda: mutex.holders() == ())
    with mutex:
        cond.signal()
    waiting.result()
    assert held == [True]


def test_the_reading_side_can_be_waited_with() -> None:
    mutex = RWMutex()
    cond = Cond(mutex.rlocker())
    waiters = Waiters(cond, 4)
    with mutex:
        cond.broadcast()
    waiters.end()
    assert mutex.holders() == ()


def test_wait_without_the_lock_raises_and_leaves_no_trace() -> None:
    cond = Cond(RWMutex())
    with pytest.raises(RuntimeError):
        cond.wait()
    assert not cond._gates


def test_who_is_interrupted_has_the_lock_and_leaves_the_queue(interruptible: Callable[[], None]) -> None:
    mutex = RWMutex()
    cond = Cond(mutex)

    def send() -> None:
        spin_until(lambda: len(cond._gates) == 1)
        interruptible()

    sending = Background(send)
    with mutex:
        with pytest.raises(Interrupted):
            cond.wait()
        assert [holder.ident for holder in mutex.holders()] == [threading.get_ident()]
    sending.result()
    assert not cond._gates


def test_a_signal_that_came_with_the_interrupt_goes_to_the_next() -> None:
    cond = Cond(RWMutex())
    waiters = Waiters(cond, 1)
    cond._call_off(threading.Lock())  # its gate is in the queue no more: it has been signalled
    waiters.end()
    assert waiters.woken == [0]


def test_producers_and_consumers_lose_nothing() -> None:
    mutex = RWMutex()
    cond = Cond(mutex)
    items: list[int] = []
    taken: list[int] = []

    def consume() -> None:
        for _ in range(100):
            with mutex:
                while not items:
                    cond.wait()
                taken.append(items.pop())

    consuming = [Background(consume) for _ in range(4)]
    for number in range(400):
        with mutex:
            items.append(number)
        cond.signal()
    for each in consuming:
        each.result()
    assert sorted(taken) == list(range(400))
