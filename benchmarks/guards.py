"""What guarded types cost: each operation beside the same one of a plain type, in turn, as ratios of processor time.

Reads are held against a bare subclass of dict: the interpreter's short cuts are for exact dicts, and any subclass has
lost them already. Writes are held against dict itself. `python -m benchmarks.guards` prints the table.
"""

from __future__ import annotations

import statistics
import sys
import threading
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from kdiag.probe.guards import GuardedMap
from kdiag.probe.guards.updates import watching_reads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEYS = [f"key-{number}" for number in range(100)]
_LOCK = threading.Lock()
_REPEATS = 100


class Bare(dict[str, int]):
    """A subclass that changes nothing."""


@dataclass(frozen=True)
class Cost:
    """Processor time of one operation over that of another: median of the rounds with its bounds (95 %, by rank).

    Attributes:
        nanoseconds, base_nanoseconds: of one operation of each, medians.
    """

    median: float
    low: float
    high: float
    nanoseconds: float
    base_nanoseconds: float

    @property
    def words(self) -> str:
        """For the table."""
        return (
            f"{self.median:.2f} × ({self.low:.2f} to {self.high:.2f}; "
            f"{self.nanoseconds:.0f} ns over {self.base_nanoseconds:.0f} ns)"
        )


def read(target: Any) -> None:
    """Every key once."""
    for key in KEYS:
        target[key]


def get(target: Any) -> None:
    """Every key once, by method."""
    for key in KEYS:
        target.get(key)


def contains(target: Any) -> None:
    """Every key once."""
    for key in KEYS:
        key in target  # noqa: B015 - the question is what is measured


def write(target: Any) -> None:
    """Every key once."""
    for key in KEYS:
        target[key] = 1


def write_locked(target: Any) -> None:
    """Every key once, each under a lock."""
    for key in KEYS:
        with _LOCK:
            target[key] = 1


def replace(target: Any) -> None:
    """Take every key out and put it in again."""
    for key in KEYS:
        del target[key]
        target[key] = 1


def iterate(target: Any) -> None:
    """Once over all items; `KEYS` are as many."""
    for _ in target.items():
        pass


def cost(operation: Callable[[Any], None], target: Any, base: Any, rounds: int, *, with_writer: bool = False) -> Cost:
    """The operation on `target` over that on `base`; `with_writer`: while a second thread writes to each, too."""
    pairs = []
    for number in range(rounds + 3):
        first, second = (target, base) if number % 2 else (base, target)
        took = {id(each): _seconds(operation, each, with_writer=with_writer) for each in (first, second)}
        pairs.append((took[id(target)], took[id(base)]))
    pairs = pairs[3:]  # the first rounds warm the interpreter's caches
    ratios = sorted(ours / theirs for ours, theirs in pairs)
    half = 0.98 * len(ratios) ** 0.5
    low, high = (max(0, int(len(ratios) / 2 - half)), min(len(ratios) - 1, int(len(ratios) / 2 + half)))
    ours, theirs = (1e9 / len(KEYS) * statistics.median(pair[side] for pair in pairs) for side in (0, 1))
    return Cost(statistics.median(ratios), ratios[low], ratios[high], ours, theirs)


def _seconds(operation: Callable[[Any], None], target: Any, *, with_writer: bool) -> float:
    """Processor time of the calling thread for one operation over all keys."""
    over = threading.Event()
    writer = threading.Thread(target=_write_until, args=(over, target))
    if with_writer:
        writer.start()
    started = time.thread_time()
    for _ in range(_REPEATS):
        operation(target)
    took = time.thread_time() - started
    over.set()
    if with_writer:
        writer.join()
    return took / _REPEATS


def _write_until(over: threading.Event, target: Any) -> None:
    while not over.is_set():
        write_locked(target)


def measure_guards(rounds: int) -> Iterator[tuple[str, str, Cost]]:
    """Each measurement: what, of what, and the ratio."""
    content = dict.fromkeys(KEYS, 1)
    plain, bare, guarded, watched = dict(content), Bare(content), GuardedMap(content), GuardedMap(content)
    watching_reads(watched)
    for name, operation in (("read", read), ("get", get), ("in", contains)):
        yield f"GuardedMap, {name}", "over a bare subclass of dict", cost(operation, guarded, bare, rounds)
    for name, operation in (("write", write), ("delete and write", replace), ("iterate over 100", iterate)):
        yield f"GuardedMap, {name}", "over dict", cost(operation, guarded, plain, rounds)
    few = max(5, rounds // 10)  # of what takes long, and is no close matter
    shared = cost(write_locked, guarded, plain, few, with_writer=True)
    yield "GuardedMap, write under a lock, two threads", "over dict, the same", shared
    yield "GuardedMap, reads watched, read", "over a bare subclass of dict", cost(read, watched, bare, few)
    yield "GuardedMap, reads watched, write", "over dict", cost(write, watched, plain, few)


def main() -> None:
    """Print the table."""
    print(f"| what | of what | median (95 %), Python {sys.version.split()[0]} |\n|---|---|---|")
    for what, of_what, each in measure_guards(60):
        print(f"| {what} | {of_what} | {each.words} |", flush=True)


def in_table(rounds: int) -> Iterator[tuple[str, str, str, dict[str, float]]]:
    """The measurements as `benchmarks.__main__` wants them."""
    for what, of_what, each in measure_guards(rounds):
        yield what, of_what, each.words, asdict(each)


if __name__ == "__main__":
    main()
