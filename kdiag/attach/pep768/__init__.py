"""Asks the interpreter of a running process to run a text of Python, as PEP 768 provides for from 3.14 on.

The request is written into the state of a thread, and that thread runs it at its next safe point. `sys.remote_exec`
only ever asks the main thread, which may wait for something forever, and only from the same version of Python; so the
protocol (CPython's "Remote debugging attachment protocol") is ours here, and a thread is asked that is running.

- The thread is stopped while the request is written: its state cannot be freed under our hands.
- A request is taken back when nobody takes it in time, and is never written over another one.
- What the service has switched off stays off.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from kdiag.attach.memory import TargetMemory
from kdiag.attach.pep768.requests import Requests
from kdiag.attach.pep768.script_file import ScriptFile
from kdiag.attach.preflight import check_same
from kdiag.attach.ptrace import NotNowError
from kdiag.attach.running import running
from kdiag.errors import KdiagError
from kdiag.machinery.clock import REAL, Clock
from kdiag.machinery.wait import WaitTimeout, poll_immediate

if TYPE_CHECKING:
    from collections.abc import Callable

    from kdiag.attach.process import ProcessFacts

_PATIENCE_S = 0.5  # for one thread to take the request; it may stand in a long call into C
_STOP_PATIENCE_S = 5.0  # for a thread to stop, so that it can be taken back: on a busy machine it must get a processor
_TAKEN_PATIENCE_S = 5.0  # for a thread that has taken it: among many that fight for the GIL each step takes long
_LOOK_AGAIN_S = 0.002

Result = TypeVar("Result")


def refusal(facts: ProcessFacts, clock: Clock = REAL) -> KdiagError | None:
    """Why a process cannot be entered this way now; None when it can. Takes 10 ms, and touches nothing.

    The references: `pep768-unsupported`, `remote-debugging-disabled`, `no-running-thread`, and those of reading it.
    """
    try:
        with TargetMemory(facts.pid) as memory:
            if not _candidates(Requests(facts, memory), clock):
                check_same(facts)
                return _no_running_thread(facts.pid)
    except KdiagError as error:
        return error
    return None


def enter(facts: ProcessFacts, text: bytes, *, clock: Clock = REAL, within_s: float = 3.0) -> None:
    """Run a text of Python in a process, on a thread of its own, and return when it has begun.

    Raises:
        KdiagError: as `refusal`, `no-folder-for-script`, `request-not-taken` when no thread ran it in time, and
            `script-not-run` when one took the request and refused the script. Nothing is left behind.
    """
    with TargetMemory(facts.pid) as memory:
        deadline = clock.now() + within_s
        attempt = _Attempt(facts, Requests(facts, memory), text, clock, deadline)
        while not attempt.make():
            if clock.now() < deadline:
                continue  # looking for a thread takes its time
            check_same(facts)
            if not attempt.asked:
                raise _no_running_thread(facts.pid)
            message = f"no thread of process {facts.pid} took the request to run a script within {within_s:g} s"
            hint = f"kdiag diagnose --attach ptrace {facts.pid}"
            raise KdiagError("request-not-taken", message, cause=attempt.summary(), hint=hint)


class _Attempt:
    """Asks one running thread after the other, until one has run the script."""

    def __init__(self, facts: ProcessFacts, requests: Requests, text: bytes, clock: Clock, deadline: float) -> None:
        self._facts = facts
        self._requests = requests
        self._text = text
        self._clock = clock
        self._deadline = deadline
        self._reasons: Counter[str] = Counter()
        self.asked: Counter[int] = Counter()

    def make(self) -> bool:
        """Ask the best thread that there is now; True when it has run the script."""
        candidates = sorted(_candidates(self._requests, self._clock), key=lambda tid: self.asked[tid])
        if not candidates:
            return False
        tid = candidates[0]
        self.asked[tid] += 1
        with ScriptFile(self._facts) as file:
            try:
                _stopping(lambda: self._requests.write(tid, lambda: file.write(self._text)))
            except NotNowError as error:
                self._reasons[str(error)] += 1
                return False
            except BaseException:
                file.remove()
                raise
            return self._wait(tid, file)

    def summary(self) -> str:
        """Why the attempts failed, with counts."""
        return ", ".join(f"{reason} ({count}×)" for reason, count in self._reasons.most_common())

    def _wait(self, tid: int, file: ScriptFile) -> bool:
        """Wait until the script has run; take the request back when the thread does not come to it."""
        if self._gone(file, min(_PATIENCE_S, self._deadline - self._clock.now())):
            return True
        if self._withdrawn(tid, file.path):
            if not file.remove():
                return True
            self._reasons["it ran no Python meanwhile"] += 1
            return False
        # It is taken: its thread, which needs the GIL as every other, may just not have begun.
        if self._gone(file, _TAKEN_PATIENCE_S) or not file.remove():
            return True
        message = f"process {self._facts.pid} took the request to run a script, but has not run it"
        cause = "an audit hook of the service refused it, or it could not read the file or start a thread"
        raise KdiagError("script-not-run", message, cause=cause, hint="look at what the service has written to stderr")

    def _gone(self, file: ScriptFile, within_s: float) -> bool:
        """Wait until the script has run, and remove what it has left."""
        try:
            poll_immediate(file.gone, _LOOK_AGAIN_S, max(within_s, _LOOK_AGAIN_S), clock=self._clock)
        except WaitTimeout:
            return False
        file.remove()
        return True

    def _withdrawn(self, tid: int, path: str) -> bool:
        """Whether the request could be taken back; False when it is taken already.

        A thread that does not even stop is deep in the kernel. It will then run the script when it comes back, which
        removes itself, and whose text waits for nobody for long.
        """
        outcome: list[bool] = []

        def look() -> bool:
            try:
                outcome.append(_stopping(lambda: self._requests.withdraw(tid, path)))
            except NotNowError:
                return False
            return True

        try:
            poll_immediate(look, 0.01, _STOP_PATIENCE_S, clock=self._clock)
        except WaitTimeout as error:
            message = f"thread {tid} of process {self._facts.pid} hangs in the kernel and cannot be asked any more"
            raise KdiagError("request-not-withdrawn", message, hint=f"cat /proc/{tid}/stack") from error
        return outcome[0]


def _candidates(requests: Requests, clock: Clock) -> list[int]:
    """The threads that run, and run Python, the best first; ids as we know them."""
    busy = running(requests.pid, clock)
    pythons = requests.threads() if busy else set()
    return [tid for tid in busy if requests.inner_tid(tid) in pythons]


def _no_running_thread(pid: int) -> KdiagError:
    message = f"no thread of process {pid} is running Python, so none would come to run a script"
    return KdiagError("no-running-thread", message, hint=f"kdiag diagnose --attach ptrace {pid}")


def _stopping(function: Callable[[], Result]) -> Result:
    """Run a function that stops a thread, in a thread of its own: when that ends, the kernel lets go of all it traces.

    Raises:
        NotNowError: as the function does, and when another tracer is there, for it may be one like us, and gone soon.
    """
    with ThreadPoolExecutor(1, "kdiag-attach") as pool:
        try:
            return pool.submit(function).result()
        except KdiagError as error:
            if error.reference == "another-debugger":
                raise NotNowError("another tracer is at it") from error
            raise
