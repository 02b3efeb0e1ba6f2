"""How long kdiag takes beside its work: cold starts, and what a diagnosis takes over its observation."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.overhead import kdiag, worker
from kdiag.engine.launch import preloaded

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Ratio:
    """Wall time of one command over that of another, the two run in turn: median, least, largest of the ratios."""

    median: float
    low: float
    high: float
    seconds: float
    base_seconds: float


def cold_start(arguments: list[str], rounds: int) -> Ratio:
    """Run kdiag with these arguments, over `python -c "import click"`."""
    pairs = []
    for _ in range(rounds + 1):
        ours = _seconds([sys.executable, "-m", "kdiag", *arguments])
        base = _seconds([sys.executable, "-c", "import click"])
        pairs.append((ours, base))
    pairs = pairs[1:]  # the first round warms the caches
    ratios = [ours / base for ours, base in pairs]
    return Ratio(
        statistics.median(ratios), min(ratios), max(ratios),
        statistics.median(ours for ours, _ in pairs), statistics.median(base for _, base in pairs),
    )  # fmt: skip


def preloaded_start(rounds: int) -> Ratio:
    """Start Python as a service under `kdiag run`, over without; it ends at once."""
    nothing = [sys.executable, "-c", "pass"]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    pairs = [(_seconds(nothing, preloaded(plain)), _seconds(nothing, plain)) for _ in range(rounds + 1)][1:]
    ratios = [ours / base for ours, base in pairs]
    return Ratio(
        statistics.median(ratios), min(ratios), max(ratios),
        statistics.median(ours for ours, _ in pairs), statistics.median(base for _, base in pairs),
    )  # fmt: skip


def _seconds(command: list[str], environment: Mapping[str, str] | None = None) -> float:
    start = time.monotonic()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, env=environment)
    return time.monotonic() - start


@dataclass(frozen=True)
class OverWindow:
    """What a diagnosis took over its window, seconds; the window is what the report says it observed."""

    threads: int
    over_s: float
    window_s: float
    verdict: str
    stack_samples: int


def over_window(threads: int, seconds: float) -> OverWindow:
    """Diagnose a CPU-bound target with so many idle threads beside it, and time it from start to exit."""
    with worker("cpu", threads) as target:
        start = time.monotonic()
        done = subprocess.run(kdiag(target.pid, seconds), capture_output=True, text=True, check=False)
        took = time.monotonic() - start
    report = json.loads(done.stdout)
    observed = report["observation"]["duration_s"]
    return OverWindow(threads, took - seconds, observed, report["verdict"], report["observation"]["samples"]["stacks"])
