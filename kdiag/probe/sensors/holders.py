"""Who holds the locks and semaphores that others wait for, and where they were taken.

An RLock knows its owner. Of all others whoever is inside of a `with` on it is the holder for certain, and whoever has
called its `acquire` most likely (see `acquired`). A semaphore may have more holders than can be seen, unless it says
that it lets in one at a time.

Separate from `threads`, which only tells it, and from `blocks` and `acquired`, which look at one frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ..turns import Turns
from .acquired import acquired, releases
from .blocks import entered
from .places import instance_dict, place
from .waits import lock_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from .frames import Stack
    from .waits import Wait

HELD = frozenset({"lock", "rlock", "semaphore"})
_FRAMES = 48


class Held(NamedTuple):
    """One who holds a lock.

    Attributes:
        who: the ident of a thread, or the id of a task.
        at: the place where it was taken, fit for JSON; None where only the lock itself says who holds it.
        sure: by a `with`, not only by a call.
    """

    who: int
    at: list[Any] | None
    sure: bool
    task: bool = False


Holders = dict[int, list[Held]]  # by id of the lock


def holders_of(looked: Mapping[int, Stack], waits: Mapping[int, Wait]) -> Holders:
    """The threads that hold what some thread waits for.

    A thread in a condition's wait has let its lock go, although it is inside of the block.
    """
    wanted = {id(wait.value) for wait in waits.values() if wait.kind in HELD}
    turns = Turns()
    found: Holders = {}
    for ident, stack in looked.items() if wanted else ():
        turns.next()
        wait = waits.get(ident)
        let_go = id(lock_of(wait.value)) if wait is not None and wait.kind == "condition" else 0
        for lock, held in held_in(stack[:_FRAMES], ident, wanted):
            if lock != let_go:
                found.setdefault(lock, []).append(held)
    return found


def held_in(
    frames: Stack, who: int, wanted: set[int], *, task: bool = False, awaits: object = None
) -> Iterator[tuple[int, Held]]:
    """The wanted ones among what frames hold, innermost first; `awaits` is what a task waits to acquire."""
    may_release = False
    for frame in frames:
        for found, line in entered(frame):
            lock = id(lock_of(found.value))
            if lock in wanted:
                yield lock, Held(who, list(place(frame.f_code, line)), sure=True, task=task)
        for found, line in () if may_release else acquired(frame, waits_for=awaits):
            lock = id(lock_of(found.value))
            if lock in wanted:
                at = list(place(frame.f_code, line)) if line else None
                yield lock, Held(who, at, sure=False, task=task)
        may_release = may_release or releases(frame)


def owner_of(wait: Wait, holders: Sequence[Held]) -> Held | None:
    """The only one who can let go what is waited for, by its own word or by what was seen; None where not known."""
    sure = [held for held in holders if held.sure]
    if wait.owner:
        return next((held for held in holders if held.who == wait.owner), Held(wait.owner, None, sure=True))
    for found in (sure, holders):
        if len({held.who for held in found}) == 1:
            return found[0] if wait.kind != "semaphore" or _is_single(wait.value) else None
        if found:
            return None
    return None


def _is_single(semaphore: object) -> bool:
    """Whether a semaphore lets one in at a time, by its own word."""
    own = instance_dict(semaphore)
    most = own.get("_initial_value", own.get("_bound_value"))  # threading's, asyncio's
    return type(most) is int and most == 1
