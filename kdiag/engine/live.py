"""An observation without an end: the last minute of a process, judged anew all the time, as pictures for a screen.

It is separate from `observe`, which ends with a report: here somebody looks on, and changes how it is looked. Methods
may be called from any thread; `run` belongs to one, and everything that it shows is frozen.
"""

from __future__ import annotations

import contextlib
import math
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, Protocol

from kdiag.core.detectors import detect_all
from kdiag.core.model import Collection, Report, WaitsSample, Window
from kdiag.core.report.quantity import quantity
from kdiag.core.vitals import SEEN_INSIDE, vitals
from kdiag.engine.guarding import guard, scan
from kdiag.engine.inside import WayIn
from kdiag.engine.session import Session
from kdiag.errors import KdiagError
from kdiag.machinery.context import background, with_cancel

if TYPE_CHECKING:
    from collections.abc import Callable

    from kdiag.attach.channel import Channel

WINDOWS_S = (10.0, 30.0, 60.0, 120.0, 300.0)  # that can be chosen
RATES = (0.25, 0.5, 1.0, 2.0, 4.0)
EXTRAS = ("tasks", "trace")  # looks that are dear, and taken only while somebody wants to see them

TICK_S = 0.5
_JUDGE_DUTY = 0.1  # of the time, at most, goes into judging
_HISTORY = 600  # signs, one a tick
_TRACE = 500  # collections
_TASKS = 8  # looks at all tasks: enough to tell what stands still
_DEEDS = 200
_APART_S = 5.0  # between two looks at all tasks that belong together

State = Literal["watching", "paused", "ended"]


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that kdiag did to the target or in it; `at` in seconds since the observation began."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Signs:
    """The vital signs of one moment, by the names of `core.vitals`; `at` as in `Deed`."""

    at: float
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything that there is to show at one moment.

    Attributes:
        at: seconds since the observation began.
        window: what was seen in the last `window_s` seconds.
        report: what is concluded of it; of a moment `age_s` seconds ago, since judging takes longer than looking.
        signs: the vital signs up to now, one entry a look.
        tasks: looks at all tasks, while they are wanted.
        trace: the latest collections, while they are wanted.
        inside: whether a probe is in the target.
        scanned: how many containers are looked at, of which those are told that several threads write to.
        span_s: of a recording, how long it is; None for a live target.
        rate: how often it is looked, or of a recording how fast it plays, relative to the usual.
    """

    at: float
    state: State
    window: Window
    report: Report
    age_s: float
    signs: tuple[Signs, ...]
    deeds: tuple[Deed, ...]
    window_s: float
    rate: float
    inside: bool
    scanned: int = 0
    tasks: tuple[WaitsSample, ...] = ()
    trace: tuple[Collection, ...] = ()
    span_s: float | None = None


class Feed(Protocol):
    """What a screen shows: a live target, or a recording of one."""

    @property
    def title(self) -> str:
        """The target in a few words."""

    def source(self, file: str) -> str:
        """The text of a source file, as the target sees it; "" where it is not readable."""

    def run(self, show: Callable[[Picture], None]) -> None:
        """Show pictures until `stop`, or until the target ends; the last one says so.

        Raises:
            KdiagError: it cannot be observed.
        """

    def stop(self) -> None:
        """Have `run` return soon, and let go of the target."""

    def pause(self, *, on: bool) -> None:
        """Look no more, or look again."""

    def seek(self, at: float) -> None:
        """Go to a moment of a recording, seconds from its start; a live target has no moment but now."""

    def look_back(self, window_s: float) -> None:
        """Judge the last so many seconds from now on."""

    def set_rate(self, rate: float) -> None:
        """Look so many times as often as usual."""

    def want(self, extras: frozenset[str]) -> None:
        """Take these dear looks as well, and no others; some of `EXTRAS`."""

    def enter(self) -> None:
        """Get a probe in; it takes some seconds.

        Raises:
            KdiagError: it cannot be done; the target is as it was.
        """

    def guard(self, name: str) -> None:
        """Have a container of the target's watched by its name, "module:NAME".

        Raises:
            KdiagError: there is no probe, or the name means nothing there.
        """

    def scan(self, *, on: bool) -> None:
        """Have all containers looked at that can be, to find those that several threads write to, or no more.

        Raises:
            KdiagError: there is no probe, or it cannot see writes there.
        """


@dataclass
class Live:
    """The feed of one session. It looks from outside, until somebody lets it in by `enter` with the way `way_in`."""

    session: Session
    title: str
    way_in: WayIn = "auto"
    window_s: float = 30.0
    _wanted: frozenset[str] = field(default=frozenset(), init=False)
    _poke: threading.Event = field(default_factory=threading.Event, init=False)
    _entry: threading.Lock = field(default_factory=threading.Lock, init=False)  # one probe, however often it is wanted
    _stopped: bool = field(default=False, init=False)
    _began: float = field(default=0.0, init=False)
    _since: float = field(default=-math.inf, init=False)  # what was seen before the last pause is no longer judged
    _deeds: deque[Deed] = field(default_factory=lambda: deque(maxlen=_DEEDS), init=False)
    _signs: deque[Signs] = field(default_factory=lambda: deque(maxlen=_HISTORY), init=False)
    _tasks: deque[WaitsSample] = field(default_factory=lambda: deque(maxlen=_TASKS), init=False)
    _trace: deque[Collection] = field(default_factory=lambda: deque(maxlen=_TRACE), init=False)
    _traced: int | None = field(default=None, init=False)
    _scanned: int = field(default=0, init=False)
    _inside: bool = field(default=False, init=False)  # where the target has ended: whether a probe was there then

    def source(self, file: str) -> str:
        """See `Feed`."""
        return self.session.source(file)

    def run(self, show: Callable[[Picture], None]) -> None:
        """Observe; see `Feed`."""
        context, cancel = with_cancel(background())
        clock = self.session.clock
        self._began = clock.now()
        try:
            with self._entry:
                self.session.enter()
                self._note_entry()
                self.session.start(context)
            self._note(_sources(readable=self.session.denied is None))
            try:
                self._watch(show)
            finally:
                cancel()
                self.session.end_sources()
                self.session.end_recording()
        finally:
            cancel()
            with self._entry:  # whoever is being let in leaves, too
                self.session.leave()

    def stop(self) -> None:
        """See `Feed`."""
        self._stopped = True
        self._poke.set()

    def pause(self, *, on: bool) -> None:
        """See `Feed`."""
        if self.session.tempo.paused and not on:
            self._since = self.session.clock.now()
        self.session.tempo.paused = on
        self._poke.set()

    def seek(self, at: float) -> None:
        """See `Feed`."""

    def look_back(self, window_s: float) -> None:
        """See `Feed`."""
        self.window_s = window_s
        self._poke.set()

    def set_rate(self, rate: float) -> None:
        """See `Feed`."""
        self.session.tempo.rate = rate
        self._poke.set()

    def want(self, extras: frozenset[str]) -> None:
        """See `Feed`."""
        self._wanted = extras
        self._poke.set()

    def enter(self) -> None:
        """See `Feed`."""
        with self._entry:
            if self._stopped or self.session.is_inside:
                return
            self.session.way = self.way_in
            try:
                self.session.enter()
                if self.session.refused is not None:
                    raise self.session.refused
            finally:
                self._note_entry()
                self._poke.set()

    def guard(self, name: str) -> None:
        """See `Feed`."""
        guard(self._channel(), [name])
        self._note(f"watches {name}")

    def scan(self, *, on: bool) -> None:
        """See `Feed`."""
        scanned = scan(self._channel(), on=on)
        self._note(f"has writes to {scanned} dicts told" if on else "has writes to no dict told but watched ones")
        self._scanned = scanned  # after the deed: no picture shows the one without the other
        self._poke.set()

    def _channel(self) -> Channel:
        inside = self.session.inside
        if inside is None:
            raise KdiagError("no-probe", "Containers are seen from inside only.", hint="attach the probe first")
        return inside.attachment.channel

    def _watch(self, show: Callable[[Picture], None]) -> None:
        clock = self.session.clock
        judge_at, judged_at, last = clock.now(), 0.0, self._began
        report: Report | None = None
        while not self._stopped:
            self._poke.clear()
            inside = self.session.is_inside  # first: a probe that is gone with its process has seen it end
            now, ended = clock.now(), self.session.ended
            paused = self.session.tempo.paused and not ended
            if not ended:
                self._see_probe(inside=inside)
            if report is None or ended or (now >= judge_at and not paused):
                window = self.session.window(max(self._since, now - self.window_s))
                latest, judged_at = self.session.report(window, detect_all(window)), now
                # What the last picture before its end told is not untold by a moment of silence.
                report = report if ended and report is not None and not latest.findings else latest
                judge_at = now + (clock.now() - now) / _JUDGE_DUTY
            if not paused:
                self._look(last, now)
                last = now
            show(self._picture(report, now, judged_at, "ended" if ended else "paused" if paused else "watching"))
            if ended:
                return
            clock.wait(self._poke, TICK_S)

    def _see_probe(self, *, inside: bool) -> None:
        """Say it when the probe is gone, and forget what only it could go on with."""
        if self._inside and not inside:
            self._note("the probe is gone: it was sent away, or the process runs another program now")
            self._scanned, self._traced = 0, None
            self._tasks.clear()
        self._inside = inside

    def _look(self, since: float, now: float) -> None:
        """Take this tick's signs, and the dear looks that are wanted."""
        self.session.forget(now - max(WINDOWS_S))
        # A source that looks less often than the ticks come has no new number at each: the last one stands.
        values = vitals(self.session.seen_since(min(since, now - 2 * TICK_S)))
        before = self._signs[-1].values if self._signs else {}
        if not self._inside:
            before = {name: value for name, value in before.items() if name not in SEEN_INSIDE}
        self._signs.append(Signs(now - self._began, {**before, **values}))
        inside = self.session.inside
        if inside is None or not self._inside:
            return
        if "tasks" not in self._wanted or (self._tasks and self._tasks[-1].at < max(self._since, now - _APART_S)):
            self._tasks.clear()  # what nobody looked at meanwhile cannot be said to stand still
        with contextlib.suppress(KdiagError):  # the probe's own source says what hinders it
            if "tasks" in self._wanted:
                self._tasks.append(inside.tasks(now))
            if "trace" in self._wanted:
                since_number = self._traced if self._traced is not None else inside.collections(0)[0]
                self._traced, new = inside.collections(since_number)
                self._trace.extend(replace(each, at=each.at - self._began) for each in new)

    def _picture(self, report: Report, now: float, judged_at: float, state: State) -> Picture:
        window = replace(
            self.session.seen_since(max(self._since, now - self.window_s)), lines=report.lines,
            limitations=report.observation.limitations, ended=state == "ended",
        )  # fmt: skip
        return Picture(
            at=now - self._began, state=state, window=window, report=report, age_s=now - judged_at,
            signs=tuple(self._signs), deeds=tuple(self._deeds), window_s=self.window_s, rate=self.session.tempo.rate,
            inside=self._inside, scanned=self._scanned, tasks=tuple(self._tasks),
            trace=tuple(self._trace),
        )  # fmt: skip

    def _note(self, text: str) -> None:
        self._deeds.append(Deed(self.session.clock.now() - self._began, text))

    def _note_entry(self) -> None:
        inside, refused = self.session.inside, self.session.refused
        if inside is not None:
            attachment = inside.attachment
            still = quantity(attachment.pause_s, "s")
            stopped = f"; a thread of it stood still for {still}" if attachment.pause_s else ""
            self._note(f"a probe got in by {attachment.method} in {attachment.took_s:.1f} s{stopped}")
        elif refused is not None:
            self._note(f"no probe could get in: {refused.message}")


def _sources(*, readable: bool) -> str:
    if readable:
        return "looks from outside: reads its memory without stopping it, and what the kernel tells"
    return "looks from outside: only what the kernel tells everybody"
