"""Where a run's evidence comes from: a process that is being watched, a recording, or the series of a test.

All playbooks of a triage share one, so that a process is looked at once: what was seen is kept, and a step that asks
for no more than that gets it at once. Separate from the run, which does not care where evidence comes from.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from kdiag.core.detectors import detect_all
from kdiag.core.model import Limitation, Report
from kdiag.core.playbooks.evidence import Evidence, evidence_of, nested
from kdiag.core.playbooks.model import Value
from kdiag.engine.diagnosis import diagnosis
from kdiag.engine.observe import watch
from kdiag.engine.recording import read_recording
from kdiag.engine.reporting import make_report
from kdiag.engine.session import Session
from kdiag.errors import KdiagError
from kdiag.machinery.clock import REAL
from kdiag.machinery.context import Context, from_signal, with_cancel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kdiag.engine.inside import WayIn


class Looking(Protocol):
    """Something that evidence comes from."""

    def look(self, duration_s: float, timeout_s: float) -> Evidence:
        """The evidence once so much was seen, seconds from the beginning; waits for it as long as `timeout_s`.

        Raises:
            KdiagError: so much was not seen in time.
        """

    def again(self, delay_s: float) -> Evidence:
        """The evidence so much later."""

    def wish(self, rate_hz: float) -> None:
        """Look so often a second at where the time goes from now on, as far as the budget allows."""

    def elapsed_s(self) -> float:
        """Seconds since the beginning."""

    def pause_ms(self) -> float:
        """The longest time that the target stood still for it so far."""

    @property
    def interrupted(self) -> bool:
        """Whether somebody wants it to end."""


@dataclass
class Given:
    """Evidence that is there already: of a recording."""

    report: Report
    evidence: Evidence
    problems: tuple[Limitation, ...] = ()

    def look(self, duration_s: float, timeout_s: float) -> Evidence:  # noqa: ARG002 - the protocol
        """The same each time."""
        return self.evidence

    def again(self, delay_s: float) -> Evidence:  # noqa: ARG002 - the protocol
        """The same."""
        return self.evidence

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


@dataclass
class Watching:
    """A process that is being watched.

    Attributes:
        title: the target in a few words.
        problems: what cannot be looked at, known before.
        show: called several times a second with seconds done, seconds in all, and what was seen.
        report: what was concluded at the last look.
    """

    session: Session
    title: str
    problems: tuple[Limitation, ...]
    context: Context
    baseline: Report | None
    show: Callable[[float, float, str], None] = lambda _done, _total, _seen: None
    report: Report | None = None
    _began: float = field(default_factory=REAL.now)
    _evidence: Evidence = field(default_factory=dict)
    _served_s: float = -1.0  # a look for so much would see no more than the last one

    def look(self, duration_s: float, timeout_s: float) -> Evidence:
        """The evidence once so much was seen, or it is settled."""
        missing = duration_s - self.elapsed_s()
        if duration_s <= self._served_s:
            return self._evidence
        self._wait(min(missing, timeout_s))
        if missing > timeout_s and not self.interrupted:
            raise KdiagError("step-timeout", f"{duration_s:g} s were to be seen, and time was for {timeout_s:g} s.")
        return self._conclude(duration_s)

    def again(self, delay_s: float) -> Evidence:
        """The evidence so much later."""
        if not self.session.ended:
            REAL.wait(self.context.done, delay_s)
        return self._conclude(self.elapsed_s())

    def wish(self, rate_hz: float) -> None:
        """The highest rate that any playbook asks for."""
        self.session.tempo.profile_hz = max(rate_hz, self.session.tempo.profile_hz or 0.0)

    def elapsed_s(self) -> float:
        """Seconds since the beginning."""
        return REAL.now() - self._began

    def pause_ms(self) -> float:
        """As the session counts it."""
        return self.report.observation.cost.target_pause_ms_max if self.report else 0.0

    @property
    def interrupted(self) -> bool:
        """Whether somebody wants it to end."""
        return self.context.done.is_set()

    def _wait(self, seconds: float) -> None:
        for progress in watch([self.session], self.context, window_s=max(0.0, seconds), full=False, clock=REAL):
            self.show(progress.elapsed_s, progress.total_s, progress.seen)

    def _conclude(self, served_s: float) -> Evidence:
        window, outcomes = self.session.outcomes()
        self.report = self.session.report(window, outcomes)
        self._evidence, self._served_s = evidence_of(window, self.report, self.baseline), served_s
        return self._evidence


@contextmanager
def watching(
    pid: int, *, window_s: float, attach: WayIn, record: Path | None, baseline: Report | None
) -> Iterator[Watching]:
    """Watch a process until the block ends; what is seen is recorded in the file `record`.

    Raises:
        KdiagError: it cannot be observed; the error says why and what to do.
    """
    opened = diagnosis(pid, window_s=window_s, full=False, children=False, attach=attach, record=record)
    (session,) = opened.sessions
    interrupted, restore = from_signal(signal.SIGINT, signal.SIGTERM)
    context, cancel = with_cancel(interrupted)
    try:
        session.enter()
        session.start(context)
        yield Watching(session, opened.title, opened.problems, interrupted, baseline)
        cancel()
        session.finish()
    finally:
        cancel()
        session.leave()
        restore()


def recorded(file: Path, baseline: Report | None = None) -> Given:
    """What was recorded, with what is concluded of it.

    Raises:
        KdiagError: it cannot be read.
    """
    recording = read_recording(file)
    report = make_report(recording.whole, detect_all(recording.whole), recording.observation)
    return Given(report, evidence_of(recording.whole, report, baseline))
