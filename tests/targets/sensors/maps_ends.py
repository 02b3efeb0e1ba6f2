"""A process with a watched dict that ends in the way that it is told, while daemon threads write."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.targets.sensors._load import sensor

HOW = sys.argv[1]
STATE: dict[object, object] = {}


def write() -> None:
    number = 0
    while True:
        number += 1
        STATE[number % 50] = number
        STATE.pop((number + 7) % 50, None)


def leave() -> None:
    time.sleep(0.05)
    sys.exit(3)


class AtTheEnd:
    def __del__(self) -> None:
        STATE["last"] = "words"


STATE["last"] = AtTheEnd()
maps = sensor("maps")
maps.start()
maps.guard(["__main__:STATE"])
for _ in range(2):
    threading.Thread(target=write, daemon=True).start()
end = time.monotonic() + 0.3
while time.monotonic() < end:
    maps.tick()
    time.sleep(0.02)
if HOW == "thread":
    thread = threading.Thread(target=leave)
    thread.start()
    thread.join()
elif HOW == "sys.exit":
    sys.exit(5)
elif HOW == "os._exit":
    os._exit(6)
elif HOW == "SIGTERM":
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)
elif HOW == "handler":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
    signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    while True:
        STATE["main"] = time.monotonic()
elif HOW.startswith("fork"):
    child = os.fork()
    if not child:
        if HOW == "fork-stop":
            maps.stop()
        for each in range(10_000):
            STATE[each] = str(each)
            STATE.pop(each - 9, None)
        STATE.clear()
        sys.exit(8)
    sys.exit(os.WEXITSTATUS(os.waitpid(child, 0)[1]))
elif HOW == "raise":
    raise SystemExit(9)
