"""Who waits for an RWMutex, and who holds it, as the sensor of threads tells it to deadlock diagnosis."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from kdiag.machinery.sync import Locker, RWMutex
from kdiag.probe.sensors.threads import ThreadsSensor
from tests.unit.machinery.background import Background
from tests.unit.machinery.interrupts import at_gate, spin_until

if TYPE_CHECKING:
    from collections.abc import Callable

STOCK = RWMutex()


def _wait_seen(mutex: RWMutex, wait: Callable[[], None]) -> dict[str, Any]:
    """What the sensor says of a thread that waits for a mutex."""
    waiting = Background(wait)
    try:
        spin_until(lambda: (mutex._writers or mutex._readers) and at_gate(waiting._thread.ident))
        sensor = ThreadsSensor()
        threads = sensor.data(0)["threads"]
        sensor.stop()
        (found,) = (each for each in threads if each["ident"] == waiting._thread.ident)
        file, _, function = found["frames"][found["wait"]["depth"]]
        assert (file, function.rpartition(".")[2]) == (__file__, wait.__name__)
        seen: dict[str, Any] = found["wait"]
        return seen
    finally:
        holders = mutex.holders()
        for holder in holders:
            (mutex.unlock if holder.writes else mutex.runlock)()
        waiting.result()


def pass_through(side: Locker) -> Callable[[], None]:
    def take() -> None:
        side.lock()
        side.unlock()

    return take


def enter() -> None:
    with STOCK:
        pass


def enter_reading() -> None:
    with STOCK.rlocker():
        pass


@pytest.mark.parametrize("wait", [enter, enter_reading])
def test_the_writer_is_who_is_waited_for(wait: Callable[[], None]) -> None:
    STOCK.lock()
    seen = _wait_seen(STOCK, wait)
    assert (seen["kind"], seen["id"]) == ("lock", id(STOCK))
    assert seen["owner"] == threading.get_ident()


def test_a_mutex_is_named_by_where_it_is_kept() -> None:
    STOCK.lock()
    assert _wait_seen(STOCK, enter)["name"].endswith("STOCK")


def test_a_name_of_its_own_comes_first() -> None:
    mutex = RWMutex("orders")
    mutex.rlock()
    seen = _wait_seen(mutex, pass_through(mutex))
    assert (seen["name"], seen["owner"]) == ("orders", threading.get_ident())


def test_of_several_readers_none_is_blamed() -> None:
    mutex = RWMutex("orders")
    Background(mutex.rlock).result()
    mutex.rlock()
    assert _wait_seen(mutex, pass_through(mutex.locker("writer")))["owner"] == 0
