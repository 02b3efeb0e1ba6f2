"""The stacks of all threads, looked at again and again without stopping the target.

py-spy reads them; pystack reads them where py-spy cannot. Each look is paired with the kernel's view of the same
threads. With very many threads a look at all stacks is too dear to repeat often, so in between only the kernel's
view is read, and frames are carried over for those threads that provably did not run since.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from kdiag.core.model import Frame, StackSample, ThreadSample
from kdiag.errors import KdiagError
from kdiag.machinery.clock import Clock
from kdiag.sources.own_threads import OwnThreads
from kdiag.sources.pace import Pace
from kdiag.sources.pyspy import nameless, parse_dump
from kdiag.sources.pystack import Pystack
from kdiag.sources.thread_states import ThreadState, read_states
from kdiag.sources.tools import SourceError, run_py_spy

if TYPE_CHECKING:
    from kdiag.machinery.context import Context

_DUMP_TIMEOUT_S = 20.0
CARRY_PERIOD_S = 1.0  # looks dearer than this are thinned out, with the kernel's view in between


@dataclass
class StackSource:
    """Looks at all threads of one process.

    Attributes:
        pid: the process, in our PID namespace.
        interpreter: address ranges of the interpreter's own data, to tell the GIL from locks.
        kernel_id: kernel thread id of a Python thread ident, 0 when unknown.
        host_id: kernel thread id in our PID namespace of one that the target's namespace knows.
        own_threads: those of the target's threads that are ours, which are left out.
        pace: how often a look at all stacks may be had.
        collection: gives the number of the collection that is under way, None between two; None where nobody can.
    """

    pid: int
    interpreter: Sequence[tuple[int, int]]
    kernel_id: Callable[[int], int]
    host_id: Callable[[int], int]
    pace: Pace
    clock: Clock
    own_threads: OwnThreads
    collection: Callable[[], int | None] | None = None
    _last: tuple[ThreadSample, ...] = field(default=(), init=False)
    _last_at: float = field(default=float("-inf"), init=False)
    _before: Mapping[int, ThreadState] = field(default_factory=dict, init=False)  # states right before the last look
    _states: Mapping[int, ThreadState] = field(default_factory=dict, init=False)  # the latest ones

    def period_s(self) -> float:
        """Seconds to the next sample: the pace, or a carried-over sample sooner."""
        return min(self.pace.period_s(), CARRY_PERIOD_S)

    def sample(self, ctx: Context) -> StackSample:
        """One sample: a look at all stacks where the pace allows it, else one that is carried over.

        Raises:
            SourceError: neither py-spy nor pystack could read the stacks.
        """
        if self.clock.now() - self._last_at < 0.9 * self.pace.period_s():
            return self._carried()
        return self._looked(ctx)

    def _looked(self, ctx: Context) -> StackSample:
        before = self._read_states()
        collection = self._collection()
        started = self.clock.now()
        try:
            output = run_py_spy(
                ["dump", "--nonblocking", "--json", "--full-filenames", "--pid", str(self.pid)],
                ctx, timeout_s=_DUMP_TIMEOUT_S,
            )  # fmt: skip
            threads, tool = parse_dump(output, self.kernel_id), "py-spy"
        except SourceError as error:
            if error.reference in {"stopped", "permission-denied"} or not before:
                raise
            threads, tool = look_with_pystack(self.pid), "pystack"
        took = self.clock.now() - started
        collecting = None if self.collection is None else collection is not None and collection == self._collection()
        self.pace.spent(took)
        after = self._read_states()
        before_by_id = {thread.thread_id: thread for thread in self._last if thread.thread_id}
        threads = tuple(
            _with_state(main_named(recognised(thread, before_by_id.get(thread.thread_id)), self.pid), after)
            for thread in (replace(each, thread_id=self.host_id(each.thread_id)) for each in threads)
            if not self.own_threads.has(thread.thread_id, thread.name)
        )
        self._last, self._last_at = threads, self.clock.now()
        self._before = before
        return StackSample(
            self.clock.now(), threads, "pystack" if tool == "pystack" else "py-spy", took_s=took, collecting=collecting
        )

    def _collection(self) -> int | None:
        try:
            return self.collection() if self.collection else None
        except KdiagError:  # an interpreter that starts or ends right now
            return None

    def _carried(self) -> StackSample:
        started = self.clock.now()
        states = self._read_states()
        threads = tuple(self._carry(thread, states[thread.thread_id]) for thread in self._last
                        if thread.thread_id in states)  # fmt: skip
        now = self.clock.now()
        return StackSample(now, threads, took_s=now - started)

    def _read_states(self) -> Mapping[int, ThreadState]:
        self._states = read_states(self.pid, self.interpreter, self._states)
        return self._states

    def _carry(self, thread: ThreadSample, state: ThreadState) -> ThreadSample:
        before = self._before.get(thread.thread_id)
        # A thread that computes all along is put on a CPU once: only its CPU time tells that it did not stand still.
        still = (
            before is not None and before.runs is not None and (before.runs, before.cpu_s) == (state.runs, state.cpu_s)
        )
        return _with_state(
            replace(thread, frames=thread.frames if still else (), holds_gil=False), {thread.thread_id: state}
        )


def recognised(thread: ThreadSample, before: ThreadSample | None) -> ThreadSample:
    """The thread with what was known of it before and this look could not read: its name, and Python's number of it."""
    if before is None:
        return thread
    if thread.ident == thread.thread_id:  # pystack knows no other
        thread = replace(thread, ident=before.ident)
    return replace(thread, name=before.name) if thread.name == nameless(thread.ident) else thread


def main_named(thread: ThreadSample, pid: int) -> ThreadSample:
    """The thread by the name that Python gives to the main one: a program that imports no `threading` has no names."""
    nobody = thread.thread_id == pid and thread.name == nameless(thread.ident)
    return replace(thread, name="MainThread") if nobody else thread


def _with_state(thread: ThreadSample, states: Mapping[int, ThreadState]) -> ThreadSample:
    state = states.get(thread.thread_id)
    if state is None:
        return thread
    return replace(
        thread,
        wait=state.wait,
        wait_address=state.wait_address,
        cpu_s=state.cpu_s,
        queued_s=state.queued_s,
        runs=state.runs,
    )


def look_with_pystack(pid: int) -> tuple[ThreadSample, ...]:
    """The same look by pystack: slower, but it reads builds that py-spy does not know.

    Raises:
        SourceError: `pystack-failed`, `pystack-crashed`.
    """
    with Pystack(pid) as pystack:
        threads = pystack.look("stacks")
    return tuple(
        ThreadSample(
            thread_id=thread.tid,
            ident=thread.tid,
            name=thread.name or f"Thread-{thread.tid}",
            frames=tuple(Frame(*frame) for frame in thread.frames),
            holds_gil=thread.holds_gil,
        )
        for thread in threads
    )
