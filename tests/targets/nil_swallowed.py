"""Sick: nil-dereference, to be seen from Python 3.12 on. A poller swallows every error in silence.

To blame: the line that reads the rate. The None is a global that is set when the rates are loaded, which never happens.
With the argument `healthy` they are; then there are only errors of other kinds that are expected and handled.
"""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

from tests.targets._ready import ready, stay

RATES: Any = None  # ORIGIN
PRICES: dict[str, float] = {}


class Rates:
    euro = 1.1


def load() -> None:
    global RATES  # noqa: PLW0603
    RATES = Rates()


def price(article: str, amount: float) -> float:
    return amount * RATES.euro  # type: ignore[no-any-return]  # CULPRIT


def poll() -> None:
    while True:
        try:
            known = PRICES["coffee"]
        except KeyError:
            known = 3.0
        try:  # noqa: SIM105 - as services do it
            PRICES["tea"] = price("tea", known)
        except Exception:  # noqa: S110
            pass
        time.sleep(0.1)


def main() -> None:
    if sys.argv[1:] == ["healthy"]:
        load()
    threading.Thread(target=poll, name="poller", daemon=True).start()
    ready()
    stay()


if __name__ == "__main__":
    main()
