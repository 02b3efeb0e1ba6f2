"""What was seen: samples of each source outside of the target, and what is known of the target itself.

It is separate from what is concluded, because sources know only this half.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

Severity = Literal["info", "warning", "critical"]
Access = Literal["process", "stacks", "probe"]

SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")
HEALTHY = "healthy"
INCONCLUSIVE = "inconclusive"


class Wait(StrEnum):
    """What a thread is doing for the operating system, told from its state and its system call."""

    RUNNING = "running"  # on a CPU or ready for one
    GIL = "gil"  # futex inside the interpreter's own data
    LOCK = "lock"  # another futex: a lock, condition, semaphore or join
    SLEEP = "sleep"  # nanosleep and its kin
    POLL = "poll"  # epoll, poll, select
    IO = "io"  # any other system call: read, recv, accept, wait4, …
    UNKNOWN = "unknown"  # no permission to look, or it changed while we looked


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of a stack. `line` is 0 and `file` the library for a native frame."""

    file: str
    line: int
    function: str
    native: bool = False


@dataclass(frozen=True, slots=True)
class ThreadSample:
    """One thread as one look saw it.

    Attributes:
        thread_id: the kernel's thread id as seen from our PID namespace; 0 when it could not be told.
        ident: `threading.get_ident()` inside the target; stable over the window.
        frames: innermost first; empty where they are not known at this moment (a look at all stacks was too dear,
            and the thread ran since the last one: frames are carried over only while `runs` stands still).
        wait_address: the futex word's address while `wait` is LOCK or GIL, else 0. Equal addresses are one lock.
        cpu_s: CPU seconds of the thread since its start (nanosecond resolution); None where it could not be read.
        queued_s: seconds that it was ready and waited for a CPU, since its start. With `cpu_s` it says how much CPU
            the thread wanted, also on a machine that had none to give. None where it could not be read.
        runs: how often the thread was put on a CPU since its start; unchanged between two samples means that it
            did not run at all between them. None where it could not be read.
    """

    thread_id: int
    ident: int
    name: str
    frames: tuple[Frame, ...]
    holds_gil: bool = False
    wait: Wait = Wait.UNKNOWN
    wait_address: int = 0
    cpu_s: float | None = None
    queued_s: float | None = None
    runs: int | None = None


@dataclass(frozen=True, slots=True)
class StackSample:
    """All threads at one moment.

    Attributes:
        took_s, pause_s: how long the look took, and how long the target stood still for it.
        collecting: whether one garbage collection was under way from the look's start to its end: whoever holds the
            GIL then stands at a line that allocates. None where nobody looked.
    """

    at: float
    threads: tuple[ThreadSample, ...]
    tool: Literal["py-spy", "pystack", "probe"] = "py-spy"
    took_s: float = 0.0
    pause_s: float = 0.0
    collecting: bool | None = None


@dataclass(frozen=True, slots=True)
class Child:
    """A child process. `zombie` ones have exited and were not reaped. `age_s` counts from its start.

    Attributes:
        cpu_s: processor time that it has used; None where that could not be read.
    """

    pid: int
    command: str
    age_s: float
    zombie: bool
    cpu_s: float | None = None


@dataclass(frozen=True, slots=True)
class ProcessSample:
    """The process as the operating system accounts for it at one moment (source: psutil).

    Attributes:
        cpu_s: user and system seconds of the whole process since its start.
        thread_cpu_s: the same for each kernel thread id; empty on the samples that left threads out to save cost.
        rss, uss: bytes; uss is None where it was not read.
        descriptors: count by kind ("file", "socket", "pipe", "anon"); None without permission.
        descriptor_names: count by target ("socket TCP LISTEN", a path, a peer), for the kinds that grow.
        descriptor_limit: RLIMIT_NOFILE's soft limit; None where it was not read.
        listening: whether a listening socket was seen.
        backlog: connections that wait to be accepted, and accepted ones with bytes that nobody has read yet.
    """

    at: float
    cpu_s: float
    rss: int
    threads: int
    thread_cpu_s: Mapping[int, float] = field(default_factory=lambda: MappingProxyType({}))
    uss: int | None = None
    descriptors: Mapping[str, int] | None = None
    descriptor_names: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    descriptor_limit: int | None = None
    context_switches: tuple[int, int] = (0, 0)  # voluntary, involuntary
    children: tuple[Child, ...] = ()
    connections: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))  # count by TCP state
    listening: bool = False
    backlog: int = 0


@dataclass(frozen=True, slots=True)
class CollectorSample:
    """What a burst of reads of the interpreter's collector state saw.

    Attributes:
        at: end of the burst.
        span_s: seconds that the burst covers, from the end of the one before.
        reads, collecting: how many reads there were, and how many of them found a collection under way.
        collections: total per generation since the interpreter started; empty where they cannot be read.
        collected: objects freed per generation since start; empty where they cannot be read.
        longest_s: the longest run of consecutive reads that found one collection under way (a lower bound).
        thresholds: as `gc.get_threshold()` gives them; empty where they cannot be read.
        enabled: `gc.isenabled()`, None where it cannot be read.
        tool: who read: our own reader or pystack's flag.
        survivors: objects that the last full collection left (since 3.14: that there are); None where not known.
    """

    at: float
    span_s: float
    reads: int
    collecting: int
    collections: tuple[int, ...] = ()
    collected: tuple[int, ...] = ()
    longest_s: float = 0.0
    thresholds: tuple[int, ...] = ()
    enabled: bool | None = None
    tool: Literal["memory", "pystack"] = "memory"
    survivors: int | None = None


@dataclass(frozen=True, slots=True)
class ProfiledStack:
    """One stack of the GIL's holder and how often it was seen. `thread_id` is as in `ThreadSample`."""

    thread_id: int
    thread: str
    frames: tuple[Frame, ...]
    count: int


@dataclass(frozen=True, slots=True)
class ProfileSample:
    """The stacks of whoever held the GIL, counted over `span_s` (py-spy record, without a stop).

    It costs a tenth of a look at all stacks, so it says what burns the CPU where all stacks are too dear to read.
    `looks` is how often it looked; the looks that found nobody holding the GIL are in no stack.
    """

    at: float
    span_s: float
    looks: int
    stacks: tuple[ProfiledStack, ...]


@dataclass(frozen=True, slots=True)
class LineFacts:
    """What the source says about one line: its text, the enclosing function, and the `with` blocks around it.

    Attributes:
        text: the line, stripped.
        qualname: qualified name of the enclosing function.
        acquires: the expressions that the line's own statement acquires ("self.lock" in `with self.lock:` or
            `self.lock.acquire()`), empty when it acquires nothing by its looks.
        holds: (expression, line) of each enclosing `with` block that the line lies inside of, outermost first.
        call: name of the first call on the line, as written ("re.match"); "" when there is none.
        creates: whether the line's statement creates containers by its looks: a display, a comprehension, an instance.
    """

    text: str
    qualname: str = ""
    acquires: tuple[str, ...] = ()
    holds: tuple[tuple[str, int], ...] = ()
    call: str = ""
    creates: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """The observed process. `command` is redacted already; `python` is "" when the version is not known."""

    pid: int
    started_at: str
    command: tuple[str, ...]
    python: str = ""
    build: Literal["release", "debug", "free-threaded"] = "release"
    root: Literal["host", "other"] = "host"


@dataclass(frozen=True, slots=True)
class Limitation:
    """Something that could not be looked at, why, and the remedy."""

    reference: str
    message: str
    hint: str = ""
