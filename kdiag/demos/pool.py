"""A report service whose workers all wait for a server that never answers.

The price server accepts connections and then says nothing, and the client asks without a timeout. After four reports
every worker of the pool sits in `recv`, and all further reports queue behind them.
"""

from __future__ import annotations

import itertools
import socket
import time
from concurrent.futures import ThreadPoolExecutor

from kdiag.demos import _service

WORKERS = 4
REPORTS_AT_MOST = 5_000


class PriceClient:
    """Asks the price server, one connection per question."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.address = address

    def price_of(self, article: int) -> float:
        """The price of an article."""
        with socket.create_connection(self.address) as connection:
            connection.sendall(b"PRICE %d\n" % article)
            return float(connection.recv(64))


class ReportService:
    """Makes reports in the background."""

    def __init__(self, prices: PriceClient) -> None:
        self.prices = prices
        self.pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="report")

    def request(self, number: int) -> None:
        """Ask for a report; it is made as soon as a worker is free."""
        self.pool.submit(self.make, number)

    def make(self, number: int) -> float:
        """The value of the articles in a report."""
        return sum(self.prices.price_of(article) for article in range(number, number + 3))


def silent_server() -> socket.socket:
    """A price server that hangs: the kernel accepts connections for it, and nobody ever answers."""
    return socket.create_server(("127.0.0.1", 0))


def main() -> None:
    """Request reports faster than the pool makes them (it makes none)."""
    _service.begin(__doc__ or "")
    with silent_server() as server:
        service = ReportService(PriceClient(server.getsockname()))
        for number in itertools.count(1):
            if number <= REPORTS_AT_MOST:
                service.request(number)
            time.sleep(0.1)
            if number == 2 * WORKERS:
                _service.ready()


if __name__ == "__main__":
    main()
