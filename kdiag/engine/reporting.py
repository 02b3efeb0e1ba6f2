"""Makes the report of a window: verdict, advice, vital signs, appendix. Pure but for what it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kdiag.core.catalog import dress, entry
from kdiag.core.model import (
    Access,
    AttachMethod,
    Cost,
    Observation,
    Outcome,
    Report,
    Samples,
    StackGroup,
    Window,
)
from kdiag.core.report.stacks import groups
from kdiag.core.threads import completed, whole_look
from kdiag.core.verdict import conclude
from kdiag.core.vitals import vitals

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime


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
        stacks=_stacks(window),
        lines=window.lines,
        window=window,
    )


def _stacks(window: Window) -> tuple[StackGroup, ...]:
    """The threads of the last look that knows their stacks, completed by what the probe saw."""
    looked = whole_look(window)
    if looked is None:
        return ()
    return groups(completed(looked, window.probe[-1].threads if window.probe else ()))


def observed(
    window: Window, sources: Iterable[str], cost: Cost, started_at: str, *, readable: bool, method: AttachMethod,
    missed: int = 0,
) -> Observation:  # fmt: skip
    """How a window came to be.

    Args:
        window: what was seen.
        sources: which of its samples were looked for, by their names in it.
        cost: what the looking cost.
        started_at: wall-clock time of the window's start.
        readable: whether stacks could be read from outside.
        method: how the probe got in, if it did.
        missed: looks at the stacks that failed.
    """
    from_outside: Access = "stacks" if readable else "process"
    span_s = max(window.duration_s, 1e-6)
    return Observation(
        started_at=started_at,
        duration_s=round(window.duration_s, 2),
        access="probe" if window.probe else from_outside,
        attach_method=method,
        samples=counted(window, missed),
        cost=cost,
        rates_hz={source: round(len(getattr(window, source)) / span_s, 2) for source in sources},
        limitations=window.limitations,
    )


def counted(window: Window, missed: int) -> Samples:
    """How many samples of each kind are in a window."""
    return Samples(
        stacks=len(window.stacks), missed=missed, process=len(window.process), collector=len(window.collector),
        probe=len(window.probe),
    )  # fmt: skip


def wall_time(at: datetime) -> str:
    """A moment as reports write it."""
    return at.isoformat(timespec="milliseconds")
