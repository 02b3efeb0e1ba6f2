"""Locks as they show from outside: which one a thread waits for, and which ones it holds by its source.

Python's stacks show neither `lock.acquire()` nor `with lock:`: the user's own line is innermost, and only the source
tells that it acquires. Two expressions are one lock when they are the same attribute of the same class, or the same
name in the same module. It is separate because deadlock and lock-contention must agree on what one lock is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kdiag.core.frames import Ownership, Tier, library_function
from kdiag.core.model import Frame, LineFacts, ThreadSample, Wait
from kdiag.core.threads import Waiting, waiting

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

# Locks on one line have one futex word each up to 3.12; later ones park threads on words of the threads' own.
_WORD_IS_LOCK_BELOW = (3, 13)


@dataclass(frozen=True, slots=True)
class Lock:
    """One lock: the file in which its name means one thing ("" for everywhere), and its name for people."""

    scope: str
    name: str


@dataclass(frozen=True, slots=True)
class Want:
    """A thread's wait for a lock.

    Attributes:
        locks: the lock; several when one line acquires several and it is not known which of them it waits for.
        frame: the line that acquires.
        seen: the source says that the line acquires; otherwise only the kernel's wait does.
    """

    locks: tuple[Lock, ...]
    frame: Frame
    seen: bool
    address: int

    @property
    def name(self) -> str | None:
        """The lock's name for people; None when the source was not readable."""
        return self.locks[-1].name if self.seen else None


@dataclass(frozen=True, slots=True)
class Hold:
    """A lock that a thread holds, by the `with` block (at `line`) that one of its frames is inside of."""

    lock: Lock
    frame: Frame
    line: int


def wanted(thread: ThreadSample, ownership: Ownership) -> Want | None:
    """The lock that the thread waits for; None when it waits for none."""
    if not thread.frames or not (thread.wait is Wait.LOCK or thread.wait is Wait.UNKNOWN):
        return None
    waits, depth = waiting(thread.frames)
    if waits not in (Waiting.NOTHING_KNOWN, Waiting.LOCK) or depth == len(thread.frames):
        return None
    frame = thread.frames[depth]
    if library_function(frame)[0].startswith("multiprocessing/"):
        return None  # a lock between processes: its holder may be in another one
    facts = ownership.window.lines.get((frame.file, frame.line))
    if facts and facts.acquires and (thread.wait is Wait.LOCK or waits is Waiting.LOCK or _plain(facts)):
        return Want(tuple(_lock(e, frame, facts) for e in facts.acquires), frame, True, thread.wait_address)
    by_kernel = facts is None and thread.wait is Wait.LOCK and ownership.tier(frame) >= Tier.LIBRARY
    if waits is Waiting.LOCK or by_kernel:
        return Want((Lock(f"{frame.file}:{frame.line}", frame.function),), frame, False, thread.wait_address)
    return None


def held(thread: ThreadSample, ownership: Ownership) -> Iterator[Hold]:
    """The locks that the thread holds as far as its source tells, innermost frame first.

    A thread in Condition.wait has let the condition's lock go, although the caller of `wait` stands inside of its
    `with` block: the user's code, or the library's own in Event, Queue, Semaphore and Future.
    """
    caller = _condition_caller(thread.frames)
    for index, frame in enumerate(thread.frames):
        facts = ownership.window.lines.get((frame.file, frame.line))
        if facts is None:
            continue
        holds = facts.holds
        if index == caller:
            holds = _without_condition(facts)
        for expression, line in holds:
            if "(" not in expression:
                yield Hold(_lock(expression, frame, facts), frame, line)


def _condition_caller(frames: Sequence[Frame]) -> int | None:
    """The index of the frame that called Condition.wait; None when the thread is not in it."""
    functions = [library_function(frame) for frame in frames[:2]]
    if functions[:1] != [("threading.py", "wait")]:
        return None
    return 2 if functions[1:] == [("threading.py", "wait_for")] else 1


def identity(want: Want, python: str) -> Hashable:
    """What is equal for all who wait for the same lock: its futex word where that is the lock's, else its name."""
    return want.address if want.address and _words_tell(python) else want.locks


def distinct(wants: list[Want], python: str) -> int:
    """How many different locks these waits are for, at least: by name, or by futex word where that is the lock's."""
    words = {want.address for want in wants if want.address} if _words_tell(python) else set()
    return max(len({want.locks for want in wants}), len(words))


def _words_tell(python: str) -> bool:
    parts = python.split(".")
    return len(parts) >= 2 and parts[0].isdecimal() and parts[1].isdecimal() and (
        (int(parts[0]), int(parts[1])) < _WORD_IS_LOCK_BELOW
    )  # fmt: skip


def _plain(facts: LineFacts) -> bool:
    """Whether the line acquires something that looks like a lock even without the kernel's word for it."""
    return not any("(" in expression for expression in facts.acquires)


def _without_condition(facts: LineFacts) -> tuple[tuple[str, int], ...]:
    """The enclosing `with` blocks but the one of the condition that is waited on (the innermost, unless named)."""
    condition = facts.call.rpartition(".")[0]
    named = tuple(hold for hold in facts.holds if hold[0] != condition)
    return named if len(named) < len(facts.holds) else facts.holds[:-1]


def _lock(expression: str, frame: Frame, facts: LineFacts) -> Lock:
    """One lock's identity: `self.x` by file and class, `module.x` by its words, a bare name by its module."""
    root, dot, _ = expression.partition(".")
    if dot and root in {"self", "cls"}:
        owner = facts.qualname.partition(".<locals>")[0].rpartition(".")[0] or root
        return Lock(frame.file, owner + expression.removeprefix(root))
    if dot:
        return Lock("", expression)
    module = frame.file.rpartition("/")[2].removesuffix(".py")
    return Lock("", f"{module}.{expression}")
