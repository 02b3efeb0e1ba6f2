"""Sick: dict-mutation. A registry of metrics is scraped while two threads add series to it and drop old ones.

To blame: the loop of the scrape, or the lines that write. Arguments: `locked` takes one lock around both sides (the
healthy twin), `set` and `ordered` keep the series in a set or in an OrderedDict.
"""

from __future__ import annotations

import itertools
import logging
import sys
import threading
import time
from collections import OrderedDict
from typing import Any

from tests.targets._ready import ready, say, stay

KEPT = 100

SERIES: dict[str, float] = {}
ORDERED: OrderedDict[str, float] = OrderedDict()
NAMES: set[str] = set()
LOCK = threading.Lock()

numbers = itertools.count()


def render(name: str) -> str:
    time.sleep(0.0005)  # a value that takes a moment
    return name


def observe() -> None:
    number = next(numbers)
    SERIES[f"requests_{number}"] = 1.0  # CULPRIT
    SERIES.pop(f"requests_{number - KEPT}", None)  # CULPRIT


def scrape() -> list[str]:
    return [render(name) for name in SERIES]  # CULPRIT


def observe_locked() -> None:
    with LOCK:
        observe()


def scrape_locked() -> list[str]:
    with LOCK:
        return scrape()


def observe_ordered() -> None:
    number = next(numbers)
    ORDERED[f"requests_{number}"] = 1.0  # CULPRIT
    if len(ORDERED) > KEPT:
        ORDERED.popitem(last=False)  # CULPRIT


def scrape_ordered() -> list[str]:
    return [render(name) for name, _ in ORDERED.items()]  # CULPRIT


def observe_set() -> None:
    NAMES.add(f"requests_{next(numbers)}")  # CULPRIT


def scrape_set() -> list[str]:
    found = []
    for name in NAMES:  # CULPRIT
        found.append(render(name))
        if len(found) >= KEPT:
            break
    return found


FORMS: dict[str, Any] = {
    "plain": (observe, scrape),
    "locked": (observe_locked, scrape_locked),
    "set": (observe_set, scrape_set),
    "ordered": (observe_ordered, scrape_ordered),
}


def serve(handle: Any) -> None:
    while True:
        handle()
        time.sleep(0.005)


def scrape_on_and_on(scrape: Any, pause_s: float, rest: float) -> None:
    """Scrape, and pause: `rest` times as long as it took, at least."""
    while True:
        began = time.perf_counter()
        try:
            scrape()
        except RuntimeError:
            logging.exception("scrape failed")
            say(failed=True)
        time.sleep(max(pause_s, rest * (time.perf_counter() - began)))


def main() -> None:
    form = (sys.argv[1:] or ["plain"])[0]
    handle, scrape = FORMS[form]
    # Who holds the lock most of the time makes others wait: another disease, on a busy machine sooner than elsewhere.
    pause_s, rest = (0.5, 9.0) if form == "locked" else (0.05, 0.0)
    for _ in range(KEPT):
        handle()
    for n in range(2):
        threading.Thread(target=serve, args=(handle,), name=f"request-{n}", daemon=True).start()
    threading.Thread(target=scrape_on_and_on, args=(scrape, pause_s, rest), name="scraper", daemon=True).start()
    ready()
    stay()


if __name__ == "__main__":
    main()
