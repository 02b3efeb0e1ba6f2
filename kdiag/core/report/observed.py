"""What was looked at, in words: which process, for how long, with what access, how often, at what cost.

It is separate because the text for a terminal and the one for a ticket say it alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kdiag.core.catalog import VERDICTS, within_reach
from kdiag.core.detectors import THRESHOLDS
from kdiag.core.report import tree
from kdiag.core.report.quantity import quantity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kdiag.core.model import Observation, Report

_VITAL_UNITS = {"_percent": "%", "_share": "ratio", "_bytes": "bytes", "_per_s": "count/s", "_s": "s"}


def identity(report: Report) -> str:
    """The process: PID, command, interpreter, since when."""
    target = report.target
    build = "" if target.build == "release" else f" ({target.build})"
    python = f"Python {target.python}{build}" if target.python else ""
    started = f"started {target.started_at}" if target.started_at else ""
    return ", ".join(part for part in (tree.name(report), python, started) if part)


def observed(report: Report) -> Iterator[tuple[str, str]]:
    """Labels and what they tell; a text may be empty."""
    observation = report.observation
    yield "time", f"{observation.duration_s:.1f} s from {observation.started_at}"
    yield "access", _access(observation)
    yield "samples", _samples(observation)
    yield "cost", _cost(observation)
    if not report.findings:
        undecided = {outcome.verdict for outcome in report.undecided}
        within, _ = within_reach(observation.access)
        looked_for = [verdict for verdict in within if verdict in THRESHOLDS]  # those that have a detector
        yield "looked for", ", ".join(verdict for verdict in looked_for if verdict not in undecided)
        yield "not looked for", ", ".join(verdict for verdict in VERDICTS if verdict not in looked_for)
    yield "vitals", ", ".join(vital(name, value) for name, value in report.vitals.items())


def _access(observation: Observation) -> str:
    meaning = {
        "process": "process (what the operating system tells)",
        "stacks": "stacks (threads and their frames, from outside)",
        "probe": "probe (inside the process)",
    }[observation.access]
    return meaning if observation.attach_method == "none" else f"{meaning}, attached by {observation.attach_method}"


def _samples(observation: Observation) -> str:
    samples = observation.samples
    rates = observation.rates_hz
    counts = {
        "stacks": samples.stacks,
        "process": samples.process,
        "collector": samples.collector,
        "probe": samples.probe,
    }
    parts = [
        f"{count:,} {source}" + (f" ({quantity(rates[source], '1/s')})" if source in rates else "")
        for source, count in counts.items()
        if count or source in rates
    ]
    if samples.missed:
        parts.append(f"{samples.missed:,} missed")
    return ", ".join(parts) or "none"


def _cost(observation: Observation) -> str:
    cost = observation.cost
    pause = cost.target_pause_ms_max
    paused = f"paused for {quantity(pause, 'ms')} at most" if pause else "never paused"
    inside = (
        f", our code in it used {quantity(cost.target_cpu_percent, '%')} of a core" if cost.target_cpu_percent else ""
    )
    return f"target {paused}{inside}; kdiag used {quantity(cost.own_cpu_percent, '%')} of a core"


def vital(name: str, value: float, *, bare: bool = False) -> str:
    """A vital sign; the unit is the end of its name. `bare`: without the name."""
    for ending, unit in _VITAL_UNITS.items():
        if name.endswith(ending):
            name, told = name.removesuffix(ending), quantity(value, unit)
            break
    else:
        told = quantity(value, "count")
    return told if bare else f"{name} {told}"
