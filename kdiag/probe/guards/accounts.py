"""What is known of each container that is looked at: who wrote to it, and which of the writes conflict.

Conclusions, each from what was seen and no more:

- changed-while-iterated: the interpreter has raised in a loop over it. The writer is the other thread that changed its
  keys last before that.
- written-while-iterated: two looks in a row found a thread inside of one loop over it; another one changed its keys
  in between, and the two hold no lock in common.
- unlocked-writes: two threads write by turns, no lock in common (as Eraser does it: what the first thread writes
  before any other does counts as making it).
- lost-update: of a number under one key, which only grows, one thread writes a value that is not above what another
  thread wrote right before: so it had read the number before that, and what the other one added is gone. That a number
  only grows is known by the code, which reads it and adds to it, or by what each thread by itself was seen to write,
  where the code that writes subtracts nothing.

Pure bookkeeping without a clock, so separate from the sensor.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from ..hooks.facts import line_of
from ..sensors.places import Place, place
from .common_locks import Held, held, in_common
from .writers import adds, subtracts

if TYPE_CHECKING:
    from collections.abc import Callable

    from .common_locks import Site
    from .watcher import Moment

CHANGED, WRITTEN, UNLOCKED, LOST = (
    "changed-while-iterated", "written-while-iterated", "unlocked-writes", "lost-update",
)  # fmt: skip
_RECENT = 64  # writes that change keys
_KEYS = 64  # counters in one dict
_THREADS = 16
_GREW = 16  # times that one thread let a number grow twice in a row, and never fall, before anything is said of it
_TURNS = 3  # changes between threads before unlocked writes are told
_KNOWN = 256


class Side(NamedTuple):
    """One thread's part in a conflict."""

    ident: int
    at_ns: int
    places: tuple[Place, ...]


class Conflict:
    """Conflicts of one kind about one container; the sides are those of the last."""

    def __init__(self, number: int, account: int, kind: str) -> None:
        self.number = number
        self.account = account  # the container's number
        self.kind = kind
        self.sequence = 0
        self.count = 0
        self.first_ns = self.last_ns = 0
        self.iterates: Side | None = None
        self.writes: Side | None = None
        self.other: Side | None = None
        self.seen = False


class _Counter:
    """A number under one key: who wrote it last, and how often one thread's writes in a row grew, and did not."""

    __slots__ = ("fell", "grew", "moment")

    def __init__(self) -> None:
        self.moment: Moment | None = None
        self.grew = self.fell = 0


class Account:
    """One container. All is for one thread at a time.

    Attributes:
        number: its identity in answers.
        address: its id, as long as it lives; 0 afterwards.
        again: returns the object where it can still be reached, else something else.
        how: "watcher", or "code" where writes are not seen themselves.
        scanned: only looked at to see whether several threads write to it.
    """

    def __init__(self, number: int, address: int, name: str, kind: str, since_ns: int) -> None:
        self.number = number
        self.address = address
        self.name = name
        self.kind = kind
        self.since_ns = since_ns
        self.again: Callable[[], Any] | None = None
        self.path = ""  # to guard it by, where that is known
        self.how = "code"
        self.scanned = False
        self.resting = False
        self.writes = 0
        self.writers: dict[int, int] = {}
        self.turns = self.unlocked = 0
        self.recent: deque[Moment] = deque(maxlen=_RECENT)
        self._last: Moment | None = None
        self._before: Moment | None = None  # the last of the thread before
        self._counters: dict[int, _Counter] = {}

    def note(self, moment: Moment) -> list[tuple[str, Moment, Moment]]:
        """Account for a write; return the conflicts that it makes, each with this write and the other one."""
        self.writes += 1
        if moment.ident in self.writers or len(self.writers) < _THREADS:
            self.writers[moment.ident] = self.writers.get(moment.ident, 0) + 1
        if moment.resizes:
            self.recent.append(moment)
        found = []
        last, self._last = self._last, moment
        if last is not None and last.ident != moment.ident:
            self.turns += 1
            if in_common(locks_of(last), locks_of(moment)) is False:
                self.unlocked += 1
                if self.turns >= _TURNS:
                    found.append((UNLOCKED, moment, last))
        lost = self._count(moment)
        if lost is not None:
            found.append((LOST, moment, lost))
        return found

    def gap(self) -> None:
        """Writes were missed: what comes next does not follow what was seen last."""
        self._last = None
        for counter in self._counters.values():
            counter.moment = None

    def writer_before(self, at_ns: int, ident: int) -> Moment | None:
        """Who changed its keys last before a moment: another thread than this, or else this one itself."""
        earlier = [moment for moment in self.recent if moment.at_ns <= at_ns] or list(self.recent)
        others = [moment for moment in earlier if moment.ident != ident]
        found = others or earlier
        return found[-1] if found else None

    def _count(self, moment: Moment) -> Moment | None:
        """The write that this one undid, if it did."""
        if moment.key is None or moment.value is None:
            return None
        counter = self._counters.get(moment.key)
        if counter is None:
            if len(self._counters) >= _KEYS:
                return None
            counter = self._counters[moment.key] = _Counter()
        before, counter.moment = counter.moment, moment
        if before is None or before.value is None or not moment.value or moment.arguments[0] == 0:
            return None
        grows = moment.value > before.value
        if before.ident == moment.ident:
            counter.grew += grows
            counter.fell += not grows
        elif not grows and in_common(locks_of(before), locks_of(moment)) is not True:
            sites = [each.sites[0] for each in (before, moment) if each.sites]
            if counter.fell or any(subtracts(code) for code, _ in sites):
                return None
            return before if counter.grew >= _GREW or all(adds(*site) for site in sites) else None
        return None


_locks: dict[tuple[tuple[int, int], ...], tuple[tuple[Site, ...], Held]] = {}


def locks_of(moment: Any) -> Held:
    """The locks that a write, or a walk, holds by its code."""
    sites = moment.sites
    key = tuple((id(code), offset) for code, offset in sites)
    known = _locks.get(key)
    if known is None:
        if len(_locks) >= _KNOWN:
            _locks.clear()
        known = _locks[key] = (sites, held(sites))
    return known[1]


def forget() -> None:
    """Let go of the code that was looked at."""
    _locks.clear()


def side_of(moment: Moment) -> Side:
    """A write as one side of a conflict."""
    return Side(moment.ident, moment.at_ns, tuple(place(code, line_of(code, offset)) for code, offset in moment.sites))
