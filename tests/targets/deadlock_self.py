"""Sick: deadlock. One thread takes a plain Lock twice: a method that locks calls another one that locks.

To blame: the line that takes the lock the second time.
"""

from __future__ import annotations

import threading

from tests.targets._ready import ready, stay, wait_until


class Cart:
    """A shopping cart; `checkout` forgets that `total` locks by itself."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.prices = [1, 2, 3]

    def total(self) -> int:
        with self.lock:  # CULPRIT
            return sum(self.prices)

    def checkout(self) -> int:
        with self.lock:
            return self.total()


def main() -> None:
    cart = Cart()
    threading.Thread(target=cart.checkout, name="checkout", daemon=True).start()
    wait_until(cart.lock.locked, "the lock taken")
    ready()
    stay()


if __name__ == "__main__":
    main()
