"""RWMutex (item 26 of the conformance list)."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from kdiag.machinery.sync import Holder, Locker, RWMutex
from kdiag.machinery.sync.rwmutex import _Waiter
from tests.unit.machinery.background import HANGING_S, Background, together
from tests.unit.machinery.interrupts import Interrupted, spin_until

if TYPE_CHECKING:
    from collections.abc import Callable


def waiting(mutex: RWMutex, writers: int, readers: int) -> None:
    """Block until so many threads wait for the mutex."""
    spin_until(lambda: (len(mutex._writers), len(mutex._readers)) == (writers, readers))


def noting(order: list[str], name: str, side: Locker) -> Background:
    """A thread that takes a side of a mutex, notes its name, and lets go."""

    def run() -> None:
        side.lock()
        order.append(name)
        side.unlock()

    return Background(run)


def test_many_readers_at_once() -> None:
    mutex, inside = RWMutex(), threading.Barrier(8)

    def read() -> None:
        with mutex.rlocker():
            inside.wait(HANGING_S)

    together(*[read] * 8)
    assert mutex.holders() == ()


def test_a_writer_is_alone() -> None:
    mutex, active, seen = RWMutex(), [0, 0], []

    def write() -> None:
        for _ in range(200):
            with mutex:
                active[1] += 1
                seen.append(tuple(active))
                active[1] -= 1

    def read() -> None:
        for _ in range(200):
            with mutex.rlocker():
                seen.append((0, active[1]))

    together(write, read, write, read, read)
    assert set(seen) == {(0, 1), (0, 0)}
    assert seen.count((0, 1)) == 400


def test_a_waiting_writer_blocks_new_readers() -> None:
    mutex = RWMutex()
    order: list[str] = []
    mutex.rlock()
    writing = noting(order, "writer", mutex)
    waiting(mutex, 1, 0)
    assert not mutex.try_rlock()
    reading = noting(order, "reader", mutex.rlocker())
    waiting(mutex, 1, 1)
    mutex.runlock()
    writing.result()
    reading.result()
    assert order == ["writer", "reader"]


def test_readers_that_waited_come_before_the_next_writer() -> None:
    mutex = RWMutex()
    order: list[str] = []
    mutex.lock()
    writing = noting(order, "writer", mutex)
    waiting(mutex, 1, 0)
    readings = [noting(order, "reader", mutex.rlocker()) for _ in range(3)]
    waiting(mutex, 1, 3)
    mutex.unlock()
    for each in (*readings, writing):
        each.result()
    assert order == ["reader", "reader", "reader", "writer"]


def test_writers_come_in_the_order_of_their_arrival() -> None:
    mutex, order, running = RWMutex(), [], []
    mutex.lock()
    for number in range(4):

        def write(number: int = number) -> None:
            with mutex:
                order.append(number)

        running.append(Background(write))
        waiting(mutex, number + 1, 0)
    mutex.unlock()
    for each in running:
        each.result()
    assert order == [0, 1, 2, 3]


@pytest.mark.parametrize("unlock", [RWMutex.unlock, RWMutex.runlock])
def test_unlock_of_an_unlocked_mutex_raises(unlock: Callable[[RWMutex], None]) -> None:
    mutex = RWMutex()
    with pytest.raises(RuntimeError):
        unlock(mutex)
    with mutex:
        pass
    with pytest.raises(RuntimeError):
        unlock(mutex)


def test_unlock_of_the_other_side_raises() -> None:
    mutex = RWMutex()
    with mutex, pytest.raises(RuntimeError):
        mutex.runlock()
    with mutex.rlocker(), pytest.raises(RuntimeError):
        mutex.unlock()
    assert mutex.try_lock()


def test_try_lock_takes_what_is_free_only() -> None:
    mutex = RWMutex()
    assert mutex.try_lock()
    assert not mutex.try_lock()
    assert not mutex.try_rlock()
    mutex.unlock()
    assert mutex.try_rlock()
    assert mutex.try_rlock()
    assert not mutex.try_lock()


def test_the_rlocker_is_a_locker_of_the_reading_side() -> None:
    mutex = RWMutex()
    reader = mutex.rlocker()
    reader.lock()
    reader.lock()
    assert [holder.writes for holder in mutex.holders()] == [False, False]
    reader.unlock()
    reader.unlock()
    with pytest.raises(RuntimeError):
        reader.unlock()


def test_both_sides_are_let_go_of_by_a_crash() -> None:
    mutex = RWMutex()
    for side in (mutex, mutex.locker(), mutex.rlocker()):
        with pytest.raises(ZeroDivisionError), side:
            _ = 1 // 0
    assert mutex.holders() == ()


def test_owners_have_names_that_diagnosis_can_read() -> None:
    mutex, ident = RWMutex("stock"), threading.get_ident()
    with mutex.locker("reconciler"):
        assert mutex.holders() == (Holder(ident, "reconciler", True),)
        assert repr(mutex) == "<RWMutex stock writing: reconciler>"
    with mutex.rlocker("scraper"), mutex.rlocker():
        assert mutex.holders() == (Holder(ident, "scraper", False), Holder(ident, "", False))
        assert repr(mutex) == f"<RWMutex stock 2 reading: scraper, thread {ident}>"
    assert repr(RWMutex()) == "<RWMutex unlocked>"


def test_another_thread_may_unlock() -> None:
    mutex = RWMutex()
    mutex.lock()
    Background(mutex.unlock).result()
    mutex.rlock()
    Background(mutex.runlock).result()
    assert mutex.holders() == ()


def test_a_reader_lets_go_of_its_own_hold() -> None:
    mutex = RWMutex()
    Background(lambda: mutex.rlock("other")).result()
    with mutex.rlocker("mine"):
        pass
    assert [holder.owner for holder in mutex.holders()] == ["other"]


@pytest.mark.parametrize("side", [RWMutex.lock, RWMutex.rlock])
def test_who_is_interrupted_while_it_waits_leaves_the_queue(
    side: Callable[[RWMutex], None], interruptible: Callable[[], None]
) -> None:
    mutex = RWMutex()
    mutex.lock()

    def send() -> None:
        spin_until(lambda: bool(mutex._writers or mutex._readers))
        interruptible()

    sending = Background(send)
    with pytest.raises(Interrupted):
        side(mutex)
    sending.result()
    mutex.unlock()
    assert mutex.holders() == ()
    assert mutex.try_lock()


def test_readers_that_waited_for_a_writer_who_gave_up_are_let_in(interruptible: Callable[[], None]) -> None:
    mutex = RWMutex()
    mutex.rlock()
    reading: list[Background] = []

    def come_late() -> None:
        spin_until(lambda: bool(mutex._writers))
        reading.append(Background(lambda: mutex.rlock("late")))
        waiting(mutex, 1, 1)
        interruptible()

    coming = Background(come_late)
    with pytest.raises(Interrupted):
        mutex.lock()
    coming.result()
    reading[0].result()
    assert [holder.owner for holder in mutex.holders()] == ["", "late"]


@pytest.mark.parametrize("writes", [True, False])
def test_a_lock_that_came_with_the_interrupt_is_handed_on(writes: bool) -> None:
    mutex = RWMutex()
    (mutex.lock if writes else mutex.rlock)()
    writing = Background(mutex.lock)
    waiting(mutex, 1, 0)
    mutex._call_off(_Waiter(mutex.holders()[0]))  # it is in no queue: the lock has been made its own
    writing.result()
    assert [holder.writes for holder in mutex.holders()] == [True]
