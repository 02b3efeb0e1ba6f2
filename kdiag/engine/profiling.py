"""A profile by py-spy, for `kdiag profile`: all of its modes, with the stop that some of them need said beforehand."""

from __future__ import annotations

import signal
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kdiag.attach.memory import TargetMemory
from kdiag.attach.preflight import preflight
from kdiag.attach.process import ProcessFacts
from kdiag.core.profile import Profile
from kdiag.errors import KdiagError
from kdiag.machinery.clock import REAL
from kdiag.machinery.context import Context, background, from_signal
from kdiag.sources.kernel_ids import KernelIds
from kdiag.sources.pyspy import parse_profile
from kdiag.sources.thread_states import count_threads
from kdiag.sources.tools import SourceError, run_py_spy

if TYPE_CHECKING:
    from collections.abc import Callable

FASTEST_HZ = 100
_SLOWEST_HZ = 2
_STACKS_PER_S = 2000  # threads × Hz: more than this slows the target; measured in benchmarks/
_SLACK_S = 30.0


@dataclass(frozen=True)
class ProfileOptions:
    """What to record.

    Attributes:
        window_s: how long, seconds.
        rate_hz: looks a second; None lets the number of threads decide.
        gil: only who holds the GIL.
        idle: also threads that wait.
        native: also frames of C code; this stops the target for every look.
    """

    window_s: float
    rate_hz: int | None
    gil: bool
    idle: bool
    native: bool


@dataclass
class Profiling:
    """A profile that is ready to be recorded. `rate_hz` is the rate that was chosen."""

    facts: ProcessFacts
    options: ProfileOptions
    rate_hz: int
    interrupted: bool = field(default=False, init=False)

    def run(self, show: Callable[[float, float, str], None]) -> Profile:
        """Record until the time is over or somebody interrupts; what was seen until then is kept.

        Args:
            show: called several times a second with seconds done, seconds in all, and what is recorded.

        Raises:
            KdiagError: py-spy could not record, or it saw nothing.
        """
        context, restore = from_signal(signal.SIGINT, signal.SIGTERM, parent=background())
        try:
            output = self._recorded(context, show)
            self.interrupted = context.done.is_set()
        finally:
            restore()
        with TargetMemory(self.facts.pid) as memory:
            ids = KernelIds(self.facts.pid, memory, other_namespace=not self.facts.same_pid_namespace)
            stacks = parse_profile(output.decode(errors="replace"), ids.of_ident)
        return Profile(stacks, float(self.rate_hz))

    def _recorded(self, context: Context, show: Callable[[float, float, str], None]) -> bytes:
        """py-spy's output; it runs in a thread so that this one can show progress."""
        result: list[bytes | SourceError] = []

        def record() -> None:
            try:
                timeout_s = self.options.window_s + _SLACK_S
                result.append(run_py_spy(self._arguments(), context, timeout_s=timeout_s, finish_on_stop=True))
            except SourceError as error:
                result.append(error)

        recorder = threading.Thread(target=record, name="kdiag-profile", daemon=True)
        started = REAL.now()
        recorder.start()
        while recorder.is_alive():
            elapsed = min(REAL.now() - started, self.options.window_s)
            show(elapsed, self.options.window_s, f"{self.rate_hz} Hz")
            recorder.join(0.25)
        outcome = result[0] if result else KdiagError("profile-failed", "the profile was not recorded")
        if isinstance(outcome, KdiagError):
            raise outcome
        return outcome

    def _arguments(self) -> list[str]:
        options = self.options
        modes = {"--gil": options.gil, "--idle": options.idle, "--native": options.native,
                 "--nonblocking": not options.native}  # fmt: skip
        return [
            "record", "--threads", "--full-filenames", "--format", "raw", "--rate", str(self.rate_hz),
            "--duration", str(max(1, round(options.window_s))), "--output", "{output}", "--pid", str(self.facts.pid),
            *(flag for flag, wanted in modes.items() if wanted),
        ]  # fmt: skip


def profiling(pid: int, options: ProfileOptions) -> Profiling:
    """Open a process for a profile.

    Raises:
        KdiagError: it cannot be looked at; the error says why and what to do.
    """
    facts = preflight(pid, "stacks")
    return Profiling(facts, options, options.rate_hz or _rate_hz(pid))


def _rate_hz(pid: int) -> int:
    return max(_SLOWEST_HZ, min(FASTEST_HZ, _STACKS_PER_S // count_threads(pid)))
