"""Small builders of synthetic windows: a thread's life in a few words, sampled as the sources would.

Separate from the targets: these windows are exact, so a test can stand right on a threshold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from kdiag.core.model import (
    Child,
    CollectorSample,
    Finding,
    Frame,
    LineFacts,
    NotEnoughEvidence,
    Outcome,
    ProcessSample,
    StackSample,
    Target,
    ThreadSample,
    Wait,
    Window,
)

PID = 4711
STDLIB = "/usr/lib/python3.11"
SITE = "/srv/venv/lib/python3.11/site-packages"
APP = "/srv/shop/app.py"

BOOT = (
    Frame(f"{STDLIB}/threading.py", 982, "Thread.run"),
    Frame(f"{STDLIB}/threading.py", 1045, "Thread._bootstrap_inner"),
    Frame(f"{STDLIB}/threading.py", 1002, "Thread._bootstrap"),
)
FUTURES_WORKER = (Frame(f"{STDLIB}/concurrent/futures/thread.py", 83, "_worker"), *BOOT)
FUTURES_TASK = (Frame(f"{STDLIB}/concurrent/futures/thread.py", 58, "_WorkItem.run"), *FUTURES_WORKER)
MULTIPROCESSING_WORKER = (Frame(f"{STDLIB}/multiprocessing/pool.py", 125, "worker"), *BOOT)
ANYIO_WORKER = (Frame(f"{SITE}/anyio/_backends/_asyncio.py", 1124, "WorkerThread.run"), *BOOT[1:])
WAITRESS_WORKER = (Frame(f"{SITE}/waitress/task.py", 83, "ThreadedTaskDispatcher.handler_thread"), *BOOT)
GTHREAD_TASK = (Frame(f"{SITE}/gunicorn/workers/gthread.py", 771, "ThreadWorker.handle_request"), *FUTURES_TASK)

CONDITION_WAIT = (Frame(f"{STDLIB}/threading.py", 327, "Condition.wait"),)
EVENT_WAIT = (*CONDITION_WAIT, Frame(f"{STDLIB}/threading.py", 629, "Event.wait"))
QUEUE_GET = (*CONDITION_WAIT, Frame(f"{STDLIB}/queue.py", 171, "Queue.get"))
FUTURE_RESULT = (*CONDITION_WAIT, Frame(f"{STDLIB}/concurrent/futures/_base.py", 451, "Future.result"))
SELECT = (Frame(f"{STDLIB}/selectors.py", 468, "EpollSelector.select"),)
LOOP = (
    Frame(f"{STDLIB}/asyncio/base_events.py", 1884, "BaseEventLoop._run_once"),
    Frame(f"{STDLIB}/asyncio/base_events.py", 607, "BaseEventLoop.run_forever"),
    Frame(f"{STDLIB}/asyncio/runners.py", 118, "Runner.run"),
    Frame("/srv/shop/main.py", 9, "<module>"),
)
CALLBACK = (Frame(f"{STDLIB}/asyncio/events.py", 80, "Handle._run"), *LOOP)
MODULE = (Frame("/srv/shop/main.py", 40, "<module>"),)


def app(line: int, function: str = "handle", file: str = APP) -> Frame:
    """A frame of the user's own code."""
    return Frame(file, line, function)


@dataclass(frozen=True)
class Life:
    """What a thread does over the window.

    Attributes:
        frames, wait: what it does, or what it does at sample number n.
        runs_per_look: how often it is put on a CPU between two samples, or how often in all until sample number n;
            None where that is not known.
        cpu_per_look: seconds of CPU between two samples; None where that is not known.
        queued_per_look: seconds that it queued for a CPU between two samples.
        present: whether it is there at sample number n.
    """

    name: str
    frames: tuple[Frame, ...] | Callable[[int], tuple[Frame, ...]]
    wait: Wait | Callable[[int], Wait] = Wait.LOCK
    runs_per_look: int | Callable[[int], int] | None = 0
    cpu_per_look: float | None = 0.0
    queued_per_look: float = 0.0
    holds_gil: bool | Callable[[int], bool] = False
    address: int = 0
    main: bool = False
    present: Callable[[int], bool] = lambda _: True

    def sample(self, number: int, ident: int) -> ThreadSample:
        """The thread at sample number n."""
        return ThreadSample(
            thread_id=PID if self.main else PID + ident,
            ident=ident,
            name=self.name,
            frames=self.frames(number) if callable(self.frames) else self.frames,
            holds_gil=self.holds_gil(number) if callable(self.holds_gil) else self.holds_gil,
            wait=self.wait(number) if callable(self.wait) else self.wait,
            wait_address=self.address,
            cpu_s=None if self.cpu_per_look is None else self.cpu_per_look * number,
            queued_s=self.queued_per_look * number,
            runs=self._runs(number),
        )

    def _runs(self, number: int) -> int | None:
        if callable(self.runs_per_look):
            return self.runs_per_look(number)
        return None if self.runs_per_look is None else self.runs_per_look * number


def idle_main() -> Life:
    """A main thread that waits to be told to end."""
    return Life("MainThread", (*EVENT_WAIT, app(90, "main"), *MODULE), main=True)


def stuck(name: str, *frames: Frame, wait: Wait = Wait.LOCK) -> Life:
    """A thread that does not move."""
    return Life(name, frames, wait)


def moving(name: str, *frames: Frame, wait: Wait = Wait.SLEEP, runs: int = 4, cpu: float = 0.001) -> Life:
    """A thread that is found at the same place, but runs in between."""
    return Life(name, frames, wait, runs_per_look=runs, cpu_per_look=cpu)


def computing(name: str, *frames: Frame, holds_gil: bool = True) -> Life:
    """A thread that uses a whole core."""
    return Life(name, frames, Wait.RUNNING, runs_per_look=1, cpu_per_look=0.2, holds_gil=holds_gil)


@dataclass(frozen=True)
class Scene:
    """A window under construction: lives of threads, and numbers of the process as functions of seconds."""

    lives: tuple[Life, ...] = ()
    seconds: float = 10.0
    hz: float = 5.0
    lines: Mapping[tuple[str, int], LineFacts] = field(default_factory=dict)
    cpu: float = 0.02
    rss: Callable[[float], float] = lambda _: 100e6
    descriptors: Callable[[float], int] = lambda _: 20
    threads: Callable[[float], int] = lambda _: 4
    children: Callable[[float], Sequence[Child]] = lambda _: ()
    listening: bool = False
    backlog: Callable[[float], int] = lambda _: 0
    connections: int = 0
    voluntary: Callable[[float], int] = lambda seconds: int(seconds * 100_000)
    collecting: Callable[[int], int] | None = lambda _: 0
    python: str = "3.11.7"
    command: tuple[str, ...] = ("python", "main.py")
    descriptor_names: Callable[[float], Mapping[str, int]] = lambda _: {}
    limit: int | None = 1024
    build: str = "release"

    def window(self) -> Window:
        """The window as the sources would have filled it."""
        looks = round(self.seconds * self.hz) + 1
        stacks = tuple(self._look(number) for number in range(looks)) if self.lives else ()
        polls = round(self.seconds * 2) + 1
        bursts = round(self.seconds / 0.3)
        return Window(
            Target(PID, "2024-01-01T00:00:00+00:00", self.command, self.python, self.build),  # type: ignore[arg-type]
            0.0,
            self.seconds,
            stacks,
            tuple(self._poll(number * 0.5) for number in range(polls)),
            tuple(self._burst(number) for number in range(1, bursts + 1)) if self.collecting else (),
            lines=self.lines,
        )

    def _look(self, number: int) -> StackSample:
        threads = [life.sample(number, ident) for ident, life in enumerate(self.lives, 1) if life.present(number)]
        return StackSample(number / self.hz, tuple(threads))

    def _poll(self, at: float) -> ProcessSample:
        return ProcessSample(
            at,
            cpu_s=self.cpu * at,
            rss=int(self.rss(at)),
            threads=self.threads(at),
            descriptors={"file": self.descriptors(at)},
            descriptor_names=self.descriptor_names(at),
            descriptor_limit=self.limit,
            context_switches=(self.voluntary(at), 0),
            children=tuple(self.children(at)),
            connections={"ESTABLISHED": self.connections} if self.connections else {},
            listening=self.listening,
            backlog=self.backlog(at),
        )

    def _burst(self, number: int) -> CollectorSample:
        assert self.collecting
        hits = self.collecting(number)
        return CollectorSample(
            number * 0.3, 0.3, 80, hits, collections=(number * 10, number, 0), thresholds=(700, 10, 10), enabled=True
        )


def scene(*lives: Life, **numbers: object) -> Window:
    """A window of these threads, ten seconds at 5 Hz unless told otherwise."""
    return replace(Scene(lives), **numbers).window()  # type: ignore[arg-type]


def lines(*facts: tuple[int, LineFacts], file: str = APP) -> dict[tuple[str, int], LineFacts]:
    """What the source says about lines of one file."""
    return {(file, line): fact for line, fact in facts}


def found(outcome: Outcome) -> Finding:
    """The outcome, which must be a finding that is fit for a report."""
    assert isinstance(outcome, Finding), outcome
    check(outcome)
    return outcome


def undecided(outcome: Outcome) -> NotEnoughEvidence:
    """The outcome, which must be that it could not be told, with a reason."""
    assert isinstance(outcome, NotEnoughEvidence), outcome
    assert outcome.reason
    return outcome


def check(finding: Finding) -> None:
    """What must hold for every finding, whoever found it."""
    assert finding.evidence
    assert all(e.samples > 0 and e.source and e.metric and e.unit for e in finding.evidence), finding.evidence
    assert all(e.low is None or e.low <= e.value + 1e-9 for e in finding.evidence), finding.evidence
    assert all(e.high is None or e.high >= e.value - 1e-9 for e in finding.evidence), finding.evidence
    assert 0 <= finding.score <= 100
    assert 0 < finding.confidence <= 1
    assert finding.severity == "info" or finding.score >= 75, finding
    assert finding.title
    assert "\n" not in finding.title
    assert not finding.explanation
    assert not finding.remedies
    assert finding.playbook is None
