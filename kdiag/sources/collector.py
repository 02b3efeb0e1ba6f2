"""How much of its time the interpreter spends collecting cyclic garbage, read without stopping it.

A read is a few `pread` calls on `/proc/PID/mem`, some ten microseconds of ours and none of the target's. Where the
interpreter is one that we do not know, pystack's flag takes the reader's place: slower, without statistics.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Literal, Protocol

from kdiag.attach.interpreter import find_interpreter
from kdiag.attach.memory import TargetMemory, UnmappedError
from kdiag.core.model import CollectorSample, Limitation
from kdiag.errors import KdiagError
from kdiag.sources.collector_layout import (
    COLLECTING_SIZE,
    DEBUG_OFFSETS_SIZE,
    SEARCHED,
    CollectorState,
    UnknownLayoutError,
    decode,
    find_collecting,
    runtime_layout,
    state_layout,
)
from kdiag.sources.tools import SourceError

if TYPE_CHECKING:
    from kdiag.machinery.clock import Clock
    from kdiag.machinery.context import Context

BURST_S = 0.25
_POINTER_SIZE = 8
_MOST_INTERPRETERS = 256  # a longer chain is not one
_NOT_COLLECTING = bytes(COLLECTING_SIZE)


class Reader(Protocol):
    """Reads the collector's state, in one of two ways."""

    tool: Literal["memory", "pystack"]
    spacing_s: float  # mean time between the reads of a burst

    def read(self) -> CollectorState:
        """Read what can be read.

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
    spacing_s = 0.003

    def __init__(self, pid: int) -> None:
        interpreter = find_interpreter(pid)
        if interpreter is None or interpreter.runtime is None:
            reason = interpreter.problem.message if interpreter and interpreter.problem else "there is no interpreter"
            raise UnknownLayoutError(reason)
        self._memory = TargetMemory(pid)
        try:
            self._find(interpreter.runtime, interpreter.version)
        except UnmappedError as error:
            reason = f"following it led to unmapped memory ({error.message})"
            raise UnknownLayoutError(reason) from error

    def _find(self, runtime: int, version: tuple[int, ...]) -> None:
        memory = self._memory
        self._runtime = runtime_layout(version, lambda: memory.read(runtime, DEBUG_OFFSETS_SIZE))
        self._state = state_layout(version, self._runtime.ring_size)
        self._head = runtime + self._runtime.head
        main = memory.read_pointer(self._head + _POINTER_SIZE)
        if not main:
            reason = "the interpreter is not initialised"
            raise UnknownLayoutError(reason)
        self._main = main
        self._collecting = self._runtime.collecting or find_collecting(memory.read(main, SEARCHED), main)
        self._interpreters: tuple[int, ...] = (main,)
        self.read()

    def collecting(self) -> bool:
        """Whether a collection is under way in any of the interpreters of the last `read`; some microseconds."""
        return any(
            self._memory.read(interpreter + self._collecting, COLLECTING_SIZE) != _NOT_COLLECTING
            for interpreter in self._interpreters
        )

    def read(self) -> CollectorState:
        """Read the whole state: summed over the interpreters, thresholds and switch those of the main one.

        Raises:
            UnknownLayoutError: what was read is implausible.
            TargetEndedError: the process ended.
        """
        try:
            self._interpreters = self._walk()
            return self._sum()
        except UnmappedError:  # a subinterpreter ended while we walked: its memory may be gone, not so the next time
            self._interpreters = self._walk()
            return self._sum()

    def close(self) -> None:
        """Let go of the target."""
        self._memory.close()

    def _walk(self) -> tuple[int, ...]:
        """The interpreters, the main one first; new ones are put at the chain's head."""
        found = [self._main]
        interpreter = self._memory.read_pointer(self._head)
        while interpreter and len(found) < _MOST_INTERPRETERS:
            if interpreter != self._main:
                found.append(interpreter)
            interpreter = self._memory.read_pointer(interpreter + self._runtime.next)
        return tuple(found)

    def _sum(self) -> CollectorState:
        layout = self._state
        states = [
            decode(
                layout,
                self._memory.read(interpreter + self._collecting - layout.before, layout.size),
                self._memory.read,
            )
            for interpreter in self._interpreters
        ]
        if len(states) == 1:
            return states[0]
        return CollectorState(
            any(state.collecting for state in states),
            tuple(map(sum, zip(*(state.collections for state in states), strict=True))),
            tuple(map(sum, zip(*(state.collected for state in states), strict=True))),
            states[0].thresholds,
            states[0].enabled,
        )


class FlagReader:
    """Reads pystack's flag whether a collection is under way, and nothing else.

    A look costs 8 to 30 ms of CPU, hence the wide spacing.
    """

    tool: Literal["memory", "pystack"] = "pystack"
    spacing_s = 0.15

    def __init__(self, pid: int) -> None:
        from pystack import engine  # noqa: PLC0415 - heavy, and needed only when our own reader fails

        self._pid = pid
        self._threads = engine.get_process_threads
        self.read()

    def read(self) -> CollectorState:
        """Whether a collection is under way; the rest stays unknown.

        Raises:
            SourceError: `pystack-failed`.
        """
        try:
            flags = [thread.is_gc_collecting for thread in self._threads(self._pid, stop_process=False)]
        except Exception as error:  # pystack raises RuntimeError and its own kinds alike
            raise SourceError("pystack-failed", f"pystack could not read the target: {error}") from error
        return CollectorState(any(flag > 0 for flag in flags))

    def close(self) -> None:
        """Let go of the target: nothing is held."""


class CollectorSource:
    """Takes samples of a process's collector, each a burst of reads.

    The reads come at random intervals (half to one and a half times the spacing), so that they do not fall in step
    with the target. Each read counts once, and a read that comes late is not made up for: several reads at one moment
    would count that moment's state several times. That a late read is not weighted by its delay is no bias as long as
    we are late no more often in one state than in the other. We sleep nearly all the time, so the scheduler favours
    us at once when we wake up, and the collector and the code that it interrupts load the CPU alike; the tests hold
    the share against the target's own account, with every CPU busy too.

    Attributes:
        limitation: what is not seen because our own reader does not know the interpreter; None when it does.

    Raises:
        KdiagError: on construction: neither our reader nor pystack can read it.
    """

    def __init__(self, pid: int, clock: Clock, *, rng: random.Random | None = None) -> None:
        self._clock = clock
        self._rng = rng or random.Random()  # noqa: S311 - jitter
        self.limitation: Limitation | None = None
        self._reader = self._open(pid)
        self._run = _Run()
        self._ended_at = clock.now()

    def sample(self, ctx: Context) -> CollectorSample:
        """Read the collector's state for BURST_S, or until the context is done.

        Raises:
            SourceError: the state could not be read; `target-ended` among the references.
        """
        clock, reader = self._clock, self._reader
        until = clock.now() + BURST_S
        reads = collecting = 0
        longest_s = 0.0
        while True:
            state = self._read()
            now = clock.now()
            reads += 1
            collecting += state.collecting
            longest_s = max(longest_s, self._run.see(now, state))
            pause_s = reader.spacing_s * self._rng.uniform(0.5, 1.5)
            if now + pause_s >= until or clock.wait(ctx.done, pause_s):
                break
        span_s, self._ended_at = now - self._ended_at, now
        return CollectorSample(
            at=now,
            span_s=span_s,
            reads=reads,
            collecting=collecting,
            collections=state.collections,
            collected=state.collected,
            longest_s=longest_s,
            thresholds=state.thresholds,
            enabled=state.enabled,
            tool=reader.tool,
        )

    def close(self) -> None:
        """Let go of the target."""
        self._reader.close()

    def _read(self) -> CollectorState:
        try:
            return self._reader.read()
        except SourceError:
            raise
        except KdiagError as error:
            raise SourceError(error.reference, error.message, cause=error.cause, hint=error.hint) from error

    def _open(self, pid: int) -> Reader:
        try:
            return CollectorReader(pid)
        except UnknownLayoutError as error:
            self.limitation = Limitation(error.reference, f"{error.message}: {error.cause}", error.hint)
            return FlagReader(pid)


class _Run:
    """Follows one collection over consecutive reads, from burst to burst.

    Two reads that find a collection under way have found the same one when none was completed between them: a lower
    bound of how long it takes. Without statistics that cannot be told, and no run is followed.
    """

    def __init__(self) -> None:
        self._began_at = 0.0
        self._completed: int | None = None  # collections completed before the one that is followed

    def see(self, at: float, state: CollectorState) -> float:
        """Take note of a read; return for how long the collection that it found is known to run, seconds."""
        if not (state.collecting and state.collections):
            self._completed = None
            return 0.0
        completed = sum(state.collections)
        if completed != self._completed:
            self._began_at, self._completed = at, completed
        return at - self._began_at
