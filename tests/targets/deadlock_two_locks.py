"""Sick: deadlock. Two threads take the same two locks in opposite order, in two different functions.

To blame: the lines that wait for the second lock, one in each thread.
"""

from __future__ import annotations

import threading

from tests.targets._ready import ready, stay, wait_until

stock_lock = threading.Lock()
ledger_lock = threading.Lock()
both_hold_one = threading.Barrier(2)


def ship() -> None:
    with stock_lock:
        both_hold_one.wait()
        with ledger_lock:  # CULPRIT
            pass


def take_back() -> None:
    with ledger_lock:
        both_hold_one.wait()
        with stock_lock:  # CULPRIT
            pass


def main() -> None:
    threading.Thread(target=ship, name="shipping", daemon=True).start()
    threading.Thread(target=take_back, name="returns", daemon=True).start()
    wait_until(lambda: stock_lock.locked() and ledger_lock.locked(), "both locks taken")
    ready()
    stay()


if __name__ == "__main__":
    main()
