"""When to look for what keeps things that a pool has lent: when somebody waits, and more are out than threads use.

Separate from `keepers`, which looks, because that costs too much to be done at every look at the pools.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from .keepers import kept
from .lent import classes

if TYPE_CHECKING:
    from .adapters import Adapters

_MOST = 5


class Leaks:
    """Keeps by pool what it was like when it was searched for, and what was found: numbers, names and places."""

    def __init__(self, adapters: Adapters) -> None:
        self._adapters = adapters
        self._known: dict[int, tuple[Any, dict[str, Any] | None]] = {}

    def of(self, adapter: str, pool: Any, missing: bool, state: Any) -> dict[str, Any] | None:
        """What keeps how many of the things that are out, and where they are put there; None where nobody looked.

        Args:
            missing: whether somebody waits, and fewer threads use them than are out.
            state: numbers of the pool; it is searched once, when they are what they were at the look before.
        """
        if not missing:
            self._known.pop(id(pool), None)
            return None
        before, found = self._known.get(id(pool), (None, None))
        if state != before:
            found = None
        elif found is None:
            found = self._search(adapter, pool)
        self._known[id(pool)] = state, found
        return found

    def forget(self, alive: set[int]) -> None:
        """Let go of what is known of pools that are no more."""
        self._known = {key: known for key, known in self._known.items() if key in alive}

    def _search(self, adapter: str, pool: Any) -> dict[str, Any]:
        wanted = classes(self._adapters.constant(adapter, "LENT") or ())
        found, complete = kept(wanted, lambda value: self._adapters.ask(adapter, "pool_of_lent", value) is pool)
        counted = Counter((each.name, each.filled_at) for each in found).most_common(_MOST)
        return {"by": [[count, name, place] for (name, place), count in counted], "complete": complete}
