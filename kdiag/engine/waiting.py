"""Looks a few times at who waits for whom in a process: what `kdiag locks` and `kdiag tasks` show.

It is separate from a session because nothing is diagnosed, and from `look` because whoever waits is asked more than
once: only a wait that stays the same is more than a moment.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kdiag.attach.attachment import attach
from kdiag.attach.preflight import preflight
from kdiag.core.model import Frame, LineFacts, Target, WaitsSample
from kdiag.engine.session import target_of
from kdiag.errors import USAGE, KdiagError
from kdiag.machinery.clock import REAL
from kdiag.machinery.context import background, from_signal
from kdiag.sources.kernel_ids import KernelIds
from kdiag.sources.probe_waits import waits_now
from kdiag.sources.source_lines import SourceReader

if TYPE_CHECKING:
    from kdiag.engine.inside import WayIn

_EVERY_S = 0.5


@dataclass(frozen=True)
class Waiting:
    """What was seen, the last look at the end.

    Attributes:
        lines: what the source says of the lines of the last one.
        interrupted: somebody did not want to wait for more looks.
    """

    target: Target
    samples: tuple[WaitsSample, ...]
    lines: Mapping[tuple[str, int], LineFacts]
    interrupted: bool


def waiting(pid: int, way: WayIn, window_s: float, *, all_tasks: bool) -> Waiting:
    """Look at all threads and tasks every now and then, and once at least.

    Raises:
        KdiagError: the process cannot be entered, or ended meanwhile.
    """
    if way == "none":
        raise KdiagError(
            "usage", "Who waits for whom is seen from inside only, so --attach none cannot be.",
            hint=f"kdiag stacks {pid}", exit_code=USAGE,
        )  # fmt: skip
    facts = preflight(pid, "process")
    host_id = KernelIds(facts.pid, None, other_namespace=not facts.same_pid_namespace).of_host
    context, restore = from_signal(signal.SIGINT, signal.SIGTERM, parent=background())
    try:
        attachment = attach(facts, way)
        try:
            until = REAL.now() + window_s
            samples = [waits_now(attachment.channel, host_id, REAL.now(), all_tasks=all_tasks, prove=all_tasks)]
            while (left_s := until - REAL.now()) > 0 and not context.done.is_set():
                REAL.wait(context.done, min(_EVERY_S, left_s))
                samples.append(waits_now(attachment.channel, host_id, REAL.now(), all_tasks=all_tasks, prove=all_tasks))
            interrupted = context.done.is_set()
        finally:
            attachment.close()
    finally:
        restore()
    lines = SourceReader(f"/proc/{pid}/root").facts({(frame.file, frame.line) for frame in _frames(samples[-1])})
    return Waiting(target_of(facts), tuple(samples), lines, interrupted)


def _frames(sample: WaitsSample) -> list[Frame]:
    found = [frame for who in sample.parties() for frame in who.frames]
    return found + [who.wait.held_at for who in sample.parties() if who.wait and who.wait.held_at]
