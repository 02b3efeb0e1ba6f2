"""One look at all stacks, without an observation: what `kdiag stacks` shows."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from kdiag.attach.attachment import Attachment, Method, attach
from kdiag.attach.doors import find_door
from kdiag.attach.interpreter import interpreter_ranges
from kdiag.attach.memory import TargetMemory
from kdiag.attach.preflight import preflight
from kdiag.core.model import (
    Limitation,
    LineFacts,
    ProbedPool,
    ProbedThread,
    ProbedWait,
    StackSample,
    ThreadSample,
    Wait,
)
from kdiag.core.threads import completed, unmoved
from kdiag.engine.session import limitation_of
from kdiag.errors import KdiagError
from kdiag.machinery.clock import REAL
from kdiag.machinery.context import Context, background, from_signal
from kdiag.sources.collector_reader import CollectorReader
from kdiag.sources.kernel_ids import KernelIds
from kdiag.sources.own_threads import OwnThreads
from kdiag.sources.pace import Pace
from kdiag.sources.probe import threads_now
from kdiag.sources.source_lines import SourceReader
from kdiag.sources.stacks import StackSource

if TYPE_CHECKING:
    from kdiag.attach.process import ProcessFacts
    from kdiag.engine.inside import WayIn

_STOPPED = ("T", "t")
_LOOK_AGAIN_S = 1.0


@dataclass(frozen=True)
class Look:
    """All threads at one moment.

    Attributes:
        lines: what the source says of their lines.
        collecting: whether a garbage collection was under way; None where nobody could see it.
        method: how the probe came to be there that was asked too; "none" where none was.
        waits: what the probe saw each thread wait for, by the thread's ident.
        pools: the pools that the probe saw.
        pools_before: they, `span_s` seconds before; empty where it looked only once.
        still: idents of the threads that did not move meanwhile.
        limitations: what could not be looked at.
        interrupted: somebody did not want to wait for the second look any longer.
    """

    sample: StackSample
    lines: Mapping[tuple[str, int], LineFacts]
    collecting: bool | None
    method: Method | Literal["none"] = "none"
    waits: Mapping[int, ProbedWait] = field(default_factory=dict)
    pools: tuple[ProbedPool, ...] = ()
    pools_before: tuple[ProbedPool, ...] = ()
    span_s: float = 0.0
    still: frozenset[int] = frozenset()
    limitations: tuple[Limitation, ...] = ()
    interrupted: bool = False

    @property
    def access(self) -> str:
        """How it was looked, in words."""
        if self.method == "none":
            return "seen from outside"
        only = " only" if self.sample.tool == "probe" else ""
        return f"seen by the probe{only}, attached by {self.method}"


def look(pid: int, way: WayIn | None = None, span_s: float = 0.0) -> Look:
    """Look once at all threads of a process, without stopping it; a stopped one can be looked at too.

    Args:
        pid: the process.
        way: how to get a probe in; None asks one that is there already, and brings none in.
        span_s: it is looked twice, with so much time between, to tell what changes.

    Raises:
        KdiagError: it cannot be looked at; the error says why and what to do.
        KeyboardInterrupt: somebody ended it before anything was seen.
    """
    context, restore = from_signal(signal.SIGINT, signal.SIGTERM, parent=background())
    try:
        return _look(pid, way, span_s, context)
    except KdiagError as error:
        if error.reference != "stopped":
            raise
        raise KeyboardInterrupt from error
    finally:
        restore()


def _look(pid: int, way: WayIn | None, span_s: float, context: Context) -> Look:
    facts = preflight(pid, "process")
    attachment, limitations = _go_in(facts, way)
    with contextlib.closing(attachment) if attachment else contextlib.nullcontext():
        earlier = _earlier(pid, context) if span_s else None
        inside = _inside(attachment, _host_id(facts), span_s, context)
        try:
            # Who does not want to wait any longer for a change is told what there is now.
            sample, collecting = _from_outside(pid, background() if span_s else context)
        except KdiagError as error:
            if attachment is None or error.reference != "permission-denied":
                raise
            sample, collecting = _from_inside(inside.threads), None
            limitations = (*limitations, limitation_of(error))
    sample = completed(sample, inside.threads)
    places = {(frame.file, frame.line) for thread in sample.threads for frame in thread.frames}
    lines = SourceReader(f"/proc/{pid}/root").facts(places)
    waits = {thread.ident: thread.wait for thread in inside.threads if thread.wait is not None}
    method = attachment.method if attachment else "none"
    return Look(
        sample, lines, collecting, method, waits, inside.pools, inside.pools_before, inside.span_s,
        unmoved(earlier, sample), (*limitations, *inside.limitations), context.done.is_set(),
    )  # fmt: skip


def _earlier(pid: int, context: Context) -> StackSample | None:
    """The threads before, to tell which move; None where only the probe may look."""
    try:
        return _from_outside(pid, context)[0]
    except KdiagError:  # it will be told of the look that counts
        return None


class _Inside(NamedTuple):
    """What the probe saw: the fields are those of `Look`."""

    threads: tuple[ProbedThread, ...] = ()
    pools: tuple[ProbedPool, ...] = ()
    limitations: tuple[Limitation, ...] = ()
    pools_before: tuple[ProbedPool, ...] = ()
    span_s: float = 0.0


def _inside(
    attachment: Attachment | None, host_id: Callable[[int], int], span_s: float, context: Context
) -> _Inside:  # fmt: skip
    if attachment is None:
        return _Inside()
    started = REAL.now()
    seen = first = _Inside(*threads_now(attachment.channel, host_id))
    while (left := started + span_s - REAL.now()) > 0 and not context.done.is_set():
        REAL.wait(context.done, min(left, _LOOK_AGAIN_S))  # the probe counts tasks from look to look
        seen = _Inside(*threads_now(attachment.channel, host_id), first.pools, REAL.now() - started)
    return seen


def _go_in(facts: ProcessFacts, way: WayIn | None) -> tuple[Attachment | None, tuple[Limitation, ...]]:
    if way == "none" or (way is None and (facts.state in _STOPPED or find_door(facts) is None)):
        return None, ()
    try:
        return attach(facts, "preloaded" if way is None else way), ()
    except KdiagError as error:
        if way not in {None, "auto"}:
            raise
        return None, (limitation_of(error),)


def _host_id(facts: ProcessFacts) -> Callable[[int], int]:
    return KernelIds(facts.pid, None, other_namespace=not facts.same_pid_namespace).of_host


def _from_outside(pid: int, context: Context) -> tuple[StackSample, bool | None]:
    facts = preflight(pid, "stacks")
    with TargetMemory(pid) as memory:
        ids = KernelIds(pid, memory, other_namespace=not facts.same_pid_namespace)
        source = StackSource(
            pid, interpreter_ranges(pid), ids.of_ident, ids.of_host, Pace(1.0, 1.0, 1.0), REAL, OwnThreads(pid)
        )
        collecting = _collecting(pid)
        return source.sample(context), collecting


def _from_inside(probed: tuple[ProbedThread, ...]) -> StackSample:
    threads = tuple(
        ThreadSample(each.native_id, each.ident, each.name, each.frames, wait=Wait.LOCK if each.wait else Wait.UNKNOWN)
        for each in probed
    )
    return StackSample(REAL.now(), threads, tool="probe")


def _collecting(pid: int) -> bool | None:
    try:
        return CollectorReader(pid).collecting()
    except KdiagError:  # an interpreter whose collector we do not know
        return None
