"""What is told of containers and their conflicts: texts and numbers, fit for JSON.

Separate from the accounts, which count, so that what leaves the process is decided in one place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..sensors.places import thread_names
from .accounts import Account, Conflict, Side

if TYPE_CHECKING:
    from collections.abc import Mapping

_CONFLICTS = 64
_NAMES = 512
_FRAMES = 16


class Told:
    """The conflicts so far, and the names of the threads, some of which may have ended meanwhile."""

    def __init__(self) -> None:
        self.sequence = 0
        self.lost = 0
        self._conflicts: dict[tuple[int, str], Conflict] = {}
        self._names: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._conflicts)

    def remember_threads(self) -> None:
        """Remember what the threads are called that are alive now."""
        names = thread_names()
        if len(self._names) + len(names) > _NAMES:
            self._names = {}
        self._names.update(names)

    def get(self, account: Account, kind: str) -> Conflict | None:
        """The conflict of a kind about a container."""
        return self._conflicts.get((account.number, kind))

    def note(
        self, account: Account, kind: str, *, seen: bool,
        iterates: Side | None = None, writes: Side | None = None, other: Side | None = None,
    ) -> None:  # fmt: skip
        """Note a conflict, at least one side of which is known; `seen`: the write itself was."""
        conflict = self._conflicts.get((account.number, kind))
        if conflict is None:
            if len(self._conflicts) >= _CONFLICTS:
                self.lost += 1
                return
            conflict = Conflict(len(self._conflicts) + 1, account.number, kind)
            self._conflicts[account.number, kind] = conflict
        at_ns = max(side.at_ns for side in (iterates, writes, other) if side is not None)
        conflict.count += 1
        conflict.first_ns = conflict.first_ns or at_ns
        conflict.last_ns = max(conflict.last_ns, at_ns)
        conflict.iterates, conflict.other = iterates, other
        if writes is not None and (seen or not conflict.seen):
            conflict.writes, conflict.seen = writes, seen
        self.changed(conflict)

    def changed(self, conflict: Conflict) -> None:
        """Tell of a conflict again."""
        self.sequence += 1
        conflict.sequence = self.sequence

    def watched(self, account: Account) -> dict[str, Any]:
        """A container that is looked at."""
        return {
            "number": account.number, "name": account.name, "type": account.kind, "since": account.since_ns / 1e9,
            "writes": account.writes, "how": account.how, "threads": self._writers(account),
        }  # fmt: skip

    def suspect(self, account: Account) -> dict[str, Any]:
        """A container that several threads write to; `locked`: never without a lock in common, as far as was seen."""
        return {
            "name": account.name, "type": account.kind, "writers": self._writers(account), "writes": account.writes,
            "locked": not account.unlocked, "path": account.path,
        }  # fmt: skip

    def conflicts(self, accounts: Mapping[int, Account], since: int) -> list[dict[str, Any]]:
        """The conflicts that changed after a number."""
        return [
            self._conflict(each, accounts[each.account])
            for each in self._conflicts.values()
            if each.sequence > since and each.account in accounts
        ]

    def _writers(self, account: Account) -> list[str]:
        return [self._names.get(ident, "") or str(ident) for ident in account.writers]

    def _conflict(self, conflict: Conflict, account: Account) -> dict[str, Any]:
        return {
            "number": conflict.number, "sequence": conflict.sequence, "kind": conflict.kind, "object": account.number,
            "name": account.name, "type": account.kind, "count": conflict.count,
            "first_at": conflict.first_ns / 1e9, "last_at": conflict.last_ns / 1e9,
            "iterates": self._side(conflict.iterates), "writes": self._side(conflict.writes),
            "other": self._side(conflict.other), "seen": conflict.seen,
        }  # fmt: skip

    def _side(self, side: Side | None) -> dict[str, Any] | None:
        if side is None:
            return None
        return {
            "thread": self._names.get(side.ident, ""), "ident": side.ident, "at": side.at_ns / 1e9,
            "frames": [list(each) for each in side.places[:_FRAMES]],
        }  # fmt: skip
