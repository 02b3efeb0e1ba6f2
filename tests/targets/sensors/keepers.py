"""Containers of every sort that grow, others that only seem to, and what the walk made of them without their code."""

from __future__ import annotations

import asyncio
import functools
import gc
import sys
import threading
import time
import weakref
from collections import Counter, OrderedDict, defaultdict, deque
from pathlib import Path
from queue import SimpleQueue
from types import MappingProxyType, SimpleNamespace
from typing import Any, Callable, ClassVar

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.targets.sensors._load import say, sensor
from tests.targets.sensors._touchy import Object, ran


class Session(Object):
    """What is kept."""

    def __init__(self) -> None:
        self.user = "x" * 5_000


class Bag(dict):  # type: ignore[type-arg]
    """A dict that notes whatever is asked of it."""

    def __len__(self) -> int:
        ran.append("len of the bag")
        return 0

    def values(self) -> Any:
        ran.append("values")
        return ()


class Registry:
    by_class: ClassVar[dict[int, Session]] = {}

    def __init__(self) -> None:
        self.held: OrderedDict[int, Session] = OrderedDict()


class Slotted:
    __slots__ = ("__weakref__", "queue")

    def __init__(self) -> None:
        self.queue: deque[Session] = deque()


def remember() -> Callable[[Session], None]:
    seen: list[Session] = []

    def inner(session: Session) -> None:
        seen.append(session)

    return inner


def default(session: Session, kept: list[Session] = []) -> None:  # noqa: B006 - as some do
    kept.append(session)


@functools.cache
def cached(_number: int) -> Session:
    return Session()


def produce() -> Any:
    """Stands still most of the time, and its variable grows."""
    rows: list[Session] = []
    while True:
        rows.append(Session())
        yield


class Failure(Exception):
    """Made of a class of the interpreter's, and has attributes besides."""

    def __init__(self) -> None:
        self.causes: list[Session] = []


async def serve() -> None:
    """A coroutine whose variable grows while others run."""
    backlog: list[bytes] = []
    while not done.is_set():
        backlog += [b"w" * 1000 for _ in range(5)]
        await asyncio.sleep(0.002)


SESSIONS: list[Session] = []
PRODUCERS = [produce()]
INBOX: SimpleQueue[Session] = SimpleQueue()
failure = Failure()
space = SimpleNamespace(items=[])
view = MappingProxyType({"held": [Session()]})
NESTED: dict[str, list[bytes]] = defaultdict(list)
TEXTS: set[str] = set()
BAG = Bag()
registry = Registry()
slotted = Slotted()
wrapped = remember()
weak: weakref.WeakValueDictionary[int, Registry] = weakref.WeakValueDictionary()
fixed: deque[int] = deque(range(200), maxlen=200)  # replaced all the time, and never longer
counts: Counter[int] = Counter()
alive: list[Registry] = []
dying = [Registry() for _ in range(24)]  # the service lets go of these while they are looked at
done = threading.Event()


def work() -> None:
    """A thread whose local variable grows."""
    local: list[bytes] = []
    while not done.wait(0.002):
        local += [b"y" * 1000 for _ in range(5)]


def leak(number: int) -> None:
    SESSIONS.append(Session())
    Registry.by_class[number] = Session()
    object.__getattribute__(registry, "held")[number] = Session()
    slotted.queue.appendleft(Session())
    wrapped(Session())
    default(Session())
    next(PRODUCERS[0])
    INBOX.put(Session())
    failure.causes.append(Session())
    space.items.append(Session())
    view["held"].append(Session())
    cached(number)
    NESTED["one"].append(b"z" * 100)
    NESTED["other"].append(b"z" * 100)
    TEXTS.add(str(number))
    dict.__setitem__(BAG, number, Session())
    counts[number] += 1
    fixed.append(number)
    alive.append(Registry())
    weak[number] = alive[-1]


for number in range(100):
    leak(number)
threading.Thread(target=work, name="worker", daemon=True).start()
threading.Thread(target=lambda: asyncio.run(serve()), name="loop", daemon=True).start()
ran.clear()
keepers = sensor("keepers")
keepers.start()
slices = []
data: dict[str, Any] = {}
number, walks = 100, 0
outlived = []  # those that lived on when the service had let go of them
while walks < 3:
    for _ in range(10):
        number += 1
        leak(number)
    mine = list(ran)
    ran.clear()
    started = time.thread_time()
    keepers.tick()
    if dying:
        last = weakref.ref(dying[-1])
        dying.pop()
        outlived += [last] if last() is not None else []
    slices.append(time.thread_time() - started)
    data = keepers.data(0)
    touched = list(ran)
    ran.clear()
    if touched:
        break
    walks = data["walks"]
    time.sleep(0.02)
done.set()
known = keepers.buffered
keepers.stop()
referrers = [each for each in gc.get_referrers(SESSIONS) if each is not globals()]
say(
    data=data,
    touched=touched,
    slice_s=max(slices),
    known=known,
    left=keepers.buffered,
    referrers=len(referrers),
    outlived=len(outlived),
)
