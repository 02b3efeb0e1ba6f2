"""Counters that lose updates, counters that do not, and a gauge; nothing is raised. Argument: guard or scan."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from typing import Any, Callable

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.targets.sensors._load import say, sensor

LOST = {"hits": 1000}
LOCKED = {"hits": 1000}
GAUGE = {"level": 1000}
ATOMIC = {"hits": 1000}
SETTINGS = {"mode": 1000}
LOCK = threading.Lock()


def work() -> None:
    time.sleep(0.0005)


def lost() -> None:
    before = LOST["hits"]
    work()
    LOST["hits"] = before + 1  # CULPRIT


def locked() -> None:
    with LOCK:
        before = LOCKED["hits"]
        work()
        LOCKED["hits"] = before + 1


def gauge() -> None:
    GAUGE["level"] += 1
    work()
    GAUGE["level"] -= 1


def atomic() -> None:
    ATOMIC["hits"] += 1
    work()


def settings() -> None:
    SETTINGS["mode"] = 1000 + int(time.monotonic() * 1000) % 3
    work()


over = False


def run(form: Callable[[], None]) -> None:
    while not over:
        form()
        time.sleep(0.0005)


names = ["LOST", "LOCKED", "GAUGE", "ATOMIC", "SETTINGS"]
threads = [
    threading.Thread(target=run, args=(form,), name=f"{form.__name__}-{number}")
    for form in (lost, locked, gauge, atomic, settings)
    for number in range(3)
]
for thread in threads:
    thread.start()
maps = sensor("maps")
maps.start()
count: Any = maps.guard([f"maps_lost:{name}" for name in names]) if sys.argv[1] == "guard" else maps.scan(True)


def told(data: dict[str, Any]) -> set[str]:
    """What there is to tell of it at last."""
    suspects = {each["name"].rpartition(".")[2] for each in data["suspects"]}
    return suspects | {f"{each['kind']} {each['name'].rpartition('.')[2]}" for each in data["conflicts"]}


unlocked = {"lost-update LOST", *(f"unlocked-writes {name}" for name in names if name != "LOCKED")}
wanted = unlocked if sys.argv[1] == "guard" else set(names)
began = time.monotonic()
data = maps.data(0)
while time.monotonic() < began + 3 or (not wanted <= told(data) and time.monotonic() < began + 50):
    maps.tick()
    time.sleep(0.05)
    data = maps.data(0)
over = True
for thread in threads:
    thread.join()
maps.stop()
say(data=data, count=count)
