"""Sick: deadlock. Two threads take two plain locks in opposite order by `acquire`, without any `with`.

To blame: the lines that wait for the second lock. Nothing but the code before them says who holds what.
"""

from __future__ import annotations

import threading

from tests.targets._ready import ready, stay, wait_until

stock_lock = threading.Lock()
ledger_lock = threading.Lock()
both_hold_one = threading.Barrier(2)


def ship() -> None:
    stock_lock.acquire()
    try:
        both_hold_one.wait()
        ledger_lock.acquire()  # CULPRIT
        ledger_lock.release()
    finally:
        stock_lock.release()


def take_back() -> None:
    ledger_lock.acquire()
    both_hold_one.wait()
    stock_lock.acquire()  # CULPRIT
    stock_lock.release()
    ledger_lock.release()


def main() -> None:
    threading.Thread(target=ship, name="shipping", daemon=True).start()
    threading.Thread(target=take_back, name="returns", daemon=True).start()
    wait_until(lambda: stock_lock.locked() and ledger_lock.locked(), "both locks taken")
    ready()
    stay()


if __name__ == "__main__":
    main()
