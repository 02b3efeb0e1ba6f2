"""A very large service that feels its own pauses: `python -m benchmarks.large OBJECTS THREADS`.

It answers each line on stdin with a list in JSON: the seconds by which each heartbeat came late since the last line.
Separate from `pauses`, which asks it, so that it runs on interpreters that have nothing of kdiag's.
"""

from __future__ import annotations

import gc
import json
import sys
import threading
import time

from benchmarks.targets import idle

BEAT_S = 0.001


def serve(objects: int, threads: int) -> None:
    """Be the target: answer each line on stdin with the lateness of the beats since the last."""
    kept = [[number, (number,)] for number in range(objects // 2)]
    gc.collect()
    idle(threads)
    late: list[float] = []
    threading.Thread(target=_beat, args=(late,), daemon=True).start()
    print("[]", flush=True)
    for _ in sys.stdin:
        seen = late[:]
        del late[: len(seen)]
        print(json.dumps(seen), flush=True)
    del kept


def _beat(late: list[float]) -> None:
    last = time.perf_counter()
    while True:
        time.sleep(BEAT_S)
        now = time.perf_counter()
        late.append(now - last - BEAT_S)
        last = now


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]))
