"""Containers that change while somebody walks through them: which one, who walks, and who writes.

It begins with a RuntimeError of a loop, which the hooks tell of, or with a name that somebody gives. From then on that
one object is looked at: each write to a dict is called back for (see `guards.watcher`); where that cannot be, code that
writes to it is looked for on the threads' stacks.

It makes sense of what the callbacks note, in a thread of the probe's. What runs in threads of the service only finds
the object, has it watched, and notes that down. Nothing here holds on to an object of the service's.
"""

from __future__ import annotations

import threading
import time
from _thread import get_ident
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from ..guards import accounts, expressions
from ..guards.accounts import CHANGED, UNLOCKED, WRITTEN, Account, Side, locks_of, side_of
from ..guards.common_locks import in_common
from ..guards.found import find
from ..guards.named import KINDS, NotFound, again, named, namespaced, services_dicts
from ..guards.told import Told
from ..guards.watcher import Moment, Unavailable, Watcher, audited
from ..guards.writers import Walk, Writing, calling, own_write, walks, writing
from ..hooks import store
from ..hooks.facts import stack_of
from . import blocks, calls
from .frames import Stack, stacks
from .places import own_idents, place, text

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

_BUDGET = 0.004  # of one processor, for callbacks
_LEAST_QUOTA = 16
_OBJECTS = 32
_OCCURRENCES = 256
_SCANNED = 512
_FRAMES = 16
_LOOK_AGAIN_S = 1.0  # for more writers by their code
_LOOK_EVERY_S = 0.1  # for writers by their code, at the moment of an exception
_SAME_S = 0.02  # the same exception is told of again within this time
_FIRST, _FINDING = 4, 0.003  # how often each place is looked at in any case, and the share of a processor then


class _Occurrence(NamedTuple):
    """A loop over a container was broken off: by whom, and whose code writes to it, as far as that was looked for."""

    address: int
    name: str
    kind: str
    again: Callable[[], Any]
    by: Side
    writer: Side | None


class MapsSensor:
    """See the module."""

    name = "maps"
    period_s = 0.1

    def __init__(self) -> None:
        self._occurrences: deque[_Occurrence] = deque()  # filled in threads of the service
        self._lost = 0
        self._latest: tuple[int, int, float] = (0, 0, 0.0)
        self._looked_at = 0.0
        self._places: dict[tuple[str, int], int] = {}
        self._found_s = 0.0  # what finding objects has used up in threads of the service
        self._watcher: Watcher | None = None
        self._lock = threading.Lock()  # guards all below; only threads of ours take it
        self._limits: list[str] = []
        self._accounts: dict[int, Account] = {}  # by number
        self._by_address: dict[int, Account] = {}
        self._told = Told()
        self._walks: dict[tuple[int, tuple[int, int]], tuple[int, int]] = {}
        self._numbers = 0
        self._started_at = self._ticked_at = 0.0
        self._debt_s = 0.0
        self._blind_at = 0.0

    def start(self) -> None:
        """Be told of loops that were broken off."""
        self._started_at = self._ticked_at = time.perf_counter()
        store.observers.append(self.on_mutation)

    def stop(self) -> None:
        """Watch nothing more."""
        if self.on_mutation in store.observers:
            store.observers.remove(self.on_mutation)
        if self._watcher is not None:
            self._watcher.close()
        self._accounts, self._by_address, self._walks = {}, {}, {}
        self._occurrences.clear()
        for part in (accounts, expressions, blocks, calls):
            part.forget()

    @property
    def dropped(self) -> int:
        """Loops that were broken off and could not be noted, and objects beyond the limit."""
        return self._lost + self._told.lost

    @property
    def buffered(self) -> int:
        """Writes that are not accounted for yet, objects and conflicts."""
        noted = self._watcher.buffered if self._watcher else 0
        return noted + len(self._occurrences) + len(self._accounts) + len(self._told)

    @property
    def hook_s(self) -> float:
        """Seconds that callbacks have used up in threads of the service."""
        return self._found_s + (self._watcher.hook_s if self._watcher else 0.0)

    def on_mutation(self, exc: BaseException, _tb: TracebackType | None) -> None:
        """Note which object a loop was broken off for, and by now have its writers seen; called by the hooks."""
        started = time.perf_counter()
        before, self._latest = self._latest, (id(exc), get_ident(), started)
        if before[:2] == self._latest[:2] and started - before[2] < _SAME_S:
            return
        spots = stack_of(exc)[:_FRAMES]
        if not spots or not self._affordable((spots[0].code.co_filename, spots[0].line), started):
            self._lost += 1
            return
        found = find(exc, spots)
        if found is None:
            return
        by = Side(get_ident(), time.perf_counter_ns(), tuple(place(spot.code, spot.line) for spot in spots))
        if own_write([spots[0].frame], found.value, spots[0].offset):
            writer: Side | None = by
        else:
            writer = self._by_code(found.value)
        self._occurrences.append(
            _Occurrence(id(found.value), found.name, text(type(found.value).__name__), again(found), by, writer)
        )
        watcher = self._watcher
        if watcher is not None and isinstance(found.value, dict) and not watcher.watches(id(found.value)):
            watcher.watch(found.value, again(found))
        self._found_s += time.perf_counter() - started

    def _affordable(self, place: tuple[str, int], now: float) -> bool:
        """Whether to look at one more: at the first of each place always, then as often as their share allows."""
        seen = self._places.get(place, 0)
        if seen < _FIRST and len(self._places) < _OBJECTS:
            self._places[place] = seen + 1
            return True
        return len(self._occurrences) < _OCCURRENCES and self._found_s < _FINDING * (now - self._started_at)

    def _by_code(self, value: Any) -> Side | None:
        """Whose code writes to the object, at this moment; not looked for where the writes themselves are seen."""
        watched = self._watcher is not None and self._watcher.watches(id(value))
        if watched or time.perf_counter() - self._looked_at < _LOOK_EVERY_S:
            return None
        self._looked_at = time.perf_counter()
        return _writer(_others(get_ident()), value)

    def tick(self) -> None:
        """Account for what was noted, and look for writers and walkers on the stacks where there is reason to."""
        with self._lock:
            self._tick()

    def data(self, since: int) -> dict[str, Any]:
        """What is looked at, and the conflicts that changed after number `since`; times in seconds of perf_counter.

        `limits` has the reason why writes are not seen themselves, if they are not.
        """
        with self._lock:
            self._tick()
            told, known = self._told, self._accounts.values()
            return {
                "at": time.perf_counter(),
                "watched": [told.watched(each) for each in known if not each.scanned],
                "conflicts": told.conflicts(self._accounts, since),
                "suspects": [told.suspect(each) for each in known if each.scanned and len(each.writers) > 1],
                "limits": list(self._limits),
                "sequence": told.sequence,
                "dropped": self.dropped,
            }

    def guard(self, names: list[str]) -> list[dict[str, Any]]:
        """Look at objects by their names ("module:NAME") from now on.

        Raises:
            NotFound: a name means nothing, or nothing that can be guarded; then none is.
        """
        found = [named(name) for name in names]
        with self._lock:
            guarded = []
            for each in found:
                account = self._account(each.value, each.name, again(each))
                if account is None:
                    raise NotFound("too-many", f"more than {_OBJECTS} objects are looked at already")
                account.scanned = False
                guarded.append(self._told.watched(account))
            return guarded

    def scan(self, on: bool) -> int:
        """Look at all dicts that are global variables or attributes of classes, or no more; return how many.

        Raises:
            NotFound: writes cannot be seen in this process.
        """
        with self._lock:
            if not on:
                for each in [each for each in self._accounts.values() if each.scanned]:
                    self._forget(each)
                return 0
            if self._open() is None:
                raise NotFound(self._limits[0], "writes to dicts cannot be seen in this process")
            for found in services_dicts():
                if id(found.value) not in self._by_address and len(self._accounts) < _SCANNED:
                    account = self._account(found.value, found.name, again(found), most=_SCANNED)
                    if account is not None:
                        account.scanned, account.path = True, found.path
            return sum(each.scanned for each in self._accounts.values())

    def _tick(self) -> None:
        now = time.perf_counter()
        elapsed, self._ticked_at = now - self._ticked_at, now
        if self._accounts or self._occurrences:
            self._told.remember_threads()
        if self._watcher is not None and audited():
            self._give_up(self._watcher)
        resizing = self._take(self._watcher, elapsed) if self._watcher is not None else []
        for _ in range(len(self._occurrences)):
            self._occurred(self._occurrences.popleft())
        if self._has_reason_to_look(now, resizing):
            self._look(resizing)

    def _give_up(self, watcher: Watcher) -> None:
        """Watch no more: an audit hook came, which Python would run in the callbacks."""
        watcher.close()
        self._watcher, self._limits = None, ["audit-hook"]
        for account in self._accounts.values():
            account.how = "code"

    def _take(self, watcher: Watcher, elapsed: float) -> list[Moment]:
        """Account for the writes that were noted; return those that changed which keys there are."""
        before = watcher.hook_s
        moments, more = watcher.take()
        for address in watcher.ended():
            account = self._by_address.pop(address, None)
            if account is not None:
                account.address = 0
        for moment in moments:
            account = self._by_address.get(moment.address)
            if account is not None:
                for kind, last, other in account.note(moment):
                    if not account.scanned:
                        self._told.note(account, kind, writes=side_of(last), other=side_of(other), seen=True)
        if more:
            for account in self._by_address.values():
                account.gap()
        self._pay(watcher, watcher.hook_s - before, elapsed)
        return [moment for moment in moments if moment.resizes]

    def _pay(self, watcher: Watcher, spent_s: float, elapsed: float) -> None:
        """Let the callbacks rest until, all in all, they have used up no more than their share."""
        self._debt_s = max(0.0, self._debt_s + spent_s - _BUDGET * elapsed)
        rest = self._debt_s > _BUDGET * self.period_s
        for account in list(self._by_address.values()):
            if account.how != "watcher" or account.again is None or rest is account.resting:
                continue
            value = account.again()
            if id(value) != account.address:
                continue
            if rest:
                watcher.unwatch(account.address)
            else:
                watcher.watch(value, account.again)
            account.resting = rest
            account.gap()
        watcher.allow(0 if rest else watcher.quota(_BUDGET * self.period_s, _LEAST_QUOTA))

    def _occurred(self, occurrence: _Occurrence) -> None:
        account = self._by_address.get(occurrence.address) or self._another(occurrence)
        if account is None:
            found = namespaced(occurrence.address)
            handle = again(found) if found is not None else occurrence.again
            name = found.name if found is not None and "." not in occurrence.name else occurrence.name
            value = handle()
            alive = id(value) == occurrence.address
            account = self._account(value, name, handle) if alive else self._new(occurrence, handle)
            if account is None:
                return
        account.scanned = False
        if self._watcher is not None and self._watcher.watches(account.address):
            account.how = "watcher"  # perhaps only since this loop was broken off
        if account.how == "watcher" and account.recent:
            moment = account.writer_before(occurrence.by.at_ns, occurrence.by.ident)
            if moment is not None:
                self._told.note(account, CHANGED, iterates=occurrence.by, writes=side_of(moment), seen=True)
                return
        self._told.note(account, CHANGED, iterates=occurrence.by, writes=occurrence.writer, seen=False)

    def _another(self, occurrence: _Occurrence) -> Account | None:
        """The account of an object of the same name, which from now on stands for this one: many are made anew."""
        same = next((each for each in self._accounts.values() if each.name == occurrence.name), None)
        if same is not None:
            if self._watcher is not None and same.address:
                self._watcher.unwatch(same.address)
            self._by_address.pop(same.address, None)
            same.address, same.again = occurrence.address, occurrence.again
            self._by_address[same.address] = same
            watched = self._watcher is not None and self._watcher.watches(same.address)
            same.how = "watcher" if watched else "code"
        return same

    def _has_reason_to_look(self, now: float, resizing: list[Moment]) -> bool:
        """Whether a look at all stacks may tell anything: who walks where keys change, or who writes unseen."""
        known = [each for each in self._accounts.values() if not each.scanned]
        if not known:
            return False
        if any(moment.address in self._by_address for moment in resizing):
            return True
        nameless = any(self._writer_is_unknown(each) for each in known)
        blind = nameless or any(each.how == "code" for each in known)
        if not blind or (not nameless and now - self._blind_at < _LOOK_AGAIN_S):
            return False
        self._blind_at = now
        return True

    def _writer_is_unknown(self, account: Account) -> bool:
        changed = self._told.get(account, CHANGED)
        return changed is not None and changed.writes is None

    def _look(self, resizing: list[Moment]) -> None:
        """Look at all stacks once, for loops over the objects and for code that writes to them."""
        alive = _others(0)
        found: dict[tuple[int, tuple[int, int]], tuple[int, int]] = {}
        for ident, stack in alive.items():
            for walk in walks(stack, KINDS):
                account = self._by_address.get(id(walk.value))
                if account is not None and not account.scanned:
                    key = (ident, walk.key)
                    found[key] = (account.number, time.perf_counter_ns())
                    if self._walks.get(key, (0, 0))[0] == account.number:
                        self._walked(account, ident, walk, self._walks[key][1], resizing)
        self._walks = found
        for account in list(self._accounts.values()):
            if not account.scanned and (account.how == "code" or self._writer_is_unknown(account)):
                self._writers_by_code(account, alive)

    def _walked(self, account: Account, ident: int, walk: Walk, since_ns: int, resizing: list[Moment]) -> None:
        """A thread is still in the loop that it was found in before: did others change the keys meanwhile?"""
        for moment in reversed(resizing):
            if moment.address == account.address and moment.ident != ident and moment.at_ns > since_ns:
                if in_common(locks_of(walk), locks_of(moment)) is False:
                    side = Side(ident, since_ns, tuple(walk.places))
                    self._told.note(account, WRITTEN, iterates=side, writes=side_of(moment), seen=True)
                return

    def _writers_by_code(self, account: Account, alive: dict[int, Stack]) -> None:
        value = account.again() if account.again is not None else None
        if id(value) != account.address or not account.address:
            return
        found: list[tuple[int, Writing]] = []
        for ident, stack in alive.items():
            written = writing(stack, value) or calling(stack, value)
            if written is not None:
                found.append((ident, written))
                account.writers.setdefault(ident, 0)
        changed = self._told.get(account, CHANGED)
        if changed is not None and not changed.seen and changed.iterates is not None:
            for ident, written in found:
                if ident != changed.iterates.ident and changed.writes is None:
                    changed.writes = Side(ident, time.perf_counter_ns(), tuple(written.places))
                    self._told.changed(changed)
        for (ident, one), (other_ident, other) in zip(found, found[1:]):
            if in_common(locks_of(one), locks_of(other)) is False:
                now = time.perf_counter_ns()
                sides = Side(ident, now, tuple(one.places)), Side(other_ident, now, tuple(other.places))
                self._told.note(account, UNLOCKED, writes=sides[0], other=sides[1], seen=False)

    def _open(self) -> Watcher | None:
        """The watcher, if there can be one."""
        if self._watcher is None and not self._limits:
            try:
                self._watcher = Watcher()
                self._watcher.allow(_LEAST_QUOTA)
            except Unavailable as reason:
                self._limits = [reason.reference]
        return self._watcher

    def _account(self, value: Any, name: str, again: Callable[[], Any], most: int = _OBJECTS) -> Account | None:
        """The account of an object that is alive, which is looked at from now on; None where there are too many."""
        account = self._by_address.get(id(value))
        if account is not None:
            return account
        if len(self._accounts) >= most:
            self._lost += 1
            return None
        account = self._add(id(value), name, text(type(value).__name__))
        account.again = again
        watcher = self._open() if isinstance(value, dict) else None
        if watcher is not None and (watcher.watches(id(value)) or watcher.watch(value, again)):
            account.how = "watcher"
        return account

    def _new(self, occurrence: _Occurrence, again: Callable[[], Any]) -> Account | None:
        """The account of an object that nobody can get at any more; it may be watched all the same."""
        if len(self._accounts) >= _OBJECTS:
            self._lost += 1
            return None
        account = self._add(occurrence.address, occurrence.name, occurrence.kind)
        watcher = self._open()
        if watcher is not None and watcher.watches(occurrence.address):
            account.how = "watcher"
        else:
            account.again = again
        return account

    def _add(self, address: int, name: str, kind: str) -> Account:
        self._numbers += 1
        account = Account(self._numbers, address, name, kind, time.perf_counter_ns())
        self._accounts[account.number] = self._by_address[address] = account
        return account

    def _forget(self, account: Account) -> None:
        if self._watcher is not None and account.address:
            self._watcher.unwatch(account.address)
        self._by_address.pop(account.address, None)
        self._accounts.pop(account.number, None)


def _others(ident: int) -> dict[int, Stack]:
    """The stacks of all threads of the service but one."""
    ours = own_idents()
    return {each: stack for each, stack in stacks(_FRAMES).items() if each != ident and each not in ours}


def _writer(alive: dict[int, Stack], value: Any) -> Side | None:
    """The first thread whose code writes to the object, else the first that calls such code."""
    for ident, written in (
        (ident, look(stack, value)) for look in (writing, calling) for ident, stack in alive.items()
    ):
        if written is not None:
            return Side(ident, time.perf_counter_ns(), tuple(written.places))
    return None
