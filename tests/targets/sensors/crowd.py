"""Very many threads that wait alike, started before and after two that wait for each other, and what was told."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.targets.sensors._load import say, sensor, without_preemption

CROWD = 300
never = threading.Event()
first, second = threading.Lock(), threading.Lock()
both = threading.Barrier(2)


def start_crowd() -> None:
    for _ in range(CROWD):
        threading.Thread(target=never.wait, name="idle", daemon=True).start()


def pay(mine: threading.Lock, other: threading.Lock) -> None:
    with mine:
        both.wait()
        with other:
            pass


threading.stack_size(256 * 1024)
without_preemption()
start_crowd()
for locks in ((first, second), (second, first)):
    threading.Thread(target=pay, args=locks, name="pays", daemon=True).start()
start_crowd()
threads = sensor("threads")
deadline = time.monotonic() + 60
while time.monotonic() < deadline:
    data = threads.data(0)
    pays = [each for each in data["threads"] if each["name"] == "pays"]
    if len([each for each in pays if each.get("wait", {}).get("owner")]) == 2:
        break
    time.sleep(0.01)
say(
    pays=pays,
    told=len(data["threads"]),
    dropped=data["dropped"],
    idle_waits=sorted({each["wait"]["kind"] for each in data["threads"] if each["name"] == "idle" and "wait" in each}),
)
