"""Where a run's evidence comes from: a report, a recording, or the series of a test; `watching` has live processes.

All playbooks of a triage share one, so that a process is looked at once. Separate from the run, which does not care
where evidence comes from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from kdiag.core.model import Limitation, Report
from kdiag.core.playbooks.evidence import Evidence, evidence_of, nested
from kdiag.core.playbooks.model import Value
from kdiag.engine.diagnosis import diagnosed
from kdiag.errors import KdiagError

if TYPE_CHECKING:
    from pathlib import Path


class Looking(Protocol):
    """Something that evidence comes from."""

    def look(self, duration_s: float, timeout_s: float) -> Evidence:
        """The evidence once so much was seen, seconds from the beginning; waits for it as long as `timeout_s`.

        Raises:
            KdiagError: so much was not seen in time.
        """

    def again(self, delay_s: float) -> Evidence | None:
        """The evidence so much later; None where nothing more can be seen."""

    def wish(self, rate_hz: float) -> None:
        """Look so often a second at where the time goes from now on, as far as the budget allows."""

    def elapsed_s(self) -> float:
        """Seconds since the beginning."""

    def pause_ms(self) -> float:
        """The longest time that the target stood still for it so far."""

    @property
    def interrupted(self) -> bool:
        """Whether somebody wants it to end."""


class Looked(Protocol):
    """All processes that are looked at together."""

    @property
    def processes(self) -> Sequence[Looking]:
        """The named one, and those below it."""

    def finish(self) -> Sequence[Given]:
        """All that was seen of each of them; nothing is looked at any more."""


@dataclass
class Given:
    """Evidence that is there already: of a report that knows what it was made of."""

    report: Report
    evidence: Evidence

    def look(self, duration_s: float, timeout_s: float) -> Evidence:  # noqa: ARG002 - the protocol
        """The same each time."""
        return self.evidence

    def again(self, delay_s: float) -> None:
        """Nothing more can be seen."""

    def wish(self, rate_hz: float) -> None:
        """It was looked at already."""

    def elapsed_s(self) -> float:
        """No time passes."""
        return 0.0

    def pause_ms(self) -> float:
        """As long as it was when it was recorded."""
        return self.report.observation.cost.target_pause_ms_max

    interrupted = False


@dataclass
class Fed:
    """The series of a test: each look takes the next value of each, and the last one stays."""

    inputs: Mapping[str, tuple[Value | None, ...]]
    looks: int = 0

    def now(self) -> Evidence:
        """What the last look saw; before the first one what it will see."""
        number = max(0, self.looks - 1)
        return nested([(path, values[min(number, len(values) - 1)]) for path, values in self.inputs.items() if values])

    def look(self, duration_s: float, timeout_s: float) -> Evidence:  # noqa: ARG002 - the protocol
        """The next values."""
        self.looks += 1
        return self.now()

    def again(self, delay_s: float) -> Evidence:  # noqa: ARG002 - the protocol
        """The next values."""
        return self.look(0.0, 0.0)

    def wish(self, rate_hz: float) -> None:
        """Nothing is looked at."""

    def elapsed_s(self) -> float:
        """No time passes."""
        return 0.0

    def pause_ms(self) -> float:
        """Nothing is looked at."""
        return 0.0

    interrupted = False


@dataclass(frozen=True)
class Recorded:
    """What was recorded of a process, and of those below it."""

    processes: tuple[Given, ...]
    problems: tuple[Limitation, ...] = ()
    interrupted = False

    def finish(self) -> tuple[Given, ...]:
        """The same: it was seen already."""
        return self.processes


def given(report: Report, baseline: Report | None = None) -> tuple[Given, ...]:
    """A report and those of the processes below it; an earlier report is held against the whole of it.

    Raises:
        KdiagError: a report does not know what it was made of.
    """
    return tuple(_given(one, baseline if one is report else None) for one in (report, *report.children))


def _given(report: Report, baseline: Report | None) -> Given:
    if report.window is None:
        raise KdiagError("no-evidence", "What this report was made of is not known.", hint="kdiag triage PID")
    return Given(report, evidence_of(report.window, report, baseline))


def recorded(files: Sequence[Path], baseline: Report | None = None) -> Recorded:
    """What was recorded, with what is concluded of it.

    Raises:
        KdiagError: a file cannot be read, or is no recording.
    """
    return Recorded(given(diagnosed(files), baseline))
