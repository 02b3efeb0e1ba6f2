"""Hooks where crashes are to be seen: one file each, put in while the sensor `crashes` runs, and taken out exactly.

- A hook calls on to what was there before it, always. Where somebody hooks later, ours calls on and no more.
- A hook raises nothing into the service, and swallows nothing of the service's (see `guard`).
- Nothing is imported for a hook: while a service has not imported what it hooks, there is nothing to see.
- No reference to an exception, a traceback, a frame or a value of the service is kept; none of its code is run.

The others: `chained` (puts a function before another one), `kinds`, `facts` and `operand` (what an exception is, where
it was raised, what was None there), `known` (whether it was told of before), `unasked` (results that nobody asks for),
and `store`, where all comes together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .store import Store


class Hook(Protocol):
    """What each hook offers; called by threads of ours."""

    name: str

    def place(self) -> bool:
        """Put it in; False where there is nothing to hook yet, or never."""

    def remove(self) -> None:
        """Take it out, if it is in."""

    def tick(self) -> None:
        """Look after it; called now and then while it is in."""


def all_hooks(store: Store) -> list[Hook]:
    """One of each; what sees more comes first."""
    from . import excepthook, futures, logs, loops, pools, raises, threads, unraisable  # noqa: PLC0415 - not before

    kinds = (excepthook.ExceptHook, threads.ThreadHook, unraisable.UnraisableHook, loops.LoopHook, futures.FutureHook,
             pools.PoolHook, logs.LogHook, raises.RaiseHook)  # fmt: skip
    return [kind(store) for kind in kinds]
