"""Sick: gil-contention. Six threads compute without ever waiting; five of them always beg for the GIL.

To blame: the line that computes, which is the same one in all of them.
"""

from __future__ import annotations

import sys
import threading

from tests.targets._ready import ready, stay

THREADS = int(sys.argv[1]) if len(sys.argv) > 1 else 6


def mine(start: int) -> None:
    nonce = start
    while True:
        nonce = (nonce * 1_103_515_245 + 12_345) % 2_147_483_648  # CULPRIT


def main() -> None:
    for n in range(THREADS):
        threading.Thread(target=mine, args=(n,), name=f"miner-{n}", daemon=True).start()
    ready()
    stay()


if __name__ == "__main__":
    main()
