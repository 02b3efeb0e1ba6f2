"""The main job as one object for the front ends: open the target, run the observation, hand out the report."""

from __future__ import annotations

import contextlib
import random
import signal
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kdiag.attach.preflight import preflight
from kdiag.attach.process import ProcessFacts, python_descendants
from kdiag.core.model import Limitation, Report
from kdiag.engine.live import Live
from kdiag.engine.observe import Finished, Progress, observe
from kdiag.engine.recording import read_recording
from kdiag.engine.session import Session, limitation_of
from kdiag.errors import USAGE, KdiagError
from kdiag.machinery.clock import REAL
from kdiag.machinery.context import from_signal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from kdiag.engine.inside import WayIn
    from kdiag.machinery.context import Context

_LONGEST_TRACE = 0.8  # of the window: what comes of it is to be read before the end


@dataclass(frozen=True)
class Diagnosis:
    """A diagnosis that is ready to run.

    Attributes:
        title: the target in a few words.
        problems: what cannot be looked at, known before the observation.
    """

    sessions: tuple[Session, ...]
    title: str
    problems: tuple[Limitation, ...]
    window_s: float
    full: bool

    def run(self, show: Callable[[float, float, str], None]) -> Finished:
        """Observe until it is settled, the time is over, or somebody interrupts; then conclude.

        Args:
            show: called several times a second with seconds done, seconds in all, and what was seen.
        """
        context, restore = from_signal(signal.SIGINT, signal.SIGTERM)
        try:
            return self.run_until(context, show)
        finally:
            restore()

    def run_until(self, context: Context, show: Callable[[float, float, str], None]) -> Finished:
        """The same for who catches the signals and goes on afterwards: one that comes at the very end is not lost."""
        for event in observe(self.sessions, context, window_s=self.window_s, full=self.full, clock=REAL):
            if isinstance(event, Progress):
                show(event.elapsed_s, event.total_s, event.seen)
            else:
                return event
        raise AssertionError("an observation ends with its report")


def diagnosis(
    pid: int,
    *,
    window_s: float,
    full: bool,
    children: bool,
    attach: WayIn = "auto",
    trace_s: float = 0.0,
    record: Path | None = None,
) -> Diagnosis:
    """Open a process, and with `children` the Python processes below it.

    With `attach` a probe is brought in when the observation begins; "auto" takes the best way that is open, and none
    where all are closed. What is seen is recorded in the file `record`, and of each process below in one beside it.

    With `trace_s` allocations are traced for so long, for which the observation takes its whole time.

    A process whose stacks may not be read is observed by what needs no permission; `problems` says so.

    Raises:
        KdiagError: it cannot be observed; the error says why and what to do.
    """
    if trace_s and attach == "none":
        hint = "leave --attach to auto, or leave out --trace-allocations"
        raise KdiagError("usage", "Allocations are traced from inside only.", hint=hint, exit_code=USAGE)
    facts, denied = _open(pid)
    opened = [(facts, denied)]
    if children:
        opened += _open_below(pid)
    rng = random.Random()  # noqa: S311 - jitter
    trace_s = min(trace_s, _LONGEST_TRACE * window_s)
    files = (record and _beside(record, each.pid if below else None) for below, (each, _) in enumerate(opened))
    sessions = tuple(
        Session(each, why, window_s, attach, REAL, rng, trace_s=trace_s, record=file)
        for (each, why), file in zip(opened, files, strict=True)
    )
    problems = tuple(dict.fromkeys(limitation_of(denied) for _, denied in opened if denied is not None))
    return Diagnosis(sessions, _title(facts, len(opened) - 1), problems, window_s, full or trace_s > 0)


def live(pid: int, *, window_s: float, attach: WayIn = "none", record: Path | None = None) -> Live:
    """Open a process to be watched without an end, and recorded in the file `record`.

    With `attach` a probe is brought in at once.

    Raises:
        KdiagError: it cannot be observed; the error says why and what to do.
    """
    facts, denied = _open(pid)
    session = Session(facts, denied, window_s, attach, REAL, random.Random(), record=record)  # noqa: S311 - jitter
    return Live(session, _title(facts, 0), window_s=window_s)


def diagnosed(files: Sequence[Path], window_s: float | None = None) -> Report:
    """The report of what was recorded: of the first file, with those of the others as its children.

    With `window_s` it is that of the last so many seconds.

    Raises:
        KdiagError: a file cannot be read, or is no recording.
    """
    recordings = [read_recording(file) for file in files]
    head, *below = (recording.report(recording.window(window_s=window_s)) for recording in recordings)
    return replace(head, children=tuple(below))


def _beside(file: Path, pid: int | None) -> Path:
    """Where a process below is recorded: shop.kdiag and shop.1234.kdiag."""
    return file if pid is None else file.with_name(f"{file.stem}.{pid}{file.suffix}")


def _open(pid: int) -> tuple[ProcessFacts, KdiagError | None]:
    facts = preflight(pid, "process")
    if facts.state == "T":
        raise KdiagError(
            "process-stopped", f"process {pid} is stopped (SIGSTOP): it does nothing that could be diagnosed",
            cause="somebody sent it SIGSTOP or SIGTSTP, or a debugger left it so",
            hint=f"kill -CONT {pid}  (or see where it stands: kdiag stacks {pid})",
        )  # fmt: skip
    try:
        return preflight(pid, "stacks"), None
    except KdiagError as error:
        if error.reference != "permission-denied":
            raise
        return facts, error


def _open_below(pid: int) -> list[tuple[ProcessFacts, KdiagError | None]]:
    """All Python processes below one that can be observed; those that end or stop meanwhile are left out."""
    opened = []
    for below in python_descendants(pid):
        with contextlib.suppress(KdiagError):
            opened.append(_open(below.pid))
    return opened


def _title(facts: ProcessFacts, below: int) -> str:
    version = ".".join(map(str, facts.version)) or "unknown version"
    others = f" and {below} below it" if below else ""
    return f"process {facts.pid} (Python {version}){others}"
