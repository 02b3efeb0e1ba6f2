"""What a thread waits for, and who could end the wait: read from its innermost frames.

The waits of `threading`, `queue` and `concurrent.futures` are Python functions: their frames hold the object. A plain
lock is waited for in C: there the instruction of the innermost frame tells (see `calls`).

Separate from `threads`, which knows nothing of locks.
"""

from __future__ import annotations

import sys
import threading
from _thread import LockType
from typing import TYPE_CHECKING, Any, NamedTuple

from .calls import MISSING, has_arguments, local, read_locals, used
from .places import instance_dict, text

if TYPE_CHECKING:
    from types import FrameType

    from .frames import Stack

RLockType = type(threading.RLock())
_PYTHON_RLOCK = getattr(threading, "_RLock", RLockType)

# By module and function: the kind of wait. The object is the frame's `self`.
_WAITS = {
    "threading": {
        "wait": "condition", "wait_for": "condition", "acquire": "semaphore", "join": "thread", "_wait": "barrier",
        "_wait_for_tstate_lock": "thread", "_join_os_thread": "thread", "__enter__": "lock", "_acquire_restore": "lock",
    },
    "queue": {"get": "queue", "put": "queue", "join": "queue"},
    "concurrent.futures._base": {"result": "future", "exception": "future"},
    "kdiag.machinery.sync.rwmutex": dict.fromkeys(("lock", "rlock", "_take", "_wait", "__enter__"), "lock"),
}  # fmt: skip
_TYPES = (
    ("event", "threading", "Event"), ("condition", "threading", "Condition"), ("semaphore", "threading", "Semaphore"),
    ("barrier", "threading", "Barrier"), ("thread", "threading", "Thread"), ("queue", "queue", "Queue"),
    ("future", "concurrent.futures._base", "Future"), ("lock", "kdiag.machinery.sync.rwmutex", "RWMutex"),
)  # fmt: skip
_SIMPLE_QUEUE = "_queue"
_LATE = sys.version_info < (3, 13)  # a lock says that it is taken only when its taker has the interpreter back


class Wait(NamedTuple):
    """A thread's wait.

    Attributes:
        kind: lock, rlock, condition, event, semaphore, barrier, queue, future or thread.
        value: the object waited for.
        name: its name for people ("module.NAME", "Class.attr"), "" where it is not known.
        owner: ident of the thread that must act: the owner of a lock, the thread that is joined; 0 where not known.
        depth: index of the frame that waits: the user's, behind the library's own.
        limited: it ends by itself when a time is over, or may do so.
    """

    kind: str
    value: Any
    name: str
    owner: int
    depth: int
    limited: bool = False


def wait_of(stack: Stack, ident: int, *, free: bool = False) -> Wait | None:
    """What the thread whose stack this is waits for; None where it does not, or it cannot be told.

    With `free` also for a plain lock that says that it is free: it does so until a thread that has got it has the
    interpreter back, too.
    """
    inner = stack[0]
    depth = next((n for n, frame in enumerate(stack) if _library(frame) is None), len(stack))
    if not depth:
        return _plain(inner, ident, free)
    outer, caller = stack[depth - 1], stack[depth] if depth < len(stack) else None
    entering = _entered_lock(inner)
    own, timeout = read_locals(outer, ("self", "timeout"))
    value = entering if entering is not None else own
    if not kind_of(value):
        value = local(inner, "self")  # one side of an RWMutex stands for the whole
    kind = kind_of(value)
    if not kind:
        return None
    if entering is not None and not blocks(value, ident):
        return None
    name = _own_name(value) or _name_in(caller, own if entering is not None else value)
    return Wait(kind, value, name, owner_of(value), depth, is_time(timeout))


def is_time(value: object) -> bool:
    """Whether the value of a `timeout` is one: none and negative ones are no limit."""
    return (type(value) is int or type(value) is float) and value >= 0


def kind_of(value: object) -> str:
    """The kind of an object that can be waited for; "" for any other."""
    kind = type(value)
    if kind is LockType:
        return "lock"
    if kind is RLockType or kind is _PYTHON_RLOCK:
        return "rlock"
    if kind.__module__ == _SIMPLE_QUEUE and kind.__name__ == "SimpleQueue":
        return "queue"
    for name, module, attribute in _TYPES:
        base = getattr(sys.modules.get(module), attribute, None)
        if base is not None and issubclass(kind, base):
            return name
    return ""


def owner_of(value: object) -> int:
    """Ident of the thread that a lock is held by or that is joined; 0 where the object does not know."""
    kind = type(value)
    if kind is RLockType and kind is not _PYTHON_RLOCK:
        return _owner_in_words(repr(value))  # the C type's own, which runs no code of the target's
    known = instance_dict(value)
    if kind is _PYTHON_RLOCK:
        return _number(known.get("_owner"))
    if kind_of(value) == "thread":
        return _number(known.get("_ident"))
    return _only_holder(known.get("_holders"))


def blocks(value: object, ident: int) -> bool:
    """Whether a lock is held now, and not by this thread itself in a way that lets it pass."""
    if type(value) is LockType:
        return value.locked()
    return owner_of(value) not in {0, ident}


def lock_of(value: object) -> object:
    """The lock inside a condition; any other object itself."""
    return instance_dict(value).get("_lock", value) if kind_of(value) == "condition" else value


def _library(frame: FrameType) -> str | None:
    """The kind of wait that a frame of the standard library's stands for."""
    name = frame.f_code.co_name
    for module, kinds in _WAITS.items():
        if name in kinds and module in sys.modules and frame.f_globals is vars(sys.modules[module]):
            return kinds[name]
    return None


def _plain(frame: FrameType, ident: int, free: bool) -> Wait | None:
    """A wait in C, right from the frame: for a lock, or for an item of a SimpleQueue."""
    found = used(frame)
    if found is None:
        return None
    value = lock_of(found.value)  # a condition's `acquire` is its lock's
    kind = kind_of(value)
    taken = (free and kind == "lock" and _LATE) or (kind in {"lock", "rlock"} and blocks(value, ident))
    if taken and found.method in {"", "acquire", "__enter__"}:
        return Wait(kind, value, found.name, owner_of(value), 0, found.method != "" and has_arguments(frame))
    if kind == "queue" and found.method == "get":
        return Wait(kind, found.value, found.name, 0, 0)
    return None


def _entered_lock(frame: FrameType) -> object | None:
    """The lock of a condition that is being entered, or taken again after a wait; None in any other wait."""
    name = frame.f_code.co_name
    found = used(frame)
    if name in {"__enter__", "_acquire_restore"} or (found is not None and found.method == "_acquire_restore"):
        inside = instance_dict(local(frame, "self")).get("_lock")
        return inside if kind_of(inside) in {"lock", "rlock"} else None
    return None


def _name_in(frame: FrameType | None, value: object) -> str:
    """How the frame that called a library's wait names the object; "" where it does not by a plain chain."""
    found = used(frame) if frame is not None else None
    return found.name if found is not None and found.value is value and value is not MISSING else ""


def _owner_in_words(words: str) -> int:
    """The owner in "<locked _thread.RLock object owner=1234 count=1 at 0x…>"."""
    owner = words.partition(" owner=")[2].partition(" ")[0]
    return int(owner) if owner.isdigit() else 0


def _own_name(value: object) -> str:
    """The name that an RWMutex was given; what else is waited for has none that says more than where it is kept."""
    return text(instance_dict(value).get("name")) if type(value).__name__ == "RWMutex" else ""


def _only_holder(holders: object) -> int:
    """The one thread that holds an RWMutex of ours; 0 where several read."""
    idents = (
        {_number(each[0]) for each in tuple(holders) if isinstance(each, tuple)} if type(holders) is list else set()
    )
    return idents.pop() if len(idents) == 1 else 0


def _number(value: object) -> int:
    return value if type(value) is int else 0
