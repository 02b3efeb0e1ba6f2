"""Healthy: a cache that fills (40 MB in the two seconds after the start) and then stays, replacing what is oldest."""

from __future__ import annotations

import itertools
import time
from collections import OrderedDict

from tests.targets._ready import ready

ENTRIES = 400
SIZE = 100_000
EVERY_S = 0.005


def main() -> None:
    cache: OrderedDict[int, bytes] = OrderedDict()
    ready()
    began = time.perf_counter()
    for key in itertools.count():
        cache[key] = bytes([key % 255 + 1]) * SIZE
        if len(cache) > ENTRIES:
            cache.popitem(last=False)
        # By the clock, so that it is full in time on a busy machine, too, where a short sleep takes longer.
        time.sleep(max(0.0, began + key * EVERY_S - time.perf_counter()))


if __name__ == "__main__":
    main()
