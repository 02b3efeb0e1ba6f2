"""A map for many threads, whose compound operations are one step."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

K = TypeVar("K")
V = TypeVar("V")

_MISSING = object()


class SyncMap(Generic[K, V]):
    """A map that threads share without a lock of their own: each method is one step, and iterating never fails.

    What finds no key says so beside the value: `value, found = map.load(key)`, with None for a value that is not there.
    Reading takes no lock. Values are let go of, and compared, when no lock is held: what their `__del__` or `__eq__`
    does cannot wait for us.
    """

    def __init__(self) -> None:
        # Reentrant: the hash and comparison of a key, and what the collector finalizes meanwhile, may use the map.
        self._lock = threading.RLock()
        self._items: dict[K, V] = {}  # written under _lock; each read is one step of the dict's own

    def load(self, key: K) -> tuple[V | None, bool]:
        """Return a key's value, and whether it is there."""
        return _found(self._items.get(key, _MISSING))

    def store(self, key: K, value: V) -> None:
        """Set a key's value."""
        self.swap(key, value)

    def swap(self, key: K, value: V) -> tuple[V | None, bool]:
        """Set a key's value; return the one before, and whether there was one."""
        with self._lock:
            before = self._items.get(key, _MISSING)
            self._items[key] = value
        return _found(before)

    def load_or_store(self, key: K, value: V) -> tuple[V, bool]:
        """Return the value that is there, and True; where there is none set `value` and return that, and False."""
        with self._lock:
            if key in self._items:
                return self._items[key], True
            self._items[key] = value
            return value, False

    def load_and_delete(self, key: K) -> tuple[V | None, bool]:
        """Take a key out; return its value, and whether it was there."""
        with self._lock:
            before = self._items.pop(key, _MISSING)
        return _found(before)

    def delete(self, key: K) -> None:
        """Take a key out, if it is there."""
        self.load_and_delete(key)

    def compare_and_swap(self, key: K, old: V, new: V) -> bool:
        """Set a key's value to `new` if it is there and equals `old`; tell whether it did."""
        return self._replace(key, old, new)

    def compare_and_delete(self, key: K, old: V) -> bool:
        """Take a key out if its value equals `old`; tell whether it did."""
        return self._replace(key, old, _MISSING)

    def range(self) -> Iterator[tuple[K, V]]:
        """All keys and values as they are at this moment, whatever is written while they are looked at."""
        with self._lock:
            return iter(self._items.copy().items())  # a copy is one step, unlike a list of the items

    def clear(self) -> None:
        """Take all keys out."""
        with self._lock:
            before, self._items = self._items, {}
        before.clear()

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return f"<SyncMap of {len(self)}>"

    def _replace(self, key: K, old: V, new: object) -> bool:
        while True:
            seen = self._items.get(key, _MISSING)
            if seen is _MISSING or not (seen is old or seen == old):
                return False
            with self._lock:
                if self._items.get(key, _MISSING) is seen:
                    if new is _MISSING:
                        del self._items[key]
                    else:
                        self._items[key] = new  # type: ignore[assignment]  # what is not _MISSING is a value
                    return True


def _found(value: object) -> tuple[V | None, bool]:
    return (None, False) if value is _MISSING else (value, True)  # type: ignore[return-value]  # what was stored
