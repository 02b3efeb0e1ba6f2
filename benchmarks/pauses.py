"""How long a very large service stands still while it is diagnosed, as its own heartbeat feels it.

The target (`benchmarks.large`) keeps millions of objects and thousands of waiting threads. A thread of it sleeps a
millisecond again and again, and notes by how much each of them came late: that is what the service's other threads
wait for the interpreter, and for a processor. Stretches with kdiag and without alternate.
`python -m benchmarks.pauses` prints the table; `--python` takes another interpreter for the target. With `--real-time`
(root) the target always gets a processor at once: what is left is the wait for the interpreter, whatever else runs.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from benchmarks.overhead import kdiag

if TYPE_CHECKING:
    from collections.abc import Iterator

OBJECTS, THREADS = 5_000_000, 2_000
SETTLE_S = 2.0


@dataclass(frozen=True)
class Pauses:
    """The beats of a stretch that came late.

    Attributes:
        longest_ms, most_ms: the longest, and the 99.9th percentile.
        over_20_ms: how many of `beats` were more than 20 ms late.
        over_s: how much longer than its window the diagnosis took; 0 without one.
    """

    longest_ms: float
    most_ms: float
    over_20_ms: int
    beats: int
    over_s: float

    @property
    def words(self) -> str:
        """For a table."""
        late = f"longest {self.longest_ms:.1f} ms, 99.9 % within {self.most_ms:.1f} ms"
        return f"{late}, {self.over_20_ms} of {self.beats} beats over 20 ms"


class Target:
    """The large service; ends with the block."""

    def __init__(self, command: list[str], objects: int, threads: int) -> None:
        self._process = subprocess.Popen(
            [*command, "-m", "benchmarks.large", str(objects), str(threads)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.pid = self._process.pid
        self._said()

    def late(self) -> list[float]:
        """Seconds that the beats since the last call were late by, shortest first."""
        assert self._process.stdin is not None
        print(file=self._process.stdin, flush=True)
        return sorted(self._said())

    def _said(self) -> list[float]:
        assert self._process.stdout is not None
        said: list[float] = json.loads(self._process.stdout.readline())
        return said

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()


def measure(
    command: list[str], rounds: int, seconds: float, objects: int, threads: int
) -> Iterator[tuple[str, Pauses]]:  # fmt: skip
    """Stretches without kdiag and with it, in turn; `command` is the target's interpreter."""
    with Target(command, objects, threads) as target:
        for _ in range(rounds):
            for name, observer in (("alone", None), ("diagnosed", kdiag(target.pid, seconds))):
                time.sleep(SETTLE_S)
                target.late()
                started = time.monotonic()
                if observer is None:
                    time.sleep(seconds)
                else:
                    subprocess.run(observer, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
                took = time.monotonic() - started
                yield name, _pauses(target.late(), took - seconds)


def _pauses(late: list[float], over_s: float) -> Pauses:
    beats = len(late)
    return Pauses(
        late[-1] * 1e3, late[int(beats * 0.999)] * 1e3, sum(each > 0.02 for each in late), beats, max(0.0, over_s)
    )


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--python", default=sys.executable, help="the target's interpreter")
    parser.add_argument("--real-time", action="store_true", help="let nothing else keep the target from a processor")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--objects", type=int, default=OBJECTS)
    parser.add_argument("--threads", type=int, default=THREADS)
    arguments = parser.parse_args()
    print(f"| {arguments.objects:,} objects, {arguments.threads:,} threads | pauses | over the window |")
    print("|---|---|---|", flush=True)
    first = ["chrt", "--rr", "1"] if arguments.real_time else []
    for name, pauses in measure(
        [*first, arguments.python], arguments.rounds, arguments.seconds, arguments.objects, arguments.threads
    ):
        print(f"| {name} | {pauses.words} | {pauses.over_s:.2f} s |", flush=True)


if __name__ == "__main__":
    main()
