"""Sick: deadlock. Three threads in a circle: each holds the lock that the one before it wants, an RLock among them.

To blame: the lines that wait for the second lock. Two more threads queue up behind them, outside of the circle.
"""

from __future__ import annotations

import threading

from tests.targets._ready import ready, stands_in, stay, wait_until

menu = threading.Lock()
kitchen = threading.RLock()
till = threading.Lock()
all_hold_one = threading.Barrier(3)


def order() -> None:
    with menu:
        all_hold_one.wait()
        with kitchen:  # CULPRIT
            pass


def cook() -> None:
    with kitchen:
        all_hold_one.wait()
        with till:  # CULPRIT
            pass


def pay() -> None:
    till.acquire()
    all_hold_one.wait()
    with menu:  # CULPRIT
        till.release()


def read_menu() -> None:
    with menu:
        pass


def main() -> None:
    for job in (order, cook, pay):
        threading.Thread(target=job, name=job.__name__, daemon=True).start()
    wait_until(lambda: menu.locked() and till.locked() and "owner=0" not in repr(kitchen), "all locks taken")
    guests = [threading.Thread(target=read_menu, name=f"guest-{number}", daemon=True) for number in (1, 2)]
    for guest in guests:
        guest.start()
    wait_until(lambda: all(stands_in(guest, read_menu) for guest in guests), "the guests wait")
    ready()
    stay()


if __name__ == "__main__":
    main()
