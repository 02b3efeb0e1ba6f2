"""One thread's course through a window, and what a thread that stands in a library's wait is waiting for.

Separate from the detectors because nearly all of them follow threads, and because "did not move" must mean the same
to all: the kernel's run count is the proof, not the likeness of two stacks (a busy worker stands at the same line in
every sample, too).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import TYPE_CHECKING

from kdiag.core.frames import last_name, library_function
from kdiag.core.model import Frame, NotEnoughEvidence, StackSample, ThreadSample, Wait, Window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kdiag.core.model import ProbedThread

# A parked thread uses no CPU at all; this allows for rounding in the kernel's accounting.
_STILL_CPU_S = 0.00005
_WHOLE = 0.9  # of the share that the fullest look knows: some threads are new, and a torn stack is none


@dataclass(frozen=True, slots=True)
class Look:
    """One thread in one stack sample."""

    at: float
    thread: ThreadSample


@dataclass(frozen=True, slots=True)
class Track:
    """One thread over the window, in order of time. `alive` tells whether it was there at the end."""

    ident: int
    name: str
    looks: tuple[Look, ...]
    alive: bool

    @property
    def last(self) -> ThreadSample:
        """The thread as it was seen last."""
        return self.looks[-1].thread

    @property
    def frames(self) -> tuple[Frame, ...]:
        """The last frames that are known; empty when none ever were."""
        return next((look.thread.frames for look in reversed(self.looks) if look.thread.frames), ())


@dataclass(frozen=True, slots=True)
class Stillness:
    """How long a thread had not moved when the window ended, and over how many looks."""

    since: float
    until: float
    looks: int

    @property
    def span_s(self) -> float:
        """Seconds without a move: a lower bound."""
        return self.until - self.since


def tracks(window: Window) -> tuple[Track, ...]:
    """All threads of the window, in order of first sight."""
    global _latest  # noqa: PLW0603 - see there
    latest = _latest
    if latest is None or latest[0] is not window.stacks:
        latest = _latest = window.stacks, _tracks(window)
    return latest[1]


# All detectors look at one window in turn, and with thousands of threads its tracks take as long as any of them does.
_latest: tuple[tuple[StackSample, ...], tuple[Track, ...]] | None = None


def _tracks(window: Window) -> tuple[Track, ...]:
    found: dict[tuple[bool, int], list[Look]] = defaultdict(list)
    for sample in window.stacks:
        for thread in sample.threads:
            key = (True, thread.thread_id) if thread.thread_id else (False, thread.ident)
            found[key].append(Look(sample.at, thread))
    # One look may miss a thread that moved under it, so being in one of the last two is being there.
    recent = window.stacks[-2:][0].at if window.stacks else 0.0
    return tuple(
        Track(looks[-1].thread.ident, looks[-1].thread.name, tuple(looks), looks[-1].at >= recent)
        for looks in found.values()
    )


def moved(before: ThreadSample, after: ThreadSample) -> bool | None:
    """Whether a thread ran between two looks; None when the kernel's numbers are missing.

    A thread that computes all the time is put on the CPU once and stays there, so an unchanged run count proves rest
    only together with its CPU time.
    """
    if before.wait is Wait.RUNNING or after.wait is Wait.RUNNING:
        return True
    if before.frames and after.frames and not _same(before.frames, after.frames):
        return True
    if before.runs is not None and after.runs is not None and before.runs != after.runs:
        return True
    if before.cpu_s is not None and after.cpu_s is not None:
        return after.cpu_s - before.cpu_s > _STILL_CPU_S
    return None if before.runs is None or after.runs is None else False


def unmoved(earlier: StackSample | None, now: StackSample) -> frozenset[int]:
    """The idents of the threads that did not move at all between two looks."""
    before = {thread.ident: thread for thread in earlier.threads} if earlier is not None else {}
    both = ((before[thread.ident], thread) for thread in now.threads if thread.ident in before)
    return frozenset(after.ident for thread, after in both if moved(thread, after) is False)


def _same(before: Sequence[Frame], after: Sequence[Frame]) -> bool:
    """Whether two stacks stand at the same lines; some tools know the qualified names of functions, others do not."""
    return before == after or [(f.file, f.line, last_name(f.function)) for f in before] == [
        (f.file, f.line, last_name(f.function)) for f in after
    ]


def stillness(track: Track) -> Stillness | None:
    """How long the thread had not moved at the end; None when that cannot be told."""
    looks = track.looks
    first = len(looks) - 1
    while first > 0:
        verdict = moved(looks[first - 1].thread, looks[first].thread)
        if verdict is None:
            return None
        if verdict:
            break
        first -= 1
    return Stillness(looks[first].at, looks[-1].at, len(looks) - first)


def whole_look(window: Window) -> StackSample | None:
    """The newest look that knows the stacks of about as large a share of its threads as any did; None without a look.

    With many threads most looks are the kernel's alone, and of those that ran since no stack is known.
    """
    known = [
        sum(1 for thread in sample.threads if thread.frames) / max(len(sample.threads), 1) for sample in window.stacks
    ]
    least = _WHOLE * max(known, default=0.0)
    looks = zip(reversed(window.stacks), reversed(known), strict=True)
    return next((sample for sample, count in looks if count >= least), None)


def completed(sample: StackSample, probed: Sequence[ProbedThread]) -> StackSample:
    """The sample, with the probe's frames of threads that could not be read from outside."""
    frames = {thread.ident: thread.frames for thread in probed}
    threads = tuple(
        thread if thread.frames else replace(thread, frames=frames.get(thread.ident, ())) for thread in sample.threads
    )
    return replace(sample, threads=threads)


def cpu_shares(window: Window) -> dict[int, float]:
    """Which part of one CPU each thread used that is there at the end, by its ident, since it was first seen.

    It is missing where the kernel's numbers are. Only as many looks are gone through as it takes to find the first.
    """
    if not window.stacks:
        return {}
    last = window.stacks[-1]
    left = {(each.thread_id, each.ident): each.cpu_s for each in last.threads if each.cpu_s is not None}
    shares: dict[int, float] = {}
    for sample in window.stacks[:-1]:
        if not left:
            break
        for thread in sample.threads:
            if thread.cpu_s is not None and (now := left.pop((thread.thread_id, thread.ident), None)) is not None:
                shares[thread.ident] = max(0.0, now - thread.cpu_s) / max(last.at - sample.at, 1e-3)
    return shares


def too_few_stacks(window: Window, verdict: str, looks: int, span_s: float) -> NotEnoughEvidence | None:
    """The answer of a detector that needs `looks` stack samples over `span_s` seconds; None when they are there."""
    if not window.stacks:
        return NotEnoughEvidence(verdict, "no stacks were seen", "allow kdiag to read the stacks: see `kdiag doctor`")
    span = window.stacks[-1].at - window.stacks[0].at
    if len(window.stacks) < looks or span < span_s:
        return NotEnoughEvidence(
            verdict,
            f"{len(window.stacks)} stack samples over {span:.1f} s are too few to tell",
            f"observe for longer: it takes {looks} samples over {span_s:g} s",
        )
    return None


def stack_source(window: Window) -> str:
    """Who took the stacks, as evidence names it."""
    if not window.stacks:
        return "stacks"
    tool = window.stacks[-1].tool
    return "probe.threads" if tool == "probe" else f"stacks.{tool}"


class Waiting(Enum):
    """What a thread waits for, by the library's functions at the inner end of its stack."""

    NOTHING_KNOWN = auto()  # the innermost frame is no wait of a library's
    LOCK = auto()  # entering a Condition, or a Semaphore
    CONDITION = auto()
    EVENT = auto()
    QUEUE = auto()
    FUTURE = auto()  # result of a future or of a pool's task
    JOIN = auto()
    SELECT = auto()
    ACCEPT = auto()


_WAITS = {
    ("threading.py", "__enter__"): Waiting.LOCK,
    ("threading.py", "acquire"): Waiting.LOCK,
    ("threading.py", "_acquire_restore"): Waiting.CONDITION,
    ("threading.py", "wait"): Waiting.CONDITION,
    ("threading.py", "wait_for"): Waiting.CONDITION,
    ("threading.py", "join"): Waiting.JOIN,
    ("threading.py", "_wait_for_tstate_lock"): Waiting.JOIN,
    ("threading.py", "_join_os_thread"): Waiting.JOIN,
    ("queue.py", "get"): Waiting.QUEUE,
    ("queue.py", "put"): Waiting.QUEUE,
    ("queue.py", "join"): Waiting.JOIN,
    ("concurrent/futures/_base.py", "result"): Waiting.FUTURE,
    ("concurrent/futures/_base.py", "exception"): Waiting.FUTURE,
    ("concurrent/futures/_base.py", "wait"): Waiting.FUTURE,
    ("concurrent/futures/_base.py", "as_completed"): Waiting.FUTURE,
    ("concurrent/futures/_base.py", "_result_or_cancel"): Waiting.FUTURE,
    ("concurrent/futures/_base.py", "result_iterator"): Waiting.FUTURE,
    ("concurrent/futures/_base.py", "__exit__"): Waiting.JOIN,
    ("concurrent/futures/thread.py", "shutdown"): Waiting.JOIN,
    ("multiprocessing/pool.py", "wait"): Waiting.FUTURE,
    ("multiprocessing/pool.py", "get"): Waiting.FUTURE,
    ("multiprocessing/pool.py", "next"): Waiting.FUTURE,
    ("multiprocessing/pool.py", "apply"): Waiting.FUTURE,
    ("multiprocessing/pool.py", "map"): Waiting.FUTURE,
    ("multiprocessing/pool.py", "starmap"): Waiting.FUTURE,
    ("multiprocessing/pool.py", "join"): Waiting.JOIN,
    ("selectors.py", "select"): Waiting.SELECT,
    ("socket.py", "accept"): Waiting.ACCEPT,
}


def waiting(frames: Sequence[Frame]) -> tuple[Waiting, int]:
    """What the stack waits for, and the index of the frame that called the library's wait."""
    kind, depth = Waiting.NOTHING_KNOWN, 0
    for depth, frame in enumerate(frames):  # noqa: B007 - the index after the loop is the answer
        found = _WAITS.get(library_function(frame))
        if found is None:
            break
        # Event.wait calls Condition.wait: two waits of one file on each other.
        kind = Waiting.EVENT if found is kind is Waiting.CONDITION and _is_wait(frame) else found
    else:
        depth = len(frames)
    return kind, depth


def _is_wait(frame: Frame) -> bool:
    return library_function(frame)[1] == "wait"
