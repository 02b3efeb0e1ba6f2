"""Guarded maps and sets: they flag what threads do to each other in them, and name both sides.

- A `GuardedMap` is a dict in all that it does, a `GuardedSet` a set, a `GuardedOrderedDict` an OrderedDict.
- Reads are not touched; a write by the thread that also wrote before asks two questions more.
- Nothing is ever waited for, and no code of the service's runs while something of ours is held: there is no lock.
- Bounded: what cannot be kept is counted.
- No value leaves: files, lines, functions, threads and names do; see `evidence` for keys.

What is seen goes to the ledger: `kdiag.probe.guards.ledger.conflicts()`, and to its `callbacks`.

A name is loaded when it is first asked for: a probe that only watches dicts in place needs none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .maps import GuardedMap, GuardedOrderedDict, GuardedSet
    from .replacing import Replaced, guard, guarded
    from .state import ConcurrentMapError

__all__ = [
    "ConcurrentMapError",
    "GuardedMap",
    "GuardedOrderedDict",
    "GuardedSet",
    "Replaced",
    "guard",
    "guarded",
]

_HOMES = {"ConcurrentMapError": "state", "Replaced": "replacing", "guard": "replacing", "guarded": "replacing"}


def __getattr__(name: str) -> Any:
    """Fetch a name of the public interface when it is first asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - a probe may never need it

    value = getattr(import_module(f".{_HOMES.get(name, 'maps')}", __name__), name)
    globals()[name] = value
    return value
