"""cpu-hot-loop: one function burns the CPU.

A batch program may do that, so by itself it is worth a note. It is a disease where others depend on the process, or
where one call into C does not come back.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kdiag.core.busy import Busy, BusyStack, busy, demand_s
from kdiag.core.calls import StuckCall, stuck_call
from kdiag.core.frames import Ownership, at
from kdiag.core.loops import loop_state, serves
from kdiag.core.model import (
    Evidence,
    Finding,
    Frame,
    NotEnoughEvidence,
    Severity,
    Threshold,
    Wait,
    Window,
)
from kdiag.core.processes import PROCESS_SOURCE, CpuShare, cpu_share
from kdiag.core.series import Share, clustered_share, passes
from kdiag.core.threads import Track, stack_source, tracks

if TYPE_CHECKING:
    from collections.abc import Sequence

VERDICT = "cpu-hot-loop"

CPU = Threshold(
    "cpu.cores", "cores", warning=None, critical=None, info=0.8, learnt_from="own preference: most of one core"
)
WANTED = Threshold(
    "cpu.wanted",
    "cores",
    warning=None,
    critical=None,
    info=0.8,
    learnt_from="measured: on two busy cores a hot loop got 0.5 cores and queued for the rest",
)
FUNCTION = Threshold(
    "cpu.function_share",
    "ratio",
    warning=None,
    critical=None,
    info=0.5,
    learnt_from="own preference: a function that is most of the profile is the one to open",
)
CALL = Threshold(
    "cpu.call",
    "s",
    warning=2.0,
    critical=None,
    learnt_from="own preference: 400 times the interpreter's switch interval of 5 ms",
)
STARVED = Threshold(
    "cpu.starved_share",
    "ratio",
    warning=0.2,
    critical=None,
    learnt_from="own preference: others beg for the GIL in every fifth look",
)
THRESHOLDS = (CPU, WANTED, FUNCTION, CALL, STARVED)

_SPAN_S = 3.0
_LOOKS = 8
_SOME_CPU = 0.25  # below that the process is not hot, however much it would like to be


@dataclass(frozen=True, slots=True)
class _Load:
    """What the process used of a core, and what it would have used if the machine had had it to give."""

    cpu: CpuShare
    wanted: CpuShare | None


@dataclass(frozen=True, slots=True)
class _Hot:
    """The function that was on the CPU most, the line of it that was, and its share."""

    frame: Frame
    ident: int
    thread: str
    inner: Frame
    share: Share


#  stacks that run, by function
#    healthy  ▃parse ▂render ▂query ▁log …     many functions, none of them most of the time
#    hot      ▇▇▇▇▇▇▇▇▇▇find ▁parse            one function in most stacks, and most of a core in use
#
#  On a busy machine a process does not get the core that it wants; its threads queue for a CPU meanwhile.
def detect(window: Window) -> Finding | NotEnoughEvidence | None:
    """A function with more than half of the running stacks while the process uses, or wants, most of a core."""
    cpu = cpu_share(window)
    if cpu is None:
        return NotEnoughEvidence(VERDICT, "the process's CPU time was not seen twice", "observe for longer")
    wanted = _wanted(window)
    if cpu.span_s < _SPAN_S:
        return _too_short(cpu)
    wants_more = wanted is not None and passes(wanted.share, WANTED) and cpu.share >= _SOME_CPU
    if not passes(cpu.share, CPU) and not wants_more:
        return None
    stacks = busy(window)
    if stacks is None or stacks.total() < _LOOKS:
        return NotEnoughEvidence(VERDICT, "too few stacks were seen running", "allow kdiag to read the stacks")
    ownership = Ownership.of(window)
    hot = _hottest(stacks, ownership)
    if hot is None or not passes(hot.share.low, FUNCTION):
        return None
    return _finding(window, ownership, _Load(cpu, wanted), hot, stacks.source)


def _wanted(window: Window) -> CpuShare | None:
    """Seconds that all threads ran or queued for a CPU, per second; None where the kernel does not tell."""
    wanted = span = 0.0
    for track in tracks(window):
        first, last = track.looks[0], track.looks[-1]
        wanted += demand_s(last.thread) - demand_s(first.thread)
        span = max(span, last.at - first.at)
    if span <= 0 or not any(thread.queued_s is not None for thread in window.stacks[-1].threads):
        return None
    return CpuShare(max(0.0, wanted) / span, span, len(window.stacks))


def _too_short(cpu: CpuShare) -> NotEnoughEvidence:
    return NotEnoughEvidence(VERDICT, f"{cpu.span_s:.1f} s of CPU time are too few to tell", "observe for longer")


def _hottest(stacks: Busy, ownership: Ownership) -> _Hot | None:
    """The function that most running stacks are in, counted by their culprit."""
    functions: Counter[tuple[str, str]] = Counter()
    lines: Counter[tuple[str, str, Frame, Frame, int, str]] = Counter()
    for stack in stacks.stacks():
        frame = _culprit(stack, ownership)
        if frame:
            key = frame.file, frame.function
            functions[key] += stack.count
            lines[(*key, frame, stack.frames[0], stack.ident, stack.thread)] += stack.count
    if not functions:
        return None
    top = functions.most_common(1)[0][0]

    def belongs(stack: BusyStack) -> bool:
        frame = _culprit(stack, ownership)
        return frame is not None and (frame.file, frame.function) == top

    share = stacks.share(belongs)
    line = max((item for item in lines.items() if item[0][:2] == top), key=lambda item: item[1])[0]
    return _Hot(line[2], line[4], line[5], line[3], share) if share else None


def _culprit(stack: BusyStack, ownership: Ownership) -> Frame | None:
    """The frame to blame: of what a loop or a server runs, for the line that starts it is in every stack.

    None while the loop or the server is at its own work.
    """
    state = loop_state(stack.frames)
    return ownership.culprit(ownership.served(state.callback if state else stack.frames))


def _finding(window: Window, ownership: Ownership, load: _Load, hot: _Hot, source: str) -> Finding:
    everybody = tracks(window)
    calls = [stuck_call(track, ownership) for track in everybody if track.ident == hot.ident]
    call = max((c for c in calls if c and passes(c.span_s, CALL)), key=lambda c: c.span_s, default=None)
    starved = _starved(everybody, hot)
    depends = serves(window, everybody)
    starves = starved is not None and passes(starved.low, STARVED)
    severity: Severity = "info"
    if call and call.kept_gil and (depends or starves):
        severity = "critical"
    elif call or depends or starves:
        severity = "warning"
    name = ownership.name(hot.frame)
    title = f"{name} ({at(hot.frame)}) is in {hot.share.value:.0%} of the running stacks of a process at "
    title += f"{load.cpu.share:.0%} CPU"
    if call:
        title = f"{call.name} called by {name} at {at(call.frame)} has not returned for at least {call.span_s:.1f} s"
        title += " and keeps the GIL" if call.kept_gil else ""
    return Finding(
        VERDICT,
        severity,
        {"info": 25 + round(49 * hot.share.low), "warning": 75 + round(10 * hot.share.low), "critical": 95}[severity],
        0.97 if hot.share.low >= 0.7 and not call else 0.9,
        title,
        _summary(call, depends, starves),
        ownership.place(hot.frame, hot.thread, what=call.name if call else None),
        _evidence(load, hot, call, starved, source, stack_source(window)),
        () if hot.inner == hot.frame else (ownership.place(hot.inner, hot.thread, "runs"),),
        suspected=call is not None,
        threads=(hot.ident,),
    )


def _starved(everybody: Sequence[Track], hot: _Hot) -> Share | None:
    """The share of looks in which some thread that is not in the hot function begged for the GIL."""
    begging: Counter[float] = Counter()
    for track in everybody:
        for look in track.looks:
            function = (hot.frame.file, hot.frame.function)
            same = any((frame.file, frame.function) == function for frame in look.thread.frames)
            begging[look.at] += look.thread.wait is Wait.GIL and not same
    return clustered_share((min(1, count), 1) for count in begging.values())


def _summary(call: StuckCall | None, depends: bool, starves: bool) -> str:
    said = []
    if call:
        said.append(f"The same call stood in all of {call.looks} looks in a row.")
        if call.kept_gil:
            said.append("As long as it keeps the GIL no other Python code of the process runs.")
    if depends:
        said.append("Others depend on this process: it listens or runs an event loop.")
    elif not call:
        said.append("Nobody seems to depend on this process; a batch program may well compute all the time.")
    if starves:
        said.append("Other threads beg for the GIL meanwhile.")
    return " ".join(said)


def _evidence(
    load: _Load, hot: _Hot, call: StuckCall | None, starved: Share | None, source: str, stacks: str
) -> tuple[Evidence, ...]:
    evidence = [
        Evidence(CPU.metric, load.cpu.share, CPU.unit, load.cpu.samples, PROCESS_SOURCE, threshold=CPU.info),
        _of_share(FUNCTION, hot.share, source, FUNCTION.info),
    ]
    if load.wanted:
        evidence.append(
            Evidence(
                WANTED.metric, load.wanted.share, WANTED.unit, load.wanted.samples, "schedstat", threshold=WANTED.info
            )
        )
    if call:
        span = round(call.span_s, 3)
        evidence.append(Evidence(CALL.metric, span, CALL.unit, call.looks, stacks, low=span, threshold=CALL.warning))
    if starved and starved.value > 0:
        evidence.append(_of_share(STARVED, starved, stacks, STARVED.warning))
    return tuple(evidence)


def _of_share(what: Threshold, share: Share, source: str, threshold: float | None) -> Evidence:
    return Evidence(what.metric, share.value, what.unit, share.samples, source, share.low, share.high, threshold)
