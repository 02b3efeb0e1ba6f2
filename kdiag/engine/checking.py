"""Runs a program to its end and observes it all the while, for CI: `kdiag run --check`.

It is separate from `launch`, which becomes the program: here kdiag stays its parent. A long run is judged in windows,
one after the other, so that memory stays bounded; each has a report of its own.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kdiag.attach.doors import find_door
from kdiag.attach.preflight import preflight
from kdiag.attach.process import python_descendants
from kdiag.core.model import HEALTHY, SEVERITIES, Report
from kdiag.core.report.tree import worst_first
from kdiag.engine.diagnosis import diagnosis
from kdiag.errors import KdiagError
from kdiag.machinery.clock import REAL
from kdiag.machinery.context import from_signal

if TYPE_CHECKING:
    from kdiag.engine.launch import Launch
    from kdiag.machinery.events import Event

_POLL_S = 0.1
_GRACE_S = 5.0  # for a program that is told to end


@dataclass(frozen=True, slots=True)
class Checked:
    """What became of the program.

    Attributes:
        code: its exit code as a shell has it: 128 and the signal's number where one ended it.
        reports: of each window, those with findings first, the gravest first; none where nothing could be looked at.
        interrupted: somebody ended it.
    """

    code: int
    reports: tuple[Report, ...]
    interrupted: bool


def check(plan: Launch, *, window_s: float, children: bool) -> Checked:
    """Run a program to its end, with its first Python process (and with `children` those below it) under the probe.

    The program has our standard streams and our process group: Ctrl-C reaches it as well.
    """
    reports: list[Report] = []
    interrupted = False
    context, restore = from_signal(signal.SIGINT, signal.SIGTERM)
    child = subprocess.Popen(plan.arguments, executable=plan.program, env=plan.environment)
    try:
        while not interrupted and (pid := _next_target(child, context.done)) is not None:
            try:
                observed = diagnosis(pid, window_s=window_s, full=True, children=children, attach="preloaded")
                finished = observed.run_until(context, lambda _done, _total, _seen: None)
            except KdiagError:  # it ended meanwhile, perhaps another one comes; or somebody else has its probe
                REAL.wait(context.done, _POLL_S)
                continue
            reports.append(finished.report)
            interrupted = finished.interrupted
        interrupted = interrupted or context.done.is_set()
    finally:
        _end(child)
        restore()
    code = child.returncode if child.returncode >= 0 else 128 - child.returncode
    return Checked(code, tuple(sorted(reports, key=_badness, reverse=True)), interrupted)


def _next_target(child: subprocess.Popen[bytes], stop: Event) -> int | None:
    """The first Python process of the program whose door is open; None when the program has ended, or is to end."""
    while child.poll() is None and not stop.is_set():
        found = _with_a_door(child.pid)
        if found is not None:
            return found
        REAL.wait(stop, _POLL_S)
    return None


def _with_a_door(pid: int) -> int | None:
    """The process itself, or the first below it."""
    with contextlib.suppress(KdiagError):
        if find_door(preflight(pid, "process")) is not None:
            return pid
    for facts in python_descendants(pid):
        with contextlib.suppress(KdiagError):
            if find_door(facts) is not None:
                return facts.pid
    return None


def _end(child: subprocess.Popen[bytes]) -> None:
    """Wait for a program that has ended or was told to, and make it end."""
    for ending in (None, signal.SIGTERM, signal.SIGKILL):
        if ending is not None:
            child.send_signal(ending)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_GRACE_S)
            return
    child.wait()  # it was killed; on a busy machine that may last


def _badness(report: Report) -> tuple[int, int, bool, float]:
    """Findings by their severity and score; a healthy window says more than one that was too short to judge."""
    worst = worst_first(report)[0]
    first = worst.findings[0] if worst.findings else None
    rank = (1 + SEVERITIES.index(first.severity), first.score) if first else (0, 0)
    return (*rank, worst.verdict == HEALTHY, report.observation.duration_s)
