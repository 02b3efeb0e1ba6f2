"""Sick: nil-dereference. Mails are sent in a pool, and nobody ever looks at the futures: every second one fails.

To blame: the line that reads the address. The None is the customer's, who was looked up before the mail was submitted.
With the argument `healthy` every customer is known.
"""

from __future__ import annotations

import itertools
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from tests.targets._ready import ready

CUSTOMERS = {number: {"address": f"customer-{number}@example.org"} for number in range(0, 1000, 2)}


def send(address: str) -> int:
    return len(address)


def mail(number: int) -> int:
    customer = CUSTOMERS.get(number)  # ORIGIN
    return send(customer["address"])  # type: ignore[index]  # CULPRIT


def main() -> None:
    step = 2 if sys.argv[1:] == ["healthy"] else 1
    with ThreadPoolExecutor(2, thread_name_prefix="mail") as pool:
        ready()
        for number in itertools.cycle(range(0, 1000, step)):
            pool.submit(mail, number)
            time.sleep(0.1)


if __name__ == "__main__":
    main()
