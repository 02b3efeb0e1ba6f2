"""A customer service in which one request takes the CPU from all others.

`GET /duplicates` compares every customer with every other: with 20,000 customers that is 400 million comparisons in
pure Python, half a minute of CPU, while the server's other threads beg for the interpreter's lock.
"""

from __future__ import annotations

import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from kdiag.demos import _service


class Customer(NamedTuple):
    """A customer as the register has it."""

    number: int
    mail: str


CUSTOMERS = [Customer(n, f"customer{n}@example.org") for n in range(20_000)]


def count_duplicates(customers: list[Customer]) -> int:
    """How many pairs of customers share a mail address."""
    pairs = 0
    for first in customers:
        for second in customers:
            if first.mail == second.mail and first.number < second.number:
                pairs += 1
    return pairs


class Handler(BaseHTTPRequestHandler):
    """Answers `/duplicates`; everything else is a health check."""

    def do_GET(self) -> None:
        """Answer one request."""
        answer = str(count_duplicates(CUSTOMERS)) if self.path == "/duplicates" else "ok"
        self.send_response(200)
        self.end_headers()
        self.wfile.write(answer.encode())

    def log_message(self, *_: object) -> None:
        """Keep quiet: stderr belongs to the person who started the demo."""


def ask_for_duplicates(port: int) -> None:
    """A client that asks again as soon as it has its answer."""
    while True:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/duplicates").close()


def main() -> None:
    """Serve on a free port of the loopback interface, with one client that asks the expensive question."""
    _service.begin(__doc__ or "")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=ask_for_duplicates, args=(server.server_port,), name="client", daemon=True).start()
    _service.ready(server.server_port)
    server.serve_forever()


if __name__ == "__main__":
    main()
