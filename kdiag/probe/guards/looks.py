"""Looks at all threads' stacks: who is in a loop over a container whose keys change, and whose code writes to it.

They cost the most of all that is done about containers, so they are done only where there is reason to.

Separate from the sensor, which accounts for what is seen, and from `writers`, which reads a single stack.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from ..sensors.frames import Stack, stacks
from ..sensors.places import own_idents
from .accounts import CHANGED, UNLOCKED, WRITTEN, Account, Side, locks_of, side_of
from .common_locks import in_common
from .named import KINDS
from .writers import Walk, Writing, calling, walks, writing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .told import Told
    from .watcher import Moment

FRAMES = 16  # of a stack
_LOOK_AGAIN_S = 1.0  # for more writers by their code


class Looks:
    """See the module. For one thread at a time.

    Args:
        accounts: the containers, by number.
        by_address: those that live, by address.
        told: is told of what is found.
    """

    def __init__(self, accounts: Mapping[int, Account], by_address: Mapping[int, Account], told: Told) -> None:
        self._accounts = accounts
        self._by_address = by_address
        self._told = told
        self._walks: dict[tuple[int, tuple[int, int]], tuple[int, int]] = {}
        self._blind_at = 0.0

    def tick(self, now: float, resizing: list[Moment]) -> None:
        """Look, if that may tell anything.

        Args:
            now: seconds.
            resizing: the writes since the last time that changed which keys there are.
        """
        if self._has_reason(now, resizing):
            self._look(resizing)

    def _has_reason(self, now: float, resizing: list[Moment]) -> bool:
        """Whether a look may tell anything: who walks where keys change, or who writes unseen."""
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
        self._told.remember_threads()
        alive = others(0)
        found: dict[tuple[int, tuple[int, int]], tuple[int, int]] = {}
        for ident, stack in alive.items() if resizing or self._walks else ():
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


def others(ident: int) -> dict[int, Stack]:
    """The stacks of all threads of the service but one."""
    ours = own_idents()
    return {each: stack for each, stack in stacks(FRAMES).items() if each != ident and each not in ours}


def writer(alive: dict[int, Stack], value: Any) -> Side | None:
    """The first thread whose code writes to the object, else the first that calls such code."""
    for ident, written in (
        (ident, look(stack, value)) for look in (writing, calling) for ident, stack in alive.items()
    ):
        if written is not None:
            return Side(ident, time.perf_counter_ns(), tuple(written.places))
    return None
