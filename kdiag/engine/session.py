"""One observation of one process: sources start, a window grows, detectors read it, a report comes out.

The only place where looking and concluding meet. Front ends read what it yields and nothing else.
"""

from __future__ import annotations

import math
import random
import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kdiag import __version__
from kdiag.attach.preflight import check_same
from kdiag.attach.process import ProcessFacts
from kdiag.core.detectors import detect_all
from kdiag.core.mentioned import places, source_files
from kdiag.core.model import AttachMethod, Limitation, Observation, Outcome, Report, Sample, Target, Window
from kdiag.core.redact import redact_command
from kdiag.core.verdict import settled
from kdiag.engine.cost import CostMeter
from kdiag.engine.inside import Inside, WayIn, go_in
from kdiag.engine.observers import Observers, observers, probe_loop
from kdiag.engine.recorder import Recorder
from kdiag.engine.recording import SCHEMA, Header, RecordingWriter
from kdiag.engine.reporting import make_report, observed, wall_time
from kdiag.errors import KdiagError
from kdiag.machinery.clock import Clock
from kdiag.machinery.context import Context
from kdiag.machinery.wait import Group
from kdiag.sources.loop import SourceLoop
from kdiag.sources.pace import Tempo
from kdiag.sources.processes import started_at
from kdiag.sources.source_lines import SourceReader

if TYPE_CHECKING:
    from collections.abc import Sequence


_MOST_PLACES = 600  # source places looked up for one window
_MOST_FILES = 60  # source files kept whole in one window
_ENDED = Limitation(
    "target-ended", "The process ended while it was observed; the report says what was seen until then.",
    "Its exit code and last words are with its parent: journalctl, kubectl logs --previous, or the supervisor's log.",
)  # fmt: skip
_END_GRACE_S = 1.0  # how long the sources may take to end


@dataclass
class Session:
    """An observation of one process.

    Attributes:
        facts: what preflight found.
        denied: why stacks and memory may not be read; then only the operating system's accounts are. None: they may.
        window_s: the longest observation, seconds.
        way: how to get a probe in; with "auto" the observation goes on from outside where none can.
        tempo: what the person wishes of the sources, meanwhile.
        trace_s: for how long the probe traces allocations; 0 for not at all.
        record: the file that all that is seen is recorded in, if that is wanted.
        inside: the probe, once one got in.
        refused: why none could.
    """

    facts: ProcessFacts
    denied: KdiagError | None
    window_s: float
    way: WayIn
    clock: Clock
    rng: random.Random
    tempo: Tempo = field(default_factory=Tempo)
    trace_s: float = 0.0
    record: Path | None = None
    inside: Inside | None = field(default=None, init=False)
    refused: KdiagError | None = field(default=None, init=False)
    _ctx: Context | None = field(default=None, init=False)
    _loops: list[SourceLoop[Any]] = field(default_factory=list, init=False)
    _recorder: Recorder = field(init=False)
    _observers: Observers = field(init=False)
    _reader: SourceReader = field(init=False)
    _writer: RecordingWriter | None = field(default=None, init=False)
    _group: Group = field(init=False)
    _wall_start: datetime = field(init=False)
    _cost: CostMeter = field(init=False)
    _emitting: threading.Lock = field(default_factory=threading.Lock, init=False)
    _over: bool = field(default=False, init=False)  # guarded by _emitting

    def enter(self) -> None:
        """Get a probe in, if that is wanted: before the start, or at any time after it.

        Raises:
            KdiagError: it was to be got in by one way and no other, and that is closed.
        """
        if self.way == "none" or self.is_inside:
            return
        if self.inside is not None:
            self.inside.close()
        try:
            self.inside = go_in(self.facts, self.way, self.clock, self.trace_s)
        except KdiagError as error:
            if self.way != "auto":
                raise
            self.refused = error
            return
        self.refused = None
        if self._ctx is not None:
            self._ask_inside(self._ctx)

    @property
    def is_inside(self) -> bool:
        """Whether a probe is there now: one that got in may have been sent away, or gone with its program."""
        return self.inside is not None and not self.inside.attachment.channel.lost

    def leave(self) -> None:
        """Say goodbye to the probe, and close the recording; more than once does no harm."""
        if self.inside is not None:
            self.inside.close()
        if self._writer is not None:
            self._writer.close()

    def start(self, ctx: Context) -> None:
        """Start the sources; they end with the context.

        Raises:
            KdiagError: the target ended meanwhile, its memory may not be read after all, or nothing can be recorded.
        """
        self._wall_start = datetime.now(UTC)
        self._recorder = Recorder(target_of(self.facts), self.clock.now())
        # Many sources are read at the end only, and a target that shares our root may have ended by then.
        afterwards = "/" if self.denied is None and self.facts.root == "host" else ""
        self._reader = SourceReader(f"/proc/{self.facts.pid}/root", afterwards)
        self._cost = CostMeter(self.clock)
        self._group = Group("kdiag")
        self._observers = observers(
            self.facts, readable=self.denied is None, window_s=self.window_s, emit=self._emit, clock=self.clock,
            rng=self.rng, tempo=self.tempo,
        )  # fmt: skip
        self._ctx = ctx
        if self.record is not None:
            self._begin_recording(self.record, ctx)
        for loop in self._observers.loops:
            self._begin(loop, ctx)
        self._ask_inside(ctx)

    def _begin_recording(self, file: Path, ctx: Context) -> None:
        header = Header(
            SCHEMA, __version__, self._recorder.target, wall_time(self._wall_start), self._recorder.started_at,
            self.denied is None, self._method, self._limitations(),
        )  # fmt: skip
        self._writer = RecordingWriter(file, self._reader, self.clock)
        self._writer.begin(header)
        self._group.start_with_context(ctx, self._writer.run, "recording")

    def _emit(self, sample: Sample) -> None:
        with self._emitting:
            if self._over:  # the look outlasted the end's grace
                return
            self._recorder.add(sample)
            if self._writer is not None:
                self._writer.add(sample)

    @property
    def _method(self) -> AttachMethod:
        return self.inside.method if self.inside else "none"

    def _ask_inside(self, ctx: Context) -> None:
        if self.inside is not None:
            loop = probe_loop(
                self.inside, self.facts.pid, readable=self.denied is None, emit=self._emit, clock=self.clock,
                rng=self.rng, tempo=self.tempo,
            )  # fmt: skip
            self._loops = [each for each in self._loops if each.name != loop.name]  # of a probe that is gone
            self._begin(loop, ctx)

    def _begin(self, loop: SourceLoop[Any], ctx: Context) -> None:
        self._loops.append(loop)
        self._group.start_with_context(ctx, loop.run, loop.name)

    @property
    def ended(self) -> bool:
        """Whether the target ended: it is gone, a zombie, or another process has its PID."""
        try:
            check_same(self.facts)
        except KdiagError:
            return True
        return any(loop.error is not None and loop.error.reference == "target-ended" for loop in self._loops)

    def seen(self) -> str:
        """What was seen so far, in a few words for a progress line."""
        stacks, process, _ = self._recorder.counts()
        return f"{stacks} stack samples" if self.denied is None else f"{process} samples"

    def seen_since(self, start: float) -> Window:
        """What was seen from `start` (session clock, seconds) up to now, without what the source says of it."""
        now = self.clock.now()
        return self._recorder.window(now).between(start, now)

    def forget(self, before: float) -> None:
        """Drop what is older: an observation without an end keeps only its last minutes."""
        self._recorder.forget(before)

    def window(self, start: float = -math.inf) -> Window:
        """What was seen from `start` (session clock, seconds) up to now, with what the source says of it."""
        window = self.seen_since(start)
        sources = self._reader.texts(source_files(window.probe)[:_MOST_FILES])
        lines = self._reader.around(places(window)[:_MOST_PLACES])
        return replace(window, lines=lines, limitations=self._limitations(), ended=self.ended, sources=sources)

    def source(self, file: str) -> str:
        """The text of a source file, as the target sees it; "" where it is not readable."""
        return self._reader.texts([file]).get(file, "")

    def outcomes(self) -> tuple[Window, tuple[Outcome, ...]]:
        """The window up to now and what the detectors make of it."""
        window = self.window()
        return window, detect_all(window)

    def settled(self) -> bool:
        """Whether more samples would not change the verdict."""
        return settled(*self.outcomes())

    def finish(self) -> Report:
        """Wait for the sources to end and conclude; the context must be done."""
        self.end_sources()
        window, outcomes = self.outcomes()
        report = self.report(window, outcomes)
        if self._writer is not None:
            self._writer.finish(window, report.observation)
            if self._writer.problem not in {None, *window.limitations}:
                told = replace(report.observation, limitations=self._limitations())
                report = replace(report, observation=told)
        self.leave()
        return report

    def end_recording(self) -> None:
        """Write how an observation without an end ended, where it is recorded; `finish` has done so already."""
        if self._writer is not None:
            whole = replace(self.window(), started_at=self._recorder.started_at)
            self._writer.finish(whole, self._observed(whole))

    def report(self, window: Window, outcomes: Sequence[Outcome]) -> Report:
        """What is concluded of a window so far, and what the looking has cost until now."""
        return make_report(window, outcomes, self._observed(window))

    def _observed(self, window: Window) -> Observation:
        cost = self._cost.cost()
        began = self._wall_start + timedelta(seconds=window.started_at - self._recorder.started_at)
        return observed(
            window, [loop.name for loop in self._loops], self.inside.with_cost(cost) if self.inside else cost,
            wall_time(began), readable=self.denied is None, method=self._method,
            missed=sum(loop.missed for loop in self._loops if loop.name == "stacks"),
        )  # fmt: skip

    def end_sources(self) -> None:
        """Let go of the target from outside; the context must be done.

        A source that hangs in the kernel (a dying target, a dead disk) must not hang the report; nor is what it sees
        later in the recording, which says what the report says.
        """
        waiter = threading.Thread(target=self._group.wait, daemon=True, name="kdiag-end")
        waiter.start()
        waiter.join(_END_GRACE_S)
        with self._emitting:
            self._over = True
        self._observers.close()

    def _limitations(self) -> tuple[Limitation, ...]:
        failed = tuple(
            Limitation(loop.error.reference, f"The {loop.name} source: {loop.error.message}", loop.error.hint)
            for loop in self._loops
            if loop.error is not None and loop.error.reference != "target-ended"
        )
        hindered = [error for error in (self.denied, self.refused) if error is not None]
        denied = tuple({error.reference: limitation_of(error) for error in reversed(hindered)}.values())[::-1]
        ended = (_ENDED,) if self.ended else ()
        swallowed = () if self.inside is None or self.inside.source.sees_swallowed else (unseen(self.facts.version),)
        adapters = self.inside.source.limitations if self.inside is not None else ()
        unrecorded = (self._writer.problem,) if self._writer is not None and self._writer.problem else ()
        return denied + ended + self._observers.limitations + failed + swallowed + adapters + unrecorded


def target_of(facts: ProcessFacts) -> Target:
    """The report's target, redacted."""
    return Target(
        pid=facts.pid,
        started_at=started_at(facts.pid).isoformat(timespec="seconds"),
        command=redact_command(facts.command),
        python=".".join(map(str, facts.version)),
        build=facts.build,
        root=facts.root,
    )


def unseen(version: tuple[int, ...]) -> Limitation:
    """That exceptions which are swallowed in silence cannot be seen, and how to see them."""
    why = "only Python 3.12 and newer tells of them"
    if version >= (3, 12):
        why = "other tools have taken the interpreter's monitoring (sys.monitoring)"
    return Limitation(
        "swallowed-exceptions-unseen",
        f"Exceptions that the code swallows in silence (except: pass) are not seen: {why}.",
        "let the handler log them (logger.exception): then they are; or run the service on Python 3.12 or newer",
    )


def limitation_of(error: KdiagError) -> Limitation:
    """An error that does not end the observation, as a limitation of it."""
    message = f"{error.message}: {error.cause}" if error.cause else error.message
    return Limitation(error.reference, message, error.hint)
