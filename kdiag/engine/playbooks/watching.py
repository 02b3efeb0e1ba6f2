"""Live processes as a source of evidence: watched together, for as long as any playbook asks.

Separate from what is there already (`looking`): here time passes. What was seen is kept, so that a step that asks for
no more than that gets it at once.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from kdiag.core.model import Limitation, Report
from kdiag.core.playbooks.evidence import Evidence, evidence_of
from kdiag.engine.diagnosis import diagnosis
from kdiag.engine.observe import watch
from kdiag.engine.playbooks.looking import Given, given
from kdiag.engine.session import Session
from kdiag.errors import KdiagError
from kdiag.machinery.clock import REAL
from kdiag.machinery.context import Context, from_signal, with_cancel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kdiag.engine.inside import WayIn


@dataclass
class Watching:
    """One of the processes that are being watched."""

    session: Session
    watched: Watched
    baseline: Report | None
    _evidence: Evidence = field(default_factory=dict)
    _served_s: float = -1.0  # a look for so much would see no more than the last one
    _pause_ms: float = 0.0

    def look(self, duration_s: float, timeout_s: float) -> Evidence:
        """The evidence once so much was seen, or it is settled."""
        if duration_s > self._served_s:
            self.watched.wait(duration_s, timeout_s)
            self._conclude(duration_s)
        return self._evidence

    def again(self, delay_s: float) -> Evidence | None:
        """The evidence so much later; None where the process has ended."""
        if self.session.ended:
            return None
        REAL.wait(self.watched.context.done, delay_s)
        return self._conclude(self.elapsed_s())

    def wish(self, rate_hz: float) -> None:
        """The highest rate that any playbook asks for."""
        self.session.tempo.profile_hz = max(rate_hz, self.session.tempo.profile_hz or 0.0)

    def elapsed_s(self) -> float:
        """Seconds since the beginning."""
        return self.watched.elapsed_s()

    def pause_ms(self) -> float:
        """As the session counts it."""
        return self._pause_ms

    @property
    def interrupted(self) -> bool:
        """Whether somebody wants it to end."""
        return self.watched.interrupted

    def _conclude(self, served_s: float) -> Evidence:
        window, outcomes = self.session.outcomes()
        report = self.session.report(window, outcomes)
        self._evidence, self._served_s = evidence_of(window, report, self.baseline), served_s
        self._pause_ms = report.observation.cost.target_pause_ms_max
        return self._evidence


@dataclass
class Watched:
    """The processes that are being watched: the named one, and with `--children` those below it.

    Attributes:
        title: the target in a few words.
        problems: what cannot be looked at, known before.
        full: wait as long as is asked, even when every verdict is certain before.
        show: called several times a second with seconds done, seconds in all, and what was seen.
    """

    sessions: tuple[Session, ...]
    title: str
    problems: tuple[Limitation, ...]
    full: bool
    context: Context
    cancel: Callable[[], None]
    baseline: Report | None
    show: Callable[[float, float, str], None] = lambda _done, _total, _seen: None
    processes: tuple[Watching, ...] = ()
    _began: float = field(default_factory=REAL.now)
    _waited_s: float = -1.0  # so much was waited for, or it was settled before
    _seen: tuple[Given, ...] | None = None

    def __post_init__(self) -> None:
        """The baseline is of the named process."""
        self.processes = tuple(
            Watching(session, self, None if number else self.baseline) for number, session in enumerate(self.sessions)
        )

    def elapsed_s(self) -> float:
        """Seconds since the beginning."""
        return REAL.now() - self._began

    @property
    def interrupted(self) -> bool:
        """Whether somebody wants it to end."""
        return self.context.done.is_set()

    def wait(self, duration_s: float, timeout_s: float) -> None:
        """Wait until so much was seen, seconds from the beginning, or it is settled.

        Raises:
            KdiagError: so much was not seen in time.
        """
        if duration_s <= self._waited_s:
            return
        missing = duration_s - self.elapsed_s()
        span_s = max(0.0, min(missing, timeout_s))
        for progress in watch(self.sessions, self.context, window_s=span_s, full=self.full, clock=REAL):
            self.show(progress.elapsed_s, progress.total_s, progress.seen)
        if missing > timeout_s and not self.interrupted:
            raise KdiagError("step-timeout", f"{duration_s:g} s were to be seen, and time was for {timeout_s:g} s.")
        self._waited_s = duration_s

    def finish(self) -> tuple[Given, ...]:
        """Let go of the processes, and conclude of all that was seen; once."""
        if self._seen is None:
            self.cancel()
            head, *below = [session.finish() for session in self.sessions]
            self._seen = given(replace(head, children=tuple(below)), self.baseline)
        return self._seen


@contextmanager
def watching(
    pid: int, *, window_s: float, full: bool, children: bool, attach: WayIn, record: Path | None,
    baseline: Report | None,
) -> Iterator[Watched]:  # fmt: skip
    """Watch a process until the block ends; what is seen is recorded in the file `record`.

    Raises:
        KdiagError: it cannot be observed; the error says why and what to do.
    """
    opened = diagnosis(pid, window_s=window_s, full=full, children=children, attach=attach, record=record)
    interrupted, restore = from_signal(signal.SIGINT, signal.SIGTERM)
    context, cancel = with_cancel(interrupted)
    try:
        for session in opened.sessions:
            session.enter()
        for session in opened.sessions:
            session.start(context)
        watched = Watched(opened.sessions, opened.title, opened.problems, full, interrupted, cancel, baseline)
        yield watched
        watched.finish()
    finally:
        cancel()
        for session in opened.sessions:
            session.leave()
        restore()
