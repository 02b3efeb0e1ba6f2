"""Keeps every register at a value of its own, over and over, and counts how often one was not kept.

Arguments: the library made of `registers.c`; "parked" or "running". It tells the count about once a second.
"""

from __future__ import annotations

import ctypes
import sys

from tests.targets._ready import ready, say

if __name__ == "__main__":
    keep = ctypes.CDLL(sys.argv[1]).keep
    keep.restype = ctypes.c_long
    keep.argtypes = (ctypes.c_long, ctypes.c_long)
    milliseconds, spins = (50, 0) if sys.argv[2] == "parked" else (0, 200_000)
    wrong: list[int] = []
    rounds = 0
    ready()
    while True:
        result = keep(milliseconds, spins + rounds % 7)
        rounds += 1
        if result:
            wrong.append(result)
        if rounds % (20 if milliseconds else 2000) == 0:
            say(rounds=rounds, wrong=wrong[:20])
