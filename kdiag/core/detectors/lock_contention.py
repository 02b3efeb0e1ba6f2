"""lock-contention: threads lose their time waiting for one lock.

The time that all threads together waited for it, over the time of the recording: 1 means that on average one thread
stood there all the time. Where a probe was inside, each lock is known by its identity, and its holder by the lock's own
word; otherwise both are read from source lines.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from kdiag.core.frames import Ownership, at
from kdiag.core.locks import Lock, Want, held, wanted
from kdiag.core.model import (
    Evidence,
    Finding,
    Frame,
    NotEnoughEvidence,
    Place,
    StackSample,
    ThreadSample,
    Threshold,
    Wait,
    Window,
)
from kdiag.core.series import Share, clustered_share, score, severity
from kdiag.core.threads import Waiting, stack_source, stillness, too_few_stacks, tracks, waiting

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

VERDICT = "lock-contention"

WAITED = Threshold("lock.waiting", "ratio", warning=1.0, critical=4.0, learnt_from="JMC: Java blocking rule")
THRESHOLDS = (WAITED,)

_LOOKS = 8
_SPAN_S = 3.0
_KINDS = frozenset({"lock", "rlock", "semaphore"})
_WORK_WAITS = frozenset({Waiting.SELECT, Waiting.ACCEPT, Waiting.QUEUE})


@dataclass(slots=True)
class _Contended:
    """One lock over the window: who waited for it in each sample, and where its holder was.

    `stacks` has, for each line that waits, the stack and the name of the thread that was seen there first.
    """

    want: Want
    stacks: dict[Frame, tuple[tuple[Frame, ...], str]] = field(default_factory=dict)
    waiters: dict[float, int] = field(default_factory=lambda: defaultdict(int))
    frames: Counter[Frame] = field(default_factory=Counter)
    threads: dict[int, str] = field(default_factory=dict)
    holders: Counter[tuple[Frame, str]] = field(default_factory=Counter)
    idle_holders: int = 0


#  threads that wait for the lock, at one look
#    healthy  . . w . . . w .      now and then one
#    sick     www wwww www wwww    a queue at every look, and its members change
def detect(window: Window) -> Finding | NotEnoughEvidence | None:
    """The lock on which most time was lost; one that moves before one that stands."""
    moments = [sample.at for sample in window.probe]
    if len(moments) >= _LOOKS and moments[-1] - moments[0] >= _SPAN_S:
        return _judge(window, moments, _locks_by_identity(window, Ownership.of(window)), "probe.threads")
    if not all(_complete(sample) for sample in window.stacks):
        window = replace(window, stacks=tuple(sample for sample in window.stacks if _complete(sample)))
    missing = too_few_stacks(window, VERDICT, _LOOKS, _SPAN_S)
    if missing:
        return missing
    found = _locks(window, Ownership.of(window))
    return _judge(window, [sample.at for sample in window.stacks], found, stack_source(window))


def _judge(window: Window, moments: Sequence[float], locks: Iterable[_Contended], source: str) -> Finding | None:
    """The worst of the locks by how much time was lost on it; `moments` are when was looked."""
    ownership = Ownership.of(window)
    still = {
        track.ident
        for track in tracks(window)
        if (rest := stillness(track)) and rest.since <= moments[0] and track.alive
    }
    found = []
    for lock in locks:
        share = _waiting_share(moments, lock)
        count = len(lock.threads)
        worst = severity(share.low * count, WAITED) if share else None
        waits_for_work = lock.idle_holders > sum(lock.holders.values()) / 2
        if share and worst and not waits_for_work:
            found.append((not set(lock.threads) <= still, share.low * count, lock, share, worst))
    if not found:
        return None
    moves, low, lock, share, worst = max(found, key=lambda item: item[:2])
    count = len(lock.threads)
    waited = share.value * count
    frame = lock.frames.most_common(1)[0][0]
    name = lock.want.name or f"the lock at {at(frame)}"
    title = f"On average {waited:.1f} of {count} threads wait for {name} at {at(frame)}"
    return Finding(
        VERDICT,
        worst,
        score(low, WAITED),
        0.97 if moves and low >= 1.5 else 0.85,
        title,
        _summary(ownership, lock, moves),
        _culprit(ownership, frame, lock),
        (
            Evidence(
                WAITED.metric, waited, WAITED.unit, share.samples, source,
                low, share.high * count, WAITED.warning,
            ),
            Evidence("lock.threads", count, "threads", len(moments), source),
        ),
        _places(ownership, lock, frame),
        threads=tuple(lock.threads),
    )  # fmt: skip


def _complete(sample: StackSample) -> bool:
    """Whether the sample knows where all threads stand that wait for a lock; a carried-over one does not."""
    return all(thread.frames for thread in sample.threads if thread.wait is Wait.LOCK)


def _locks(window: Window, ownership: Ownership) -> Sequence[_Contended]:
    """Every lock that was waited for, with its waiters and holders sample by sample."""
    found: dict[tuple[Lock, ...], _Contended] = {}
    known: dict[tuple[int, Wait], Want | None] = {}  # by a stack's identity: carried-over samples share their stacks
    for sample in window.stacks:
        wants = []
        for thread in sample.threads:
            key = id(thread.frames), thread.wait
            if key not in known:
                known[key] = wanted(thread, ownership)
            if want := known[key]:
                wants.append((thread, want))
        for thread, want in wants:
            lock = found.setdefault(want.locks, _Contended(want))
            lock.waiters[sample.at] += 1
            lock.frames[want.frame] += 1
            lock.stacks.setdefault(want.frame, (thread.frames, thread.name))
            lock.threads[thread.ident] = thread.name
        if wants:
            _note_holders(sample.threads, {lock: w.locks for _, w in wants for lock in w.locks}, found, ownership)
    return list(found.values())


def _note_holders(
    threads: Sequence[ThreadSample],
    wanted_now: dict[Lock, tuple[Lock, ...]],
    found: dict[tuple[Lock, ...], _Contended],
    ownership: Ownership,
) -> None:
    """Note where the threads stood that hold, by their source, a lock that others wait for."""
    for thread in threads:
        for hold in held(thread, ownership):
            if hold.lock not in wanted_now:
                continue
            lock = found[wanted_now[hold.lock]]
            frame = ownership.culprit(thread.frames)
            if frame:
                lock.holders[frame, thread.name] += 1
                lock.idle_holders += thread.wait in {Wait.POLL, Wait.IO, Wait.LOCK} and _waits_for_work(thread)


def _waits_for_work(thread: ThreadSample) -> bool:
    """A holder that waits for work lets its followers wait for their turn: leader and followers, not contention."""
    return waiting(thread.frames)[0] in _WORK_WAITS


def _locks_by_identity(window: Window, ownership: Ownership) -> Iterable[_Contended]:
    """The same by what the probe saw: two locks of one name are two."""
    found: dict[int, _Contended] = {}
    for sample in window.probe:
        owners = {thread.ident: thread for thread in sample.threads}
        noted = set()
        for thread in sample.threads:
            wait = thread.wait
            if wait is None or wait.kind not in _KINDS:
                continue
            frame = thread.frames[wait.depth]
            want = Want((Lock("", wait.name),), frame, seen=bool(wait.name), address=wait.lock)
            lock = found.setdefault(wait.lock, _Contended(want))
            lock.waiters[sample.at] += 1
            lock.frames[frame] += 1
            lock.stacks.setdefault(frame, (thread.frames, thread.name))
            lock.threads[thread.ident] = thread.name
            owner = owners.get(wait.owner)
            held = ownership.culprit(owner.frames) if owner else None
            if owner and held and wait.lock not in noted:
                noted.add(wait.lock)
                lock.holders[held, owner.name] += 1
                lock.idle_holders += waiting(owner.frames)[0] in _WORK_WAITS
    return found.values()


def _waiting_share(moments: Sequence[float], lock: _Contended) -> Share | None:
    """The share of its waiters' time that they waited; every look is one batch of all of them."""
    count = len(lock.threads)
    return clustered_share((lock.waiters.get(at, 0), count) for at in moments)


def _summary(ownership: Ownership, lock: _Contended, moves: bool) -> str:
    said = "The lock moves, but too slowly for them." if moves else "None of them got it in the whole window."
    if lock.holders:
        (frame, thread), seen = lock.holders.most_common(1)[0]
        where = f"{ownership.name(frame)} at {at(frame)}"
        said += f" Its holder was most often seen in {where} ('{thread}', {seen} times)."
    return said


def _culprit(ownership: Ownership, frame: Frame, lock: _Contended) -> Place:
    """The user's line that waits: the acquiring one, or the caller of the library that acquires."""
    stack, thread = lock.stacks[frame]
    return ownership.place(ownership.culprit(stack) or frame, thread, what=lock.want.name)


def _places(ownership: Ownership, lock: _Contended, frame: Frame) -> tuple[Place, ...]:
    """Where holders stood, and the other lines that wait for the lock."""
    places = [
        ownership.place(where, thread, "holds", lock.want.name) for (where, thread), _ in lock.holders.most_common()
    ]
    unique = {(place.file, place.line): place for place in reversed(places)}
    others = [other for other, _ in lock.frames.most_common() if other != frame]
    waits = [ownership.place(other, None, "waits", lock.want.name) for other in others]
    return (*list(unique.values())[::-1][:3], *waits[:3])
