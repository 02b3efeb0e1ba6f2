"""How much a target loses while it is observed: seconds with and without, in turn, on one running target.

The machine's speed drifts, so each observed stretch is held against the unobserved ones right before and after it.
"""

from __future__ import annotations

import contextlib
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from kdiag.attach.attachment import attach
from kdiag.attach.process import read_facts
from kdiag.sources.probe import SENSORS
from kdiag.sources.tools import py_spy_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from kdiag.attach.channel import Channel

Observer: TypeAlias = "Callable[[int, float], tuple[float, float]]"
"""Observes a process for so many seconds; returns the monotonic moments between which its loss counts."""

SETTLE_S = 0.5  # after a target started, and between stretches


@dataclass(frozen=True)
class Loss:
    """The loss of one target under one observer.

    Attributes:
        percent: median over the rounds of 1 - observed rate / mean of the rates before and after.
        low, high: the least and the largest of the rounds; of a probe's loss the bounds of the median (95 %).
        own_cpu_percent: CPU of the observer, of one core.
    """

    percent: float
    low: float
    high: float
    own_cpu_percent: float
    rounds: int


class Worker:
    """A target of `benchmarks.targets` and its rate of work."""

    def __init__(self, kind: str, threads: int, python: str = sys.executable) -> None:
        self._process = subprocess.Popen(
            [python, "-m", "benchmarks.targets", kind, str(threads)], stdout=subprocess.PIPE, text=True
        )
        self.pid = self._process.pid
        self._seen: list[tuple[float, float, int]] = []
        self._ready = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()
        self._ready.wait(60)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said = json.loads(line)
            if "at" in said:
                self._seen.append((said["at"], said["cpu"], said["done"]))
            self._ready.set()

    def rate(self, start: float, end: float) -> float:
        """Units of work a second between two monotonic moments."""
        (first_at, _, first), (last_at, _, last) = self._between(start, end)
        return (last - first) / (last_at - first_at)

    def rate_of_cpu(self, start: float, end: float) -> float:
        """Units of work a second that it computed, all its threads together."""
        (_, first_cpu, first), (_, last_cpu, last) = self._between(start, end)
        return (last - first) / (last_cpu - first_cpu)

    def _between(self, start: float, end: float) -> tuple[tuple[float, float, int], tuple[float, float, int]]:
        inside = [seen for seen in self._seen if start <= seen[0] <= end]
        return inside[0], inside[-1]

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()


@contextlib.contextmanager
def worker(kind: str, threads: int, python: str = sys.executable) -> Iterator[Worker]:
    """A target that runs while the block does."""
    target = Worker(kind, threads, python)
    try:
        time.sleep(SETTLE_S + threads / 2000)
        yield target
    finally:
        target.stop()


def kdiag(pid: int, seconds: float) -> list[str]:
    """The observation that a diagnosis is."""
    return [sys.executable, "-m", "kdiag", "diagnose", str(pid), "--for", f"{seconds}s", "--full", "--format", "json"]


def py_spy_record(pid: int, seconds: float) -> list[str]:
    """The peer: py-spy record at its default rate, threads that wait included, as an exhausted pool needs."""
    output = Path(tempfile.gettempdir()) / f"kdiag-bench-{pid}.txt"
    return [str(py_spy_path()), "record", "--idle", "--rate", "100", "--duration", str(round(seconds)),
            "--format", "raw", "--output", str(output), "--pid", str(pid)]  # fmt: skip


def command(of: Callable[[int, float], list[str]]) -> Observer:
    """An observer that is a command of its own; its start and end count, too."""

    def observe(pid: int, seconds: float) -> tuple[float, float]:
        start = time.monotonic()
        subprocess.run(of(pid, seconds), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        return start, time.monotonic()

    return observe


@contextlib.contextmanager
def probed(pid: int, sensors: Sequence[str]) -> Iterator[Channel]:
    """A probe with these sensors on."""
    attachment = attach(read_facts(pid))
    try:
        attachment.channel.request("start", sensors=list(sensors))
        yield attachment.channel
    finally:
        attachment.close()


def probe_loss(target: Worker, seconds: float, rounds: int, sensors: Sequence[str] = SENSORS) -> tuple[Loss, Loss]:
    """What a target loses to a probe with these sensors on, read once a second; and what it "loses" to nothing.

    It is counted by the processor time of the target, whose threads share one interpreter lock: what ours take is
    lost to the work. A neighbour that takes the processor away does not count. Stretches with a probe and controls
    without take turns, each held against the plain ones right before and after it.
    """
    losses: tuple[list[float], list[float]] = ([], [])
    before = _stretch(target, None, seconds, sensors)
    for number in range(2 * rounds):
        with probed(target.pid, sensors) if number % 2 == 0 else contextlib.nullcontext() as channel:
            observed = _stretch(target, channel, seconds, sensors)
        after = _stretch(target, None, seconds, sensors)
        losses[number % 2].append(100 * (1 - observed / ((before + after) / 2)))
        before = after
    lost, control = (Loss(statistics.median(each), *median_bounds(each), 0.0, rounds) for each in losses)
    return lost, control


def _stretch(target: Worker, channel: Channel | None, seconds: float, sensors: Sequence[str]) -> float:
    time.sleep(SETTLE_S / 2)
    start = time.monotonic()
    while time.monotonic() < start + seconds:
        time.sleep(min(1.0, seconds))
        if channel:
            channel.request("read", sensors=dict.fromkeys(sensors, 0))
    return target.rate_of_cpu(start, time.monotonic())


def median_bounds(values: list[float]) -> tuple[float, float]:
    """Between which the median lies, at 95 %, by its rank alone."""
    ordered, half = sorted(values), 0.98 * len(values) ** 0.5
    low, high = len(values) / 2 - half, len(values) / 2 + half
    return ordered[max(0, int(low))], ordered[min(len(values) - 1, int(high))]


def loss(target: Worker, observe: Observer, seconds: float, rounds: int) -> Loss:
    """Observe for `seconds`, `rounds` times, with a rest as long before and after each."""
    losses, own = [], []
    before = _rest(target, seconds)
    for _ in range(rounds):
        cpu = _own_cpu_s()
        start, end = observe(target.pid, seconds)
        own.append(100 * (_own_cpu_s() - cpu) / (end - start))
        observed = target.rate(start, end)
        after = _rest(target, seconds)
        losses.append(100 * (1 - observed / ((before + after) / 2)))
        before = after
    return Loss(statistics.median(losses), min(losses), max(losses), statistics.median(own), rounds)


def _rest(target: Worker, seconds: float) -> float:
    time.sleep(SETTLE_S)
    start = time.monotonic()
    time.sleep(seconds)
    return target.rate(start, time.monotonic())


def _own_cpu_s() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
