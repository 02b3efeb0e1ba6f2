"""Reads the state of the interpreter's cyclic collector at one moment, without stopping it.

A read is a few `pread` calls on `/proc/PID/mem`, some ten microseconds of ours and none of the target's. Where the
interpreter is one that we do not know, pystack's flag takes the reader's place: slower, without statistics. Separate
from `collector`, which decides when to read and what the reads mean together.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

from kdiag.attach.debug_offsets import DEBUG_OFFSETS_SIZE
from kdiag.attach.interpreter import find_interpreter
from kdiag.attach.memory import TargetMemory, UnmappedError
from kdiag.errors import KdiagError
from kdiag.sources.collector_layout import (
    AFTER_COLLECTING,
    COLLECTING_SIZE,
    GENERATION_SIZE,
    GENERATIONS,
    SEARCHED,
    CollectorState,
    UnknownLayoutError,
    alive,
    decode,
    find_collecting,
    ring_address,
    runtime_layout,
    state_layout,
    survivors,
)
from kdiag.sources.pystack import Pystack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_T = TypeVar("_T")
_POINTER_SIZE = 8
_TRIES = 5
_MOST_INTERPRETERS = 256  # a longer chain is not one
_NOT_COLLECTING = bytes(COLLECTING_SIZE)


class Reader(Protocol):
    """Reads the collector's state, in one of two ways."""

    tool: Literal["memory", "pystack"]
    spacing_s: float  # mean time between the reads of a burst

    def under_way(self) -> bytes | None:
        """A mark of the collection that is under way, None when there is none.

        The same mark again is the same collection; an empty mark tells nothing.

        Raises:
            KdiagError: it cannot be read (now).
        """

    def read(self) -> CollectorState:
        """Read what can be read.

        Raises:
            KdiagError: it cannot be read (now).
        """

    def survivors(self) -> int | None:
        """How many objects the last full collection left (since 3.14: there are); None where that is not known.

        Raises:
            KdiagError: it cannot be read (now).
        """

    def close(self) -> None:
        """Let go of the target."""


class CollectorReader:
    """Reads the collectors of all interpreters in a process from its memory.

    Raises:
        KdiagError: on construction: no interpreter, no permission, or (UnknownLayoutError) an interpreter whose
            collector could not be found.
    """

    tool: Literal["memory", "pystack"] = "memory"
    spacing_s = 0.005

    def __init__(self, pid: int) -> None:
        interpreter = find_interpreter(pid)
        if interpreter is None or interpreter.runtime is None:
            reason = interpreter.problem.message if interpreter and interpreter.problem else "there is no interpreter"
            raise UnknownLayoutError(reason)
        self._memory = TargetMemory(pid)
        try:
            self._find(interpreter.runtime, interpreter.version, lists=interpreter.build != "free-threaded")
        except UnmappedError as error:
            self.close()
            reason = f"following it led to unmapped memory ({error.message})"
            raise UnknownLayoutError(reason) from error
        except KdiagError:
            self.close()
            raise

    def _find(self, runtime: int, version: tuple[int, ...], *, lists: bool) -> None:
        memory = self._memory
        self._runtime = runtime_layout(version, lambda: memory.read(runtime, DEBUG_OFFSETS_SIZE))
        self._state = state_layout(version, self._runtime.ring_size, lists=lists)
        self._head = runtime + self._runtime.head
        main = memory.read_pointer(self._head + _POINTER_SIZE)
        if not main:
            reason = "the interpreter is not initialised"
            raise UnknownLayoutError(reason)
        self._main = main
        self._collecting = self._runtime.collecting or find_collecting(memory.read(main, SEARCHED), main)
        self._interpreters: tuple[int, ...] = (main,)
        self._collections: tuple[int, ...] = (0,) * GENERATIONS
        self._collected = self._collections
        self.read()

    def collecting(self) -> bool:
        """Whether a collection is under way."""
        return self.under_way() is not None

    def under_way(self) -> bytes | None:
        """A mark of the collections that are under way in the interpreters of the last `read`; None without any.

        The mark is the raw statistics, which change whenever a collection is completed. One `pread` as long as
        nothing is under way.
        """
        try:
            marks = self._marks()
        except UnmappedError:  # a subinterpreter has ended since
            marks = self._anew(self._marks)
        return b"".join(mark or b"" for mark in marks) if any(marks) else None

    def read(self) -> CollectorState:
        """Read the whole state: summed over the interpreters, thresholds and switch those of the main one.

        Raises:
            UnknownLayoutError: what was read is implausible.
            TargetEndedError: the process ended.
        """
        return self._anew(self._sum)

    def lists(self) -> tuple[int, ...]:
        """Where the heads of the main interpreter's lists of objects lie, one for each generation.

        Raises:
            UnknownLayoutError: this build has none.
        """
        if not self._state.lists:
            reason = "a build without a GIL keeps no lists of its objects"
            raise UnknownLayoutError(reason)
        first = self._main + self._collecting - self._state.before + self._state.generations
        return tuple(first + number * GENERATION_SIZE for number in range(GENERATIONS))

    def alive(self) -> int:
        """About how many objects the main interpreter's collector watches."""
        block = self._memory.read(self._main + self._collecting - self._state.before, self._state.before)
        after = self._memory.read(self._main + self._collecting, AFTER_COLLECTING)
        return alive(self._state, block, after)

    def survivors(self) -> int | None:
        """How many objects of the main interpreter the last full collection left; since 3.14 how many there are."""
        if not self._state.lists:
            return None
        return survivors(self._state, self._memory.read(self._main + self._collecting, AFTER_COLLECTING))

    @property
    def counts_objects(self) -> bool:
        """Whether `alive` is exact."""
        return len(self._state.objects) == 1

    def rearranged(self) -> int:
        """How many collections there have been that leave the old objects in another order."""
        return sum(self.read().collections[self._state.rearranges :])

    @property
    def memory(self) -> TargetMemory:
        """The target's memory."""
        return self._memory

    def close(self) -> None:
        """Let go of the target."""
        self._memory.close()

    def _anew(self, read: Callable[[], _T]) -> _T:
        """What is read of the interpreters that there are now.

        One may end while we are kept from going on: its memory is then gone, or somebody else's. Not so the next time.
        """
        for _ in range(_TRIES - 1):
            with contextlib.suppress(UnmappedError, UnknownLayoutError):
                self._interpreters = self._walk()
                return read()
        self._interpreters = self._walk()
        return read()

    def _walk(self) -> tuple[int, ...]:
        """The interpreters, the main one first; new ones are put at the chain's head."""
        found = [self._main]
        interpreter = self._memory.read_pointer(self._head)
        while interpreter and len(found) < _MOST_INTERPRETERS:
            if interpreter != self._main:
                found.append(interpreter)
            interpreter = self._memory.read_pointer(interpreter + self._runtime.next)
        return tuple(found)

    def _marks(self) -> list[bytes | None]:
        return [self._mark(interpreter) for interpreter in self._interpreters]

    def _mark(self, interpreter: int) -> bytes | None:
        block = self._block(interpreter, self._state.statistics)
        if block.endswith(_NOT_COLLECTING):
            return None
        rings = ring_address(block) if self._state.ring_size else 0
        return self._memory.read(rings, self._state.ring_size) if rings else block

    def _block(self, interpreter: int, begin: int) -> bytes:
        """The collector's state of one interpreter, from an offset in it up to `collecting`, which ends it."""
        before = self._state.before - begin
        return self._memory.read(interpreter + self._collecting - before, before + COLLECTING_SIZE)

    def _sum(self) -> CollectorState:
        states = [
            decode(self._state, self._block(interpreter, 0), self._memory.read) for interpreter in self._interpreters
        ]
        # The counts of an interpreter end with it, but a total must not go back: it stands still instead.
        self._collections = tuple(map(max, self._collections, _total(state.collections for state in states)))
        self._collected = tuple(map(max, self._collected, _total(state.collected for state in states)))
        return CollectorState(
            any(state.collecting for state in states),
            self._collections,
            self._collected,
            states[0].thresholds,
            states[0].enabled,
        )


def _total(counts: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    """The sum of several interpreters' counts, by generation."""
    return tuple(map(sum, zip(*counts, strict=True)))


class FlagReader:
    """Reads pystack's flag whether a collection is under way, and nothing else.

    A look costs 8 to 30 ms of CPU, hence the wide spacing.

    Raises:
        SourceError: on construction: pystack cannot read it either.
    """

    tool: Literal["memory", "pystack"] = "pystack"
    spacing_s = 0.15

    def __init__(self, pid: int) -> None:
        self._pystack = Pystack(pid)
        try:
            self.read()
        except KdiagError:
            self.close()
            raise

    def under_way(self) -> bytes | None:
        """An empty mark when a collection is under way, None when there is none.

        Raises:
            SourceError: `pystack-failed`, `pystack-crashed`.
        """
        return b"" if any(thread.collecting for thread in self._pystack.look("flags")) else None

    def read(self) -> CollectorState:
        """Whether a collection is under way; the rest stays unknown.

        Raises:
            SourceError: `pystack-failed`, `pystack-crashed`.
        """
        return CollectorState(self.under_way() is not None)

    def survivors(self) -> int | None:
        """Not known."""
        return None

    def close(self) -> None:
        """Let go of the target."""
        self._pystack.close()
