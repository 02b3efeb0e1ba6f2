"""`python -m benchmarks [--quick]`: all measurements, as one table in Markdown and as JSON."""

from __future__ import annotations

import argparse
import json
import os
import platform
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.attach import measure_attaching
from benchmarks.guards import in_table
from benchmarks.overhead import Loss, command, kdiag, loss, probe_loss, py_spy_record, worker
from benchmarks.startup import OverWindow, Ratio, cold_start, over_window, preloaded_start

if TYPE_CHECKING:
    from collections.abc import Iterator

RESULTS = Path(__file__).parent / "results"
OVERHEAD_CASES = (("cpu", 0), ("cpu", 40), ("cpu", 200), ("cpu", 2000), ("io", 0))
OBSERVERS = {"kdiag diagnose": command(kdiag), "py-spy record, 100 Hz": command(py_spy_record)}
PROBED_CASES = (("cpu", 0), ("cpu", 40), ("io", 0), ("server", 0))


def measure(*, quick: bool, cycles: int | None) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """Each measurement: what, of what, in words, as data."""
    rounds, seconds = (2, 4.0) if quick else (6, 10.0)
    for arguments in (["--help"], ["ps"]):
        ratio = cold_start(arguments, 5 if quick else 15)
        yield f"kdiag {arguments[0]}", "cold start, over `import click`", _ratio(ratio), asdict(ratio)
    ratio = preloaded_start(5 if quick else 40)
    yield "kdiag run", "start of a service, over without", _ratio(ratio), asdict(ratio)
    for threads in (0, 200, 2000):
        over = over_window(threads, seconds)
        yield f"diagnose --for {seconds:g}s", f"time over the window, {threads} idle threads", _over(over), asdict(over)
    for kind, threads in OVERHEAD_CASES:
        with worker(kind, threads) as target:
            for name, observer in OBSERVERS.items():
                lost = loss(target, observer, seconds, rounds)
                yield name, f"loss of a {kind}-bound target, {threads} idle threads", _loss(lost), asdict(lost)
    for kind, threads in PROBED_CASES:
        with worker(kind, threads) as target:
            lost, control = probe_loss(target, 1.0 if quick else 2.0, 3 if quick else 40)
        for name, each in (("probe, all sensors", lost), ("control, no probe", control)):
            of_what = f"loss of a {kind} target, {threads} idle threads"
            yield name, of_what, f"{each.percent:.2f} % ({each.low:.2f} to {each.high:.2f})", asdict(each)
    yield from in_table(5 if quick else 60)
    for name, of_what, attaching in measure_attaching(cycles or (10 if quick else 1_000), 5 if quick else 60):
        yield f"{name} attach", of_what, attaching.words, asdict(attaching)


def _ratio(ratio: Ratio) -> str:
    return f"{ratio.median:.2f} × ({ratio.low:.2f} to {ratio.high:.2f}; {ratio.seconds * 1000:.0f} ms)"


def _over(over: OverWindow) -> str:
    return f"{over.over_s:.2f} s ({over.stack_samples} stack samples, {over.verdict})"


def _loss(lost: Loss) -> str:
    return f"{lost.percent:.1f} % ({lost.low:.1f} to {lost.high:.1f}; own CPU {lost.own_cpu_percent:.0f} %)"


def main() -> None:
    """Measure, print the table as it grows, and keep both forms."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="fewer and shorter rounds: a smoke test, not a measurement"
    )
    parser.add_argument("--cycles", type=int, help="attaches to each target on each interpreter, 1,000 by default")
    arguments = parser.parse_args()
    quick = arguments.quick
    lines = [
        f"| what | of what | median (range) on {os.cpu_count()} cores, Python {platform.python_version()} |",
        "|---|---|---|",
    ]
    print("\n".join(lines), flush=True)
    data = []
    for what, of_what, words, numbers in measure(quick=quick, cycles=arguments.cycles):
        lines.append(f"| {what} | {of_what} | {words} |")
        print(lines[-1], flush=True)
        data.append({"what": what, "of": of_what, **numbers})
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "results.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (RESULTS / "results.json").write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
