"""Containers of every kind that change while a thread walks through them, reached in every way; another writes."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import time
from collections import OrderedDict, defaultdict
from pathlib import Path
from typing import Any, Callable, ClassVar

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.targets.sensors._load import say, sensor

KEPT = 40
PLAIN: dict[int, int] = {}
LOCKED: dict[int, int] = {}
LOCK = threading.Lock()


class Registry:
    shared: ClassVar[dict[int, int]] = {}

    def __init__(self) -> None:
        self.series: dict[int, int] = {}
        self.names: set[int] = set()
        self.ordered: OrderedDict[int, int] = OrderedDict()
        self.counted: defaultdict[int, int] = defaultdict(int)

    def add(self, number: int) -> None:
        self.series[number] = number
        self.series.pop(number - KEPT, None)
        self.names.add(number)
        self.ordered[number] = number
        self.ordered.pop(number - KEPT, None)
        self.counted[number] += 1
        del self.counted[number - KEPT]

    def comprehension(self) -> object:
        return [slow(key) for key, _ in self.series.items()]

    def generator(self) -> object:
        return sum(slow(value) for value in self.ordered.values())

    def loop(self) -> None:
        for name in self.names:
            slow(name)

    def wrapped(self) -> None:
        for number, (key, _) in enumerate(self.counted.items()):
            slow(key + number)


def slow(value: int) -> int:
    time.sleep(0.0005)
    return value


def plain() -> None:
    sorted(PLAIN.items())
    for key in PLAIN:
        slow(key)


def shared() -> object:
    return {key: slow(value) for key, value in Registry.shared.items()}


def closure() -> tuple[Any, Any]:
    inner = dict.fromkeys(range(KEPT), 0)

    def add(number: int) -> None:
        inner[number] = number
        inner.pop(number - KEPT, None)

    def walk() -> None:
        view = inner.keys()
        for key in view:
            slow(key)

    return add, walk


def alone() -> None:
    own = dict.fromkeys(range(5))
    for key in own:
        own[key + 100] = None


def locked() -> None:
    with LOCK:
        for key in LOCKED:
            slow(key)


registry = Registry()
add_inner, walk_inner = closure()
over = False


def write(number: int) -> None:
    PLAIN[number] = number
    PLAIN.pop(number - KEPT, None)
    Registry.shared.update({number: number})
    Registry.shared.pop(number - KEPT, None)
    registry.add(number)
    add_inner(number)
    with LOCK:
        LOCKED[number] = number
        LOCKED.pop(number - KEPT, None)


def writer() -> None:
    number = KEPT
    while not over:
        write(number)
        number += 1
        time.sleep(0.003)


def scraper() -> None:
    forms = (plain, shared, registry.comprehension, registry.generator, registry.loop, registry.wrapped, walk_inner,
             alone, locked)  # fmt: skip
    while not over:
        for form in forms:
            walk(form)


def walk(form: Callable[[], object]) -> None:
    try:
        form()
    except RuntimeError:
        logging.exception("broken off")


logging.basicConfig(handlers=[logging.NullHandler()])
for each in range(KEPT):
    registry.counted[each - KEPT] = 0
    write(each)
crashes, maps = sensor("crashes"), sensor("maps")
crashes.start()
maps.start()
guarded = maps.guard(["maps_walked:LOCKED"])
threads = [threading.Thread(target=each, name=each.__name__) for each in (writer, scraper)]
for thread in threads:
    thread.start()
watched = {"PLAIN", "shared", "series"} if sys.version_info >= (3, 12) else set()
wanted = {"PLAIN", "shared", "series", "ordered", "counted", "names", "own"}
deadline = time.monotonic() + 50
data: dict[str, Any] = {"conflicts": []}
while time.monotonic() < deadline:
    time.sleep(0.1)
    crashes.tick()
    maps.tick()
    data = maps.data(0)
    changed = [each for each in data["conflicts"] if each["kind"] == "changed-while-iterated"]
    seen = {each["name"].rpartition(".")[2] for each in changed if each["seen"]}
    known = {each["name"].rpartition(".")[2] for each in changed if each["count"] > 2 and each["writes"]}
    if wanted <= known and watched <= seen and any(each["name"].endswith(".view") for each in changed):
        break
over = True
for thread in threads:
    thread.join()
later = maps.data(data["sequence"])["conflicts"]
maps.stop()
with contextlib.suppress(ValueError):
    maps.tick()
crashes.stop()
say(data=data, guarded=guarded, later=len(later), scraper=threads[1].ident, writer=threads[0].ident)
