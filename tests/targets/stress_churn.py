"""Stress: threads that start and end all the time, eight at once; each leaves its number and the sum of its work."""

from __future__ import annotations

import threading

from tests.targets._account import Inquiry, Ledger
from tests.targets._ready import ready

AT_ONCE = 8
WORK = sum(range(500))


def main() -> None:
    ledger = Ledger()
    results: dict[int, int] = {}
    local = threading.local()

    def work(number: int) -> None:
        local.numbers = list(range(500))
        results[number] = sum(local.numbers)

    def account() -> dict[str, object]:
        return {"units": ledger.done, "right": ledger.right() and not results, "problems": ledger.problems}

    inquiry = Inquiry(account, at_once=False)
    ready()
    inquiry.open()
    number = 0
    while True:
        threads = [threading.Thread(target=work, args=(number + n,), name="churn") for n in range(1, AT_ONCE + 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
            number += 1
            if results.pop(number, None) != WORK:
                ledger.problems.append(f"thread {number} left something else")
            ledger.enter(number)
        inquiry.answer()


if __name__ == "__main__":
    main()
