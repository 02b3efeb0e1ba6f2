"""Locks and shared data, after Go's `sync`.

- Nobody starves: a waiting writer keeps new readers out, and readers that waited for a writer come before the next one.
- Nobody owns a lock by being a thread: as in Go any thread may unlock what another has locked. Who holds it is noted
  all the same, for whoever has to diagnose a deadlock.
- Whoever is interrupted while it waits (Ctrl-C, an exception of a signal handler) leaves no trace in the queue.
- No code of others runs under a lock of ours, except for the hash and comparison of keys.

`threading` has the rest: a plain mutex is its `Lock`.
"""

from .cond import Cond
from .once import Once
from .rwmutex import Holder, Locker, RWMutex
from .syncmap import SyncMap
from .waitgroup import WaitGroup

__all__ = ["Cond", "Holder", "Locker", "Once", "RWMutex", "SyncMap", "WaitGroup"]
