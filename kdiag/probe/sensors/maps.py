"""Containers that change while somebody walks through them: which one, who walks, and who writes.

It begins with a RuntimeError of a loop, which the hooks tell of, or with a name that somebody gives. From then on that
one object is looked at: each write to a dict is called back for (see `guards.watcher`); where that cannot be, code that
writes to it is looked for on the threads' stacks.

It makes sense of what is noted, in a thread of the probe's. In threads of the service run only the callbacks and
`guards.broken`, which finds the object and has it watched. Nothing here holds on to an object of the service's.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from ..guards import accounts, expressions
from ..guards.accounts import CHANGED, Account, side_of
from ..guards.broken import Broken
from ..guards.looks import Looks
from ..guards.named import NotFound, again, named, namespaced, services_dicts
from ..guards.told import Told
from ..guards.watcher import Moment, Unavailable, Watcher, audited
from ..hooks import store
from . import blocks, calls
from .places import text

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..guards.broken import Occurrence

_BUDGET = 0.003  # of one processor, for callbacks
_LEAST_QUOTA = 16
_OBJECTS = 32
_SCANNED = 512
_PERIOD_S = 0.1
_BLIND_S = 0.5  # between two looks while no writes are called back for


class MapsSensor:
    """See the module."""

    name = "maps"

    def __init__(self) -> None:
        self._broken = Broken()
        self._lost = 0
        self._watcher: Watcher | None = None
        self._lock = threading.Lock()  # guards all below; only threads of ours take it
        self._limits: list[str] = []
        self._accounts: dict[int, Account] = {}  # by number
        self._by_address: dict[int, Account] = {}
        self._told = Told()
        self._looks = Looks(self._accounts, self._by_address, self._told)
        self._numbers = 0
        self._ticked_at = self._debt_s = 0.0

    def start(self) -> None:
        """Be told of loops that were broken off."""
        self._ticked_at = time.perf_counter()
        store.observers.append(self._broken.on_mutation)

    def stop(self) -> None:
        """Watch nothing more."""
        if self._broken.on_mutation in store.observers:
            store.observers.remove(self._broken.on_mutation)
        if self._watcher is not None:
            self._watcher.close()
        self._accounts.clear()
        self._by_address.clear()
        self._broken.take()
        for part in (accounts, expressions, blocks, calls):
            part.forget()

    @property
    def dropped(self) -> int:
        """Loops that were broken off and could not be noted, and objects beyond the limit."""
        return self._lost + self._broken.lost + self._told.lost

    @property
    def buffered(self) -> int:
        """Writes that are not accounted for yet, objects and conflicts."""
        noted = self._watcher.buffered if self._watcher else 0
        return noted + len(self._broken) + len(self._accounts) + len(self._told)

    @property
    def hook_s(self) -> float:
        """Seconds that callbacks have used up in threads of the service; the hooks count what they call."""
        return self._watcher.hook_s if self._watcher else 0.0

    @property
    def period_s(self) -> float:
        """Seconds between two looks."""
        return _PERIOD_S if self._watcher is not None else _BLIND_S

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
        if self.buffered > len(self._accounts) + len(self._told):
            self._told.remember_threads()
        if self._watcher is not None and audited():
            self._give_up(self._watcher)
        resizing = self._take(self._watcher, elapsed) if self._watcher is not None else []
        for occurrence in self._broken.take():
            self._occurred(occurrence)
        self._looks.tick(now, resizing)

    def _give_up(self, watcher: Watcher) -> None:
        """Watch no more: an audit hook came, which Python would run in the callbacks."""
        watcher.close()
        self._watcher = self._broken.watcher = None
        self._limits = ["audit-hook"]
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
        rest = self._debt_s > _BUDGET * _PERIOD_S
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
        watcher.allow(0 if rest else watcher.quota(_BUDGET * _PERIOD_S, _LEAST_QUOTA))

    def _occurred(self, occurrence: Occurrence) -> None:
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

    def _another(self, occurrence: Occurrence) -> Account | None:
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

    def _open(self) -> Watcher | None:
        """The watcher, if there can be one."""
        if self._watcher is None and not self._limits:
            try:
                self._watcher = self._broken.watcher = Watcher()
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

    def _new(self, occurrence: Occurrence, again: Callable[[], Any]) -> Account | None:
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
