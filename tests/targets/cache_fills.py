"""Healthy: a cache that fills (40 MB in the two seconds after the start) and then stays, replacing what is oldest."""

from __future__ import annotations

import time
from collections import OrderedDict

from tests.targets._ready import ready

ENTRIES = 400
SIZE = 100_000


def main() -> None:
    cache: OrderedDict[int, bytes] = OrderedDict()
    ready()
    key = 0
    while True:
        key += 1
        cache[key] = bytes([key % 255 + 1]) * SIZE
        if len(cache) > ENTRIES:
            cache.popitem(last=False)
        time.sleep(0.005)


if __name__ == "__main__":
    main()
