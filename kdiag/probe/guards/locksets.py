"""Which locks the calling thread holds, as far as its own stack tells.

A lock is found where a function on the stack

- is inside of `with lock:`, or
- has called `lock.acquire()` (`lock()`, `locker()` and the like of an `RWMutex`) before the place where it is now,

and reaches it by a plain chain: a variable and attributes of it. An RLock and an RWMutex are then asked whether this
very thread holds them. A plain Lock does not know, so after an `acquire()` it counts as held while anybody holds it.

A function that is inside of `with` and something that is no plain chain (`with locked():`, `with locks[name]:`) may
hold any lock. Where the function that writes, or its caller, does that, the answer is that it is not known. What is not
seen: a lock that was acquired in a function that has returned.

Separate from the guards because it alone knows locks, from `common_locks` because that has only code to go by, and from
`sensors.waits` because that looks at threads that wait.
"""

from __future__ import annotations

import opcode
from typing import TYPE_CHECKING, NamedTuple

from ..sensors.blocks import enclosing
from ..sensors.calls import LONGEST_CODE, instructions, used_at
from ..sensors.places import instance_dict, namespaces
from ..sensors.waits import blocks, kind_of, lock_of, owner_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType, FrameType

DEEPEST = 32
_NEAR = 2  # frames in which a `with` that cannot be read leaves the answer open
_KNOWN = 1024
_TAKING = frozenset({"acquire", "lock", "locker", "try_lock", "__enter__"})
_WITH = opcode.opmap["WITH_EXCEPT_START"]
_LOCKS = frozenset({"lock", "rlock", "condition", "semaphore"})


class Held(NamedTuple):
    """The identities of the locks that a thread is known to hold, and whether these are all that its code tells."""

    locks: frozenset[int]
    complete: bool

    def shares(self, other: Held) -> bool:
        """Whether the two may have a lock in common."""
        return not self.locks.isdisjoint(other.locks) or not (self.complete and other.complete)


class _Traits:
    """What a piece of code can do with locks: whether it has `with` blocks, and where it may take one by a call."""

    __slots__ = ("code", "has_blocks", "takes")

    def __init__(self, code: CodeType) -> None:
        self.code = code  # held so that its id is not given away again
        data = code.co_code if len(code.co_code) <= LONGEST_CODE else b""
        self.has_blocks = _WITH in data[::2]
        self.takes: tuple[int, ...] = ()
        if data and not _TAKING.isdisjoint(code.co_names):
            self.takes = tuple(offset for offset, name, _ in instructions(code) if name.startswith("CALL"))


_traits: dict[int, _Traits] = {}


def held(frame: FrameType | None, ident: int) -> Held:
    """The locks that the thread `ident`, which is the calling one, holds in this frame and its callers."""
    locks: set[int] = set()
    complete = True
    for depth in range(DEEPEST):
        if frame is None:
            break
        traits = _traits_of(frame.f_code)
        if traits.has_blocks or traits.takes:
            for lock in _candidates(frame, traits):
                if lock is None:
                    complete = complete and depth >= _NEAR
                elif is_lock(lock) and _is_ours(lock, ident):
                    locks.add(id(lock_of(lock)))
        frame = frame.f_back
    return Held(frozenset(locks), complete)


def forget() -> None:
    """Let go of the code that was looked at."""
    _traits.clear()


def _traits_of(code: CodeType) -> _Traits:
    known = _traits.get(id(code))
    if known is None:
        if len(_traits) >= _KNOWN:
            _traits.clear()
        known = _traits[id(code)] = _Traits(code)
    return known


def _candidates(frame: FrameType, traits: _Traits) -> Iterator[object]:
    """What the frame has entered or acquired; None for what it has entered and cannot be told."""
    code, here = frame.f_code, frame.f_lasti
    for offset in enclosing(code, here) if traits.has_blocks else ():
        entered = used_at(frame, offset)
        yield entered.value if entered is not None else None
    for offset in traits.takes:
        taken = used_at(frame, offset) if offset < here else None
        if taken is not None and taken.method in _TAKING and (kind_of(taken.value) != "lock" or blocks(taken.value, 0)):
            yield taken.value


def is_lock(value: object) -> bool:
    """Whether an object is a lock, by its class: one of the interpreter's, or one that has a lock's methods."""
    if kind_of(value) in _LOCKS:
        return True
    methods = {name for names in namespaces(type(value)) for name in ("acquire", "release", "lock") if name in names}
    return "lock" in methods or {"acquire", "release"} <= methods


def _is_ours(lock: object, ident: int) -> bool:
    """Whether a lock that knows its holders names this thread; True for one that does not know."""
    if kind_of(lock) == "rlock":
        return owner_of(lock) == ident
    holders = instance_dict(lock).get("_holders")
    if type(holders) is list:  # an RWMutex; a reader keeps no other reader out
        return any(each.ident == ident and each.writes for each in holders.copy())
    return True
