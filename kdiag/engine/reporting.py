"""Makes the report of a window: verdict, advice, vital signs, appendix. Pure but for what it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kdiag.core.catalog import dress, entry
from kdiag.core.model import (
    Access,
    AttachMethod,
    Cost,
    Observation,
    Outcome,
    Report,
    Samples,
    Window,
)
from kdiag.core.report.stacks import groups
from kdiag.core.verdict import conclude
from kdiag.core.vitals import vitals

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from kdiag.sources.loop import SourceLoop


def make_report(window: Window, outcomes: Sequence[Outcome], observation: Observation) -> Report:
    """Conclude from a window.

    Args:
        window: what was seen.
        outcomes: the detectors' words on it.
        observation: how it was looked at.
    """
    conclusion = conclude(window, outcomes)
    return Report(
        target=window.target,
        observation=observation,
        verdict=conclusion.verdict,
        severity=conclusion.severity,
        findings=tuple(dress(finding, entry(finding.verdict), window.target.pid) for finding in conclusion.findings),
        undecided=conclusion.undecided,
        vitals=vitals(window),
        stacks=groups(window.stacks[-1]) if window.stacks else (),
        lines=window.lines,
    )


def observed(
    window: Window,
    loops: Sequence[SourceLoop[Any]],
    cost: Cost,
    started_at: datetime,
    *,
    readable: bool,
    method: AttachMethod,
) -> Observation:
    """How a window came to be.

    Args:
        window: what was seen.
        loops: the sources that looked, for their counts and rates.
        cost: what the looking cost.
        started_at: wall-clock time of the window's start.
        readable: whether stacks could be read from outside.
        method: how the probe got in, if it did.
    """
    from_outside: Access = "stacks" if readable else "process"
    return Observation(
        started_at=wall_time(started_at),
        duration_s=round(window.duration_s, 2),
        access="probe" if window.probe else from_outside,
        attach_method=method,
        samples=Samples(
            stacks=len(window.stacks),
            missed=sum(loop.missed for loop in loops if loop.name == "stacks"),
            process=len(window.process),
            collector=len(window.collector),
            probe=len(window.probe),
        ),
        cost=cost,
        rates_hz={loop.name: round(loop.taken / max(window.duration_s, 1e-6), 2) for loop in loops},
        limitations=window.limitations,
    )


def wall_time(at: datetime) -> str:
    """A moment as reports write it."""
    return at.isoformat(timespec="milliseconds")
