"""`python -m benchmarks.watched`: a dict that is watched in place against one that is not, side by side in one process.

It runs itself on every interpreter that can watch dicts. Reads and writes of the two dicts alternate in short rounds,
so that what else the machine does hits both; the ratio is of the processor time of the thread.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[1]
ROUNDS = 60
TIMES = 20_000


def _read(values: dict[str, int]) -> None:
    for _ in range(TIMES):
        values["a"]
        values["b"]
        values.get("c")


def _walk(values: dict[str, int]) -> None:
    for _ in range(TIMES // 100):
        for _name, _value in values.items():
            pass


def _write(values: dict[str, int]) -> None:
    for number in range(TIMES // 10):
        values["a"] = number + 1000


def _seconds(function: Callable[[dict[str, int]], None], values: dict[str, int]) -> float:
    started = time.thread_time()
    function(values)
    return time.thread_time() - started


def ratio(function: Callable[[dict[str, int]], None], one: dict[str, int], other: dict[str, int]) -> list[float]:
    """Median of the ratios of the rounds, and the quarters around it."""
    pairs = []
    for number in range(ROUNDS):
        first, second = (one, other) if number % 2 else (other, one)
        taken = {id(each): _seconds(function, each) for each in (first, second)}
        pairs.append(taken[id(one)] / taken[id(other)])
    low, middle, high = statistics.quantiles(pairs, n=4)
    return [round(middle, 3), round(low, 3), round(high, 3)]


def measure() -> dict[str, list[float]]:
    """All ratios, on the interpreter that runs this: watched over plain, and plain over plain as a control."""
    sys.path.insert(0, str(ROOT))
    from kdiag.probe.guards.watcher import Watcher  # noqa: PLC0415 - only where it is measured

    watcher = Watcher()
    watched, plain, control = ({name: number for number, name in enumerate("abcdefgh")} for _ in range(3))
    watcher.watch(watched)
    watcher.allow(0)
    found = {
        "reads": ratio(_read, watched, plain),
        "reads, control": ratio(_read, control, plain),
        "iteration": ratio(_walk, watched, plain),
        "writes that are counted": ratio(_write, watched, plain),
    }
    watcher.allow(1 << 30)
    found["writes that are noted with their stacks"] = ratio(_write, watched, plain)
    watcher.close()
    return found


def main() -> None:
    """Measure on each interpreter, one row each."""
    from tests.support.interpreters import interpreters  # noqa: PLC0415 - not in the process that is measured

    print("| Python | what | watched over plain (quarters) |\n|---|---|---|")
    for python in interpreters():
        if python.version >= (3, 12) and not python.in_chroot:
            ran = subprocess.run([*python.argv_prefix, __file__, "--here"], capture_output=True, text=True, check=True)
            for what, (middle, low, high) in json.loads(ran.stdout).items():
                print(f"| {python.name} | {what} | {middle:.2f} × ({low:.2f} to {high:.2f}) |", flush=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["--here"]:
        print(json.dumps(measure()))
    else:
        main()
