"""Sick: deadlock. Two transfers in opposite directions: both threads run the same lines over different locks.

To blame: the line that waits for the second account. Neither names nor lines tell the two locks apart, only identity.
"""

from __future__ import annotations

import threading

from tests.targets._ready import ready, stay, wait_until

both_hold_one = threading.Barrier(2)


class Account:
    """Money behind a lock of its own; re-entrant, as one account may be on both sides."""

    def __init__(self, balance: int) -> None:
        self.balance = balance
        self.lock = threading.RLock()


def transfer(source: Account, destination: Account, amount: int) -> None:
    with source.lock:
        both_hold_one.wait()
        with destination.lock:  # CULPRIT
            source.balance -= amount
            destination.balance += amount


def main() -> None:
    mine, yours = Account(100), Account(100)
    threading.Thread(target=transfer, args=(mine, yours, 10), name="transfer-1", daemon=True).start()
    threading.Thread(target=transfer, args=(yours, mine, 20), name="transfer-2", daemon=True).start()
    wait_until(lambda: both_hold_one.broken or "owner=0" not in repr(mine.lock) + repr(yours.lock), "both locks taken")
    ready()
    stay()


if __name__ == "__main__":
    main()
