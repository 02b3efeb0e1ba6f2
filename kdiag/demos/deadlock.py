"""A warehouse whose two workers wait for each other, for ever.

Shipping locks the stock and then the ledger, taking back locks the ledger and then the stock. As soon as both happen at
the same time, each holds what the other one needs.
"""

from __future__ import annotations

import itertools
import threading
import time

from kdiag.demos import _service


class Warehouse:
    """Keeps the stock and the ledger in step."""

    def __init__(self) -> None:
        self.stock_lock = threading.Lock()
        self.ledger_lock = threading.Lock()
        self.stock = 10_000
        self.ledger: list[str] = []

    def ship(self, order: int) -> None:
        """Take one piece out and note it."""
        with self.stock_lock:
            self.stock -= 1
            self.write_label(order)
            with self.ledger_lock:
                self.ledger.append(f"out {order}")

    def take_back(self, order: int) -> None:
        """Note a return and put the piece back."""
        with self.ledger_lock:
            self.ledger.append(f"back {order}")
            self.write_label(order)
            with self.stock_lock:
                self.stock += 1

    def write_label(self, order: int) -> None:
        """Print the label of a parcel, which takes a while."""
        time.sleep(0.02 + order % 2 * 0.001)


def main() -> None:
    """Let one worker ship and another one take back, until they stand still."""
    _service.begin(__doc__ or "")
    warehouse = Warehouse()
    for name, work in ("shipping", warehouse.ship), ("returns", warehouse.take_back):
        orders = itertools.count()
        worker = threading.Thread(target=lambda w=work, o=orders: [w(n) for n in o], name=name, daemon=True)
        worker.start()
    while not (warehouse.stock_lock.locked() and warehouse.ledger_lock.locked()):
        time.sleep(0.01)
    _service.ready()
    threading.Event().wait()


if __name__ == "__main__":
    main()
