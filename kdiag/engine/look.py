"""One look at all stacks, without an observation: what `kdiag stacks` shows."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass

from kdiag.attach.interpreter import interpreter_ranges
from kdiag.attach.memory import TargetMemory
from kdiag.attach.preflight import preflight
from kdiag.core.model import LineFacts, StackSample
from kdiag.errors import KdiagError
from kdiag.machinery.clock import REAL
from kdiag.machinery.context import background, from_signal
from kdiag.sources.collector_reader import CollectorReader
from kdiag.sources.kernel_ids import KernelIds
from kdiag.sources.pace import Pace
from kdiag.sources.source_lines import SourceReader
from kdiag.sources.stacks import StackSource


@dataclass(frozen=True)
class Look:
    """All threads at one moment, what the source says of their lines, and whether a collection was under way."""

    sample: StackSample
    lines: Mapping[tuple[str, int], LineFacts]
    collecting: bool | None


def look(pid: int) -> Look:
    """Look once at all threads of a process, without stopping it; a stopped one can be looked at too.

    Raises:
        KdiagError: it cannot be looked at; the error says why and what to do.
    """
    facts = preflight(pid, "stacks")
    context, restore = from_signal(signal.SIGINT, signal.SIGTERM, parent=background())
    try:
        with TargetMemory(pid) as memory:
            ids = KernelIds(pid, memory, other_namespace=not facts.same_pid_namespace)
            source = StackSource(pid, interpreter_ranges(pid), ids.of_ident, ids.of_host, Pace(1.0, 1.0, 1.0), REAL)
            collecting = _collecting(pid)
            sample = source.sample(context)
    finally:
        restore()
    places = {(frame.file, frame.line) for thread in sample.threads for frame in thread.frames}
    return Look(sample, SourceReader(f"/proc/{pid}/root").facts(places), collecting)


def _collecting(pid: int) -> bool | None:
    try:
        return CollectorReader(pid).collecting()
    except KdiagError:  # an interpreter whose collector we do not know
        return None
