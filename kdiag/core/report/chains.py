"""Who waits for whom as chains: each thing that is waited for, who can end that, and who waits behind those.

One shape for what a probe saw and for what stacks tell from outside, so that both can be drawn alike. Separate from
`waits`, which lists by what is waited for, and knows only what a probe saw.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from kdiag.core.frames import Ownership
from kdiag.core.locks import identity
from kdiag.core.model import Frame
from kdiag.core.owners import HELD, Key, key_of
from kdiag.core.report.waits import head_of, thing_of
from kdiag.core.wait_graph import WaitGraph, lock_between

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kdiag.core.locks import Hold, Lock, Want
    from kdiag.core.model import StackSample, Window
    from kdiag.core.owners import Step
    from kdiag.core.report.waits import Party as Probed
    from kdiag.core.report.waits import Waits
    from kdiag.core.wait_graph import Member


@dataclass(frozen=True, slots=True)
class Need:
    """What somebody waits for.

    Attributes:
        thing: the same for all that wait for the same.
        what: its name for people.
        kind: as of `ProbedWait`; "loop" where a task needs its loop to turn.
        ends: who can end the wait, as far as that is known.
        held_at: where it was taken.
        sure: that it is held by these is certain.
        head: all of this in words.
    """

    thing: Hashable
    what: str
    kind: str
    ends: tuple[Key, ...] = ()
    held_at: Frame | None = None
    sure: bool = True
    head: str = ""

    @property
    def held(self) -> bool:
        """Whether it is something that one takes and gives back."""
        return self.kind in HELD


@dataclass(frozen=True, slots=True)
class Party:
    """A thread or a task that waits, or that others wait for; `at` is where, `still_s` for how long at least."""

    key: Key
    name: str
    frames: tuple[Frame, ...]
    at: Frame | None
    need: Need | None = None
    still_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Ring:
    """A circle: each party, and what it needs of the next; the last one's is the first one's."""

    links: tuple[tuple[Party, Need], ...]
    span_s: float


@dataclass(frozen=True)
class Chains:
    """All of it."""

    parties: Mapping[Key, Party]
    rings: tuple[Ring, ...]

    @cached_property
    def waiters(self) -> Mapping[Hashable, list[Party]]:
        """Who waits for each thing."""
        found: dict[Hashable, list[Party]] = defaultdict(list)
        for party in self.parties.values():
            if party.need is not None:
                found[party.need.thing].append(party)
        return found

    @cached_property
    def ended_by(self) -> Mapping[Key, list[Need]]:
        """What each party alone can end, most waiters first."""
        found: dict[Key, list[Need]] = defaultdict(list)
        for need in self._needs:
            if len(need.ends) == 1:
                found[need.ends[0]].append(need)
        return found

    @property
    def open_needs(self) -> list[Need]:
        """What hangs below nobody: it is not known who can end it, or several could."""
        return [need for need in self._needs if len(need.ends) != 1]

    @cached_property
    def _needs(self) -> list[Need]:
        best: dict[Hashable, Need] = {}
        for party in self.parties.values():
            need = party.need
            if need is not None and (need.thing not in best or (need.ends and not best[need.thing].ends)):
                best[need.thing] = need
        return sorted(best.values(), key=lambda need: -len(self.waiters[need.thing]))

    def behind(self, key: Key) -> set[Key]:
        """Who waits for this party, directly or through others."""
        found: set[Key] = set()
        pending = [key]
        while pending:
            for need in self.ended_by.get(pending.pop(), ()):
                new = {party.key for party in self.waiters[need.thing]} - found
                found |= new
                pending += new
        return found


def by_probe(waits: Waits, stacks: StackSample | None = None) -> Chains:
    """As the probe saw it; `stacks` tell of threads for which it had no time."""
    parties = {key_of(who): _waiting(key_of(who), who, waits) for who in waits.told}
    others: dict[Key, tuple[str, tuple[Frame, ...]]] = {}
    for thread in stacks.threads if stacks is not None else ():
        others["thread", thread.ident] = thread.name, thread.frames
    others |= {key_of(who): (waits.names[key_of(who)], who.frames) for who in waits.samples[-1].parties()}
    for party in list(parties.values()):
        for key in party.need.ends if party.need else ():
            if key in others and key not in parties:
                parties[key] = _busy(key, *others[key], waits)
    return Chains(parties, tuple(_ring(steps, parties, waits) for steps in waits.rings()))


def _waiting(key: Key, who: Probed, waits: Waits) -> Party:
    wait = who.wait
    assert wait is not None  # noqa: S101 - only those that wait are told
    ends = waits.ends(wait)
    # What is to end or to come has no identity of its own where several wait for it: who brings it has.
    thing = (wait.kind, wait.lock or tuple(ends))
    need = Need(thing, thing_of(wait), wait.kind, tuple(ends), wait.held_at, wait.sure, head_of(wait, waits))
    return Party(key, waits.names[key], who.frames, waits.frame(who), need, waits.still_s(who) or 0.0)


def _busy(key: Key, name: str, frames: tuple[Frame, ...], waits: Waits) -> Party:
    return Party(key, name, frames, waits.ownership.culprit(frames))


def _ring(steps: Sequence[Step], parties: Mapping[Key, Party], waits: Waits) -> Ring:
    links = []
    for (each, edge), (following, _) in zip(steps, [*steps[1:], steps[0]], strict=True):
        party = parties.get(each.key) or _busy(each.key, waits.names[each.key], each.who.frames, waits)
        kind = edge.kind
        what = party.need.what if party.need is not None and kind == party.need.kind else edge.what
        links.append((party, Need((kind, each.key), what, kind, (following.key,), edge.held_at, edge.sure)))
    return Ring(tuple(links), min(each.span_s for each, _ in steps))


def from_outside(window: Window) -> Chains:
    """As stacks and source lines tell: locks alone, by the futex words that threads wait at, or by their names."""
    ownership = Ownership.of(window)
    graph = WaitGraph.of(window, ownership)
    things = {id(each): identity(each.want, window.target.python) for each in graph.members if each.want}
    named = {(each.want.locks, things[id(each)]) for each in graph.members if each.want}
    instances = Counter(locks for locks, _ in named)
    parties: dict[Key, Party] = {}
    for member in graph.members:
        if member.want is not None:
            need = _wanted(member.want, things[id(member)], graph, alone=instances[member.want.locks] == 1)
            parties[_key(member)] = _member(member, ownership, need)
    holders = {end for party in parties.values() if party.need for end in party.need.ends}
    for member in graph.members:
        if _key(member) in holders and _key(member) not in parties:
            parties[_key(member)] = _member(member, ownership)
    circle = graph.circle()
    return Chains(parties, (_circle(circle, parties),) if circle else ())


def _wanted(want: Want, thing: Hashable, graph: WaitGraph, *, alone: bool) -> Need:
    """A lock that is wanted; `alone`: no other lock that is waited for has its name."""
    what = f"lock {want.name}" if want.name else f"a lock at {want.frame.file.rpartition('/')[2]}:{want.frame.line}"
    indexes = {index for lock in want.locks for index in graph.holders.get(lock, ())}
    holds = [(graph.members[n], hold) for n in indexes for hold in graph.members[n].holds if hold.lock in want.locks]
    if len({member.track.ident for member, _ in holds}) != 1:
        return Need(thing, what, "lock", head=f"{what}: who holds it is not known")
    owner, hold = holds[0]
    return Need(thing, what, "lock", (_key(owner),), _taken(hold), alone, f"{what}, held by {owner.track.name}")


def _circle(members: Sequence[Member], parties: Mapping[Key, Party]) -> Ring:
    links = []
    for member, following in zip(members, [*members[1:], members[0]], strict=True):
        lock: Lock = lock_between(member, following)
        held_at = next((_taken(hold) for hold in following.holds if hold.lock == lock), None)
        need = Need((lock,), f"lock {lock.name}", "lock", (_key(following),), held_at)
        links.append((parties[_key(member)], need))
    return Ring(tuple(links), min(member.still.span_s for member in members if member.still))


def _member(member: Member, ownership: Ownership, need: Need | None = None) -> Party:
    frames = member.track.frames
    at = member.want.frame if member.want else ownership.culprit(frames)
    own = ownership.own(frames) if member.want else None
    still_s = member.still.span_s if member.still else 0.0
    return Party(_key(member), member.track.name, frames, own or at, need, still_s)


def _key(member: Member) -> Key:
    return "thread", member.track.ident


def _taken(hold: Hold) -> Frame:
    return Frame(hold.frame.file, hold.line, hold.frame.function)
